// The frame of a history: what it is like, what befalls it, and how it ends.
#include "tests/simulation/simulator.hpp"

#include <algorithm>

namespace ifmatch::simulation {

using namespace std::chrono_literals;

Outcome play(std::uint64_t seed, const AllRules& rules, Trace trace) {
  return Simulator(seed, rules, trace).run();
}

Simulator::Simulator(std::uint64_t seed, const AllRules& rules, Trace trace)
    : random_(seed), rules_(rules), trace_(trace) {
  now_ += 1h;
  choose_climate();
  upstream_.emplace(climate_.contents);
  engine_ = std::make_unique<Engine>(climate_.limits, rules_.engine);
}

Outcome Simulator::run() {
  for (unsigned client = 0; client < climate_.clients; ++client) {
    at(micros(0, 20'000), Scope::world, [this] { think(); });
  }
  plan_disturbances();
  at(climate_.horizon, Scope::world, [this] {
    say("from here on nothing fails");
    const guard::EngineCounts counts = engine_->counts();
    if (counts.entries >= climate_.limits.entries_max) note(Seen::full_records);
    if (counts.nodes >= climate_.limits.nodes_max) note(Seen::full_tables);
    phase_ = Phase::calm;
  });
  at(climate_.horizon + 150ms, Scope::world, [this] { phase_ = Phase::ending; });
  play_events();
  last_round();
  take_stock();
  return std::move(outcome_);
}

void Simulator::play_events() {
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
    const Event event = std::move(queue_.back());
    queue_.pop_back();
    now_ = event.when;
    event.happens();
  }
}

void Simulator::choose_climate() {
  climate_.clients = static_cast<unsigned>(random_.between(2, 8));
  climate_.around = random_.percent(25);
  climate_.faults = random_.percent(85);
  climate_.contents = random_.percent(40) ? Contents::repeated : Contents::ever_new;
  climate_.limits.entries_max = random_.percent(30) ? random_.between(1, 12) : 500;
  climate_.limits.entries_per_target_max = random_.percent(30) ? random_.between(1, 4) : 16;
  climate_.limits.nodes_max = random_.percent(30) ? random_.between(5, 12) : 500;
  climate_.gate_queue = random_.between(1, 6);
  climate_.patient = random_.percent(30);
  climate_.gate_wait = climate_.patient ? 1h : micros(20'000, 300'000);
  climate_.horizon = micros(300'000, 1'000'000);
}

void Simulator::plan_disturbances() {
  const std::uint64_t dice = random_.below(100);
  if (dice < 25) {
    at(micros(50'000, 900'000), Scope::world, [this] { crash(); });
  } else if (dice < 35) {
    at(micros(50'000, 900'000), Scope::world, [this] { stop_cleanly(); });
  }
  for (std::uint64_t reloads = random_.percent(30) ? random_.between(1, 3) : 0; reloads > 0;
       --reloads) {
    at(micros(50'000, 900'000), Scope::world, [this] { reload(); });
  }
}

void Simulator::at(Duration delay, Scope scope, std::function<void()> happens) {
  if (scope == Scope::process) {
    happens = [this, life = life_, inner = std::move(happens)] {
      if (life == life_) inner();
    };
  }
  queue_.push_back({now_ + delay, ++events_, std::move(happens)});
  std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
}

Duration Simulator::micros(std::uint64_t low, std::uint64_t high) {
  return std::chrono::microseconds(random_.between(low, high));
}

// Nothing fails and nobody is in the way: what is read can be written at once, or a gate is shut.
void Simulator::last_round() {
  for (Target target = 0; target < action_target; ++target) {
    Request& reader = compose();
    reader.target = target;
    reader.told = "last read";
    tags_[target].clear();
    ask(reader);
    play_events();

    Request& writer = compose();
    writer.what = What::write;
    writer.target = target;
    writer.told = "last write";
    writer.edit = ++last_edit_;
    if (tags_[target].empty()) {
      writer.condition = Condition{std::nullopt, guard::IfNoneMatch{true, {}}};
    } else {
      guard_with(writer, tags_[target].back());
    }
    ask(writer);
    play_events();
    if (writer.answer == Told::done) continue;
    blame(Wrong::shut_gates);
    say("nobody can write ", addresses[target].spelled.front());
  }
}

// Everything has ended, so nothing may be left: no request, no gate, no client without an answer.
void Simulator::take_stock() {
  const guard::EngineCounts counts = engine_->counts();
  if (counts.requests != 0 || counts.gates_busy != 0) {
    blame(Wrong::shut_gates);
    say("left over: requests ", counts.requests, ", gates ", counts.gates_busy);
  }
  for (const Request& asked : requests_) {
    if (asked.answers == (asked.gone ? 0U : 1U)) continue;
    blame(Wrong::unanswered);
    say(asked.id, " was answered ", asked.answers, " times");
  }
  // A write of the root needs every gate there is.
  Actions actions;
  guard::WriteRequest everything;
  everything.resource.paths = {"/"};
  engine_->submit(requests_.size() + 1, everything, now_, actions);
  if (actions.size() != 1 || actions.front().what != guard::Do::connect) blame(Wrong::shut_gates);
}

}  // namespace ifmatch::simulation
