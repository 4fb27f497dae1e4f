// What conditions, probes and the record decide. Inside the gate a decision is always made anew;
// outside it only refusals are final.
#include <algorithm>

#include "proxy/guard/assert.hpp"
#include "proxy/guard/body.hpp"

namespace ifmatch::guard {

bool Engine::Body::learn(const Lesson& lesson, bool without_credentials) {
  const std::optional<Epoch> contradicted = record_.learn(lesson, without_credentials);
  if (!contradicted || everything_until_) return false;
  // Nothing was stamped since the older of the two reads began, and yet they differ.
  const std::optional<Epoch> valid_from = nodes_.valid_from(lesson.resource);
  if (!valid_from || *contradicted < *valid_from) return false;
  ++out_of_band_;
  return true;
}

std::vector<Hint> Engine::Body::hints(const Digest& target, std::span<const Version> sent) const {
  std::vector<Hint> found;
  record_.for_each(target, [&](const Entry& entry) {
    if (!entry.handed_out || !names(sent, entry.version)) return;
    if (entry.selection == selection_unknown && !entry.without_credentials) return;
    const auto same = std::find_if(found.begin(), found.end(), [&](const Hint& hint) {
      return hint.selection == entry.selection;
    });
    if (same == found.end()) {
      found.push_back({entry.selection, entry.without_credentials});
    } else {
      same->without_credentials = same->without_credentials || entry.without_credentials;
    }
  });
  return found;
}

std::optional<Version> Engine::Body::recorded(ResourceView resource, const View& view) const {
  const std::optional<Epoch> valid_from = entries_valid_from(resource);
  if (!valid_from) return std::nullopt;
  const ViewerTag viewer = viewer_tag(view.viewer);
  const Entry* best = nullptr;
  record_.for_each(view.target, [&](const Entry& entry) {
    if (entry.superseded || entry.viewer != viewer || entry.since < *valid_from) return;
    // The very variant is best, else what this viewer saw last.
    if (best == nullptr || (entry.variant == view.variant && best->variant != view.variant)) {
      best = &entry;
    }
  });
  return best == nullptr ? std::nullopt : std::optional(best->version);
}

// Writes of before a reload stamp under the names of their time.
bool Engine::Body::entries_count() const {
  return !everything_until_ && !older_ones_live();
}

std::optional<Epoch> Engine::Body::entries_valid_from(ResourceView resource) const {
  if (!rules_.entries_need_epoch) return Epoch{0};
  return entries_count() ? nodes_.valid_from(resource) : std::nullopt;
}

std::optional<Epoch> Engine::Body::entries_valid_from(const Request& request) const {
  if (!request.pinned && !request.looked_up) return entries_valid_from(request.write.resource);
  if (!rules_.entries_need_epoch) return Epoch{0};
  return entries_count() ? nodes_.valid_from(request.footprint) : std::nullopt;
}

Engine::Body::Consultation Engine::Body::consult(const Request& request) const {
  const bool match_is_enough = request.write.check == Check::recorded || !rules_.confirm_in_gate;
  if (match_is_enough) {
    const Consultation told = consult_for_match(request);
    if (told.says != Consultation::Says::nothing) return told;
  }
  return consult_for_mismatch(request);
}

// A valid entry of the write's own target, seen by its own viewer, that satisfies the condition.
Engine::Body::Consultation Engine::Body::consult_for_match(const Request& request) const {
  Consultation told;
  const Condition& condition = *request.write.condition;
  // Without `If-Match` the record cannot know which representation is meant.
  if (!condition.if_match) return told;
  const std::optional<Epoch> valid_from = entries_valid_from(request);
  if (!valid_from) return told;
  const ViewerTag viewer = viewer_tag(request.write.view.viewer);
  record_.for_each(request.write.view.target, [&](const Entry& entry) {
    if (entry.superseded || entry.viewer != viewer || entry.since < *valid_from) return;
    const Observation seen{Sight::version, entry.version};
    if (evaluate(condition, seen, Absence::is_answer) != Verdict::holds) return;
    told.says = Consultation::Says::matches;
    told.since = std::max(told.since, entry.since);
  });
  if (!rules_.entries_need_epoch) told.since = epoch_.load(std::memory_order_relaxed);
  return told;
}

// Every sent tag must have been handed out to this viewer under a variant that has a valid entry
// with another version now, and none may be what the viewer has under any variant. Only plain lists
// of tags: `*` and `If-None-Match` ask for what is there now, which only a probe can show.
Engine::Body::Consultation Engine::Body::consult_for_mismatch(const Request& request) const {
  Consultation told;
  const WriteRequest& write = request.write;
  const Condition& condition = *write.condition;
  if (write.needs_current || !condition.if_match || condition.if_none_match) return told;
  const std::vector<Version>& sent = condition.if_match->versions;
  if (condition.if_match->any || sent.empty()) return told;
  const std::optional<Epoch> valid_from = entries_valid_from(request);
  if (!valid_from) return told;

  const ViewerTag viewer = viewer_tag(write.view.viewer);
  const auto current_of = [&](const Digest& variant) {
    std::optional<Version> current;
    record_.for_each(write.view.target, [&](const Entry& entry) {
      if (entry.variant == variant && !entry.superseded && entry.since >= *valid_from) {
        current = entry.version;
      }
    });
    return current;
  };
  bool may_match = false;
  record_.for_each(write.view.target, [&](const Entry& entry) {
    if (may_match || entry.viewer != viewer || !names(sent, entry.version)) return;
    const std::optional<Version> current = current_of(entry.variant);
    // What only a probe saw there must not be what is there now, but need not have moved on.
    may_match = current ? names(sent, *current) : entry.handed_out;
    if (entry.handed_out && !told.current) told.current = current;
  });
  if (may_match) return {};
  // Whatever this viewer was shown has moved on; that leaves what it was never shown.
  const bool all_moved_on = std::all_of(sent.begin(), sent.end(), [&](const Version& version) {
    bool shown = false;
    record_.for_each(write.view.target, [&](const Entry& entry) {
      shown = shown || (entry.handed_out && entry.viewer == viewer && entry.version == version);
    });
    return shown;
  });
  if (!all_moved_on) return {};
  told.says = Consultation::Says::differs;
  return told;
}

Foreseen Engine::Body::foresee(const Resource& resource, const View& view,
                               const Condition& condition) const {
  Request asked;
  asked.write.resource = resource;
  asked.write.view = view;
  asked.write.condition = condition;
  if (condition.if_match) {
    const bool holds = consult_for_match(asked).says == Consultation::Says::matches;
    if (holds) return Foreseen::holds;
    const bool differs = consult_for_mismatch(asked).says == Consultation::Says::differs;
    return differs ? Foreseen::differs : Foreseen::nothing;
  }
  const bool creates = condition.if_none_match && condition.if_none_match->any;
  return creates && recorded(resource, view) ? Foreseen::exists : Foreseen::nothing;
}

bool Engine::Body::handed_out(const Digest& target, std::span<const Version> versions) const {
  return std::all_of(versions.begin(), versions.end(), [&](const Version& version) {
    bool found = false;
    record_.for_each(target, [&](const Entry& entry) {
      found = found || (entry.handed_out && entry.version == version);
    });
    return found;
  });
}

void Engine::Body::refuse_from_record(Request& request, const Consultation& told, Actions& out) {
  Action refused;
  refused.request = request.id;
  refused.what = Do::refuse;
  refused.refusal = Refusal::stale;
  refused.current = told.current;
  refused.from_record = true;
  out.push_back(refused);
  drop(request);
}

void Engine::Body::probe(Request& request, State where, Actions& out) {
  request.state = where;
  request.looked_up = false;
  request.shown.reset();
  request.holds_since.reset();
  Action wanted;
  wanted.request = request.id;
  wanted.what = Do::probe;
  wanted.first_probe = true;
  wanted.gated = where == State::deciding;
  out.push_back(wanted);
}

void Engine::Body::next_probe(Request& request, Actions& out) {
  Action wanted;
  wanted.request = request.id;
  wanted.what = Do::probe;
  wanted.gated = request.state == State::deciding;
  out.push_back(wanted);
}

// All gates are held, so nothing that takes gates can come between this decision and the send.
void Engine::Body::decide(Request& request, Instant now, Actions& out) {
  if (everything_until_) return refuse_in_doubt(request, *everything_until_, now, out);
  if (!request.first_decision) request.first_decision = now;
  if (!request.has_condition()) {
    request.state = State::deciding;
    return decided(request, 0, now, out);
  }
  const Consultation told = consult(request);
  switch (told.says) {
    case Consultation::Says::matches:
      request.state = State::deciding;
      return decided(request, told.since, now, out);
    case Consultation::Says::differs:
      return refuse_from_record(request, told, out);
    case Consultation::Says::nothing:
      break;
  }
  probe(request, State::deciding, out);
}

void Engine::Body::decide_again(Request& request, Instant now, Actions& out) {
  const bool in_time =
      !request.first_decision || now - *request.first_decision < request.write.gate_wait;
  if (request.decided_again >= limits_.decisions_max || !in_time) {
    return refuse(request, Refusal::busy, out);
  }
  ++request.decided_again;
  if (request.write.hold == Hold::none) {
    request.state = State::deciding;
    return decided(request, 0, now, out);
  }
  decide(request, now, out);
}

// The condition holds, as seen by a probe or an entry of epoch `rests_on`.
void Engine::Body::decided(Request& request, Epoch rests_on, Instant now, Actions& out) {
  // A scout's match decides nothing: it only says that waiting is not in vain.
  if (request.state == State::scouting) return enter(request, now, out);
  request.rests_on = rests_on;
  request.state = State::connecting;
  request.told_to_wait = false;
  Action wanted;
  wanted.request = request.id;
  wanted.what = Do::connect;
  out.push_back(wanted);
}

void Engine::Body::probed(RequestId id, const Observation& seen, Epoch since, Candidates left,
                          Instant now, Actions& out) {
  Request* found = find(id);
  if (found == nullptr) return;
  Request& request = *found;
  IFMATCH_ASSERT(request.state == State::scouting || request.state == State::deciding);
  IFMATCH_ASSERT(since <= epoch_.load(std::memory_order_relaxed));
  if (seen.sight == Sight::version && !request.shown) request.shown = seen.version;
  const Absence absence = request.write.absent_is_answer ? Absence::is_answer : Absence::is_a_state;

  switch (evaluate(*request.write.condition, seen, absence)) {
    case Verdict::holds:
      decided(request, since, now, out);
      break;
    case Verdict::exists:
      request.shown = seen.version;
      refuse_shown(request, Refusal::exists, out);
      break;
    case Verdict::gone:
      request.shown.reset();
      refuse_shown(request, Refusal::stale, out);
      break;
    case Verdict::absent:
      refuse(request, Refusal::absent, out);
      break;
    case Verdict::relayed:
      refuse(request, Refusal::relayed, out);
      break;
    case Verdict::holds_here:
      // The decision rests on all candidates, so on the one that began first.
      request.holds_since = std::min(request.holds_since.value_or(since), since);
      [[fallthrough]];
    case Verdict::differs:
    case Verdict::undecided:
      if (left == Candidates::more) {
        // What this probe has just taught may be all that there is to know: whoever holds a gate
        // in vain must not hold it for every candidate.
        const Consultation told = consult_for_mismatch(request);
        if (told.says == Consultation::Says::differs) {
          refuse_from_record(request, told, out);
        } else {
          next_probe(request, out);
        }
      } else if (request.holds_since) {
        decided(request, *request.holds_since, now, out);
      } else if (request.shown) {
        // The first candidate is the variant under which the tag was handed out: its version is
        // the one that this client can make use of.
        refuse_shown(request, Refusal::stale, out);
      } else {
        refuse(request, Refusal::unverifiable, out);
      }
  }
  hand_over(now, out);
}

void Engine::Body::refuse_shown(Request& request, Refusal why, Actions& out) {
  Action refused;
  refused.request = request.id;
  refused.what = Do::refuse;
  refused.refusal = why;
  refused.current = request.shown;
  out.push_back(refused);
  drop(request);
}

}  // namespace ifmatch::guard
