// What proxy/net does in the simulation, up to the send: it names what a request is about, obeys
// the engine's actions, probes, connects and reads, which takes time and may fail.
#include "tests/simulation/simulator.hpp"

#include <algorithm>
#include <cstring>

namespace ifmatch::simulation {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t tags_kept = 3;

guard::Digest digest(std::uint64_t one, std::uint64_t other) {
  const std::uint64_t words[2] = {Random::mix(one * 31 + other), Random::mix(one + other * 37 + 1)};
  guard::Digest made{};
  std::memcpy(made.data(), words, sizeof words);
  return made;
}

}  // namespace

guard::View Simulator::view_of(const Request& request, unsigned variant) const {
  const std::uint64_t target = exact_target(request.target, request.spelling);
  const std::uint64_t viewer = rules_.shell.views_kept_apart ? request.viewer : 0;
  return {.target = digest(target, 0),
          .viewer = digest(1, viewer),
          .variant = digest(target, 1 + viewer * variants + variant)};
}

void Simulator::submit(Request& request) {
  const RequestId id = request.id;
  const Keys keys = rules_.shell.folded_keys ? Keys::folded : Keys::as_spelled;
  request.resource = resource_of(request.target, request.spelling, keys, naming_);
  if (!rules_.shell.resource_adds_gates) {
    request.resource.paths.resize(1);
    request.resource.names.clear();
  }
  request.view = view_of(request, request.variant);
  if (request.what == What::read) return read(id);
  if (request.what == What::waiting_read) {
    guard::ReadRequest read{request.resource, climate_.gate_wait, climate_.gate_queue};
    return call([&](Actions& out) { engine_->submit_read(id, std::move(read), now_, out); });
  }
  guard::WriteRequest write;
  write.resource = request.resource;
  write.hold = request.hold;
  write.condition = request.condition;
  write.check = request.check;
  write.view = request.view;
  write.absent_is_answer = request.effect != Effect::replace;
  write.needs_current = request.needs_current;
  write.gate_wait = climate_.gate_wait;
  write.gate_queue = climate_.gate_queue;
  write.in_doubt = 100ms;
  if (request.effect == Effect::touch && !rules_.shell.conditional_posts_are_guarded) {
    write.hold = guard::Hold::shared;
    write.condition.reset();
  }
  const bool serialised = request.what == What::write && !request.condition &&
                          request.hold == guard::Hold::exclusive;
  if (serialised && !rules_.shell.serialised_hold_exclusively) write.hold = guard::Hold::shared;
  call([&](Actions& out) { engine_->submit(id, std::move(write), now_, out); });
}

void Simulator::call(const std::function<void(Actions&)>& event) {
  Actions actions;
  event(actions);
  for (const Action& action : actions) obey(action);
  watch_deadline();
}

void Simulator::obey(const Action& action) {
  Request& told = request(action.request);
  switch (action.what) {
    case guard::Do::wait:
      told.stage = Stage::waiting;
      break;
    case guard::Do::probe:
      probe(told, action);
      break;
    case guard::Do::connect:
      connect(told);
      break;
    case guard::Do::send:
      send(told);
      break;
    case guard::Do::refuse:
      refused(told, action);
      break;
  }
}

void Simulator::probe(Request& request, const Action& action) {
  const RequestId id = request.id;
  request.stage = Stage::probing;
  if (action.first_probe) {
    request.candidate = 0;
    request.candidates = {request.variant, 1 - request.variant};
    const auto& condition = request.condition;
    if (condition->if_match) {
      for (const guard::Hint& hint :
           engine_->hints(request.view.target, condition->if_match->versions)) {
        const unsigned hinted = hint.selection - 1;
        request.candidates = {hinted, 1 - hinted};
      }
    }
  } else {
    ++request.candidate;
  }
  const unsigned variant = request.candidates[request.candidate];
  const Epoch since = engine_->epoch();
  request.probed_in_gate = request.probed_in_gate || action.gated;
  const bool fails = faults() && random_.percent(4);
  const Duration back = micros(100, 8'000);
  at(micros(100, 8'000), Scope::process, [=, this, gated = action.gated] {
    Request& asker = this->request(id);
    const Viewer viewer = rules_.shell.probes_as_the_writer ? asker.viewer : 1 - asker.viewer;
    Observation seen = upstream_->look(cell_of(asker.target), viewer, variant);
    if (gated) asker.looked = now_;
    if (fails) {
      note(Seen::unreadable_probes);
      asker.probe_failed = true;
      seen = {random_.percent(30) ? guard::Sight::relay : guard::Sight::undecidable, {}};
    }
    if (trace_ == Trace::on) {
      say(id, gated ? " probes in its gate: " : " probes ahead: ", shown_by(seen));
    }
    at(back, Scope::process, [=, this] { probe_ended(id, seen, since, variant); });
  });
}

void Simulator::probe_ended(RequestId id, const Observation& seen, Epoch since, unsigned variant) {
  const Request& asker = request(id);
  if (!rules_.shell.known_since_the_beginning) since = engine_->epoch();
  if (seen.sight == guard::Sight::version) {
    const auto shown = asker.candidate == 0 ? guard::Shown::to_client : guard::Shown::to_us;
    engine_->learn(
        {asker.resource, view_of(asker, variant), seen.version, variant + 1, since, shown}, false);
  }
  const bool last = asker.candidate + 1 == asker.candidates.size();
  const auto left = last ? Engine::Candidates::exhausted : Engine::Candidates::more;
  call([&](Actions& out) { engine_->probed(id, seen, since, left, now_, out); });
}

void Simulator::connect(Request& request) {
  const RequestId id = request.id;
  if (request.what == What::waiting_read) {
    reading_.insert(id);
    return read(id);
  }
  request.stage = Stage::connecting;
  const bool fails = faults() && random_.percent(4);
  at(micros(0, 5'000), Scope::process, [=, this] {
    Request& connecting = this->request(id);
    if (connecting.answers != 0) return;
    if (fails) {
      note(Seen::refused_connections);
      answer(connecting, Told::nothing_was_written);
      call([&](Actions& out) { engine_->leave(id, now_, out); });
    } else {
      call([&](Actions& out) { engine_->connected(id, now_, out); });
    }
  });
}

void Simulator::read(RequestId id) {
  request(id).stage = Stage::reading;
  Reading reading;
  reading.since = engine_->epoch();
  reading.aged = faults() && random_.percent(5);
  const Duration back = micros(100, 10'000);
  const Duration age = reading.aged ? micros(1'000, 60'000) : Duration::zero();
  at(micros(100, 10'000), Scope::process, [=, this]() mutable {
    const Request& reader = request(id);
    const Cell cell = cell_of(reader.target);
    reading.known = upstream_->changes_until(cell, now_ - age);
    reading.seen = upstream_->look_back(cell, reader.viewer, reader.variant, reading.known);
    if (reading.aged) note(Seen::aged_answers);
    at(back, Scope::process, [=, this] { read_ended(id, reading); });
  });
}

void Simulator::read_ended(RequestId id, const Reading& reading) {
  const Observation& seen = reading.seen;
  Request& done = request(id);
  if (done.answers != 0 || done.gone) return;
  compare_record(done);
  if (seen.sight == guard::Sight::version) {
    if (!reading.aged || !rules_.shell.aged_answers_not_recorded) {
      const Epoch since =
          rules_.shell.known_since_the_beginning ? reading.since : engine_->epoch();
      engine_->learn({done.resource, done.view, seen.version, done.variant + 1, since}, false);
    }
    std::vector<Tag>& tags = tags_[done.target];
    tags.push_back({seen.version, done.variant, done.viewer, reading.known});
    if (tags.size() > tags_kept) tags.erase(tags.begin());
  }
  if (trace_ == Trace::on) say(id, " reads ", shown_by(seen));
  answer(done, Told::done);
  if (done.then_retry) {
    retry_after_read(done, seen);
  } else if (seen.sight == guard::Sight::version && random_.percent(60)) {
    at(micros(500, 15'000), Scope::world,
       [this, target = done.target] { write_what_was_read(target); });
  }
  if (done.what != What::waiting_read) return;
  reading_.erase(id);
  call([&](Actions& out) { engine_->leave(id, now_, out); });
}

void Simulator::refused(Request& request, const Action& action) {
  using guard::Refusal;
  say(request.id, " is refused, why ", static_cast<int>(action.refusal),
      action.from_record ? " from the record" : "");
  if (action.refusal == Refusal::busy) note(Seen::busy);
  if (climate_.patient && now_ - request.submitted >= climate_.gate_wait) {
    blame(Wrong::shut_gates);
    say(request.id, " waited in vain");
  }
  if (action.refusal == Refusal::in_doubt) note(Seen::refused_in_doubt);
  if (action.refusal == Refusal::unverifiable) note(Seen::unverifiable);
  if (action.from_record) note(Seen::from_record);
  if (action.refusal == Refusal::stale || action.refusal == Refusal::exists) {
    note(Seen::stale);
    const Condition& condition = *request.condition;
    if (request.has_precondition() && !climate_.around && !request.probe_failed &&
        !upstream_->failed_since(cell_of(request.target), request.viewer, condition,
                                 request.submitted)) {
      blame(Wrong::false_refusals);
      say(request.id, " was refused for nothing");
    }
  }
  answer(request, Told::nothing_was_written);
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

// Where everybody passes through the proxy, an entry that counts as valid is what the API has.
void Simulator::compare_record(const Request& reader) {
  if (climate_.around) return;
  const auto known = engine_->recorded(reader.resource, reader.view);
  if (!known) return;
  for (unsigned any = 0; any < variants; ++any) {
    const Observation seen = upstream_->look(cell_of(reader.target), reader.viewer, any);
    if (seen.sight == guard::Sight::version && seen.version == *known) return;
  }
  blame(Wrong::untrue_records);
  say("an untrue record of ", addresses[reader.target].spelled.front());
}

}  // namespace ifmatch::simulation
