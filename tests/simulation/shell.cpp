// What proxy/net does in the simulation: it obeys the engine's actions, lets upstream exchanges
// take their time or fail, and reports. The faults are those of rule 3.4.
#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

using namespace std::chrono_literals;

void Simulator::call(const std::function<void(Actions&)>& event) {
  Actions actions;
  event(actions);
  for (const Action& action : actions) obey(action);
  watch_deadline();
}

void Simulator::obey(const Action& action) {
  Request& request = requests_.at(action.request);
  if (request.abandoned && request.sent) return;
  switch (action.what) {
    case guard::Do::wait:
      break;
    case guard::Do::probe:
      probe(request, action);
      break;
    case guard::Do::connect:
      connect(request);
      break;
    case guard::Do::send:
      send(request);
      break;
    case guard::Do::refuse:
      refused(request, action);
      break;
  }
}

void Simulator::probe(Request& request, const Action& action) {
  const RequestId id = request.id;
  if (action.first_probe) {
    request.candidate = 0;
    request.candidates = {request.variant, 1 - request.variant};
    const auto& condition = request.write.condition;
    if (condition->if_match) {
      for (const guard::Hint& hint :
           engine_->hints(request.write.view.target, condition->if_match->versions)) {
        const unsigned hinted = hint.selection - 1;
        request.candidates = {hinted, 1 - hinted};
      }
    }
  } else {
    ++request.candidate;
  }
  const bool last = request.candidate + 1 == request.candidates.size();
  const unsigned variant = request.candidates[request.candidate];
  const Epoch since = engine_->epoch();
  request.probed_in_gate = request.probed_in_gate || action.gated;
  if (action.gated && action.first_probe) request.probe_began = now_;
  const bool fails = climate_.faults && !draining_ && random_.percent(4);
  const Duration back = micros(100, 8'000);
  at(micros(100, 8'000), Scope::process, [=, this] {
    const Target target = requests_.at(id).target;
    Observation seen = upstream_.look(cell_of(target), variant);
    if (fails) seen.sight = random_.percent(30) ? guard::Sight::relay : guard::Sight::undecidable;
    at(back, Scope::process, [=, this] {
      Request& asker = requests_.at(id);
      asker.probe_failed = asker.probe_failed || fails;
      if (seen.sight == guard::Sight::version) {
        engine_->learn(
            {asker.write.resource, view_of(target, variant), seen.version, variant + 1, since},
            false);
      }
      const auto left = last ? Engine::Candidates::exhausted : Engine::Candidates::more;
      call([&](Actions& out) { engine_->probed(id, seen, since, left, now_, out); });
    });
  });
}

void Simulator::connect(Request& request) {
  const RequestId id = request.id;
  if (request.what == What::waiting_read) {
    request.reading = true;
    reading_.insert(id);
    return read(id);
  }
  const bool fails = climate_.faults && !draining_ && random_.percent(4);
  at(micros(0, 5'000), Scope::process, [=, this] {
    Request& connecting = requests_.at(id);
    if (connecting.answers != 0) return;
    if (fails) {
      answer(connecting);
      call([&](Actions& out) { engine_->leave(id, now_, out); });
    } else {
      call([&](Actions& out) { engine_->connected(id, now_, out); });
    }
  });
}

// Forwards a write. Whatever befalls it or us, it lands within 100 ms, the length of a quarantine:
// its connection may be lost to us at any moment after the send.
void Simulator::send(Request& request) {
  const RequestId id = request.id;
  request.sent = true;
  request.send_order = ++sends_;
  if (request.write.check == guard::Check::recorded && request.write.condition &&
      !request.probed_in_gate) {
    ++outcome_.without_probe;
  }
  say(std::to_string(id) + " is sent");
  const auto lands = [&](Duration delay) {
    at(delay, Scope::world, [this, id] { land(requests_.at(id)); });
  };
  const auto reports = [&](Duration delay, void (Engine::*verb)(RequestId, Instant, Actions&)) {
    at(delay, Scope::process, [=, this] { report(id, verb); });
  };
  const Duration landing = micros(100, 10'000);
  const Duration told = landing + micros(100, 10'000);
  const std::uint64_t dice = climate_.faults && !draining_ ? random_.below(100) : 0;
  if (dice < 68) {
    lands(landing);
    reports(told, &Engine::settled);
  } else if (dice < 73) {
    reports(landing, &Engine::unsent);  // refused, or failed before the first octet
  } else if (dice < 79) {
    reports(landing, &Engine::settled);  // the API said no
  } else if (dice < 84) {
    lands(landing + 50ms);
    reports(told + 50ms, &Engine::settled);
  } else if (dice < 89) {
    lands(landing);
    reports(told, &Engine::in_doubt);  // applied, but the answer was lost
  } else if (dice < 92) {
    reports(told, &Engine::in_doubt);  // lost before it was applied
  } else {
    lands(told + micros(0, 79'000));
    reports(told, &Engine::in_doubt);  // a straggler, within its quarantine
  }
}

void Simulator::read(RequestId id) {
  const Epoch since = engine_->epoch();
  const Duration back = micros(100, 10'000);
  at(micros(100, 10'000), Scope::process, [=, this] {
    const Request& reader = requests_.at(id);
    const Observation seen = upstream_.look(cell_of(reader.target), reader.variant);
    at(back, Scope::process, [=, this] {
      Request& done = requests_.at(id);
      if (done.answers != 0) return;
      compare_record(done.target, done.variant);
      if (seen.sight == guard::Sight::version) {
        engine_->learn(
            {done.write.resource, done.write.view, seen.version, done.variant + 1, since}, false);
        std::vector<Tag>& tags = tags_[done.target];
        tags.push_back({seen.version, done.variant});
        if (tags.size() > 3) tags.erase(tags.begin());
      }
      answer(done);
      if (seen.sight == guard::Sight::version && random_.percent(60)) {
        at(micros(500, 15'000), Scope::world,
           [this, client = owners_.at(id), done_at = done.target] {
             write_what_was_read(client, done_at);
           });
      }
      if (done.what != What::waiting_read) return;
      reading_.erase(id);
      call([&](Actions& out) { engine_->leave(id, now_, out); });
    });
  });
}

void Simulator::land(const Request& request) {
  const bool gated = request.what == What::write;
  const bool guarded = gated && request.write.hold == guard::Hold::exclusive;
  Claim claim;
  if (guarded && request.write.condition) claim.condition = &*request.write.condition;
  claim.probe_began = request.probe_began;
  claim.as = {gated ? Writer::gated : Writer::observed, now_, request.send_order};
  const Audit verdict = upstream_.land(cell_of(request.target), request.effect, claim);
  ++outcome_.landed;
  if (claim.condition != nullptr && verdict == Audit::as_claimed) ++outcome_.landed_as_claimed;
  if (verdict == Audit::slipped_around) ++outcome_.slipped_around;
  if (verdict == Audit::lost_update) ++outcome_.lost_updates;
  say(std::to_string(request.id) + " lands on " + targets[request.target] +
      (verdict == Audit::lost_update ? ": A LOST UPDATE" : ""));
  for (RequestId reader : reading_) {
    if (gated && upstream_.just_changed(cell_of(requests_.at(reader).target))) {
      ++outcome_.dirty_reads;
      say(std::to_string(reader) + " reads dirt of " + std::to_string(request.id));
    }
  }
}

void Simulator::report(RequestId id, void (Engine::*verb)(RequestId, Instant, Actions&)) {
  Request& request = requests_.at(id);
  // A shell that lost sight of a write mostly has nothing to say of it any more.
  if (request.abandoned && id % 2 == 0) return;
  if (verb == &Engine::in_doubt) ++outcome_.in_doubt;
  say(std::to_string(id) + (verb == &Engine::in_doubt  ? " is in doubt"
                            : verb == &Engine::settled ? " is settled"
                                                       : " was not sent"));
  if (verb == &Engine::unsent) {
    request.sent = request.abandoned;
  } else if (request.answers == 0) {
    answer(request);
  }
  call([&](Actions& out) { (engine_.get()->*verb)(id, now_, out); });
}

void Simulator::refused(Request& request, const Action& action) {
  using guard::Refusal;
  say(std::to_string(request.id) + " refused, why " +
      std::to_string(static_cast<int>(action.refusal)) +
      (action.from_record ? " from the record" : ""));
  if (action.refusal == Refusal::busy) ++outcome_.busy;
  if (climate_.patient && now_ - request.submitted >= climate_.gate_wait) {
    ++outcome_.shut_gates;
    say(std::to_string(request.id) + " waited in vain");
  }
  if (action.refusal == Refusal::in_doubt) ++outcome_.refused_in_doubt;
  if (action.from_record) ++outcome_.from_record;
  if (action.refusal == Refusal::stale || action.refusal == Refusal::exists) {
    ++outcome_.stale;
    const Condition& condition = *request.write.condition;
    const bool decides = condition.if_match || condition.if_none_match->any;
    if (decides && !climate_.around && !request.probe_failed &&
        !upstream_.failed_since(cell_of(request.target), condition, request.submitted)) {
      ++outcome_.false_refusals;
      say(std::to_string(request.id) + " was refused for nothing");
    }
  }
  answer(request);
}

void Simulator::answer(Request& request) {
  ++request.answers;
}

// Ticks come when they are due, or a little later.
void Simulator::watch_deadline() {
  const std::optional<Instant> next = engine_->next_deadline();
  if (!next || (tick_at_ && *tick_at_ <= *next)) return;
  const Duration delay = std::max(*next - now_, Duration::zero()) + micros(0, 3'000);
  tick_at_ = now_ + delay;
  at(delay, Scope::process, [this, when = *tick_at_] {
    if (tick_at_ == when) tick_at_.reset();
    call([&](Actions& out) { engine_->tick(now_, out); });
  });
}

// The process dies without a word. What it had sent may still land.
void Simulator::restart() {
  ++life_;
  ++outcome_.restarts;
  say("restart");
  engine_ = std::make_unique<Engine>(climate_.limits, rules_);
  engine_->quarantine_everything(now_ + 100ms);
  tick_at_.reset();
  reading_.clear();
  for (auto& [id, request] : requests_) {
    // Their connections broke; that is their answer. What goes around the proxy did not notice.
    if (request.answers == 0 && request.what != What::around_write) answer(request);
  }
  watch_deadline();
}

// Where everybody passes through the proxy, an entry that counts as valid is what the API has.
void Simulator::compare_record(Target target, unsigned variant) {
  if (climate_.around) return;
  const auto known = engine_->recorded(resource_of(target), view_of(target, variant));
  if (!known) return;
  for (unsigned any = 0; any < variants; ++any) {
    const Observation seen = upstream_.look(cell_of(target), any);
    if (seen.sight == guard::Sight::version && seen.version == *known) return;
  }
  ++outcome_.untrue_records;
  say(std::string("an untrue record of ") + targets[target]);
}

}  // namespace ifmatch::simulation
