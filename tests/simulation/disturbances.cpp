// What befalls the proxy as a whole: it dies and starts again, is stopped in good order, or reads
// another configuration.
#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

using namespace std::chrono_literals;

namespace {
constexpr unsigned looks_while_stopping_max = 4000;  // 20 seconds
}  // namespace

// The process dies without a word. What it had sent may still land.
void Simulator::crash() {
  note(Seen::crashes);
  say("crash");
  stopping_ = false;
  for (Request& asked : requests_) {
    // Their connections broke; that is their answer. What goes around the proxy did not notice.
    const bool ours = asked.what != What::around_write;
    if (ours && asked.answers == 0) answer(asked, Told::anything_else);
  }
  start(now_ + 100ms);
}

// Nobody new is let in; when everything has its outcome the next instance starts with free gates.
void Simulator::stop_cleanly() {
  note(Seen::clean_stops);
  say("stops");
  stopping_ = true;
  looks_while_stopping_ = 0;
  start_when_idle();
}

void Simulator::start_when_idle() {
  if (!stopping_) return;
  bool idle = engine_->counts().requests == 0;
  for (const Request& asked : requests_) {
    const bool open = asked.what != What::around_write && asked.answers == 0 && !asked.gone;
    idle = idle && !open;
  }
  if (!idle && ++looks_while_stopping_ < looks_while_stopping_max) {
    return at(5ms, Scope::process, [this] { start_when_idle(); });
  }
  if (!idle) {
    say("cannot stop");
    blame(Wrong::shut_gates);
  }
  stopping_ = false;
  start(std::nullopt);
}

void Simulator::start(std::optional<Instant> quarantine) {
  ++life_;
  say("starts", quarantine ? " in quarantine" : "");
  engine_ = std::make_unique<Engine>(climate_.limits, rules_.engine);
  if (quarantine) engine_->quarantine_everything(*quarantine);
  tick_at_.reset();
  reading_.clear();
  watch_deadline();
}

// The names of resources change.
void Simulator::reload() {
  note(Seen::reloads);
  say("reloads");
  ++naming_;
  if (!rules_.shell.reload_keeps_gates) return drop_gates();
  engine_->reconfigured(now_);
  watch_deadline();
}

// The wrong way: those that wait are turned away, what was sent is forgotten.
void Simulator::drop_gates() {
  engine_ = std::make_unique<Engine>(climate_.limits, rules_.engine);
  tick_at_.reset();
  reading_.clear();
  for (Request& asked : requests_) {
    const bool needs_gates = asked.what == What::write || asked.what == What::waiting_read;
    const bool on_its_way = asked.stage == Stage::sent || asked.stage == Stage::reading;
    if (!needs_gates || on_its_way || asked.answers != 0) continue;
    answer(asked, Told::nothing_was_written);
  }
}

}  // namespace ifmatch::simulation
