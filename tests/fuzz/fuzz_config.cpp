// The YAML loader: whatever a file holds gives a configuration or findings, never both or neither,
// and what is shown of a configuration gives the same one again.
//
// Input: the text of one file; behind a line "%%%" that of a second one, behind a line "%%=" the
// value of a --set. The variables A and URL are set. A secret's file is not read: what this machine
// holds must not decide.
#include <algorithm>
#include <set>

#include "config/loader.hpp"
#include "config/show.hpp"
#include "tests/fuzz/property.hpp"

namespace ifmatch::fuzz {
namespace {

using config::LoadResult;
using config::Severity;

config::Inputs inputs_in(std::string_view text) {
  config::Inputs inputs;
  inputs.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "A") return "a";
    if (name == "URL") return "http://127.0.0.1:3000/base";
    return std::nullopt;
  };
  if (const std::size_t at = text.find("\n%%=\n"); at != std::string_view::npos) {
    inputs.overrides.set.emplace_back(text.substr(at + 5));
    text = text.substr(0, at);
  }
  const std::size_t at = text.find("\n%%%\n");
  inputs.files.push_back({"one.yaml", std::string(text.substr(0, at))});
  if (at != std::string_view::npos) {
    inputs.files.push_back({"two.yaml", std::string(text.substr(at + 5))});
  }
  return inputs;
}

// Characters of UTF-8: octets that continue one do not count.
std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char octet) { return (static_cast<unsigned char>(octet) & 0xC0U) != 0x80U; }));
}

std::vector<std::string_view> lines_of_file(std::string_view text) {
  return lines_of(text, text.size() + 1);
}

void check_finding(const config::Diagnostic& one, const config::Inputs& inputs,
                   const std::string& where) {
  IFMATCH_PROPERTY(!one.code.empty() && !one.message.empty() &&
                       one.message.find('\n') == std::string::npos,
                   "a finding says in one line what is wrong", where);
  IFMATCH_PROPERTY((one.line == 0) == (one.column == 0), "a place is a line and a column",
                   one.code + " in " + where);
  for (const config::InputFile& file : inputs.files) {
    if (file.path != one.file || one.line == 0) continue;
    const std::vector<std::string_view> lines = lines_of_file(*file.text);
    IFMATCH_PROPERTY(one.line <= lines.size(), "a finding lies within its file",
                     one.code + " at line " + std::to_string(one.line) + " in " + where);
    IFMATCH_PROPERTY(one.column <= characters_of(lines[one.line - 1]) + 1,
                     "a finding lies within its line",
                     one.code + " at " + std::to_string(one.line) + ":" +
                         std::to_string(one.column) + " in " + where);
  }
  if (one.line != 0) {
    const bool known = one.file == "one.yaml" || one.file == "two.yaml" || one.file.starts_with("-");
    IFMATCH_PROPERTY(known, "a finding names what was given", one.file + " in " + where);
  }
}

// What the rest of the program relies on without asking again.
void check_promises(const config::Config& config, const std::string& where) {
  std::set<std::string> names;
  IFMATCH_PROPERTY(!config.listeners.empty() && !config.routes.empty() &&
                       !config.upstreams.empty(),
                   "a configuration has listeners, upstreams and routes", where);
  for (const config::Upstream& upstream : config.upstreams) {
    IFMATCH_PROPERTY(!upstream.urls.empty() &&
                         std::ranges::all_of(upstream.urls,
                                             [](const config::Endpoint& one) {
                                               return one.host.empty() != one.socket.empty() &&
                                                      one.port != 0;
                                             }) &&
                         (upstream.base_path.empty() || (upstream.base_path.starts_with('/') &&
                                                         !upstream.base_path.ends_with('/'))),
                     "an upstream has places and a plain base path", where);
  }
  for (const config::Route& route : config.routes) {
    IFMATCH_PROPERTY(route.upstream < config.upstreams.size() && route.path.starts_with('/'),
                     "a route has an upstream and a path", where);
    IFMATCH_PROPERTY(names.insert(route.name).second, "routes have names of their own", where);
    for (const config::StatusRange& range : route.settings.doubtful) {
      IFMATCH_PROPERTY(range.first >= 100 && range.first <= range.last && range.last <= 599,
                       "doubtful answers are ranges of statuses", where);
    }
  }
}

bool same_places(const config::Upstream& a, const config::Upstream& b) {
  return std::ranges::equal(a.urls, b.urls, [](const auto& x, const auto& y) {
    return x.host == y.host && x.port == y.port && x.socket == y.socket;
  });
}

// Two configurations say the same; fields whose values `show` hides are left out.
bool says_the_same(const config::Config& a, const config::Config& b) {
  return show(a) == show(b) && a.routes.size() == b.routes.size() &&
         std::ranges::equal(a.upstreams, b.upstreams, [](const auto& x, const auto& y) {
           return x.name == y.name && same_places(x, y) && x.balance == y.balance &&
                  x.base_path == y.base_path && x.max_connections == y.max_connections &&
                  x.timeouts.response == y.timeouts.response;
         }) &&
         std::ranges::equal(a.routes, b.routes, [](const auto& x, const auto& y) {
           const auto& s = x.settings;
           const auto& t = y.settings;
           return x.name == y.name && x.path == y.path && x.host == y.host &&
                  x.upstream == y.upstream && x.resources == y.resources && x.upgrade == y.upgrade &&
                  s.mode == t.mode &&
                  s.check == t.check && s.guard == t.guard && s.serialize == t.serialize &&
                  s.on_missing == t.on_missing && s.wildcard == t.wildcard && s.vary == t.vary &&
                  s.max_body == t.max_body && s.gate.wait == t.gate.wait &&
                  s.gate.queue == t.gate.queue && s.in_doubt == t.in_doubt &&
                  s.accept_rewritten_tags == t.accept_rewritten_tags && s.reads == t.reads;
         });
}

void check(std::string_view text) {
  const std::string where(text);
  // A file of this machine would be read; /dev/zero would never end.
  if (text.find("etag_secret_file") != std::string_view::npos) return;
  const config::Inputs inputs = inputs_in(text);
  const LoadResult result = load(inputs);
  const bool failed = count(result.diagnostics, Severity::error) > 0;
  IFMATCH_PROPERTY(result.config.has_value() != failed,
                   "a text gives a configuration or an error, never both or neither", where);
  for (const config::Diagnostic& one : result.diagnostics) check_finding(one, inputs, where);
  for (const config::Format format :
       {config::Format::text, config::Format::json, config::Format::github}) {
    const std::string told = render(result.diagnostics, format);
    IFMATCH_PROPERTY(std::ranges::none_of(told,
                                          [](char octet) {
                                            return static_cast<unsigned char>(octet) < 0x20 &&
                                                   octet != '\n' && octet != '\t';
                                          }),
                     "a finding cannot steer a terminal", where);
  }
  if (!result.config) return;
  check_promises(*result.config, where);
  for (const std::string& shown : {show(*result.config), show(*result.config, result.origins)}) {
    config::Inputs again{.files = {{"shown.yaml", shown}}, .environment = {}, .overrides = {}};
    const LoadResult second = load(again);
    IFMATCH_PROPERTY(second.config.has_value(), "what is shown is accepted",
                     render(second.diagnostics, config::Format::text) + shown + where);
    IFMATCH_PROPERTY(says_the_same(*result.config, *second.config),
                     "what is shown says the same again", shown + show(*second.config) + where);
  }
}

}  // namespace
}  // namespace ifmatch::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ifmatch::fuzz::check(ifmatch::fuzz::text_of(data, size));
  return 0;
}
