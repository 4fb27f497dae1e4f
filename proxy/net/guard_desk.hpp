// The engine of one upstream origin behind its mutex, and the way from its actions to the exchanges
// that wait for them. The mutex is never held across a suspension; what an event unleashes for an
// exchange of another thread is posted there.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "proxy/guard/engine.hpp"
#include "proxy/net/connection.hpp"
#include "proxy/net/observatory.hpp"

namespace ifmatch::net {

class Obligation;

// Where one request waits for what the engine decides about it. Used on its own thread only, but
// for the executor, by which others reach it.
class Ticket : public std::enable_shared_from_this<Ticket> {
 public:
  explicit Ticket(const Executor& executor) : executor_(executor), bell_(executor, never) {}

  [[nodiscard]] const Executor& executor() const noexcept { return executor_; }

  // Called on the ticket's own thread.
  void deliver(const guard::Action& action);
  void ring() { bell_.cancel(); }

  // The next action; unset when the client left first.
  [[nodiscard]] Task<std::optional<guard::Action>> next(Connection& client);

 private:
  Executor executor_;
  Timer bell_;
  std::optional<guard::Action> pending_;
  std::uint64_t watch_ = 0;  // tells the present watch from those of earlier waits
  bool stirred_ = false;     // the client sent something or left
};

class GuardDesk {
 public:
  GuardDesk(std::string origin, const guard::EngineLimits& limits);

  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }
  [[nodiscard]] guard::Epoch epoch() const noexcept { return engine_.epoch(); }
  [[nodiscard]] Observatory& observatory() noexcept { return observatory_; }

  // Calls `call(engine)` under the mutex, for events that unleash nothing.
  template <typename Call>
  decltype(auto) ask(Call&& call) {
    const std::lock_guard lock(mutex_);
    return call(engine_);
  }

  // From here on nobody else is told anything: the threads are ending.
  void shut() noexcept { shut_.store(true, std::memory_order_relaxed); }

  // Ends waits and quarantines that are over.
  void tick(Instant now);

 private:
  friend class Obligation;

  // An empty list in the memory of an earlier call on this thread.
  [[nodiscard]] static guard::Actions& actions();
  [[nodiscard]] guard::RequestId draw_id() noexcept {
    return next_id_.fetch_add(1, std::memory_order_relaxed);
  }
  void open(guard::RequestId id, std::shared_ptr<Ticket> ticket);
  void close(guard::RequestId id);
  // Tells everybody but `own`.
  void dispatch(const guard::Actions& actions, guard::RequestId own);

  std::string origin_;
  std::mutex mutex_;
  guard::Engine engine_;
  Observatory observatory_;
  std::atomic<bool> shut_{false};
  std::atomic<guard::RequestId> next_id_{1};
  std::mutex tickets_mutex_;  // may be taken while mutex_ is held, never the other way round
  std::unordered_map<guard::RequestId, std::shared_ptr<Ticket>> tickets_;
};

// The duty to tell the engine what became of a request, exactly once. Whoever forgets, or is ended
// by an exception, reports the pessimistic outcome: before the send it left, after it the outcome
// is in doubt.
//
// What the engine answers at once is kept here. Only a request that has to wait gets a ticket, by
// which other threads find it, and gets it before the mutex is let go.
class Obligation {
 public:
  Obligation(GuardDesk& desk, const Executor& executor)
      : desk_(desk), executor_(executor), id_(desk.draw_id()) {}
  ~Obligation();
  Obligation(const Obligation&) = delete;
  Obligation& operator=(const Obligation&) = delete;

  [[nodiscard]] guard::RequestId id() const noexcept { return id_; }

  // Whether next() need not wait.
  [[nodiscard]] bool answered() const noexcept { return answered_.has_value(); }
  // What to do next; unset when the client left while it waited.
  [[nodiscard]] Task<std::optional<guard::Action>> next(Connection& client);

  void submit(const guard::WriteRequest& request);
  void submit_read(guard::ReadRequest request);
  void probed(const guard::Observation& seen, guard::Epoch since,
              guard::Engine::Candidates candidates);
  // Afterwards the action is `send`, or anything else but `connect`.
  void connected();
  // Notes that the engine has said `send`: from here on the outcome is owed.
  void sending() noexcept { state_ = State::sent; }
  void unsent();
  void settled();
  void in_doubt();
  void leave();
  // The engine refused: the id is gone.
  void refused() noexcept { state_ = State::over; }

 private:
  enum class State : std::uint8_t { waiting, sent, over };

  template <typename Call>
  void apply(Call&& call);
  void expect(const guard::Actions& actions);

  GuardDesk& desk_;
  Executor executor_;
  guard::RequestId id_;
  State state_ = State::over;  // until it is submitted nothing is owed
  std::optional<guard::Action> answered_;
  std::shared_ptr<Ticket> ticket_;
};

}  // namespace ifmatch::net
