#include "proxy/net/control.hpp"

#include <utility>

namespace ifmatch::net {

std::string_view name_of(Phase phase) noexcept {
  switch (phase) {
    case Phase::starting: return "starting";
    case Phase::serving: return "serving";
    case Phase::leaving: return "leaving";
    case Phase::draining: return "draining";
    case Phase::ended: break;
  }
  return "ended";
}

Control::Control() {
  state_.started_at = std::chrono::system_clock::now();
  state_.configured_at = state_.started_at;
}

void Control::reload(Reloaded done) {
  ReloadHandler handler;
  {
    const std::lock_guard lock(mutex_);
    handler = reload_;
  }
  if (handler) return handler(std::move(done));
  if (done) done({Applied::no, "nothing is being served that could be configured anew"});
}

void Control::drain() {
  Handler handler;
  {
    const std::lock_guard lock(mutex_);
    handler = drain_;
  }
  if (handler) handler();
}

void Control::reopen_logs() const {
  std::vector<Handler> reopeners;
  {
    const std::lock_guard lock(mutex_);
    reopeners = reopeners_;
  }
  for (const Handler& reopen : reopeners) reopen();
}

LifeState Control::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Control::on_reopen_logs(Handler reopen) {
  const std::lock_guard lock(mutex_);
  reopeners_.push_back(std::move(reopen));
}

void Control::attach(ReloadHandler reload, Handler drain) {
  const std::lock_guard lock(mutex_);
  reload_ = std::move(reload);
  drain_ = std::move(drain);
}

void Control::enter(Phase phase) {
  const std::lock_guard lock(mutex_);
  state_.phase = phase;
  phase_.store(phase, std::memory_order_relaxed);
}

void Control::note(const ReloadOutcome& outcome) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::system_clock::now();
  state_.last_reload_at = now;
  state_.last_reload = outcome;
  if (outcome.applied == Applied::yes) {
    state_.configured_at = now;
    ++state_.reloads_applied;
  } else {
    ++state_.reloads_refused;
  }
}

}  // namespace ifmatch::net
