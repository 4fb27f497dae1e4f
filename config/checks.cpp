#include "config/checks.hpp"

#include <initializer_list>
#include <optional>
#include <vector>

namespace ifmatch::config {
namespace {

Place place_of(const Places& places, std::initializer_list<std::string> paths) {
  for (const std::string& path : paths) {
    if (const auto found = places.find(path); found != places.end()) return found->second;
  }
  return {};
}

// Only pairs are compared: a route that several earlier ones cover together is not found. The
// first earlier route that covers a later one is named, since that is the one that answers.
void check_reachable(const Config& config, const Places& places, Report& report) {
  std::vector<std::optional<PathPattern>> patterns;
  for (const Route& route : config.routes) {
    Parsed<PathPattern> parsed = parse_path_pattern(route.path);
    if (auto* pattern = std::get_if<PathPattern>(&parsed)) {
      patterns.emplace_back(std::move(*pattern));
    } else {
      patterns.emplace_back(std::nullopt);
    }
  }
  for (std::size_t late = 1; late < config.routes.size(); ++late) {
    for (std::size_t early = 0; early < late; ++early) {
      const Route& first = config.routes[early];
      const Route& second = config.routes[late];
      if (!patterns[early] || !patterns[late] || !covers(*patterns[early], *patterns[late]) ||
          !host_covers(first.host, second.host)) {
        continue;
      }
      const std::string path = "routes." + second.name;
      const Place place = place_of(places, {path + ".match.path", path});
      const Place other = place_of(places, {"routes." + first.name});
      const bool unguards = first.settings.mode == Mode::bypass &&
                            second.settings.mode == Mode::enforce && !second.settings.guard.empty();
      if (unguards) {
        report.error("E304", place, path + ".match.path",
                     "the bypass route " + in_quotes(first.name) +
                         " takes every request of the guarded route " + in_quotes(second.name),
                     "move " + in_quotes(second.name) + " before it, at " + describe(other));
      } else {
        report.error("E303", place, path + ".match.path",
                     "the route " + in_quotes(second.name) + " can never match: " +
                         in_quotes(first.name) + " takes every request of it",
                     "the first match wins; move it before " + in_quotes(first.name) + ", at " +
                         describe(other));
      }
      break;
    }
  }
}

void check_used(const Config& config, const Places& places, Report& report) {
  std::vector<char> used(config.upstreams.size(), 0);
  for (const Route& route : config.routes) {
    if (route.upstream < used.size()) used[route.upstream] = 1;
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i] != 0) continue;
    const std::string path = "upstreams." + config.upstreams[i].name;
    report.warning("W305", place_of(places, {path}), path,
                   "no route uses the upstream " + in_quotes(config.upstreams[i].name),
                   "remove it, or name it in a route");
  }
}

// Whoever may connect would otherwise choose who the client is.
void check_proxy_protocol(const Config& config, const Places& places, Report& report) {
  for (const Listener& listener : config.listeners) {
    if (listener.proxy_protocol == ProxyProtocol::none) continue;
    const std::string path = "listeners." + listener.name + ".proxy_protocol";
    if (listener.address.starts_with("unix:")) {
      report.error("E330", place_of(places, {path}), path,
                   "'proxy_protocol: required' on a unix socket would refuse everybody: its peers "
                   "have no address that 'trusted_proxies' could name",
                   "let the load balancer connect to HOST:PORT");
      continue;
    }
    if (!config.trusted_proxies.networks.empty()) continue;
    report.error("E330", place_of(places, {path}), path,
                 "'proxy_protocol: required' without 'trusted_proxies' would refuse everybody",
                 "add trusted_proxies: [...] with the addresses of the load balancers");
  }
}

// Content that a route allows must find room while nobody else holds any.
void check_limits(const Config& config, const Places& places, Report& report) {
  const Route* largest = nullptr;
  for (const Route& route : config.routes) {
    if (largest == nullptr || route.settings.max_body > largest->settings.max_body) {
      largest = &route;
    }
  }
  if (largest == nullptr || largest->settings.max_body <= config.limits.buffered_bodies) return;
  const std::string path = "routes." + largest->name + ".max_body";
  report.warning("W312", place_of(places, {"limits.buffered_bodies", path, "defaults.max_body"}),
                 "limits.buffered_bodies",
                 "buffered_bodies (" + format_size(config.limits.buffered_bodies) +
                     ") is less than one content that the route " + in_quotes(largest->name) +
                     " allows (" + format_size(largest->settings.max_body) + ")",
                 "make it several times max_body, else the largest writes always get 503");
}

// A write that is still under way when the drain ends has an outcome that nobody learns.
void check_drain(const Config& config, const Places& places, Report& report) {
  const Upstream* slowest = nullptr;
  const auto longest = [](const Upstream& upstream) {
    return upstream.timeouts.connect + upstream.timeouts.response;
  };
  for (const Upstream& upstream : config.upstreams) {
    if (slowest == nullptr || longest(upstream) > longest(*slowest)) slowest = &upstream;
  }
  if (slowest == nullptr || config.shutdown.drain_timeout >= longest(*slowest)) return;
  const auto text = [](Milliseconds value) {
    return format_duration(static_cast<std::uint64_t>(value.count()));
  };
  const std::string path = "upstreams." + slowest->name;
  report.warning("W306",
                 place_of(places, {"shutdown.drain_timeout", path + ".timeouts.response",
                                   path + ".timeouts.connect", path}),
                 "shutdown.drain_timeout",
                 "drain_timeout (" + text(config.shutdown.drain_timeout) +
                     ") is shorter than a write to " + in_quotes(slowest->name) + " may take (" +
                     text(longest(*slowest)) + ")",
                 "make it at least " + text(longest(*slowest)) +
                     ", else a shutdown can leave writes in doubt");
}

}  // namespace

void check_together(const Config& config, const Places& places, Completeness completeness,
                    Report& report) {
  check_reachable(config, places, report);
  // After an error these two would warn of what the operator did not write.
  if (completeness == Completeness::partial || report.has_errors()) return;
  check_proxy_protocol(config, places, report);
  check_used(config, places, report);
  check_drain(config, places, report);
  check_limits(config, places, report);
}

}  // namespace ifmatch::config
