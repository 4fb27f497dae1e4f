#include "proxy/net/guard_desk.hpp"

#include <algorithm>
#include <utility>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {

void Ticket::deliver(const guard::Action& action) {
  pending_ = action;
  ring();
}

Task<std::optional<guard::Action>> Ticket::next(Connection& client) {
  if (pending_) co_return std::exchange(pending_, std::nullopt);
  ++watch_;
  stirred_ = false;
  client.socket.async_wait(
      Socket::wait_read, [self = shared_from_this(), watch = watch_](const error_code& cancelled) {
        if (cancelled || watch != self->watch_) return;
        self->stirred_ = true;
        self->ring();
      });
  while (!pending_) {
    bell_.expires_at(never);
    co_await bell_.async_wait(as_tuple);
    // Data is the next request of a pipeline: there is nothing further to watch for.
    if (std::exchange(stirred_, false) && !pending_ && client.peer_left()) co_return std::nullopt;
  }
  ++watch_;
  client.cancel();
  co_return std::exchange(pending_, std::nullopt);
}

GuardDesk::GuardDesk(std::string origin, const guard::EngineLimits& limits)
    : origin_(std::move(origin)), engine_(limits) {}

guard::Actions& GuardDesk::actions() {
  thread_local guard::Actions actions;
  actions.clear();
  return actions;
}

void GuardDesk::open(guard::RequestId id, std::shared_ptr<Ticket> ticket) {
  const std::lock_guard lock(tickets_mutex_);
  tickets_.emplace(id, std::move(ticket));
}

void GuardDesk::close(guard::RequestId id) {
  const std::lock_guard lock(tickets_mutex_);
  tickets_.erase(id);
}

void GuardDesk::tick(Instant now) {
  guard::Actions& unleashed = actions();
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(ending_, [&](const Ending& ending) {
      if (ending.at > now) return false;
      engine_.leave(ending.stand_in, now, unleashed);
      return true;
    });
    const std::optional<Instant> next = engine_.next_deadline();
    if (next && *next <= now) engine_.tick(now, unleashed);
  }
  dispatch(unleashed, 0);
}

bool GuardDesk::learn(Terms terms, const guard::Lesson& lesson, bool without_credentials) {
  const std::lock_guard lock(mutex_);
  return terms == terms_ && engine_.learn(lesson, without_credentials);
}

Terms GuardDesk::terms() {
  const std::lock_guard lock(mutex_);
  return terms_;
}

Terms GuardDesk::reconfigured(Instant now) {
  guard::Actions& unleashed = actions();
  Terms begun = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto present = passing_.find(terms_);
    if (present != passing_.end()) {
      Passing& passing = present->second;
      const bool in_doubt = passing.doubt_until > now;
      if (passing.count > 0) {
        passing.stand_in = begin_stand_in(guard::Hold::shared, now, unleashed);
      } else {
        if (in_doubt) {
          ending_.push_back(
              {begin_stand_in(guard::Hold::shared, now, unleashed), passing.doubt_until});
        }
        passing_.erase(present);
      }
    }
    begun = ++terms_;
    engine_.reconfigured(now);
  }
  dispatch(unleashed, 0);
  return begun;
}

// It is never sent: then it would stamp everything, and older requests, which need not mind it,
// could not be decided any more. It is there, and younger ones wait until it is gone.
guard::RequestId GuardDesk::begin_stand_in(guard::Hold counts_as, Instant now,
                                           guard::Actions& unleashed) {
  const guard::RequestId id = draw_id();
  guard::WriteRequest anything;
  anything.resource.paths.emplace_back("/");
  anything.hold = guard::Hold::none;
  anything.counts_as = counts_as;
  engine_.submit(id, anything, now, unleashed);
  return id;
}

guard::RequestId GuardDesk::stand_in(Instant now) {
  guard::Actions& unleashed = actions();
  guard::RequestId id = 0;
  {
    const std::lock_guard lock(mutex_);
    id = begin_stand_in(guard::Hold::exclusive, now, unleashed);
    engine_.reconfigured(now);
  }
  dispatch(unleashed, id);
  return id;
}

void GuardDesk::stand_in_gone(guard::RequestId id, Instant now) {
  guard::Actions& unleashed = actions();
  {
    const std::lock_guard lock(mutex_);
    engine_.leave(id, now, unleashed);
  }
  dispatch(unleashed, id);
}

std::uint64_t GuardDesk::generation() {
  const std::lock_guard lock(mutex_);
  return engine_.generation();
}

bool GuardDesk::has_older_than(std::uint64_t generation) {
  const std::lock_guard lock(mutex_);
  return engine_.counts().everything_in_doubt || engine_.has_older_than(generation);
}

bool GuardDesk::has_unsettled(Instant now) {
  const std::lock_guard lock(mutex_);
  const guard::EngineCounts counts = engine_.counts();
  return counts.requests != 0 || counts.everything_in_doubt ||
         std::ranges::any_of(passing_, [now](const auto& passing) {
           return passing.second.count != 0 || passing.second.doubt_until > now;
         });
}

Submitted GuardDesk::enter_passage(Terms terms) {
  const std::lock_guard lock(mutex_);
  if (terms != terms_) return Submitted::superseded;
  ++passing_[terms].count;
  return Submitted::yes;
}

void GuardDesk::leave_passage(Terms terms, guard::Duration in_doubt) {
  guard::Actions& unleashed = actions();
  {
    const Instant now = Clock::now();
    const std::lock_guard lock(mutex_);
    const auto found = passing_.find(terms);
    IFMATCH_ASSERT(found != passing_.end() && found->second.count > 0);
    Passing& passing = found->second;
    --passing.count;
    if (in_doubt.count() > 0) passing.doubt_until = std::max(passing.doubt_until, now + in_doubt);
    if (terms == terms_ || passing.count > 0) return;
    IFMATCH_ASSERT(passing.stand_in);
    if (passing.doubt_until > now) {
      ending_.push_back({*passing.stand_in, passing.doubt_until});
    } else {
      engine_.leave(*passing.stand_in, now, unleashed);
    }
    passing_.erase(found);
  }
  dispatch(unleashed, 0);
}

void GuardDesk::dispatch(const guard::Actions& actions, guard::RequestId own) {
  for (const guard::Action& action : actions) {
    if (action.what == guard::Do::wait || action.request == own) continue;
    if (shut_.load(std::memory_order_relaxed)) continue;
    std::shared_ptr<Ticket> ticket;
    {
      const std::lock_guard lock(tickets_mutex_);
      const auto found = tickets_.find(action.request);
      if (found == tickets_.end()) continue;
      ticket = found->second;
    }
    asio::post(ticket->executor(), [ticket, action] { ticket->deliver(action); });
  }
}

// Calls `call(engine, actions)` under the mutex, and tells others what it unleashed for them.
template <typename Call>
void Obligation::apply(Call&& call) {
  guard::Actions& actions = GuardDesk::actions();
  {
    const std::lock_guard lock(desk_.mutex_);
    call(desk_.engine_, actions);
    if (state_ != State::over) expect(actions);
  }
  desk_.dispatch(actions, id_);
}

// What the engine said to this request; if it is to wait, others must find it.
void Obligation::expect(const guard::Actions& actions) {
  for (const guard::Action& action : actions) {
    if (action.request == id_ && action.what != guard::Do::wait) answered_ = action;
  }
  if (answered_ || ticket_) return;
  ticket_ = std::make_shared<Ticket>(executor_);
  desk_.open(id_, ticket_);
}

Task<std::optional<guard::Action>> Obligation::next(Connection& client) {
  if (answered_) return std::exchange(answered_, std::nullopt);
  IFMATCH_ASSERT(ticket_ != nullptr);
  return ticket_->next(client);
}

Obligation::~Obligation() {
  if (state_ == State::waiting) leave();
  if (state_ == State::sent) in_doubt();
  if (ticket_) desk_.close(id_);
}

Submitted Obligation::submit(const guard::WriteRequest& request, Terms terms) {
  apply([&](guard::Engine& engine, guard::Actions& out) {
    if (terms != desk_.terms_) return;
    state_ = State::waiting;
    engine.submit(id_, request, Clock::now(), out);
  });
  return state_ == State::over ? Submitted::superseded : Submitted::yes;
}

Submitted Obligation::submit_read(guard::ReadRequest request, Terms terms) {
  apply([&](guard::Engine& engine, guard::Actions& out) {
    if (terms != desk_.terms_) return;
    state_ = State::waiting;
    engine.submit_read(id_, std::move(request), Clock::now(), out);
  });
  return state_ == State::over ? Submitted::superseded : Submitted::yes;
}

void Obligation::probed(const guard::Observation& seen, guard::Epoch since,
                        guard::Engine::Candidates candidates) {
  apply([&](guard::Engine& engine, guard::Actions& out) {
    engine.probed(id_, seen, since, candidates, Clock::now(), out);
  });
}

void Obligation::connected() {
  apply([&](guard::Engine& engine, guard::Actions& out) {
    engine.connected(id_, Clock::now(), out);
  });
}

void Obligation::unsent() {
  IFMATCH_ASSERT(state_ == State::sent);
  state_ = State::waiting;
  apply([&](guard::Engine& engine, guard::Actions& out) {
    engine.unsent(id_, Clock::now(), out);
  });
}

void Obligation::settled() {
  IFMATCH_ASSERT(state_ == State::sent);
  state_ = State::over;
  apply([&](guard::Engine& engine, guard::Actions& out) {
    engine.settled(id_, Clock::now(), out);
  });
}

void Obligation::in_doubt() {
  IFMATCH_ASSERT(state_ == State::sent);
  state_ = State::over;
  apply([&](guard::Engine& engine, guard::Actions& out) {
    engine.in_doubt(id_, Clock::now(), out);
  });
}

void Obligation::leave() {
  IFMATCH_ASSERT(state_ == State::waiting);
  state_ = State::over;
  apply([&](guard::Engine& engine, guard::Actions& out) {
    engine.leave(id_, Clock::now(), out);
  });
}

Submitted Passage::enter(Terms terms) {
  const Submitted entered = desk_.enter_passage(terms);
  if (entered == Submitted::yes) terms_ = terms;
  return entered;
}

Passage::~Passage() {
  if (terms_) desk_.leave_passage(*terms_, doubtful_ ? in_doubt_ : guard::Duration{});
}

}  // namespace ifmatch::net
