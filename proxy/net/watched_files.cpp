#include "proxy/net/watched_files.hpp"

#include <fstream>
#include <iterator>
#include <utility>

namespace ifmatch::net {
namespace {

std::optional<std::string> content_of(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  if (!in) return std::nullopt;
  std::string content{std::istreambuf_iterator<char>(in), {}};
  return in.bad() ? std::nullopt : std::optional(std::move(content));
}

}  // namespace

Files Files::look_at(std::vector<std::string> names) {
  Files files{.names = std::move(names), .contents = {}};
  for (const std::string& name : files.names) files.contents.push_back(content_of(name));
  return files;
}

bool Files::have_changed() {
  bool changed = false;
  for (std::size_t at = 0; at < names.size(); ++at) {
    std::optional<std::string> now = content_of(names[at]);
    if (!now || now == contents[at]) continue;
    contents[at] = std::move(now);
    changed = true;
  }
  return changed;
}

}  // namespace ifmatch::net
