#include "proxy/net/guard_desk.hpp"

#include <utility>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {

void Ticket::deliver(const guard::Action& action) {
  pending_ = action;
  ring();
}

std::optional<guard::Action> Ticket::take() { return std::exchange(pending_, std::nullopt); }

Task<std::optional<guard::Action>> Ticket::next(Connection& client) {
  if (pending_) co_return take();
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
  co_return take();
}

GuardDesk::GuardDesk(std::string origin, const guard::EngineLimits& limits)
    : origin_(std::move(origin)), engine_(limits) {}

std::shared_ptr<Ticket> GuardDesk::open(const Executor& executor) {
  auto ticket =
      std::make_shared<Ticket>(next_id_.fetch_add(1, std::memory_order_relaxed), executor);
  const std::lock_guard lock(tickets_mutex_);
  tickets_.emplace(ticket->id(), ticket);
  return ticket;
}

void GuardDesk::close(const Ticket& ticket) {
  const std::lock_guard lock(tickets_mutex_);
  tickets_.erase(ticket.id());
}

void GuardDesk::tick(Instant now) {
  guard::Actions actions;
  {
    const std::lock_guard lock(mutex_);
    const std::optional<Instant> next = engine_.next_deadline();
    if (!next || *next > now) return;
    engine_.tick(now, actions);
  }
  dispatch(actions, nullptr);
}

void GuardDesk::dispatch(const guard::Actions& actions, Ticket* own) {
  for (const guard::Action& action : actions) {
    if (action.what == guard::Do::wait) continue;
    if (own != nullptr && action.request == own->id()) {
      own->deliver(action);
      continue;
    }
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

Obligation::~Obligation() {
  if (state_ == State::waiting) leave();
  if (state_ == State::sent) in_doubt();
  desk_.close(*ticket_);
}

void Obligation::submit(guard::WriteRequest request) {
  state_ = State::waiting;
  desk_.apply(*ticket_, [&](guard::Engine& engine, guard::Actions& out) {
    engine.submit(ticket_->id(), std::move(request), Clock::now(), out);
  });
}

void Obligation::submit_read(guard::ReadRequest request) {
  state_ = State::waiting;
  desk_.apply(*ticket_, [&](guard::Engine& engine, guard::Actions& out) {
    engine.submit_read(ticket_->id(), std::move(request), Clock::now(), out);
  });
}

void Obligation::probed(const guard::Observation& seen, guard::Epoch since,
                        guard::Engine::Candidates candidates) {
  desk_.apply(*ticket_, [&](guard::Engine& engine, guard::Actions& out) {
    engine.probed(ticket_->id(), seen, since, candidates, Clock::now(), out);
  });
}

void Obligation::connected() {
  desk_.apply(*ticket_, [&](guard::Engine& engine, guard::Actions& out) {
    engine.connected(ticket_->id(), Clock::now(), out);
  });
}

void Obligation::unsent() {
  IFMATCH_ASSERT(state_ == State::sent);
  state_ = State::waiting;
  desk_.apply(*ticket_, [&](guard::Engine& engine, guard::Actions& out) {
    engine.unsent(ticket_->id(), Clock::now(), out);
  });
}

void Obligation::settled() {
  IFMATCH_ASSERT(state_ == State::sent);
  state_ = State::over;
  desk_.apply(*ticket_, [&](guard::Engine& engine, guard::Actions& out) {
    engine.settled(ticket_->id(), Clock::now(), out);
  });
}

void Obligation::in_doubt() {
  IFMATCH_ASSERT(state_ == State::sent);
  state_ = State::over;
  desk_.apply(*ticket_, [&](guard::Engine& engine, guard::Actions& out) {
    engine.in_doubt(ticket_->id(), Clock::now(), out);
  });
}

void Obligation::leave() {
  IFMATCH_ASSERT(state_ == State::waiting);
  state_ = State::over;
  desk_.apply(*ticket_, [&](guard::Engine& engine, guard::Actions& out) {
    engine.leave(ticket_->id(), Clock::now(), out);
  });
}

}  // namespace ifmatch::net
