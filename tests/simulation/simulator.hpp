// Runs the real engine under virtual time, between clients that misbehave and an upstream that
// fails, and counts what must never happen. One seed gives one history, replayed identically: a
// phase with faults, one without, then a last round in which every resource is read and written.
//
// It stands where proxy/net stands: it names, probes, connects, sends and reports. The auditor
// looks at every write at the instant at which it lands, from the upstream's side, where no rule
// can hide anything.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "proxy/guard/engine.hpp"
#include "tests/simulation/addresses.hpp"
#include "tests/simulation/outcome.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/shell_rules.hpp"
#include "tests/simulation/upstream.hpp"

namespace ifmatch::simulation {

using guard::Action;
using guard::Actions;
using guard::Duration;
using guard::Engine;
using guard::Epoch;
using guard::RequestId;

struct AllRules {
  guard::Rules engine;
  ShellRules shell;
};

enum class Trace : std::uint8_t { off, on };

// Plays the history of one seed to its end.
[[nodiscard]] Outcome play(std::uint64_t seed, const AllRules& rules = {},
                           Trace trace = Trace::off);

enum class What : std::uint8_t { read, waiting_read, write, observed_write, around_write };

enum class Stage : std::uint8_t { waiting, probing, connecting, sent, reading, over };

// How a client was answered, as far as it matters to what it does next.
enum class Told : std::uint8_t {
  done,
  nothing_was_written,  // 412, 503, or 502 that says so: it may ask again
  anything_else,
};

// A version that was handed out, and to which request.
struct Tag {
  Version version{};
  unsigned variant = 0;
  Viewer viewer = 0;
  std::size_t known = 0;  // Upstream::changes() at that moment
};

// An edit that a client tries to make once more, with a fresh tag or the old one.
struct Retry {
  Edit edit = 0;
  Effect effect = Effect::replace;
  unsigned attempts = 0;
};

// One request of one client, and what the shell knows of it.
struct Request {
  RequestId id = 0;
  What what = What::read;
  Target target = 0;
  Spelling spelling = 0;
  unsigned variant = 0;
  Viewer viewer = 0;
  Effect effect = Effect::replace;
  const char* told = "";               // for the trace
  std::optional<Condition> condition;  // as the client sent it
  std::size_t known = 0;               // of the tag that it sent
  Edit edit = 0;
  unsigned attempts = 0;
  std::optional<Retry> then_retry;  // a read that prepares one
  guard::Hold hold = guard::Hold::exclusive;
  guard::Check check = guard::Check::confirm;
  bool needs_current = false;

  guard::Resource resource;
  guard::View view;
  Stage stage = Stage::waiting;
  Instant submitted{};
  std::array<unsigned, variants> candidates{};
  std::size_t candidate = 0;
  bool probe_failed = false;  // one of its probes was undecidable
  bool probed_in_gate = false;
  // When its last probe inside the gate saw the resource. Without one nobody is excused.
  Instant looked = Instant::max();
  std::uint64_t send_order = 0;
  bool sent_again = false;
  bool gone = false;          // its client left
  bool out_of_sight = false;  // after the send, and the shell with it
  Told answer = Told::anything_else;
  unsigned answers = 0;

  // Whether it says what must be so when it lands: tags of `If-None-Match` do not.
  [[nodiscard]] bool has_precondition() const {
    return condition && (condition->if_match || condition->if_none_match->any);
  }
};

class Simulator {
 public:
  Simulator(std::uint64_t seed, const AllRules& rules, Trace trace);
  Outcome run();

 private:
  // What this history is like; drawn once.
  struct Climate {
    unsigned clients = 4;
    bool around = false;
    bool faults = true;
    bool patient = false;  // waits so long that waiting to the end means waiting in vain
    Contents contents = Contents::ever_new;
    guard::EngineLimits limits;
    std::size_t gate_queue = 4;
    Duration gate_wait{};
    Duration horizon{};
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
  enum class Phase : std::uint8_t { faults, calm, ending };

  // What came back of a forwarded write.
  struct Reply {
    enum class Kind : std::uint8_t { answered, timed_out, lost, refused } kind = Kind::answered;
    int status = 200;
  };
  enum class Verdict : std::uint8_t { settled, in_doubt, unsent, unreported };
  enum class Extent : std::uint8_t { whole, part };

  // simulator.cpp
  void choose_climate();
  void plan_disturbances();
  void play_events();
  void last_round();
  void take_stock();
  void at(Duration delay, Scope scope, std::function<void()> happens);
  Duration micros(std::uint64_t low, std::uint64_t high);
  template <typename... Parts>
  void say(const Parts&... parts);
  void note(Seen what) { ++outcome_[what]; }
  void blame(Wrong what) { ++outcome_[what]; }
  [[nodiscard]] bool faults() const { return climate_.faults && phase_ == Phase::faults; }
  Request& request(RequestId id) { return requests_[id - 1]; }

  // disturbances.cpp: what befalls the proxy as a whole.
  void crash();
  void stop_cleanly();
  void start_when_idle();
  void start(std::optional<Instant> quarantine);
  void reload();
  void drop_gates();

  // clients.cpp: what clients want.
  Request& compose();
  void think();
  void write_what_was_read(Target target);
  void choose(Request& request);
  void choose_write(Request& request);
  guard::Check recorded_or_confirm();
  void guard_with_tags(Request& request);
  void guard_with(Request& request, const Tag& tag);
  void choose_address(Request& request);
  void ask(Request& request);
  void write_around(RequestId id);
  void maybe_leave(RequestId id);
  void client_leaves(RequestId id);
  void maybe_retry(const Request& request);
  void read_for_retry(RequestId id);
  void retry_after_read(const Request& read, const Observation& seen);
  void resend(RequestId id);
  void answer(Request& request, Told told);

  // shell.cpp: what proxy/net does up to the send.
  void call(const std::function<void(Actions&)>& event);
  void obey(const Action& action);
  void submit(Request& request);
  void probe(Request& request, const Action& action);
  void probe_ended(RequestId id, const Observation& seen, Epoch since, unsigned variant);
  void connect(Request& request);
  void read(RequestId id);
  // What a read was answered.
  struct Reading {
    Observation seen;
    std::size_t known = 0;  // Upstream::changes() of what it shows
    Epoch since = 0;
    bool aged = false;  // by a cache
  };
  void read_ended(RequestId id, const Reading& reading);
  void refused(Request& request, const Action& action);
  void compare_record(const Request& reader);
  void watch_deadline();
  guard::View view_of(const Request& request, unsigned variant) const;

  // forwarding.cpp: the send and its outcome.
  void send(Request& request);
  void forward(Request& request);
  void forward_faultily(Request& request, Duration landing, Duration back);
  void lands(RequestId id, Duration delay, Extent extent = Extent::whole);
  void replies(RequestId id, Duration delay, Reply reply);
  void land(const Request& request, Extent extent);
  void count_landed(const Request& request, Effect effect, bool recreates);
  void replied(RequestId id, Reply reply);
  [[nodiscard]] Verdict verdict_of(const Request& request, Reply reply) const;
  int one_of(std::initializer_list<int> statuses);

  Random random_;
  AllRules rules_;
  Trace trace_;
  Climate climate_;
  Outcome outcome_;
  std::optional<Upstream> upstream_;
  std::unique_ptr<Engine> engine_;
  Instant now_{};
  Phase phase_ = Phase::faults;
  bool stopping_ = false;
  unsigned looks_while_stopping_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t life_ = 0;  // counts starts
  unsigned naming_ = 0;     // counts reloads
  Edit last_edit_ = 0;
  std::uint64_t sends_ = 0;
  std::vector<Event> queue_;                             // a heap, the next one first
  std::deque<Request> requests_;                         // by their id, the first is 1
  std::array<std::vector<Tag>, addresses.size()> tags_;  // handed out lately
  std::array<bool, cells.size()> deleted_{};             // some time in this history
  std::set<RequestId> reading_;                          // waiting reads that hold their gates
  std::optional<Instant> tick_at_;
};

template <typename... Parts>
void Simulator::say(const Parts&... parts) {
  if (trace_ == Trace::off) return;
  const auto append = [&](const auto& part) {
    if constexpr (std::is_convertible_v<decltype(part), std::string_view>) {
      outcome_.trace += std::string_view(part);
    } else if constexpr (std::is_same_v<decltype(part), const char&>) {
      outcome_.trace += part;
    } else {
      outcome_.trace += std::to_string(part);
    }
  };
  const Instant origin = Instant{} + std::chrono::hours(1);
  append(std::chrono::duration_cast<std::chrono::microseconds>(now_ - origin).count());
  append("  ");
  (append(parts), ...);
  append("\n");
}

}  // namespace ifmatch::simulation
