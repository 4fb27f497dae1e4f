#include "tests/support/shim/engine_watch.hpp"

#include <utility>

namespace ifmatch::shim {
namespace {

EngineWatch* current_watch = nullptr;

}  // namespace

std::string_view name_of(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::unsent: return "unsent";
    case Outcome::settled: return "settled";
    case Outcome::in_doubt: break;
  }
  return "in doubt";
}

EngineWatch::EngineWatch() : previous_(std::exchange(current_watch, this)) {}
EngineWatch::~EngineWatch() { current_watch = previous_; }
EngineWatch* EngineWatch::current() noexcept { return current_watch; }

void EngineWatch::complain(guard::RequestId id, std::string_view what) {
  violations_.push_back("request " + std::to_string(id) + ": " + std::string(what));
}

EngineWatch::Duty* EngineWatch::find(guard::RequestId id, std::string_view event) {
  const auto found = duties_.find(id);
  if (found != duties_.end()) return &found->second;
  complain(id, std::string(event) + " is said of an id that is gone");
  return nullptr;
}

void EngineWatch::submitted(guard::RequestId id) {
  if (!duties_.emplace(id, Duty{}).second) complain(id, "is submitted twice");
}

void EngineWatch::probed(guard::RequestId id) {
  Duty* const duty = find(id, "probed");
  if (duty == nullptr) return;
  if (duty->owes != Owes::probe) complain(id, "probed without having been asked to");
  duty->owes = Owes::nothing;
}

void EngineWatch::connected(guard::RequestId id) {
  Duty* const duty = find(id, "connected");
  if (duty == nullptr) return;
  if (duty->owes != Owes::connection) complain(id, "connected without having been asked to");
  duty->owes = Owes::nothing;
}

void EngineWatch::reported(guard::RequestId id, Outcome outcome) {
  Duty* const duty = find(id, name_of(outcome));
  if (duty == nullptr) return;
  if (duty->owes != Owes::outcome) complain(id, "reports an outcome of what it never sent");
  duty->owes = Owes::nothing;
  if (on_outcome) on_outcome(id, outcome);
  if (outcome != Outcome::unsent) duties_.erase(id);
}

void EngineWatch::left(guard::RequestId id) {
  Duty* const duty = find(id, "leave");
  if (duty == nullptr) return;
  if (duty->owes == Owes::outcome) complain(id, "leaves without reporting the outcome");
  if (duty->owes == Owes::probe) complain(id, "leaves without reporting its probe");
  duties_.erase(id);
}

void EngineWatch::acted(const guard::Actions& actions, std::size_t from) {
  for (std::size_t index = from; index < actions.size(); ++index) {
    const guard::Action& action = actions[index];
    const auto found = duties_.find(action.request);
    if (found == duties_.end()) {
      complain(action.request, "is told what to do although it is gone");
      continue;
    }
    Duty& duty = found->second;
    switch (action.what) {
      case guard::Do::wait: break;
      case guard::Do::probe: duty.owes = Owes::probe; break;
      case guard::Do::connect: duty.owes = Owes::connection; break;
      case guard::Do::send:
        duty.owes = Owes::outcome;
        if (on_send) on_send(action.request);
        break;
      case guard::Do::refuse:
        // Whoever has a probe out, or is just leaving, may still say so.
        duty.refused = true;
        if (duty.owes != Owes::probe) duty.owes = Owes::nothing;
        break;
    }
  }
}

std::vector<std::string> EngineWatch::owed() const {
  std::vector<std::string> owed;
  for (const auto& [id, duty] : duties_) {
    if (duty.refused) continue;
    constexpr const char* names[] = {"its end", "a probe", "a connection", "an outcome"};
    owed.push_back("request " + std::to_string(id) + " owes " +
                   names[static_cast<std::size_t>(duty.owes)]);
  }
  return owed;
}

}  // namespace ifmatch::shim

// The functions of the engine and of its desk, under the names that the linker knows them by. A
// changed signature changes the name, and then nothing arrives here: the tests look whether as much
// did as had to.
namespace {

using ifmatch::guard::Actions;
using ifmatch::guard::Engine;
using ifmatch::guard::Epoch;
using ifmatch::guard::Instant;
using ifmatch::guard::Observation;
using ifmatch::guard::ReadRequest;
using ifmatch::guard::RequestId;
using ifmatch::guard::WriteRequest;
using ifmatch::shim::EngineWatch;
using ifmatch::shim::Outcome;

}  // namespace

#define IFMATCH_TIME_AND_ACTIONS(first, second)                                          \
  "NSt6chrono10time_pointINS" first "_3_V212steady_clockENS" first                       \
  "_8durationIlSt5ratioILl1ELl1000000000EEEEEERSt6vectorINS0_6ActionESaIS" second "_EE"
#define IFMATCH_SUBMIT "_ZN7ifmatch5guard6Engine6submitEmRKNS0_12WriteRequestE" \
  IFMATCH_TIME_AND_ACTIONS("5", "F")
#define IFMATCH_SUBMIT_READ "_ZN7ifmatch5guard6Engine11submit_readEmNS0_11ReadRequestE" \
  IFMATCH_TIME_AND_ACTIONS("3", "D")
#define IFMATCH_PROBED "_ZN7ifmatch5guard6Engine6probedEmRKNS0_11ObservationEmNS1_10CandidatesE" \
  IFMATCH_TIME_AND_ACTIONS("6", "G")
#define IFMATCH_EVENT(length_and_name) \
  "_ZN7ifmatch5guard6Engine" length_and_name "Em" IFMATCH_TIME_AND_ACTIONS("2", "C")

#define IFMATCH_WRAP(symbol) __asm__("__wrap_" symbol)
#define IFMATCH_REAL(symbol) __asm__("__real_" symbol)

void wrap_submit(Engine*, RequestId, const WriteRequest&, Instant, Actions&)
    IFMATCH_WRAP(IFMATCH_SUBMIT);
void real_submit(Engine*, RequestId, const WriteRequest&, Instant, Actions&)
    IFMATCH_REAL(IFMATCH_SUBMIT);
void wrap_submit_read(Engine*, RequestId, ReadRequest, Instant, Actions&)
    IFMATCH_WRAP(IFMATCH_SUBMIT_READ);
void real_submit_read(Engine*, RequestId, ReadRequest, Instant, Actions&)
    IFMATCH_REAL(IFMATCH_SUBMIT_READ);
void wrap_probed(Engine*, RequestId, const Observation&, Epoch, Engine::Candidates, Instant,
                 Actions&) IFMATCH_WRAP(IFMATCH_PROBED);
void real_probed(Engine*, RequestId, const Observation&, Epoch, Engine::Candidates, Instant,
                 Actions&) IFMATCH_REAL(IFMATCH_PROBED);

#define IFMATCH_DECLARE_EVENT(name, symbol)                                                \
  void wrap_##name(Engine*, RequestId, Instant, Actions&) IFMATCH_WRAP(IFMATCH_EVENT(symbol)); \
  void real_##name(Engine*, RequestId, Instant, Actions&) IFMATCH_REAL(IFMATCH_EVENT(symbol));
IFMATCH_DECLARE_EVENT(connected, "9connected")
IFMATCH_DECLARE_EVENT(unsent, "6unsent")
IFMATCH_DECLARE_EVENT(settled, "7settled")
IFMATCH_DECLARE_EVENT(in_doubt, "8in_doubt")
IFMATCH_DECLARE_EVENT(leave, "5leave")

#define IFMATCH_TICK "_ZN7ifmatch5guard6Engine4tickE" IFMATCH_TIME_AND_ACTIONS("2", "C")
void wrap_tick(Engine*, Instant, Actions&) IFMATCH_WRAP(IFMATCH_TICK);
void real_tick(Engine*, Instant, Actions&) IFMATCH_REAL(IFMATCH_TICK);

namespace {

// Tells of the event first, so that what it unleashes comes after it, then of the actions.
template <typename Event, typename Call>
void watch(Actions& out, Event&& event, Call&& call) {
  const std::size_t from = out.size();
  if (EngineWatch* const watching = EngineWatch::current()) event(*watching);
  call();
  if (EngineWatch* const watching = EngineWatch::current()) watching->acted(out, from);
}

}  // namespace

void wrap_submit(Engine* engine, RequestId id, const WriteRequest& request, Instant now,
                 Actions& out) {
  watch(
      out, [id](EngineWatch& watching) { watching.submitted(id); },
      [&] { real_submit(engine, id, request, now, out); });
}

void wrap_submit_read(Engine* engine, RequestId id, ReadRequest request, Instant now,
                      Actions& out) {
  watch(
      out, [id](EngineWatch& watching) { watching.submitted(id); },
      [&] { real_submit_read(engine, id, std::move(request), now, out); });
}

void wrap_probed(Engine* engine, RequestId id, const Observation& seen, Epoch since,
                 Engine::Candidates left, Instant now, Actions& out) {
  watch(
      out, [id](EngineWatch& watching) { watching.probed(id); },
      [&] { real_probed(engine, id, seen, since, left, now, out); });
}

void wrap_connected(Engine* engine, RequestId id, Instant now, Actions& out) {
  watch(
      out, [id](EngineWatch& watching) { watching.connected(id); },
      [&] { real_connected(engine, id, now, out); });
}

void wrap_unsent(Engine* engine, RequestId id, Instant now, Actions& out) {
  watch(
      out, [id](EngineWatch& watching) { watching.reported(id, Outcome::unsent); },
      [&] { real_unsent(engine, id, now, out); });
}

void wrap_settled(Engine* engine, RequestId id, Instant now, Actions& out) {
  watch(
      out, [id](EngineWatch& watching) { watching.reported(id, Outcome::settled); },
      [&] { real_settled(engine, id, now, out); });
}

void wrap_in_doubt(Engine* engine, RequestId id, Instant now, Actions& out) {
  watch(
      out, [id](EngineWatch& watching) { watching.reported(id, Outcome::in_doubt); },
      [&] { real_in_doubt(engine, id, now, out); });
}

void wrap_leave(Engine* engine, RequestId id, Instant now, Actions& out) {
  watch(
      out, [id](EngineWatch& watching) { watching.left(id); },
      [&] { real_leave(engine, id, now, out); });
}

void wrap_tick(Engine* engine, Instant now, Actions& out) {
  watch(
      out, [](EngineWatch&) {}, [&] { real_tick(engine, now, out); });
}
