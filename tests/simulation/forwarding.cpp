// The send of a write and its outcome: what may befall it on its way to the API and back, and what
// the shell tells the engine about it (rules 3.2.7 and 3.4).
//
// Whatever befalls it or us, a write lands within 100 ms of its send, the length of a quarantine:
// its connection may be lost to us at any moment after the send.
#include <algorithm>

#include "config/config.hpp"
#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

using namespace std::chrono_literals;

namespace {

constexpr Duration response_timeout = 60ms;

// Those that a route doubts unless it is told otherwise.
bool is_gateway_error(int status) {
  static const config::RouteSettings defaults;
  return std::ranges::any_of(defaults.doubtful, [status](const config::StatusRange& range) {
    return status >= range.first && status <= range.last;
  });
}

}  // namespace

void Simulator::send(Request& request) {
  request.stage = Stage::sent;
  request.send_order = ++sends_;
  if (request.check == guard::Check::recorded && request.condition && !request.probed_in_gate) {
    note(Seen::recorded_sends);
  }
  say(request.id, " is sent");
  forward(request);
}

void Simulator::forward(Request& request) {
  const Duration landing = micros(100, 10'000);
  const Duration back = micros(100, 10'000);
  if (!rules_.shell.preconditions_stay_here && request.what == What::write && request.condition &&
      random_.percent(50)) {
    // An API that knows none of our tags, and looks at them when it has written.
    lands(request.id, landing);
    return replies(request.id, landing + back, {Reply::Kind::answered, 412});
  }
  if (faults() && random_.percent(40)) return forward_faultily(request, landing, back);
  lands(request.id, landing);
  replies(request.id, landing + back, {Reply::Kind::answered, one_of({200, 201, 204, 303})});
}

void Simulator::forward_faultily(Request& request, Duration landing, Duration back) {
  const RequestId id = request.id;
  const Duration told = landing + back;
  const Duration late = told + micros(0, 79'000);
  const std::uint64_t dice = random_.below(100);
  if (dice < 10) {
    note(Seen::slow);
    lands(id, landing + 35ms);
    replies(id, told + 35ms, {Reply::Kind::answered, 200});
  } else if (dice < 20) {
    note(Seen::rejected);
    replies(id, told, {Reply::Kind::answered, one_of({400, 403, 409, 422, 501})});
  } else if (dice < 30) {
    note(Seen::half_applied);
    lands(id, landing, Extent::part);
    replies(id, told, {Reply::Kind::answered, 500});
  } else if (dice < 40) {
    note(Seen::refused_connections);
    replies(id, landing, {Reply::Kind::refused});
  } else if (dice < 47) {
    note(Seen::lost_before_applied);
    replies(id, told, {Reply::Kind::lost});
  } else if (dice < 57) {
    note(Seen::lost_after_applied);
    lands(id, landing);
    replies(id, told, {Reply::Kind::lost});
  } else if (dice < 67) {
    note(Seen::lost_applied_late);
    lands(id, late);
    replies(id, told, {Reply::Kind::lost});
  } else if (dice < 79) {
    note(Seen::timed_out);
    if (random_.percent(75)) lands(id, micros(100, 99'000));
    replies(id, response_timeout, {Reply::Kind::timed_out});
  } else if (dice < 91) {
    note(Seen::gateway_errors);
    if (random_.percent(75)) lands(id, random_.percent(40) ? landing : late);
    replies(id, told, {Reply::Kind::answered, one_of({502, 503, 504, 520, 599})});
  } else {
    // The API says that it will do it; to one that is not guarded it says so when it has done it.
    note(Seen::accepted_202);
    const bool guarded = request.what == What::write && request.hold == guard::Hold::exclusive;
    lands(id, guarded ? late : landing);
    replies(id, told, {Reply::Kind::answered, 202});
  }
}

int Simulator::one_of(std::initializer_list<int> statuses) {
  return *(statuses.begin() + random_.below(statuses.size()));
}

void Simulator::lands(RequestId id, Duration delay, Extent extent) {
  at(delay, Scope::world, [this, id, extent] { land(request(id), extent); });
}

void Simulator::replies(RequestId id, Duration delay, Reply reply) {
  at(delay, Scope::process, [this, id, reply] { replied(id, reply); });
}

void Simulator::land(const Request& request, Extent extent) {
  const bool gated = request.what == What::write;
  const Cell cell = cell_of(request.target);
  const Effect effect = extent == Extent::part ? Effect::touch : request.effect;
  const bool guarded = gated && request.has_precondition();
  Claim claim;
  if (guarded) claim.condition = &*request.condition;
  claim.viewer = request.viewer;
  claim.looked = request.looked;
  claim.known = request.known;
  claim.as = {gated ? Writer::gated : Writer::observed, now_, request.send_order, request.edit};
  const bool creates = guarded && request.condition->if_none_match && !upstream_->exists(cell);
  const Audit audit = upstream_->land(cell, effect, claim);
  say(request.id, extent == Extent::part ? " lands in part" : " lands", " at ", cells[cell],
      audit == Audit::lost_update ? ", an update is lost" : "");

  note(Seen::landed);
  if (audit == Audit::lost_update) blame(Wrong::lost_updates);
  if (audit == Audit::slipped_around) note(Seen::slipped_around);
  if (audit == Audit::slipped_observed) note(Seen::slipped_observed);
  if (audit == Audit::as_claimed_again) note(Seen::equal_again);
  const bool as_claimed = audit == Audit::as_claimed || audit == Audit::as_claimed_again;
  if (guarded && as_claimed) note(Seen::landed_as_claimed);
  if (gated) count_landed(request, effect, creates && deleted_[cell]);
  if (effect == Effect::remove) deleted_[cell] = true;
  if (!gated) return;
  for (const RequestId id : reading_) {
    const Request& reader = this->request(id);
    if (!upstream_->just_changed(cell_of(reader.target))) continue;
    blame(Wrong::dirty_reads);
    say(request.id, " lands under the read ", id);
  }
}

void Simulator::count_landed(const Request& request, Effect effect, bool recreates) {
  const Cell cell = cell_of(request.target);
  if (recreates) note(Seen::recreations);
  if (request.spelling != 0 && request.hold == guard::Hold::exclusive) note(Seen::other_spellings);
  if (addresses[request.target].names != nullptr) note(Seen::other_names);
  if (effect == Effect::remove) note(Seen::deletes);
  if (effect == Effect::replace && is_collection(cell)) note(Seen::nested_puts);
  if (effect == Effect::replace && !request.condition) note(Seen::serialised_puts);
  if (request.effect != Effect::touch) return;
  if (request.target == action_target) {
    note(Seen::posts_below);
  } else if (request.hold == guard::Hold::exclusive) {
    note(Seen::conditional_posts);
  } else {
    note(is_collection(cell) ? Seen::posts_to_collection : Seen::posts_to_member);
  }
}

Simulator::Verdict Simulator::verdict_of(const Request& request, Reply reply) const {
  const ShellRules& rules = rules_.shell;
  const auto unless = [](bool doubted) { return doubted ? Verdict::in_doubt : Verdict::settled; };
  const bool guarded = request.what == What::write && request.hold == guard::Hold::exclusive;
  switch (reply.kind) {
    case Reply::Kind::refused:
      return rules.refusals_are_reported ? Verdict::unsent : Verdict::unreported;
    case Reply::Kind::lost:
      if (!rules.first_octet_counts) return Verdict::unsent;
      return unless(rules.lost_connections_are_doubtful);
    case Reply::Kind::timed_out:
      return unless(rules.timeouts_are_doubtful);
    case Reply::Kind::answered:
      break;
  }
  if (is_gateway_error(reply.status)) return unless(rules.gateway_errors_are_doubtful);
  if (reply.status == 202 && guarded) return unless(rules.acceptance_is_doubtful);
  if (!rules.api_errors_settle && reply.status >= 500) return Verdict::unsent;
  return rules.answers_are_reported ? Verdict::settled : Verdict::unreported;
}

void Simulator::replied(RequestId id, Reply reply) {
  Request& done = request(id);
  const Verdict verdict = verdict_of(done, reply);
  if (!rules_.shell.forwarded_once && verdict == Verdict::in_doubt && !done.sent_again) {
    done.sent_again = true;
    return forward(done);
  }
  // Half of those of which the shell lost sight never tell.
  if (done.gone && done.out_of_sight && id % 2 == 0) return;
  const bool api_refused = reply.kind == Reply::Kind::answered && reply.status == 412;
  const bool succeeded = verdict == Verdict::settled && reply.status < 400;
  const Told told = succeeded     ? Told::done
                    : api_refused ? Told::nothing_was_written
                                  : Told::anything_else;
  switch (verdict) {
    case Verdict::settled:
      say(id, " is settled with ", reply.status);
      answer(done, told);
      return call([&](Actions& out) { engine_->settled(id, now_, out); });
    case Verdict::in_doubt:
      note(Seen::quarantines);
      say(id, " is in doubt");
      answer(done, told);
      return call([&](Actions& out) { engine_->in_doubt(id, now_, out); });
    case Verdict::unreported:
      // Whoever forgets an answer has it; whoever forgets a refused connection has nothing to say.
      if (reply.kind == Reply::Kind::answered) answer(done, told);
      return;
    case Verdict::unsent:
      break;
  }
  say(id, " was not sent");
  call([&](Actions& out) { engine_->unsent(id, now_, out); });
  // It is decided once more, but for nobody.
  if (done.gone) call([&](Actions& out) { engine_->leave(id, now_, out); });
}

}  // namespace ifmatch::simulation
