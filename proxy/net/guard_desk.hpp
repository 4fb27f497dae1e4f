// The engine of one upstream origin behind its mutex, and the way from its actions to the exchanges
// that wait for them. The mutex is never held across a suspension; what an event unleashes for an
// exchange of another thread is posted there.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <unordered_map>

#include "proxy/guard/engine.hpp"
#include "proxy/net/connection.hpp"
#include "proxy/net/observatory.hpp"

namespace ifmatch::net {

class Obligation;
class Passage;

// Counts the reloads that changed what binds at one origin. A request is submitted under the terms
// by which its route, gates and conditions were found; see GuardDesk::reconfigured().
using Terms = std::uint64_t;

enum class Submitted : std::uint8_t {
  yes,
  superseded,  // other terms are in force: nothing happened. Begin anew under the newest edition
};

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

  // Records what a read showed, unless other terms are in force: its names and tags are not ours.
  // Whether it shows that something was changed without us.
  bool learn(Terms terms, const guard::Lesson& lesson, bool without_credentials);

  [[nodiscard]] Terms terms();

  // A reload changed what binds here. Begins new terms, and returns them. From here on:
  //
  //   - What was submitted before goes on to its end, and guarded writes that are submitted
  //     afterwards begin only when it is gone (guard::Engine::reconfigured).
  //   - Nothing more is submitted under the old terms, by whatever thread: the terms are compared
  //     under the mutex under which they change. So no old request can come after a new one, and
  //     the engine never has both kinds at its gates, whose names may differ. Whoever is turned
  //     away has sent nothing yet and begins anew.
  //   - Unsafe requests that passed beside the gates, because the old configuration guarded
  //     nothing there, are among those that are waited for, with their quarantines: see Passage.
  Terms reconfigured(Instant now);

  // Stands for something that this engine cannot see, and of which it may be anything: whatever is
  // submitted from here on waits for it as for what is older, shared writes and waiting reads, too.
  // What is older goes on as if it were not there.
  [[nodiscard]] guard::RequestId stand_in(Instant now);
  void stand_in_gone(guard::RequestId id, Instant now);

  // A moment, and whether something that was submitted before it is unsettled, or was forwarded by
  // an instance that did not end cleanly and may still land.
  [[nodiscard]] std::uint64_t generation();
  [[nodiscard]] bool has_older_than(std::uint64_t generation);
  // Whether anything at all is.
  [[nodiscard]] bool has_unsettled(Instant now);

 private:
  friend class Obligation;
  friend class Passage;

  // Unsafe requests beside the gates, of one time between two changes of the terms.
  struct Passing {
    std::size_t count = 0;
    Instant doubt_until{};  // the latest quarantine of those that are over
    std::optional<guard::RequestId> stand_in;  // once the terms are old
  };

  // A stand-in that ends at a time of its own.
  struct Ending {
    guard::RequestId stand_in = 0;
    Instant at{};
  };

  [[nodiscard]] guard::RequestId begin_stand_in(guard::Hold counts_as, Instant now,
                                                guard::Actions& unleashed);
  [[nodiscard]] Submitted enter_passage(Terms terms);
  void leave_passage(Terms terms, guard::Duration in_doubt);

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
  Terms terms_ = 1;
  std::map<Terms, Passing> passing_;  // those of old terms only while somebody passes
  std::vector<Ending> ending_;
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

  [[nodiscard]] Submitted submit(const guard::WriteRequest& request, Terms terms);
  [[nodiscard]] Submitted submit_read(guard::ReadRequest request, Terms terms);
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

// An unsafe request that takes no gate, because nothing is guarded where it goes. It is counted, so
// that a reload that begins to guard there can wait for it. Whoever forgets to say how it ended
// leaves it in doubt.
class Passage {
 public:
  // `in_doubt` is the length of its quarantine, should it come to that.
  Passage(GuardDesk& desk, guard::Duration in_doubt) : desk_(desk), in_doubt_(in_doubt) {}
  ~Passage();
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  [[nodiscard]] Submitted enter(Terms terms);
  // Until then nothing can have happened.
  void sending() noexcept { doubtful_ = true; }
  // Its answer has been read whole.
  void settled() noexcept { doubtful_ = false; }

 private:
  GuardDesk& desk_;
  guard::Duration in_doubt_;
  std::optional<Terms> terms_;  // once it has entered
  bool doubtful_ = false;
};

}  // namespace ifmatch::net
