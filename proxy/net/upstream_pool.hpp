// The connections of one thread to one upstream. A lease is the right to one connection; it goes
// back into the pool only after a complete answer, and is closed otherwise.
#pragma once

#include <deque>

#include "config/config.hpp"
#include "proxy/net/connection.hpp"
#include "proxy/net/tls_context.hpp"

namespace ifmatch::net {

class UpstreamPool;

// One connection, leased. Without give_back() or close() the destructor resets it.
class Lease {
 public:
  Lease() = default;
  Lease(UpstreamPool& pool, std::unique_ptr<Connection> connection, bool fresh);
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();

  explicit operator bool() const noexcept { return connection_ != nullptr; }
  [[nodiscard]] Connection& connection() const noexcept { return *connection_; }

  // True when nothing was ever sent on it, so that a failure cannot be a race with its idle end.
  [[nodiscard]] bool fresh() const noexcept { return fresh_; }
  void mark_used() noexcept { fresh_ = false; }

  // Puts the connection back. `keep_alive` is what the answer allowed (Keep-Alive: timeout=).
  void give_back(std::optional<std::chrono::seconds> keep_alive);
  // Closes it with a reset, so that nothing unsent leaves this machine later.
  void reset();
  // Closes it in the ordinary way: its last answer was read whole.
  void close();

 private:
  UpstreamPool* pool_ = nullptr;
  std::unique_ptr<Connection> connection_;
  bool fresh_ = false;
};

enum class Reuse : std::uint8_t {
  any,        // an idle connection will do: the caller may try again on a fresh one
  verified,   // used a moment ago and still silent, or a fresh one: a write must not die with it
  fresh_only,
};

struct PoolNumbers {
  std::size_t idle = 0;     // connections without a request
  std::size_t active = 0;   // leased, or being made
  std::size_t waiting = 0;  // requests that wait for one
};

class UpstreamPool final : private Swept {
 public:
  // `share` is the number of connections that this thread may have open at once. `tls` is null for
  // an upstream without.
  UpstreamPool(asio::io_context& io, Sweeper& sweeper, const config::Upstream& upstream,
               std::size_t share, std::shared_ptr<const TlsClient> tls);
  ~UpstreamPool() override;

  // A connection within the connect time-out, waiting for a free one included. Faults: refused,
  // timeout, exhausted; nothing was sent in any case.
  [[nodiscard]] Task<Result<Lease>> lease(Reuse reuse);

  [[nodiscard]] const config::Upstream& upstream() const noexcept { return upstream_; }
  // Closes what is idle, and keeps nothing any more that comes back.
  void retire();
  [[nodiscard]] PoolNumbers numbers() const noexcept {
    return {.idle = idle_.size(), .active = open_ - idle_.size(), .waiting = waiting_.size()};
  }

 private:
  friend class Lease;
  struct Waiting;
  struct Opening;
  struct Idle {
    std::unique_ptr<Connection> connection;
    Instant since;
    Instant until;
  };

  void sweep(Instant now) override;
  std::unique_ptr<Connection> take_idle(Reuse reuse);
  Task<Result<Lease>> wait_or_connect(Reuse reuse);
  Task<Result<std::unique_ptr<Connection>>> connect(Instant deadline);
  Task<Result<std::unique_ptr<Connection>>> secure(std::unique_ptr<Connection> connection,
                                                   Instant deadline);
  Task<Result<void>> resolve(Instant deadline);
  Task<Result<void>> wait_for_room(Instant deadline);
  void wake_one();
  void give_back(std::unique_ptr<Connection> connection,
                 std::optional<std::chrono::seconds> keep_alive);
  void connection_gone();

  asio::io_context& io_;
  Sweeper& sweeper_;
  const config::Upstream upstream_;  // outlives the configuration that it was part of
  std::size_t share_;
  std::shared_ptr<const TlsClient> tls_;
  std::shared_ptr<TlsSession> tls_session_ = std::make_shared<TlsSession>();
  std::size_t open_ = 0;  // leased, connecting or idle
  bool retired_ = false;
  std::deque<Idle> idle_;   // the youngest at the back
  std::deque<Timer*> waiting_;
  std::vector<tcp::endpoint> endpoints_;
  Instant endpoints_until_{};
};

}  // namespace ifmatch::net
