// What one thread serves with between two reloads: the compiled configuration, the guards of its
// origins, its own upstream pools. A request keeps the edition with which it began alive until its
// end; the count of those who do is the thread's own, and costs no atomic operation.
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>
#include <memory>
#include <mutex>
#include <vector>

#include "proxy/net/guard_desk.hpp"
#include "proxy/net/shelf.hpp"
#include "proxy/net/site.hpp"
#include "proxy/net/stalls.hpp"
#include "proxy/net/upstream_pool.hpp"

namespace ifmatch::net {

// Names a listener for as long as it is bound, over all reloads.
using DoorId = std::uint64_t;

// What all threads are told when a configuration comes into force. Never changed afterwards.
struct Plan {
  std::uint64_t number = 0;  // of the configuration: every reload counts one on
  std::shared_ptr<const Site> site;
  // By origin of the site: its guard, and the terms under which this site's requests are submitted.
  std::vector<std::shared_ptr<GuardDesk>> desks;
  std::vector<Terms> terms;
  std::vector<DoorId> doors;           // by listener of the site
  std::vector<std::string> addresses;  // the same, with their real ports
};

// The plan in force, for threads that find out that theirs is none.
class Published {
 public:
  explicit Published(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}

  [[nodiscard]] std::shared_ptr<const Plan> plan() const {
    const std::lock_guard lock(mutex_);
    return plan_;
  }

  // Replaces it with what `make()` returns. Whoever asks meanwhile waits for that.
  template <typename Make>
  void replace(Make&& make) {
    const std::lock_guard lock(mutex_);
    plan_ = make();
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Plan> plan_;
};

class Edition : public boost::intrusive_ref_counter<Edition, boost::thread_unsafe_counter> {
 public:
  // Takes over from `previous`, which may be null, the pools of upstreams that are the same.
  // `stalls` are those of the thread.
  Edition(asio::io_context& io, Sweeper& sweeper, Stalls& stalls,
          std::shared_ptr<const Plan> plan, const Edition* previous);
  ~Edition();
  Edition(const Edition&) = delete;
  Edition& operator=(const Edition&) = delete;

  [[nodiscard]] const std::shared_ptr<const Plan>& plan() const noexcept { return plan_; }
  [[nodiscard]] const Site& site() const noexcept { return *plan_->site; }
  [[nodiscard]] UpstreamPool& pool_of(const SiteRoute& route) const;
  [[nodiscard]] GuardDesk& desk_of(const SiteRoute& route) const {
    return *plan_->desks[route.origin];
  }
  [[nodiscard]] Terms terms_of(const SiteRoute& route) const { return plan_->terms[route.origin]; }
  [[nodiscard]] Lent<plugins::VersionHasher> lend_hasher(const SiteRoute& route);
  // The settings of a listener; null when it is none of this configuration.
  [[nodiscard]] const config::Listener* listener(DoorId door) const;

  // Puts the numbers of its pools where others see them; `thread` is that of the edition.
  void show_pools(std::size_t thread) const;

  // Closes what is idle in pools that `successor` does not use, and keeps nothing in them any more;
  // of all pools where there is none.
  void retire(const Edition* successor);

 private:
  std::shared_ptr<const Plan> plan_;
  std::vector<std::shared_ptr<UpstreamPool>> pools_;    // by upstream
  std::vector<Shelf<plugins::VersionHasher>> hashers_;  // by route
};

using EditionPtr = boost::intrusive_ptr<Edition>;

}  // namespace ifmatch::net
