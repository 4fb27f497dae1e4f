// The engine of one upstream origin behind its mutex, and the way from its actions to the exchanges
// that wait for them. The mutex is never held across a suspension; what an event unleashes for an
// exchange of another thread is posted there.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "proxy/guard/engine.hpp"
#include "proxy/net/connection.hpp"

namespace ifmatch::net {

// Where one request waits for what the engine decides about it. Used on its own thread only, but
// for the executor, by which others reach it.
class Ticket : public std::enable_shared_from_this<Ticket> {
 public:
  Ticket(guard::RequestId id, const Executor& executor)
      : id_(id), executor_(executor), bell_(executor, never) {}

  [[nodiscard]] guard::RequestId id() const noexcept { return id_; }
  [[nodiscard]] const Executor& executor() const noexcept { return executor_; }

  // Called on the ticket's own thread.
  void deliver(const guard::Action& action);
  void ring() { bell_.cancel(); }

  // The next action; unset when the client left first.
  [[nodiscard]] Task<std::optional<guard::Action>> next(Connection& client);
  [[nodiscard]] std::optional<guard::Action> take();

 private:
  guard::RequestId id_;
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

  // Calls `call(engine, actions)` under the mutex. The action for `ticket`, if there is one, waits
  // in it afterwards; those for others are on their way.
  template <typename Call>
  void apply(Ticket& ticket, Call&& call) {
    guard::Actions actions;
    {
      const std::lock_guard lock(mutex_);
      call(engine_, actions);
    }
    dispatch(actions, &ticket);
  }

  // Calls `call(engine)` under the mutex, for events that unleash nothing.
  template <typename Call>
  decltype(auto) ask(Call&& call) {
    const std::lock_guard lock(mutex_);
    return call(engine_);
  }

  [[nodiscard]] std::shared_ptr<Ticket> open(const Executor& executor);
  void close(const Ticket& ticket);

  // From here on nobody else is told anything: the threads are ending.
  void shut() noexcept { shut_.store(true, std::memory_order_relaxed); }

  // Ends waits and quarantines that are over.
  void tick(Instant now);

 private:
  void dispatch(const guard::Actions& actions, Ticket* own);

  std::string origin_;
  std::mutex mutex_;
  guard::Engine engine_;
  std::atomic<bool> shut_{false};
  std::atomic<guard::RequestId> next_id_{1};
  std::mutex tickets_mutex_;
  std::unordered_map<guard::RequestId, std::shared_ptr<Ticket>> tickets_;
};

// The duty to tell the engine what became of a request, exactly once. Whoever forgets, or is ended
// by an exception, reports the pessimistic outcome: before the send it left, after it the outcome
// is in doubt.
class Obligation {
 public:
  Obligation(GuardDesk& desk, const Executor& executor)
      : desk_(desk), ticket_(desk.open(executor)) {}
  ~Obligation();
  Obligation(const Obligation&) = delete;
  Obligation& operator=(const Obligation&) = delete;

  [[nodiscard]] Ticket& ticket() noexcept { return *ticket_; }

  void submit(guard::WriteRequest request);
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
  GuardDesk& desk_;
  std::shared_ptr<Ticket> ticket_;
  State state_ = State::over;  // until it is submitted nothing is owed
};

}  // namespace ifmatch::net
