// The frame of a history: what it is like, what befalls it, and how it ends.
#include "tests/simulation/simulator.hpp"

#include <cstdio>

namespace ifmatch::simulation {

using namespace std::chrono_literals;

void Outcome::add(const Outcome& other) {
  lost_updates += other.lost_updates;
  untrue_records += other.untrue_records;
  false_refusals += other.false_refusals;
  dirty_reads += other.dirty_reads;
  unanswered += other.unanswered;
  shut_gates += other.shut_gates;
  requests += other.requests;
  landed += other.landed;
  landed_as_claimed += other.landed_as_claimed;
  slipped_around += other.slipped_around;
  stale += other.stale;
  from_record += other.from_record;
  busy += other.busy;
  refused_in_doubt += other.refused_in_doubt;
  without_probe += other.without_probe;
  in_doubt += other.in_doubt;
  restarts += other.restarts;
  reloads += other.reloads;
}

std::string Outcome::told() const {
  const auto count = [](const char* name, unsigned number) {
    return std::string(name) + ' ' + std::to_string(number) + ' ';
  };
  return count("lost_updates", lost_updates) + count("untrue_records", untrue_records) +
         count("false_refusals", false_refusals) + count("dirty_reads", dirty_reads) +
         count("unanswered", unanswered) + count("shut_gates", shut_gates) + "| " +
         count("requests", requests) + count("landed", landed) +
         count("landed_as_claimed", landed_as_claimed) + count("slipped_around", slipped_around) +
         count("stale", stale) + count("from_record", from_record) + count("busy", busy) +
         count("refused_in_doubt", refused_in_doubt) + count("without_probe", without_probe) +
         count("in_doubt", in_doubt) + count("restarts", restarts) + count("reloads", reloads);
}

Outcome play(std::uint64_t seed, const guard::Rules& rules, Trace trace) {
  return Simulator(seed, rules, trace).run();
}

Simulator::Simulator(std::uint64_t seed, const guard::Rules& rules, Trace trace)
    : random_(seed), rules_(rules), trace_(trace) {
  now_ += 1h;
  choose_climate();
  engine_ = std::make_unique<Engine>(climate_.limits, rules_);
}

Outcome Simulator::run() {
  for (unsigned client = 0; client < climate_.clients; ++client) {
    at(micros(0, 20'000), Scope::world, [this, client] { think(client); });
  }
  plan_disturbances();
  at(climate_.horizon, Scope::world, [this] { draining_ = true; });
  while (!queue_.empty()) {
    const Event event = queue_.top();
    queue_.pop();
    now_ = event.when;
    event.happens();
  }
  drain();
  return outcome_;
}

void Simulator::choose_climate() {
  climate_.clients = static_cast<unsigned>(random_.between(2, 8));
  climate_.around = random_.percent(25);
  climate_.faults = random_.percent(85);
  climate_.limits.entries_max = random_.percent(30) ? random_.between(1, 12) : 500;
  climate_.limits.entries_per_target_max = random_.percent(30) ? random_.between(1, 4) : 16;
  climate_.limits.nodes_max = random_.percent(30) ? random_.between(3, 12) : 500;
  climate_.gate_queue = random_.between(1, 6);
  climate_.patient = random_.percent(30);
  climate_.gate_wait = climate_.patient ? 1h : micros(20'000, 300'000);
  climate_.horizon = micros(300'000, 1'500'000);
}

void Simulator::plan_disturbances() {
  if (random_.percent(25)) {
    at(micros(50'000, 1'000'000), Scope::world, [this] { restart(); });
  }
  for (std::uint64_t reloads = random_.percent(30) ? random_.between(1, 3) : 0; reloads > 0;
       --reloads) {
    at(micros(50'000, 1'000'000), Scope::world, [this] {
      ++naming_;
      ++outcome_.reloads;
      say("reload");
      engine_->reconfigured(now_);
      watch_deadline();
    });
  }
}

void Simulator::at(Duration delay, Scope scope, std::function<void()> happens) {
  if (scope == Scope::process) {
    happens = [this, life = life_, inner = std::move(happens)] {
      if (life == life_) inner();
    };
  }
  queue_.push({now_ + delay, ++events_, std::move(happens)});
}

Duration Simulator::micros(std::uint64_t low, std::uint64_t high) {
  return std::chrono::microseconds(random_.between(low, high));
}

// Everything has ended, so nothing may be left: no request, no gate, no client without an answer.
void Simulator::drain() {
  const guard::EngineCounts counts = engine_->counts();
  if (counts.requests != 0 || counts.gates_busy != 0) {
    ++outcome_.shut_gates;
    say("left over: requests " + std::to_string(counts.requests) + ", gates " +
        std::to_string(counts.gates_busy));
  }
  for (const auto& [id, request] : requests_) {
    if (request.answers == 1) continue;
    ++outcome_.unanswered;
    say(std::to_string(id) + " answered " + std::to_string(request.answers) + " times");
  }
  // A write of the root needs every gate there is.
  Actions actions;
  guard::WriteRequest everything;
  everything.resource.paths = {"/"};
  engine_->submit(++last_id_, everything, now_, actions);
  if (actions.size() != 1 || actions.front().what != guard::Do::connect) ++outcome_.shut_gates;
}

void Simulator::say(const std::string& line) const {
  if (trace_ == Trace::off) return;
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch());
  std::printf("%10lld  %s\n", static_cast<long long>(since.count() - 3'600'000'000), line.c_str());
}

}  // namespace ifmatch::simulation
