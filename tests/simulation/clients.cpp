// What clients of the simulation want: they read, think, write what they read under a condition,
// create, delete, post, share tags among each other, try again, and leave whenever they like.
#include <algorithm>

#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

namespace {

constexpr unsigned attempts_max = 3;

std::string named_by(const std::optional<Condition>& condition) {
  if (!condition) return {};
  std::string named;
  if (condition->if_match) {
    named += condition->if_match->any ? " if-match *" : " if-match";
    for (const Version& version : condition->if_match->versions) named += ' ' + tag_of(version);
  }
  if (condition->if_none_match) {
    named += condition->if_none_match->any ? " if-none-match *" : " if-none-match";
    for (const Version& version : condition->if_none_match->versions) {
      named += ' ' + tag_of(version);
    }
  }
  return named;
}

Condition create_only() {
  return {std::nullopt, guard::IfNoneMatch{true, {}}};
}

}  // namespace

Request& Simulator::compose() {
  Request& made = requests_.emplace_back();
  made.id = requests_.size();
  return made;
}

void Simulator::think() {
  if (phase_ == Phase::ending) return;
  at(micros(500, 40'000), Scope::world, [this] { think(); });
  Request& request = compose();
  choose(request);
  ask(request);
}

void Simulator::write_what_was_read(Target target) {
  if (phase_ == Phase::ending) return;
  Request& request = compose();
  request.told = "update";
  request.what = What::write;
  request.target = target;
  request.edit = ++last_edit_;
  choose_address(request);
  request.check = recorded_or_confirm();
  guard_with_tags(request);
  ask(request);
}

void Simulator::choose(Request& request) {
  request.target = random_.below(action_target);
  // Most of the strife is about few resources.
  if (random_.percent(40)) request.target = random_.below(2);
  choose_address(request);
  const std::uint64_t dice = random_.below(100);
  if (dice < 40) {
    request.told = "read";
  } else if (dice < 48) {
    request.told = "waiting read";
    request.what = What::waiting_read;
  } else {
    request.edit = ++last_edit_;
    if (dice < 53) {
      request.told = "observed put";
      request.what = What::observed_write;
      request.hold = guard::Hold::none;
    } else if (dice < 58 && climate_.around && phase_ == Phase::faults) {
      request.told = "put around the proxy";
      request.what = What::around_write;
    } else {
      request.what = What::write;
      choose_write(request);
    }
  }
}

void Simulator::choose_address(Request& request) {
  request.variant = static_cast<unsigned>(random_.below(variants));
  request.viewer = static_cast<Viewer>(random_.below(viewers));
  if (random_.percent(30)) request.spelling = random_.between(1, 2);
}

// Where writers go around the proxy nobody may rely on the record.
guard::Check Simulator::recorded_or_confirm() {
  const bool recorded = !climate_.around && random_.percent(50);
  return recorded ? guard::Check::recorded : guard::Check::confirm;
}

void Simulator::choose_write(Request& request) {
  request.check = recorded_or_confirm();
  request.needs_current = random_.percent(10);
  const std::uint64_t dice = random_.below(100);
  if (dice < 45) {
    request.told = "put";
    guard_with_tags(request);
  } else if (dice < 53) {
    request.told = "delete";
    request.effect = Effect::remove;
    guard_with_tags(request);
  } else if (dice < 65) {
    request.told = "create";
    request.condition = create_only();
  } else if (dice < 69) {
    request.told = "put any";
    request.condition = Condition{guard::IfMatch{true, {}}, std::nullopt};
  } else if (dice < 73) {
    request.told = "serialised put";
  } else if (dice < 75) {
    request.told = "impossible put";
    request.condition = Condition{guard::IfMatch{true, {}}, guard::IfNoneMatch{true, {}}};
  } else if (dice < 82) {
    request.told = "conditional post";
    request.effect = Effect::touch;
    guard_with_tags(request);
  } else {
    request.told = "post";
    request.effect = Effect::touch;
    request.hold = guard::Hold::shared;
    if (dice < 86) {
      request.condition = Condition{std::nullopt, guard::IfNoneMatch{false, {}}};
      for (const Tag& tag : tags_[request.target]) {
        request.condition->if_none_match->versions.push_back(tag.version);
      }
    } else if (dice < 91) {
      request.target = action_target;
    }
  }
}

void Simulator::guard_with_tags(Request& request) {
  const std::vector<Tag>& known = tags_[request.target];
  if (known.empty()) {
    // A tag that nobody handed out.
    Version invented{};
    invented.fill(static_cast<std::uint8_t>(request.id | 1U));
    request.condition = Condition{guard::IfMatch{false, {invented}}, std::nullopt};
    return;
  }
  // The latest mostly, sometimes an old one, sometimes all of them; mostly by whom it was given to.
  guard_with(request, random_.percent(75) ? known.back() : known[random_.below(known.size())]);
  if (random_.percent(10)) {
    request.known = 0;
    for (const Tag& other : known) {
      request.condition->if_match->versions.push_back(other.version);
    }
  }
  if (random_.percent(10)) {
    request.variant = 1 - request.variant;
    note(Seen::other_variants);
  }
  if (random_.percent(10)) {
    request.viewer = 1 - request.viewer;
    note(Seen::other_views);
  }
}

void Simulator::guard_with(Request& request, const Tag& tag) {
  request.condition = Condition{guard::IfMatch{false, {tag.version}}, std::nullopt};
  request.variant = tag.variant;
  request.viewer = tag.viewer;
  request.known = tag.known;
}

void Simulator::ask(Request& request) {
  const RequestId id = request.id;
  note(Seen::requests);
  request.submitted = now_;
  if (trace_ == Trace::on) {
    say(id, " asks: ", request.told, ' ', addresses[request.target].spelled[request.spelling],
        " as user ", request.viewer, named_by(request.condition),
        request.edit != 0 ? ", edit " + std::to_string(request.edit) : "");
  }
  if (request.what == What::around_write) {
    note(Seen::around);
    return at(micros(500, 10'000), Scope::world, [this, id] { write_around(id); });
  }
  if (stopping_) {
    note(Seen::turned_away);
    return answer(request, Told::anything_else);
  }
  maybe_leave(id);
  submit(request);
}

void Simulator::write_around(RequestId id) {
  Request& around = request(id);
  Claim claim;
  claim.viewer = around.viewer;
  claim.as = {Writer::around, now_, 0, around.edit};
  say(id, " lands around the proxy");
  static_cast<void>(upstream_->land(cell_of(around.target), Effect::replace, claim));
  answer(around, Told::done);
}

void Simulator::maybe_leave(RequestId id) {
  if (!faults() || !random_.percent(12)) return;
  at(micros(0, 60'000), Scope::process, [this, id] { client_leaves(id); });
}

void Simulator::client_leaves(RequestId id) {
  Request& left = request(id);
  if (left.answers != 0) return;
  left.gone = true;
  say(id, " leaves");
  switch (left.stage) {
    case Stage::waiting:
      note(Seen::left_waiting);
      break;
    case Stage::probing:
      note(Seen::left_probing);
      break;
    case Stage::connecting:
      note(Seen::left_connecting);
      break;
    case Stage::sent:
      note(Seen::left_after_send);
      break;
    case Stage::reading:
      note(Seen::left_reading);
      break;
    case Stage::over:
      break;
  }
  // Mostly a write that was sent goes on to its end; sometimes the shell loses sight of it.
  if (left.stage == Stage::sent && random_.percent(70)) return;
  left.out_of_sight = left.stage == Stage::sent;
  reading_.erase(id);
  if (left.what == What::read) return;
  call([&](Actions& out) { engine_->leave(id, now_, out); });
}

void Simulator::answer(Request& request, Told told) {
  if (request.gone) return;
  ++request.answers;
  request.stage = Stage::over;
  request.answer = told;
  if (told == Told::nothing_was_written) maybe_retry(request);
}

// Only who knows that nothing was written asks for the same once more.
void Simulator::maybe_retry(const Request& request) {
  const bool worth_it = request.what == What::write && request.condition &&
                        request.condition->if_match && request.attempts < attempts_max;
  if (!worth_it || phase_ == Phase::ending || !random_.percent(50)) return;
  const bool read_first = random_.percent(75);
  at(micros(500, 15'000), Scope::world, [this, id = request.id, read_first] {
    if (phase_ == Phase::ending) return;
    note(Seen::retries);
    read_first ? read_for_retry(id) : resend(id);
  });
}

void Simulator::read_for_retry(RequestId id) {
  Request& reader = compose();
  const Request& failed = request(id);
  reader.told = "read again";
  reader.target = failed.target;
  reader.spelling = failed.spelling;
  reader.variant = failed.variant;
  reader.viewer = failed.viewer;
  reader.then_retry = Retry{failed.edit, failed.effect, failed.attempts + 1};
  ask(reader);
}

void Simulator::retry_after_read(const Request& read, const Observation& seen) {
  if (phase_ == Phase::ending) return;
  Request& again = compose();
  again.told = "the same edit";
  again.what = What::write;
  again.target = read.target;
  again.spelling = read.spelling;
  again.edit = read.then_retry->edit;
  again.effect = read.then_retry->effect;
  again.attempts = read.then_retry->attempts;
  again.check = recorded_or_confirm();
  if (seen.sight == guard::Sight::version) {
    guard_with(again, tags_[read.target].back());
  } else {
    again.viewer = read.viewer;
    again.condition = create_only();
  }
  ask(again);
}

void Simulator::resend(RequestId id) {
  Request& again = compose();
  const Request& failed = request(id);
  again.told = "the same request";
  again.what = What::write;
  again.target = failed.target;
  again.spelling = failed.spelling;
  again.variant = failed.variant;
  again.viewer = failed.viewer;
  again.effect = failed.effect;
  again.condition = failed.condition;
  again.known = failed.known;
  again.edit = failed.edit;
  again.attempts = failed.attempts + 1;
  again.check = failed.check;
  ask(again);
}

}  // namespace ifmatch::simulation
