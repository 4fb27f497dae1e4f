// The configuration as the threads use it: compiled once when it is loaded, shared by all, never
// changed while it serves. A reload makes another one; requests under way keep theirs.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "plugins/registry.hpp"
#include "proxy/http/address.hpp"
#include "proxy/http/conditions.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/http/resource.hpp"
#include "proxy/http/route.hpp"
#include "proxy/http/variant.hpp"
#include "proxy/net/origins.hpp"
#include "proxy/net/tally.hpp"
#include "proxy/net/tls_context.hpp"
#include "proxy/net/upstream_state.hpp"

namespace ifmatch::net {

class GuardDesk;

struct SiteRoute {
  const config::Route* config = nullptr;
  const config::RouteSettings* settings = nullptr;
  const config::Upstream* upstream = nullptr;
  std::size_t origin = 0;  // index into Site::origins()
  std::string authority;   // of the upstream's first place: "127.0.0.1:3000", "[::1]:3000"
  std::vector<http::ResourceTemplate> resources;
  std::unique_ptr<plugins::VersionSource> version;
  std::chrono::milliseconds in_doubt{};
  http::ConditionOptions conditions;
  http::ExposeEtag expose_etag = http::ExposeEtag::automatic;
  std::shared_ptr<RouteTally> tally;
  std::shared_ptr<UpstreamTally> upstream_tally;

  [[nodiscard]] bool guards(std::string_view method) const noexcept;
  [[nodiscard]] bool serializes(std::string_view method) const noexcept;
  [[nodiscard]] bool doubts(int status) const noexcept;
  // Whether a write is let through, held and doubted by the other as it is here.
  [[nodiscard]] bool binds_like(const SiteRoute& other) const;
};

// Octets of content that are held at once, over all threads.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t limit) : limit_(limit) {}

  // Takes `count` octets out of the budget, or nothing.
  [[nodiscard]] bool take(std::size_t count) noexcept;
  void give_back(std::size_t count) noexcept { used_.fetch_sub(count, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t limit() const noexcept {
    return limit_.load(std::memory_order_relaxed);
  }
  // What is held already stays, also where that is more.
  void set_limit(std::size_t limit) noexcept { limit_.store(limit, std::memory_order_relaxed); }

 private:
  std::atomic<std::size_t> limit_;
  std::atomic<std::size_t> used_{0};
};

// What one exchange holds of the budget, in steps, given back when it ends.
class BodyHold {
 public:
  explicit BodyHold(BodyBudget& budget) : budget_(budget) {}
  ~BodyHold() { budget_.give_back(reserved_); }
  BodyHold(const BodyHold&) = delete;
  BodyHold& operator=(const BodyHold&) = delete;

  // Counts `count` octets more as held; false when the budget has no room for them.
  [[nodiscard]] bool take(std::size_t count) noexcept;
  // Makes sure that the next `count` octets will find room.
  [[nodiscard]] bool reserve(std::size_t count) noexcept;
  // Whether the budget has ever refused.
  [[nodiscard]] bool exhausted() const noexcept { return exhausted_; }

 private:
  BodyBudget& budget_;
  std::size_t used_ = 0;
  std::size_t reserved_ = 0;
  bool exhausted_ = false;
};

// What the process knows beyond one configuration, handed from site to site: with other keys
// nothing that is recorded would ever be found again.
struct SiteMemory {
  SiteMemory();

  http::Keyring keyring;
  http::SelectionTable selections;
  BodyBudget bodies;
  std::optional<TallyBook> tallies;  // made by the first site
  // By name of the listener. Only the thread that prepares a site looks at the map.
  std::map<std::string, std::shared_ptr<TlsFailures>> tls_failures;
  std::map<std::string, std::shared_ptr<TlsFailures>> upstream_tls_failures;  // likewise
  std::vector<std::weak_ptr<UpstreamState>> upstreams;  // looked at by that thread only
};

// How many threads serve a configuration.
[[nodiscard]] std::size_t thread_count(const config::Config& config);

class Site {
 public:
  // Throws std::runtime_error with a sentence when the configuration cannot be served. `plugins`
  // is used during the call only. `memory` is that of the site before it, or new.
  Site(config::Config config, const plugins::Registry& plugins,
       std::shared_ptr<SiteMemory> memory = std::make_shared<SiteMemory>());
  ~Site();
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  // Which upstreams share an origin: one index per upstream.
  [[nodiscard]] const std::vector<Origin>& origins() const noexcept { return origins_.all; }
  [[nodiscard]] std::size_t origin_of(std::size_t upstream) const {
    return origins_.of_upstream[upstream];
  }
  // The longest quarantine of the routes to an origin.
  [[nodiscard]] std::chrono::milliseconds longest_in_doubt(std::size_t origin) const;

  // Reads the certificates and keys. Throws std::runtime_error with a sentence that names the file
  // when one cannot be used. REQUIRES: called before the site serves, where a listener or an
  // upstream has TLS.
  void prepare_tls();
  // Null where there is no TLS.
  [[nodiscard]] std::shared_ptr<const TlsServer> tls_of(const config::Listener& listener) const;

  const config::Config config;
  std::vector<http::Network> trusted_proxies;
  std::vector<SiteRoute> routes;
  std::optional<http::RouteTable> table;
  const std::shared_ptr<SiteMemory> memory;
  http::Keyring& keyring;              // of the memory, like those below
  http::SelectionTable& selections;
  BodyBudget& bodies;
  TallyBook& tallies;
  std::vector<std::shared_ptr<UpstreamState>> upstreams;         // one for each of config.upstreams
  std::vector<std::shared_ptr<UpstreamTally>> upstream_tallies;  // by upstream

 private:
  Origins origins_;
  std::vector<std::shared_ptr<const TlsServer>> listener_tls_;  // by listener
};

}  // namespace ifmatch::net
