// The life of a request, from submit to its end. The public verbs each end in hand_over(), which
// lets in whoever a freed gate has room for.
#include "proxy/guard/engine.hpp"

#include <algorithm>
#include <tuple>

#include "proxy/guard/assert.hpp"
#include "proxy/guard/body.hpp"

namespace ifmatch::guard {

namespace {

Action action(const Request& request, Do what) {
  Action made;
  made.request = request.id;
  made.what = what;
  return made;
}

}  // namespace

Engine::Body::Body(const EngineLimits& limits, const Rules& rules, std::atomic<Epoch>& epoch)
    : limits_(limits),
      rules_(rules),
      epoch_(epoch),
      nodes_(limits.nodes_max, limits.hash_seed,
             rules.forgotten_stamps_raise_floor ? Forgotten::raise_floor
                                                : Forgotten::leave_no_trace),
      record_(limits.entries_max, limits.entries_per_target_max) {}

void Engine::Body::submit(RequestId id, const WriteRequest& write, Instant now, Actions& out) {
  Request& request = admit(id, Kind::write, write);
  if (request.write.hold == Hold::none) return begin_unheld(request, out);
  if (refused_for_doubt(request, now, out)) return;

  Consultation told;
  if (request.has_condition()) told = consult(request);
  if (told.says == Consultation::Says::differs) return refuse_from_record(request, told, out);
  if (!gates_free(request)) {
    if (a_queue_is_full(request)) return refuse(request, Refusal::busy, out);
    // Refusing needs no gate: whoever lost already need not wait to hear it.
    if (request.has_condition() && told.says == Consultation::Says::nothing) {
      return probe(request, State::scouting, out);
    }
  }
  enter(request, now, out);
  hand_over(now, out);
}

void Engine::Body::submit_read(RequestId id, ReadRequest read, Instant now, Actions& out) {
  WriteRequest same;
  same.resource = std::move(read.resource);
  same.gate_wait = read.gate_wait;
  same.gate_queue = read.gate_queue;
  Request& request = admit(id, Kind::read, same);
  if (refused_for_doubt(request, now, out)) return;
  if (!gates_free(request) && a_queue_is_full(request)) {
    return refuse(request, Refusal::busy, out);
  }
  enter(request, now, out);
  hand_over(now, out);
}

void Engine::Body::connected(RequestId id, Instant now, Actions& out) {
  Request* request = find(id);
  if (request == nullptr || request->kind == Kind::read) return;
  IFMATCH_ASSERT(request->state == State::connecting);
  if (everything_until_ && request->write.hold != Hold::none) {
    refuse_in_doubt(*request, *everything_until_, now, out);
  } else if (request->has_condition() && rules_.re_decide_before_send) {
    // The decision may be older than something that was sent meanwhile without our gates.
    const std::optional<Epoch> valid_from = nodes_.valid_from(request->footprint);
    if (valid_from && request->rests_on >= *valid_from) {
      send(*request, now, out);
    } else {
      decide_again(*request, now, out);
    }
  } else {
    send(*request, now, out);
  }
  hand_over(now, out);
}

void Engine::Body::unsent(RequestId id, Instant now, Actions& out) {
  Request* request = find(id);
  if (request == nullptr) return straggled();
  IFMATCH_ASSERT(request->is_unsettled());
  if (request->state == State::quarantined) {
    settle(*request);  // it left meanwhile: nobody wants it sent again
  } else {
    clear_deadline(*request);
    void_stamps(*request);
    decide_again(*request, now, out);
  }
  hand_over(now, out);
}

void Engine::Body::settled(RequestId id, Instant now, Actions& out) {
  Request* request = find(id);
  if (request == nullptr) return straggled();
  IFMATCH_ASSERT(request->is_unsettled());
  settle(*request);
  hand_over(now, out);
}

void Engine::Body::in_doubt(RequestId id, Instant now, Actions& out) {
  Request* request = find(id);
  if (request == nullptr) return straggled();
  IFMATCH_ASSERT(request->is_unsettled());
  quarantine(*request, now, out);
  hand_over(now, out);
}

void Engine::Body::leave(RequestId id, Instant now, Actions& out) {
  Request* request = find(id);
  if (request == nullptr || request->state == State::quarantined) return;
  if (request->state == State::sent) {
    quarantine(*request, now, out);
  } else {
    drop(*request);
  }
  hand_over(now, out);
}

void Engine::Body::tick(Instant now, Actions& out) {
  if (everything_until_ && *everything_until_ <= now) {
    everything_until_.reset();
    nodes_.raise_floor(draw_epoch());
  }
  expel_all_waiting(now, out);
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    Request* request = find(deadlines_.begin()->second);
    IFMATCH_ASSERT(request != nullptr);
    // One that was sent and has no outcome yet has no deadline (rule 3.3.3).
    if (request->is_unsettled()) {
      settle(*request);
    } else {
      refuse(*request, Refusal::busy, out);
    }
  }
  hand_over(now, out);
}

std::optional<Instant> Engine::Body::next_deadline() const {
  if (expel_at_next_tick_) return Instant{};  // long past
  std::optional<Instant> next = everything_until_;
  if (!deadlines_.empty()) {
    const Instant first = deadlines_.begin()->first;
    next = next ? std::min(*next, first) : first;
  }
  return next;
}

void Engine::Body::quarantine_everything(Instant until) {
  if (!rules_.unclean_start) return;
  everything_until_ = std::max(everything_until_.value_or(until), until);
  expel_at_next_tick_ = true;
}

void Engine::Body::reconfigured() {
  if (const auto present = living_.find(generation_);
      present != living_.end() && present->second.all() == 0) {
    living_.erase(present);
  }
  ++generation_;
  // Entries were learnt under other names, modes or version rules.
  nodes_.raise_floor(draw_epoch());
}

EngineCounts Engine::Body::counts() const {
  EngineCounts counts;
  counts.entries = record_.size();
  counts.nodes = nodes_.size();
  counts.gates_busy = gates_busy_;
  counts.requests = requests_.size();
  counts.everything_in_doubt = everything_until_.has_value();
  counts.out_of_band = out_of_band_;
  return counts;
}

Request& Engine::Body::admit(RequestId id, Kind kind, const WriteRequest& write) {
  IFMATCH_ASSERT(!write.resource.paths.empty() || !write.resource.names.empty());
  bool inserted = false;
  Requests::iterator made;
  if (spare_requests_.empty()) {
    std::tie(made, inserted) = requests_.try_emplace(id);
  } else {
    Requests::node_type spare = std::move(spare_requests_.back());
    spare_requests_.pop_back();
    spare.key() = id;
    Requests::insert_return_type added = requests_.insert(std::move(spare));
    made = added.position;
    inserted = added.inserted;
  }
  IFMATCH_ASSERT(inserted);
  Request& request = made->second;
  request.renew();
  request.id = id;
  request.kind = kind;
  request.write = write;
  make_footprint(request.footprint, request.write.resource, modes_of(request));
  take_out_rules(request);
  nodes_.look_up(request.footprint);
  request.looked_up = true;
  request.generation = generation_;
  ++living_[generation_].of(request);
  return request;
}

// For proofs only: what footprint_of() does by two of the rules is undone.
void Engine::Body::take_out_rules(Request& request) const {
  if (!rules_.stricter_of_two_modes) {
    for (Step& step : request.footprint) {
      if (step.own && step.enclosing) step.mode = modes_of(request).enclosing;
    }
  }
  if (!rules_.gates_in_one_order && request.id % 2 == 0) std::ranges::reverse(request.footprint);
}

Request* Engine::Body::find(RequestId id) {
  const auto found = requests_.find(id);
  return found == requests_.end() ? nullptr : &found->second;
}

Modes Engine::Body::modes_of(const Request& request) const {
  Modes modes;
  if (request.kind == Kind::read) {
    modes = {Mode::read, Mode::read_below};
  } else if (request.write.hold == Hold::exclusive) {
    modes = {Mode::exclusive, Mode::shared};
  } else if (request.write.hold == Hold::shared && rules_.shared_gates_for_others) {
    modes = {Mode::shared, Mode::shared};
  }
  if (!rules_.intention_gates_on_enclosing) modes.enclosing = Mode::none;
  return modes;
}

// A write that holds nothing is one we know too little of: it may reach as far as any.
Reach Engine::Body::reach_of(const Request& request) const {
  if (request.write.hold == Hold::shared) {
    return rules_.shared_overlaps_above ? Reach::own_and_above : Reach::own_only;
  }
  return rules_.exclusive_overlaps_below_and_above ? Reach::above_and_below : Reach::own_only;
}

Epoch Engine::Body::draw_epoch() {
  return epoch_.fetch_add(1, std::memory_order_acq_rel) + 1;
}

void Engine::Body::begin_unheld(Request& request, Actions& out) {
  pin(request);
  request.state = State::connecting;
  out.push_back(action(request, Do::connect));
}

void Engine::Body::send(Request& request, Instant now, Actions& out) {
  request.state = State::sent;
  if (!rules_.only_outcomes_open_gates) set_deadline(request, now + request.write.gate_wait);
  // The counter rises before the first octet leaves, not only when the answer comes: a read that
  // overlaps this write must not teach us a version.
  const Epoch epoch = draw_epoch();
  // What holds no gates is only watched and never refused. Where its stamps have no place, or would
  // not be found under the names that older requests bear, it voids everything.
  request.everywhere = request.write.hold == Hold::none && (!request.pinned || older_ones_live());
  if (request.everywhere) {
    nodes_.count_unsettled_everywhere();
    nodes_.raise_floor(epoch);
  } else if (rules_.stamp_at_send) {
    nodes_.stamp(request.footprint, reach_of(request), epoch);
    nodes_.count_unsettled(request.footprint, reach_of(request));
  }
  out.push_back(action(request, Do::send));
}

void Engine::Body::void_stamps(Request& request) {
  const Epoch epoch = draw_epoch();
  if (request.everywhere) {
    nodes_.uncount_unsettled_everywhere();
    nodes_.raise_floor(epoch);
    return;
  }
  if (rules_.stamp_at_send) nodes_.uncount_unsettled(request.footprint, reach_of(request));
  if (rules_.stamp_at_settle) nodes_.stamp(request.footprint, reach_of(request), epoch);
}

void Engine::Body::settle(Request& request) {
  void_stamps(request);
  drop(request);
}

void Engine::Body::quarantine(Request& request, Instant now, Actions& out) {
  if (!rules_.quarantine) return settle(request);
  const bool again = request.state == State::quarantined;
  const Instant until = now + request.write.in_doubt;
  request.state = State::quarantined;
  clear_deadline(request);
  set_deadline(request, until);
  for (std::size_t at = 0; at < request.taken; ++at) {
    const Step& step = request.footprint[at];
    if (step.mode == Mode::none) continue;
    if (again) gate_of(*step.node).unmark(step.mode);
    gate_of(*step.node).mark(step.mode, until);
  }
  expel_from_doubt(request, now, out);
}

// An outcome of a write that nobody waited for any longer, as its quarantine is over: it may have
// landed at any moment, and we no longer know where.
void Engine::Body::straggled() {
  nodes_.raise_floor(draw_epoch());
}

void Engine::Body::refuse(Request& request, Refusal why, Actions& out) {
  Action refused = action(request, Do::refuse);
  refused.refusal = why;
  out.push_back(refused);
  drop(request);
}

void Engine::Body::refuse_in_doubt(Request& request, Instant until, Instant now, Actions& out) {
  Action refused = action(request, Do::refuse);
  refused.refusal = Refusal::in_doubt;
  refused.retry_after = std::max(until - now, Duration::zero());
  out.push_back(refused);
  drop(request);
}

void Engine::Body::drop(Request& request) {
  if (request.state == State::queued) {
    Node& node = *request.footprint[request.taken].node;
    gate_of(node).give_up(request);
    disturb(node);
    close_if_idle(node);
  }
  if (request.state == State::held_back) std::erase(held_back_, request.id);
  clear_deadline(request);
  release_gates(request);
  if (request.pinned) nodes_.unpin(request.footprint);
  forget_living(request);
  Requests::node_type over = requests_.extract(request.id);
  if (spare_requests_.size() < spare_max) spare_requests_.push_back(std::move(over));
}

std::size_t& Engine::Body::Living::of(const Request& request) {
  if (request.kind == Kind::read) return reads;
  const WriteRequest& write = request.write;
  const Hold hold = write.hold == Hold::none ? write.counts_as : write.hold;
  if (hold == Hold::exclusive) return exclusive;
  return hold == Hold::shared ? shared : unheld;
}

bool Engine::Body::older_ones_live() const {
  return rules_.reload_waits && has_older_than(generation_);
}

bool Engine::Body::has_older_than(std::uint64_t generation) const {
  return !living_.empty() && living_.begin()->first < generation;
}

void Engine::Body::forget_living(const Request& request) {
  const auto living = living_.find(request.generation);
  --living->second.of(request);
  if (request.generation != generation_) older_one_gone_ = true;
  if (living->second.all() != 0 || request.generation == generation_) return;
  living_.erase(living);
  // What these requests stamped they stamped under the names of their time.
  nodes_.raise_floor(draw_epoch());
}

// The public face: each verb is the body's.

Engine::Engine(const EngineLimits& limits, const Rules& rules)
    : body_(std::make_unique<Body>(limits, rules, epoch_)) {}

Engine::~Engine() = default;

bool Engine::learn(const Lesson& lesson, bool without_credentials) {
  return body_->learn(lesson, without_credentials);
}

std::vector<Hint> Engine::hints(const Digest& target, std::span<const Version> sent) const {
  return body_->hints(target, sent);
}

Foreseen Engine::foresee(const Resource& resource, const View& view,
                         const Condition& condition) const {
  return body_->foresee(resource, view, condition);
}

bool Engine::handed_out(const Digest& target, std::span<const Version> versions) const {
  return body_->handed_out(target, versions);
}

std::optional<Version> Engine::recorded(ResourceView resource, const View& view) const {
  return body_->recorded(resource, view);
}

void Engine::submit(RequestId id, const WriteRequest& request, Instant now, Actions& out) {
  body_->submit(id, request, now, out);
}

void Engine::submit_read(RequestId id, ReadRequest request, Instant now, Actions& out) {
  body_->submit_read(id, std::move(request), now, out);
}

void Engine::probed(RequestId id, const Observation& seen, Epoch since, Candidates left,
                    Instant now, Actions& out) {
  body_->probed(id, seen, since, left, now, out);
}

void Engine::connected(RequestId id, Instant now, Actions& out) {
  body_->connected(id, now, out);
}
void Engine::unsent(RequestId id, Instant now, Actions& out) {
  body_->unsent(id, now, out);
}
void Engine::settled(RequestId id, Instant now, Actions& out) {
  body_->settled(id, now, out);
}
void Engine::in_doubt(RequestId id, Instant now, Actions& out) {
  body_->in_doubt(id, now, out);
}
void Engine::leave(RequestId id, Instant now, Actions& out) {
  body_->leave(id, now, out);
}
void Engine::tick(Instant now, Actions& out) {
  body_->tick(now, out);
}
std::optional<Instant> Engine::next_deadline() const {
  return body_->next_deadline();
}
void Engine::quarantine_everything(Instant until) {
  body_->quarantine_everything(until);
}
void Engine::reconfigured(Instant) {
  body_->reconfigured();
}
std::uint64_t Engine::generation() const {
  return body_->generation();
}
bool Engine::has_older_than(std::uint64_t generation) const {
  return body_->has_older_than(generation);
}
EngineCounts Engine::counts() const {
  return body_->counts();
}

}  // namespace ifmatch::guard
