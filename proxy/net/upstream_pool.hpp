// The connections of one thread to one upstream. A lease is the right to one connection; it goes
// back into the pool only after a complete answer, and is closed otherwise. How many there may be,
// and which place is worth trying, all threads decide together (upstream_state.hpp).
#pragma once

#include <deque>

#include "proxy/net/connector.hpp"

namespace ifmatch::net {

class UpstreamPool;

// One connection, leased. Without give_back() or close() the destructor resets it.
class Lease {
 public:
  Lease() = default;
  Lease(UpstreamPool& pool, std::size_t place, std::unique_ptr<Connection> connection, bool fresh);
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease();

  explicit operator bool() const noexcept { return connection_ != nullptr; }
  [[nodiscard]] Connection& connection() const noexcept { return *connection_; }

  // True when nothing was ever sent on it, so that a failure cannot be a race with its idle end.
  [[nodiscard]] bool fresh() const noexcept { return fresh_; }
  void mark_used() noexcept { fresh_ = false; }

  // What it leads to, for logs. Lives as long as the pool.
  [[nodiscard]] std::string_view place() const noexcept;

  // Puts the connection back. `keep_alive` is what the answer allowed (Keep-Alive: timeout=).
  void give_back(std::optional<std::chrono::seconds> keep_alive);
  // Closes it with a reset, so that nothing unsent leaves this machine later.
  void reset();
  // Closes it in the ordinary way: its last answer was read whole.
  void close();

 private:
  UpstreamPool* pool_ = nullptr;
  std::unique_ptr<Connection> connection_;
  std::size_t place_ = 0;
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

class UpstreamPool final : private Swept, private UpstreamState::Member {
 public:
  // `io` and `sweeper` must outlive it.
  UpstreamPool(asio::io_context& io, Sweeper& sweeper, std::shared_ptr<UpstreamState> state);
  ~UpstreamPool() override;

  // A connection within the connect time-out, waiting for a free one included. Places that do not
  // accept one are passed over while there is time. Faults: refused, timeout, exhausted; nothing
  // was sent in any case.
  [[nodiscard]] Task<Result<Lease>> lease(Reuse reuse);

  [[nodiscard]] const std::shared_ptr<UpstreamState>& state() const noexcept { return shared_; }
  // Closes what is idle, and keeps nothing any more that comes back.
  void retire();
  [[nodiscard]] PoolNumbers numbers() const noexcept;

  // Called when somebody of this thread has to wait because all connections are in use, and at each
  // sweep while anybody does, with how many connections are wanted of this thread. Who holds one
  // here and does not need it may give it up.
  std::function<void(std::size_t)> crowded;

 private:
  friend class Lease;
  class Waiting;
  struct Stay;
  struct Opening;
  struct Idle {
    std::unique_ptr<Connection> connection;
    Instant since;
    Instant until;
  };
  // The way from other threads to this pool, which may be gone by the time that somebody arrives.
  struct Door {
    UpstreamPool* pool;
  };

  void sweep(Instant now) override;
  void be_asked_for_room() noexcept override;
  void make_room();
  // Closes what is idle at addresses that a name leads to no longer.
  void follow_name(std::size_t place, Instant now);
  std::unique_ptr<Connection> take_idle(std::size_t place, Reuse reuse);
  // A lease of what is idle at another good place than the one chosen, where no more may be opened.
  std::optional<Lease> take_idle_elsewhere(Reuse reuse);
  // Closes the connection that was idle for longest. Its permit stays with the caller.
  bool close_oldest();
  Task<Result<Lease>> wait_or_connect(std::size_t place, Reuse reuse);
  Task<Result<Lease>> wait_for_room(std::size_t place, Reuse reuse, Instant deadline);
  Task<Result<Lease>> connect(std::size_t place, Instant deadline);
  void give_back(std::size_t place, std::unique_ptr<Connection> connection,
                 std::optional<std::chrono::seconds> keep_alive);
  void connection_gone();
  void begin_use(std::size_t place) noexcept;
  void end_use(std::size_t place) noexcept;
  void set_idle(std::size_t place) noexcept;

  asio::io_context& io_;
  Sweeper& sweeper_;
  const std::shared_ptr<UpstreamState> shared_;
  UpstreamState& state_;  // that
  Connector connector_;
  std::vector<std::deque<Idle>> idle_;  // by place, the youngest at the back
  std::size_t turn_ = 0;
  std::size_t waiting_ = 0;  // of this thread
  bool retired_ = false;
  std::shared_ptr<Door> door_;
};

}  // namespace ifmatch::net
