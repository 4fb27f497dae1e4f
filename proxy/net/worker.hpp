// What one thread owns: its io_context, its sweep, its upstream pools, its sessions. Only io and
// the counters that say so may be touched by other threads.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/account.hpp"
#include "proxy/net/arrival.hpp"
#include "proxy/net/guard_desk.hpp"
#include "proxy/net/held_content.hpp"
#include "proxy/net/shelf.hpp"
#include "proxy/net/site.hpp"
#include "proxy/net/upstream_pool.hpp"

namespace ifmatch::net {

// A session that may be told to end while it waits for its next request.
class Interruptible {
 public:
  virtual void interrupt_if_idle() = 0;

 protected:
  ~Interruptible() = default;
};

class Worker {
 public:
  // `share` is this thread's part of each upstream's connections, by upstream index.
  Worker(Site& site, std::vector<std::unique_ptr<GuardDesk>>& desks,
         const std::vector<std::size_t>& shares);
  ~Worker();

  [[nodiscard]] UpstreamPool& pool_of(const SiteRoute& route);
  [[nodiscard]] GuardDesk& desk_of(const SiteRoute& route) { return *desks_[route.origin]; }
  [[nodiscard]] Lent<plugins::VersionHasher> lend_hasher(const SiteRoute& route);
  // Empty, with the memory of an earlier use.
  [[nodiscard]] Lent<std::string> lend_string();
  [[nodiscard]] Lent<std::vector<asio::const_buffer>> lend_buffers();
  [[nodiscard]] Lent<http::ResponseHead> lend_head() { return heads_.lend(); }
  [[nodiscard]] Lent<http::RequestHead> lend_request_head() { return request_heads_.lend(); }

  // Sweeps deadlines until the io_context stops. `also` is called with each sweep.
  [[nodiscard]] Task<void> sweep_for_ever(std::function<void(Instant)> also);

  // The HTTP-date of now, made once a second.
  [[nodiscard]] std::string_view date() const noexcept { return date_; }

 private:
  // Goes first when the worker ends, while all that its coroutines still refer to is there.
  std::optional<asio::io_context> context_;

 public:
  asio::io_context& io;
  Sweeper sweeper;
  ContentMemory contents{sweeper};
  Site& site;
  std::vector<Interruptible*> sessions;
  // Who is told of every request. They outlive the worker, and come before it serves.
  AccountSinks sinks;
  bool draining = false;
  ArrivalCounts arrivals;

 private:
  void refresh_date();

  std::vector<std::unique_ptr<GuardDesk>>& desks_;
  std::vector<std::unique_ptr<UpstreamPool>> pools_;
  std::vector<Shelf<plugins::VersionHasher>> hashers_;  // by route
  Shelf<std::string> strings_;
  Shelf<std::vector<asio::const_buffer>> buffers_;
  Shelf<http::ResponseHead> heads_;
  Shelf<http::RequestHead> request_heads_;
  std::string date_;
  std::time_t date_second_ = 0;
};

}  // namespace ifmatch::net
