// `ifmatch validate --connect`: whether the upstreams of a valid configuration can be reached.
#include <spdlog/spdlog.h>

#include <charconv>

#include "proxy/cli/commands.hpp"
#include "proxy/net/try_upstreams.hpp"

namespace ifmatch::cli {
namespace {

// "ifmatch.yaml:12" names a line of a file; other origins have none.
void set_place(config::Diagnostic& finding, const std::string& origin) {
  finding.file = origin;
  const std::size_t colon = origin.rfind(':');
  if (colon == std::string::npos) return;
  const char* const end = origin.data() + origin.size();
  std::size_t line = 0;
  const auto [rest, error] = std::from_chars(origin.data() + colon + 1, end, line);
  if (error != std::errc() || rest != end) return;
  finding.file = origin.substr(0, colon);
  finding.line = line;
  finding.column = 1;
}

}  // namespace

std::vector<config::Diagnostic> unreachable_upstreams(const config::LoadResult& loaded,
                                                      std::string& reached) {
  // What the log would say of a failure is a finding here.
  spdlog::set_level(spdlog::level::off);
  std::vector<config::Diagnostic> findings;
  for (const net::TriedPlace& tried : net::try_upstreams(*loaded.config)) {
    const std::string path = "upstreams." + tried.upstream;
    if (tried.failure.empty()) {
      reached += path + ": " + tried.url + ": connected\n";
      continue;
    }
    config::Diagnostic finding{.code = "E401",
                               .key = path,
                               .message = config::in_quotes(tried.url) + ": " + tried.failure,
                               .help = "start it, or mend its address"};
    const auto origin = loaded.origins.find(path);
    if (origin != loaded.origins.end()) set_place(finding, origin->second);
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace ifmatch::cli
