#include "proxy/net/reload_scope.hpp"

#include <algorithm>
#include <set>

namespace ifmatch::net {
namespace {

// The number of routes that matter to an origin: those behind its last one never get a request that
// would have been its.
std::size_t routes_that_matter(const Site& site, const std::string& origin) {
  std::size_t count = 0;
  for (std::size_t index = 0; index < site.routes.size(); ++index) {
    if (site.origins()[site.routes[index].origin].name() == origin) count = index + 1;
  }
  return count;
}

bool same_route(const Site& before, const SiteRoute& old, const Site& next, const SiteRoute& now,
                const std::string& origin) {
  const bool was_its = before.origins()[old.origin].name() == origin;
  const bool is_its = next.origins()[now.origin].name() == origin;
  if (was_its != is_its || old.config->path != now.config->path ||
      old.config->host != now.config->host) {
    return false;
  }
  return !is_its || (old.upstream->base_path == now.upstream->base_path &&
                     old.config->resources == now.config->resources &&
                     old.in_doubt == now.in_doubt && *old.settings == *now.settings);
}

bool same_for(const Site& before, const Site& next, const std::string& origin) {
  const std::size_t count = routes_that_matter(before, origin);
  if (count != routes_that_matter(next, origin)) return false;
  for (std::size_t index = 0; index < count; ++index) {
    if (!same_route(before, before.routes[index], next, next.routes[index], origin)) return false;
  }
  return true;
}

std::set<std::string> names_of(const std::vector<Origin>& origins) {
  std::set<std::string> names;
  for (const Origin& origin : origins) names.insert(origin.name());
  return names;
}

}  // namespace

std::vector<std::string> rebound_origins(const Site& before, const Site& next) {
  const std::set<std::string> old = names_of(before.origins());
  const std::set<std::string> now = names_of(next.origins());
  std::set<std::string> all = old;
  all.insert(now.begin(), now.end());
  const bool other_tags = before.config.etag_secret != next.config.etag_secret;
  std::vector<std::string> rebound;
  for (const std::string& origin : all) {
    const bool in_both = old.contains(origin) && now.contains(origin);
    if (!in_both || other_tags || !same_for(before, next, origin)) rebound.push_back(origin);
  }
  return rebound;
}

std::vector<std::string> awaits_restart(const config::Config& started,
                                        const config::Config& next) {
  std::vector<std::string> sentences;
  const auto note = [&sentences](bool differs, const char* key) {
    if (differs) sentences.push_back(std::string(key) + ": takes effect at the next start");
  };
  note(started.threads != next.threads, "threads");
  note(started.state_dir != next.state_dir, "state_dir");
  note(started.admin != next.admin, "admin");
  note(started.store.max_resources != next.store.max_resources, "store.max_resources");
  return sentences;
}

std::vector<std::optional<std::size_t>> kept_listeners(
    const std::vector<config::Listener>& before, const std::vector<config::Listener>& next) {
  std::vector<std::optional<std::size_t>> kept(next.size());
  std::vector<bool> taken(before.size(), false);
  // Two listeners may ask for any free port: then the name tells them apart.
  const auto pair_up = [&](auto&& same) {
    for (std::size_t now = 0; now < next.size(); ++now) {
      for (std::size_t old = 0; old < before.size() && !kept[now]; ++old) {
        if (taken[old] || before[old].address != next[now].address) continue;
        if (!same(before[old], next[now])) continue;
        kept[now] = old;
        taken[old] = true;
      }
    }
  };
  pair_up([](const auto& old, const auto& now) { return old.name == now.name; });
  pair_up([](const auto&, const auto&) { return true; });
  return kept;
}

}  // namespace ifmatch::net
