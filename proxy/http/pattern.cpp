#include "proxy/http/pattern.hpp"

#include <algorithm>
#include <utility>

#include "proxy/http/characters.hpp"
#include "proxy/http/target.hpp"

namespace ifmatch::http {

namespace {

bool is_capture_name(std::string_view name) noexcept {
  return !name.empty() && std::ranges::all_of(name, [](char octet) {
    return is(octet, octet_class::unreserved) && octet != '.' && octet != '~';
  });
}

}  // namespace

std::optional<Pattern> Pattern::compile(std::string_view text, std::string& error) {
  Pattern pattern;
  const auto fail = [&error](std::string sentence) {
    error = std::move(sentence);
    return std::nullopt;
  };
  if (!text.starts_with('/')) return fail("a pattern begins with '/'");
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view segment = take_segment(rest);
    if (segment.empty()) {
      if (!rest.empty()) return fail("a pattern has no empty segments");
      pattern.ending_ = Ending::slash;
      break;
    }
    if (segment == "**") {
      if (!rest.empty()) return fail("'**' is the rest of a path and stands at the end only");
      pattern.ending_ = Ending::rest;
      break;
    }
    if (segment.starts_with('{') && segment.ends_with('}')) {
      const std::string_view name = segment.substr(1, segment.size() - 2);
      if (!is_capture_name(name)) {
        return fail("'" + std::string(segment) + "' is no capture: letters, digits, '-' and '_'");
      }
      if (std::ranges::find(pattern.names_, name) != pattern.names_.end()) {
        return fail("'" + std::string(segment) + "' occurs twice");
      }
      if (pattern.names_.size() == captures_max) return fail("a pattern has too many captures");
      pattern.names_.emplace_back(name);
      pattern.segments_.push_back({true, {}});
      continue;
    }
    if (segment.find_first_of("{}*") != std::string_view::npos) {
      return fail("'" + std::string(segment) +
                  "' mixes text and a wildcard: '{x}' is a whole segment, '**' the rest");
    }
    const Checked<std::string> literal = canonical_path("/" + std::string(segment));
    if (!literal) {
      return fail("'" + std::string(segment) + "' is no segment: " + literal.error().detail);
    }
    pattern.segments_.push_back({false, literal->substr(1)});
  }
  return pattern;
}

bool Pattern::matches(std::string_view path, Captures& captures) const noexcept {
  captures.size = 0;
  if (!path.starts_with('/')) return false;
  for (const Segment& segment : segments_) {
    if (path.empty()) return false;
    const std::string_view text = take_segment(path);
    if (text.empty()) return false;
    if (!segment.capture) {
      if (text != segment.literal) return false;
    } else {
      captures.values[captures.size++] = text;
    }
  }
  switch (ending_) {
    case Ending::nothing: return path.empty();
    case Ending::slash: return path == "/";
    case Ending::rest: break;
  }
  return true;
}

Pattern Pattern::folded(std::string_view base_path) const {
  Pattern pattern;
  while (base_path.starts_with('/') && base_path.size() > 1) {
    const std::string_view segment = take_segment(base_path);
    if (!segment.empty()) pattern.segments_.push_back({false, folded_segment(segment)});
  }
  for (const Segment& segment : segments_) {
    pattern.segments_.push_back(
        {segment.capture, segment.capture ? std::string() : folded_segment(segment.literal)});
  }
  pattern.names_ = names_;
  // Folded paths end in no slash, but for the root, which is one.
  pattern.ending_ = ending_ == Ending::rest          ? Ending::rest
                    : pattern.segments_.empty() ? Ending::slash
                                                : Ending::nothing;
  return pattern;
}

}  // namespace ifmatch::http
