// What all threads know together of one upstream: how its places fare, how many connections are
// open, who waits for one. The pools (upstream_pool.hpp, one per thread) and the health checks write
// it; whoever wants to show it takes a snapshot. It lives as long as a pool of it does.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address_book.hpp"
#include "proxy/net/balance.hpp"
#include "proxy/net/connection_limit.hpp"
#include "proxy/net/tls_context.hpp"

namespace ifmatch::net {

// One url, as all threads see it.
struct UpstreamPlace {
  explicit UpstreamPlace(const config::Endpoint& at);

  [[nodiscard]] Standing standing(Instant now) const noexcept {
    if (!checked_healthy.load(std::memory_order_relaxed)) return Standing::unhealthy;
    return rest.standing(now);
  }

  const config::Endpoint& endpoint;
  const std::string name;  // for logs: "127.0.0.1:3000", "unix:/run/shop.sock"
  AddressBook addresses;
  Rest rest;
  std::atomic<bool> checked_healthy{true};     // as the checks say
  std::atomic<std::size_t> active{0};          // kept for least_connections only
  std::atomic<std::uint64_t> connects{0};      // connections that came about
  std::atomic<std::uint64_t> failures{0};      // attempts that failed
  std::atomic<std::uint64_t> failed_checks{0};
};

// What one thread has at one place. Only that thread writes, so that counting costs next to nothing.
struct alignas(64) PlaceTally {
  std::atomic<std::uint32_t> idle{0};
  std::atomic<std::uint32_t> active{0};  // leased, or being made
};

// For the admin interface and the metrics: plain values, a moment old.
struct PlaceSnapshot {
  std::string url;
  Standing standing = Standing::good;
  std::size_t idle = 0;    // open and unused
  std::size_t active = 0;  // in use by a request, or being made
  std::uint64_t connects = 0;
  std::uint64_t failures = 0;       // attempts to connect that failed, those of checks included
  std::uint64_t failed_checks = 0;  // of the active health checks
};
struct UpstreamSnapshot {
  std::string name;
  std::size_t open = 0;     // connections of all places: idle and active
  std::size_t waiting = 0;  // requests that wait for a connection
  std::vector<PlaceSnapshot> places;
};

[[nodiscard]] std::string_view name_of(Standing standing) noexcept;

class UpstreamState {
 public:
  explicit UpstreamState(config::Upstream upstream);

  // What https urls need. REQUIRES: called before anything is connected to.
  void use_tls(std::shared_ptr<const TlsClient> tls) noexcept { tls_ = std::move(tls); }
  [[nodiscard]] const std::shared_ptr<const TlsClient>& tls() const noexcept { return tls_; }

  // A pool of one thread.
  class Member {
   public:
    explicit Member(std::size_t places) : tallies(places) {}
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    // Somebody waits while idle connections are here: on its own thread it is to give them up.
    // Called on any thread, under the lock.
    virtual void be_asked_for_room() noexcept = 0;

    std::vector<PlaceTally> tallies;

   protected:
    ~Member() = default;
  };
  void join(Member& member);
  void leave(Member& member);
  [[nodiscard]] std::size_t members() const;

  // Asks those for room who have idle connections.
  void ask_for_room();

  // Which place a request goes to, of those not in `tried`. All that are not good are used only
  // where none is good: a wrong check must not turn into an outage, and an attempt is bounded.
  [[nodiscard]] std::optional<std::size_t> choose(Instant now, Places tried, std::size_t& turn);

  // How an attempt to connect ended.
  void connected(std::size_t place) noexcept;
  void failed_to_connect(std::size_t place, Instant now, std::string_view why);

  // Whoever is told true checks the places from here on.
  [[nodiscard]] bool begin_checks() noexcept { return !checks_begun_.exchange(true); }
  // How a check of a place ended, and what it changes.
  void checked(std::size_t place, CheckedHealth::Outcome outcome, CheckedHealth::Change change,
               std::string_view why);

  [[nodiscard]] UpstreamSnapshot snapshot() const;

  [[nodiscard]] const config::Upstream& config() const noexcept { return config_; }
  [[nodiscard]] UpstreamPlace& place(std::size_t index) noexcept { return places_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
  [[nodiscard]] bool counts_active() const noexcept { return counts_active_; }

  ConnectionLimit limit;

 private:
  const config::Upstream config_;
  std::shared_ptr<const TlsClient> tls_;
  std::deque<UpstreamPlace> places_;
  const bool counts_active_;
  std::atomic<bool> checks_begun_{false};
  mutable std::mutex mutex_;
  std::vector<Member*> members_;
};

}  // namespace ifmatch::net
