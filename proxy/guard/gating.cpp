// How requests move through their gates, wait, and let others in. Freed gates are noted in
// `disturbed_` and looked at in one loop, hand_over(), so that a long chain of consequences needs
// no recursion and happens in a fixed order.
#include <algorithm>
#include <utility>

#include "proxy/guard/assert.hpp"
#include "proxy/guard/body.hpp"

namespace ifmatch::guard {

// True if the request was refused because an outcome that concerns it is unknown.
bool Engine::Body::refused_for_doubt(Request& request, Instant now, Actions& out) {
  std::optional<Instant> until = everything_until_;
  for (const Step& step : request.footprint) {
    const Node* node = step.node;
    if (node == nullptr || node->gate == nullptr || !node->gate->in_doubt(step.mode)) continue;
    const Instant ends = node->gate->doubt_ends(step.mode);
    until = std::max(until.value_or(ends), ends);
  }
  if (!until) return false;
  refuse_in_doubt(request, *until, now, out);
  return true;
}

bool Engine::Body::gates_free(const Request& request) const {
  return std::all_of(request.footprint.begin(), request.footprint.end(), [](const Step& step) {
    const Node* node = step.node;
    return node == nullptr || node->gate == nullptr || node->gate->admits(step.mode);
  });
}

bool Engine::Body::a_queue_is_full(const Request& request) const {
  return std::any_of(request.footprint.begin(), request.footprint.end(), [&](const Step& step) {
    const Node* node = step.node;
    return node != nullptr && node->gate != nullptr && !node->gate->admits(step.mode) &&
           node->gate->full(step.mode, request.write.gate_queue);
  });
}

// The first step towards the gates: the nodes of all of them, or none.
void Engine::Body::enter(Request& request, Instant now, Actions& out) {
  if (!may_begin(request)) {
    held_back_.push_back(request.id);
    request.looked_up = false;
    return start_waiting(request, State::held_back, now, out);
  }
  request.state = State::arriving;
  pin(request);
  if (!request.pinned) return refuse(request, Refusal::busy, out);
  advance(request, now, out);
}

void Engine::Body::pin(Request& request) {
  if (!request.looked_up) nodes_.look_up(request.footprint);
  request.looked_up = false;
  request.pinned = nodes_.pin(request.footprint);
}

// Requests of different configurations may not see each other's gates, so whoever would exclude
// one of an older configuration waits until it is gone. It waits before it takes any gate: those
// who are older may need them.
bool Engine::Body::may_begin(const Request& request) const {
  if (!rules_.reload_waits) return true;
  for (const auto& [generation, older] : living_) {
    if (generation >= request.generation) break;
    if (request.is_exclusive()) return false;
    if (older.exclusive != 0) return false;
    if ((request.kind == Kind::read ? older.shared : older.reads) != 0) return false;
  }
  return true;
}

// Takes the gates that are left, in order, until one is not free.
void Engine::Body::advance(Request& request, Instant now, Actions& out) {
  for (; request.taken < request.footprint.size(); ++request.taken) {
    const Step& step = request.footprint[request.taken];
    if (step.mode == Mode::none) continue;
    Gate& gate = gate_of(*step.node);
    if (gate.in_doubt(step.mode)) {
      return refuse_in_doubt(request, gate.doubt_ends(step.mode), now, out);
    }
    if (!gate.admits(step.mode)) {
      if (gate.full(step.mode, request.write.gate_queue)) {
        return refuse(request, Refusal::busy, out);
      }
      gate.enqueue(request, step.mode);
      return start_waiting(request, State::queued, now, out);
    }
    gate.take(step.mode);
  }
  if (request.kind == Kind::write) return decide(request, now, out);
  if (everything_until_) return refuse_in_doubt(request, *everything_until_, now, out);
  request.state = State::reading;
  Action granted;
  granted.request = request.id;
  granted.what = Do::connect;
  out.push_back(granted);
}

// The time that it already waited elsewhere counts.
void Engine::Body::start_waiting(Request& request, State where, Instant now, Actions& out) {
  request.state = where;
  request.waits_since = now;
  set_deadline(request, now + (request.write.gate_wait - request.waited));
  if (request.told_to_wait) return;
  request.told_to_wait = true;
  Action waits;
  waits.request = request.id;
  waits.what = Do::wait;
  out.push_back(waits);
}

void Engine::Body::stop_waiting(Request& request, Instant now) {
  request.state = State::arriving;
  request.waited += now - request.waits_since;
  clear_deadline(request);
}

void Engine::Body::set_deadline(Request& request, Instant deadline) {
  request.deadline = deadline;
  deadlines_.emplace(deadline, request.id);
}

void Engine::Body::clear_deadline(Request& request) {
  if (request.deadline) deadlines_.erase({*request.deadline, request.id});
  request.deadline.reset();
}

void Engine::Body::release_gates(Request& request) {
  // The innermost first, so that whoever is let in finds the next gate free, too.
  while (request.taken > 0) {
    const Step& step = request.footprint[--request.taken];
    if (step.mode == Mode::none) continue;
    Gate& gate = gate_of(*step.node);
    if (request.state == State::quarantined) gate.unmark(step.mode);
    gate.release(step.mode);
    disturb(*step.node);
    close_if_idle(*step.node);
  }
}

Gate& Engine::Body::gate_of(Node& node) {
  if (node.gate != nullptr) return *node.gate;
  ++gates_busy_;
  if (spare_gates_.empty()) {
    node.gate = std::make_unique<Gate>();
  } else {
    // An idle gate is as good as a new one.
    node.gate = std::move(spare_gates_.back());
    spare_gates_.pop_back();
  }
  return *node.gate;
}

void Engine::Body::close_if_idle(Node& node) {
  if (node.gate == nullptr || !node.gate->idle()) return;
  --gates_busy_;
  if (spare_gates_.size() < spare_max) {
    spare_gates_.push_back(std::move(node.gate));
  } else {
    node.gate.reset();
  }
}

void Engine::Body::disturb(Node& node) {
  if (!node.gate->awaited()) return;
  nodes_.keep(node);  // until it has been looked at, whoever leaves meanwhile
  disturbed_.push_back(&node);
}

void Engine::Body::hand_over(Instant now, Actions& out) {
  std::vector<Request*> granted;
  for (;;) {
    let_in_held_back(now, out);
    if (disturbed_.empty()) return;
    Node& node = *disturbed_.front();
    disturbed_.pop_front();
    granted.clear();
    if (node.gate != nullptr) node.gate->hand_over(granted);
    for (Request* request : granted) {
      stop_waiting(*request, now);
      ++request->taken;
    }
    // Each of them waited here and nowhere else, so what one does next cannot end another.
    for (Request* request : granted) advance(*request, now, out);
    nodes_.let_go(node);
  }
}

// Whoever waits in a mode that conflicts with a write in doubt is told at once.
void Engine::Body::expel_from_doubt(Request& holder, Instant now, Actions& out) {
  std::vector<Request*> expelled;
  for (std::size_t at = 0; at < holder.taken; ++at) {
    const Step& step = holder.footprint[at];
    if (step.mode == Mode::none) continue;
    Gate& gate = gate_of(*step.node);
    gate.expel(step.mode, expelled);
    disturb(*step.node);
  }
  const Instant until = *holder.deadline;
  for (Request* request : expelled) {
    stop_waiting(*request, now);
    refuse_in_doubt(*request, until, now, out);
  }
}

void Engine::Body::expel_all_waiting(Instant now, Actions& out) {
  if (!expel_at_next_tick_) return;
  expel_at_next_tick_ = false;
  if (!everything_until_) return;
  std::vector<RequestId> waiting;
  for (const auto& [id, request] : requests_) {
    if (request.is_waiting()) waiting.push_back(id);
  }
  std::sort(waiting.begin(), waiting.end());
  for (RequestId id : waiting) refuse_in_doubt(*find(id), *everything_until_, now, out);
}

void Engine::Body::let_in_held_back(Instant now, Actions& out) {
  // They may be many, and most of what happens makes no difference to them.
  if (held_back_.empty() || !std::exchange(older_one_gone_, false)) return;
  std::vector<RequestId> waiting;
  waiting.swap(held_back_);
  for (RequestId id : waiting) {
    Request& request = *find(id);
    if (!may_begin(request)) {
      held_back_.push_back(id);
      continue;
    }
    stop_waiting(request, now);
    enter(request, now, out);
  }
}

}  // namespace ifmatch::guard
