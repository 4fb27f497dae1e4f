// Runs the real engine under virtual time, between clients that misbehave and an upstream that
// fails, and counts what must never happen. One seed gives one history, replayed identically.
//
// It stands where proxy/net stands: it probes, connects, sends and reports. The auditor looks at
// every write at the instant at which it lands, from the upstream's side, where no rule of the
// engine can hide anything.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "proxy/guard/engine.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/upstream.hpp"

namespace ifmatch::simulation {

using guard::Action;
using guard::Actions;
using guard::Duration;
using guard::Engine;
using guard::Epoch;
using guard::RequestId;

struct Outcome {
  // What must never happen.
  unsigned lost_updates = 0;
  unsigned untrue_records = 0;  // a valid entry that is not what the upstream has
  unsigned false_refusals = 0;  // 412 though the condition held all the time
  unsigned dirty_reads = 0;     // a write landed under a read that waited for the gate
  unsigned unanswered = 0;      // requests not answered exactly once
  unsigned shut_gates = 0;      // requests or gates left after everything has ended, waits in vain

  // What happened at all: a simulation in which nothing happens proves nothing.
  unsigned requests = 0;
  unsigned landed = 0;
  unsigned landed_as_claimed = 0;  // guarded ones
  unsigned slipped_around = 0;     // overwrote someone whom no rule could stop
  unsigned stale = 0;
  unsigned from_record = 0;
  unsigned busy = 0;
  unsigned refused_in_doubt = 0;
  unsigned without_probe = 0;  // recorded: sent on the word of an entry
  unsigned in_doubt = 0;
  unsigned restarts = 0;
  unsigned reloads = 0;

  [[nodiscard]] bool clean() const {
    return lost_updates + untrue_records + false_refusals + dirty_reads + unanswered + shut_gates ==
           0;
  }
  void add(const Outcome& other);
  [[nodiscard]] std::string told() const;
};

enum class Trace : std::uint8_t { off, on };

// Plays the history of one seed to its end.
[[nodiscard]] Outcome play(std::uint64_t seed, const guard::Rules& rules = {},
                           Trace trace = Trace::off);

enum class What : std::uint8_t { read, waiting_read, write, observed_write, around_write };

// One request of one client, and what the shell knows of it.
struct Request {
  RequestId id = 0;
  What what = What::read;
  Target target = 0;
  unsigned variant = 0;
  Effect effect = Effect::replace;
  guard::WriteRequest write;
  std::string told;  // for the trace

  Instant submitted{};
  std::vector<unsigned> candidates;
  std::size_t candidate = 0;
  bool probe_failed = false;  // one of its probes was undecidable
  Instant probe_began = Instant::max();
  std::uint64_t send_order = 0;
  bool probed_in_gate = false;
  bool connecting = false;
  bool sent = false;
  bool reading = false;    // a waiting read that holds its gates
  bool abandoned = false;  // the client left
  unsigned answers = 0;
};

class Simulator {
 public:
  Simulator(std::uint64_t seed, const guard::Rules& rules, Trace trace);
  Outcome run();

 private:
  // What this history is like; drawn once.
  struct Climate {
    unsigned clients = 4;
    bool around = false;
    bool faults = true;
    bool patient = false;  // waits so long that waiting to the end means waiting in vain
    guard::EngineLimits limits;
    std::size_t gate_queue = 4;
    Duration gate_wait{};
    Duration horizon{};
  };
  struct Tag {
    Version version{};
    unsigned variant = 0;
  };
  struct Event {
    Instant when;
    std::uint64_t order;
    std::function<void()> happens;
    bool operator>(const Event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };
  enum class Scope : std::uint8_t { process, world };  // does it die with the proxy's process?

  void choose_climate();
  void plan_disturbances();
  void at(Duration delay, Scope scope, std::function<void()> happens);
  Duration micros(std::uint64_t low, std::uint64_t high);
  void drain();
  void say(const std::string& line) const;

  // clients.cpp: what clients want.
  void think(unsigned client);
  void write_what_was_read(unsigned client, Target target);
  void choose(Request& request);
  void choose_write(Request& request);
  guard::Check recorded_or_confirm();
  void guard_with_tags(Request& request);
  void ask(unsigned client, Request& request);
  guard::Resource resource_of(Target target) const;
  guard::View view_of(Target target, unsigned variant) const;
  void write_around(const Request& request);
  void maybe_leave(RequestId id);
  void client_leaves(RequestId id);

  // shell.cpp: what proxy/net does.
  void call(const std::function<void(Actions&)>& event);
  void obey(const Action& action);
  void probe(Request& request, const Action& action);
  void connect(Request& request);
  void send(Request& request);
  void read(RequestId id);
  void land(const Request& request);
  void report(RequestId id, void (Engine::*verb)(RequestId, Instant, Actions&));
  void refused(Request& request, const Action& action);
  void answer(Request& request);
  void watch_deadline();
  void restart();
  void compare_record(Target target, unsigned variant);

  Random random_;
  guard::Rules rules_;
  Trace trace_;
  Climate climate_;
  Outcome outcome_;
  Upstream upstream_;
  std::unique_ptr<Engine> engine_;
  Instant now_{};
  bool draining_ = false;
  std::uint64_t events_ = 0;
  std::uint64_t life_ = 0;  // counts restarts
  unsigned naming_ = 0;     // counts reloads
  RequestId last_id_ = 0;
  std::uint64_t sends_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::map<RequestId, Request> requests_;
  std::map<RequestId, unsigned> owners_;
  std::array<std::vector<Tag>, targets.size()> tags_;  // handed out lately
  std::set<RequestId> reading_;
  std::optional<Instant> tick_at_;
};

}  // namespace ifmatch::simulation
