#include "proxy/guard/footprint.hpp"

#include <algorithm>

#include "proxy/guard/assert.hpp"

namespace ifmatch::guard {

namespace {

bool is_path(std::string_view key) {
  return !key.empty() && key.front() == '/';
}

void check(ResourceView resource) {
  for (const std::string& path : resource.paths) {
    IFMATCH_ASSERT(is_path(path));
    IFMATCH_ASSERT(path.size() == 1 || path.back() != '/');
    const auto segments = std::count(path.begin(), path.end(), '/');
    IFMATCH_ASSERT(static_cast<std::size_t>(segments) <= segments_max);
  }
  for (const std::string& name : resource.names) IFMATCH_ASSERT(!is_path(name));
}

}  // namespace

bool comes_before(std::string_view one, std::string_view other) {
  if (is_path(one) != is_path(other)) return is_path(other);
  // With '/' as the lowest character, comparing octets compares segment by segment.
  const auto lower = [](char left, char right) {
    if (left == right) return false;
    if (left == '/' || right == '/') return left == '/';
    return static_cast<unsigned char>(left) < static_cast<unsigned char>(right);
  };
  return std::lexicographical_compare(one.begin(), one.end(), other.begin(), other.end(), lower);
}

Footprint footprint_of(ResourceView resource, Modes modes) {
  Footprint steps;
  make_footprint(steps, resource, modes);
  return steps;
}

void make_footprint(Footprint& steps, ResourceView resource, Modes modes) {
  check(resource);
  steps.clear();
  steps.reserve(resource.names.size() + resource.paths.size() * 4);
  for (const std::string& name : resource.names) steps.push_back({name, modes.own, true, false});
  for (const std::string& path : resource.paths) {
    for_each_enclosing(path, [&](std::string_view enclosing) {
      steps.push_back({enclosing, modes.enclosing, false, true});
    });
    steps.push_back({path, modes.own, true, false});
  }
  // What encloses one path comes in order.
  if (resource.names.empty() && resource.paths.size() == 1) return;
  std::sort(steps.begin(), steps.end(),
            [](const Step& one, const Step& other) { return comes_before(one.key, other.key); });
  std::size_t merged = 0;
  for (std::size_t at = 1; at < steps.size(); ++at) {
    const Step step = steps[at];
    if (steps[merged].key != step.key) {
      steps[++merged] = step;
      continue;
    }
    Step& same = steps[merged];
    same.mode = std::max(same.mode, step.mode);
    same.own = same.own || step.own;
    same.enclosing = same.enclosing || step.enclosing;
  }
  if (!steps.empty()) steps.resize(merged + 1);
}

}  // namespace ifmatch::guard
