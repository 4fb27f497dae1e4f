// The guard of one upstream origin: decides which writes go, which wait and which are refused.
// Events in, actions out; no socket, no clock, no thread, no randomness. net/exchange.cpp does
// what it says, tests/simulation runs it under virtual time.
//
// The life of an unsafe request (one that writes, or may):
//
//   state      event                     next state and action
//   ---------  ------------------------  --------------------------------------------------------
//   (new)      submit                    refused (record shows another version; quarantine; full)
//                                        gates free: held -> probe(gated) | connect
//                                        gates taken: with a condition -> scouting, probe(ungated)
//                                                     without one      -> queued, wait
//   scouting   probed: mismatch          refused, if no candidate is left or the record has it, too
//              probed: match             held -> probe(gated) | queued, wait
//   queued     last gate granted         held -> probe(gated) | connect   (re-decided in the gate)
//              tick past gate_wait       refused busy
//              conflict in doubt         refused in_doubt
//   deciding   probed: match             connecting, connect
//              probed: mismatch, absent  refused, gates released
//   connecting connected                 still valid -> sent, send (stamped and unsettled)
//                                        else deciding again, at most decisions_max times
//   sent       unsent                    settled, then deciding again
//              settled                   (gone) stamped, gates released
//              in_doubt                  quarantined, gates stay held in their modes
//   quarantined tick past its end        (gone) stamped, gates released
//   any before sent: leave               (gone) gates released
//   sent       leave                     quarantined: nobody will tell its outcome
//   held back  older ones are gone       as after submit (see reconfigured)
//              tick past gate_wait       refused busy
//
// A read with `reads: wait`: queued or refused as above, then connect; leave() ends it.
//
// CONTRACT for the caller: every `probe` is answered by exactly one `probed`, every `connect` by
// `connected` or `leave`, every `send` by exactly one of `unsent`, `settled` or `in_doubt` -- also
// when the client has left. Until then the gates stay shut, because the upstream may still be
// working. After `refuse`, and after `settled`, `in_doubt` or `leave`, the id is gone. What is said
// about an id that is gone is ignored (another thread's call may have refused it a moment ago), but
// the outcome of a write nobody waits for any more voids everything that was learnt before.
// Not thread-safe, except for epoch(); the caller holds a short mutex around every other call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/guard/types.hpp"

namespace ifmatch::guard {

struct EngineLimits {
  std::size_t entries_max = 1'000'000;      // record entries; the oldest is forgotten
  std::size_t entries_per_target_max = 16;  // versions and variants remembered of one target
  std::size_t nodes_max = 1'000'000;  // paths and names with a stamp or a gate; the idle one that
                                      // is longest out of use is forgotten
  unsigned decisions_max = 3;   // a decision that went stale before the send is made again so often
  std::uint64_t hash_seed = 0;  // random, the caller's: strangers cannot choose paths that collide
};

// Switches that turn single rules off. All on but in proofs: tests/simulation turns one off at a
// time and must then find a lost update, or a gate that stays shut.
struct Rules {
  bool re_decide_before_send = true;               // 3.2.5
  bool exclusive_overlaps_below_and_above = true;  // 3.2.6
  bool shared_overlaps_above = true;               // 3.2.6
  bool stamp_at_send = true;                       // 3.2.6, and counts as unsettled from then on
  bool stamp_at_settle = true;                     // 3.2.6
  bool forgotten_stamps_raise_floor = true;        // 3.2.6
  bool entries_need_epoch = true;                  // 3.1.3
  bool confirm_in_gate = true;                     // 3.2.3
  bool intention_gates_on_enclosing = true;        // 3.3.1
  bool shared_gates_for_others = true;             // 3.3.1
  bool stricter_of_two_modes = true;               // 3.3.1
  bool gates_in_one_order = true;                  // 3.3.1; without it every other one goes back
  bool only_outcomes_open_gates = true;            // 3.3.3; without it gate_wait opens them, too
  bool quarantine = true;                          // 3.4
  bool unclean_start = true;                       // 3.4
  bool reload_waits = true;                        // 3.3.5
};

enum class Hold : std::uint8_t {
  exclusive,  // a guarded or serialised write
  shared,     // any other unsafe request
  none,       // one that only stamps and counts as unsettled, without waiting: mode observe, or
              // unmatched. Its condition is not looked at: it gets connect at once, then send
};

struct WriteRequest {
  Resource resource;
  Hold hold = Hold::exclusive;
  Hold counts_as = Hold::none;  // with Hold::none: what those who come after a reload take it for
  std::optional<Condition> condition;  // unset: there is nothing to decide
  Check check = Check::confirm;
  View view;                     // of a GET of the write's own target with the writer's fields;
                                 // its variant is not looked at
  bool absent_is_answer = true;  // 404/410 without `If-None-Match: *` is relayed (false for PUT)
  bool needs_current = false;    // a refusal must carry the representation: never from the record
  Duration gate_wait{};          // over all gates together
  std::size_t gate_queue = 64;   // waiters per gate, exclusive and others apart
  Duration in_doubt{};           // length of its quarantine, should it come to that
};

// A guarded read with `reads: wait`: holds its own paths in mode read, the enclosing in read_below.
struct ReadRequest {
  Resource resource;
  Duration gate_wait{};
  std::size_t gate_queue = 64;
};

enum class Refusal : std::uint8_t {
  stale,         // the version moved on: 412
  exists,        // If-None-Match failed: 412
  absent,        // 404/410 of the probe is relayed
  relayed,       // 401, 403, 429 or a redirect of the probe is relayed
  unverifiable,  // no probe decided: 502 or 504
  busy,          // gate full, wait over, decisions exhausted, table full: 503
  in_doubt,      // a conflicting write's outcome is unknown: 503
};

enum class Do : std::uint8_t {
  wait,     // nothing now; a later action for this id follows
  probe,    // send the next candidate probe, then call probed()
  connect,  // obtain a connection, then call connected() (reads: go upstream, then leave())
  send,     // forward the write, now, on that connection
  refuse,   // answer with `refusal`; the id is gone
};

struct Action {
  RequestId request = 0;
  Do what = Do::wait;
  bool first_probe = false;  // with probe: begin with the first candidate again
  bool gated = false;        // with probe: inside the gate (keep its connection for the write)
  Refusal refusal = Refusal::busy;  // with refuse
  std::optional<Version> current;   // with refuse stale/exists: what this writer may be shown
  bool from_record = false;         // with refuse: decided by the record
  Duration retry_after{};           // with refuse in_doubt: until the quarantine ends
};

// Appended to by every call: actions for the caller's request and for those it unleashed.
using Actions = std::vector<Action>;

// Who saw a version. A tag can only be sent by whom it was handed out to, and what it was handed
// out for decides what may be said about it: what nobody but a probe saw does not.
enum class Shown : std::uint8_t { to_client, to_us };

// Something a read or a probe learnt.
struct Lesson {
  ResourceView resource;
  View view;
  Version version{};
  Selection selection = selection_unknown;
  Epoch since = 0;  // epoch() before the request went out
  Shown shown = Shown::to_client;
};

// A hint for probes: how a tag that a writer sent was once asked for.
struct Hint {
  Selection selection = selection_unknown;
  bool without_credentials = false;
};

// What the record alone says about a condition, where nobody will be asked.
enum class Foreseen : std::uint8_t { nothing, holds, differs, exists };

struct EngineCounts {
  std::size_t entries = 0;        // recorded
  std::size_t nodes = 0;          // paths and names known
  std::size_t gates_busy = 0;     // nodes held, awaited or quarantined
  std::size_t requests = 0;       // ids alive, quarantined ones included
  bool everything_in_doubt = false;  // the quarantine of an unclean start is not over
  std::uint64_t out_of_band = 0;  // versions that changed without a write through us
};

class Engine {
 public:
  explicit Engine(const EngineLimits& limits, const Rules& rules = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The current epoch. Thread-safe and lock-free: what a read takes along when it begins.
  [[nodiscard]] Epoch epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

  // Records a version, if nothing that overlaps the resource is unsettled or was stamped since.
  // The entry is kept as a hint otherwise. `anonymous` credentials are told by the caller. Returns
  // whether it shows that the version changed without a write through us.
  bool learn(const Lesson& lesson, bool without_credentials);

  // Hints for the tags of a condition, best first, each selection once.
  [[nodiscard]] std::vector<Hint> hints(const Digest& target, std::span<const Version> sent) const;

  // The version this viewer was last seen to have, if it is still valid.
  [[nodiscard]] std::optional<Version> recorded(ResourceView resource, const View& view) const;

  // For mode observe, which never probes. Changes nothing.
  [[nodiscard]] Foreseen foresee(const Resource& resource, const View& view,
                                 const Condition& condition) const;
  // Whether each of these versions was handed out for the target, as far as is remembered.
  [[nodiscard]] bool handed_out(const Digest& target, std::span<const Version> versions) const;

  void submit(RequestId id, const WriteRequest& request, Instant now, Actions& out);
  void submit_read(RequestId id, ReadRequest request, Instant now, Actions& out);

  // One candidate was probed. `last` says that no further candidate is left.
  enum class Candidates : std::uint8_t { more, exhausted };
  void probed(RequestId id, const Observation& seen, Epoch since, Candidates left, Instant now,
              Actions& out);

  void connected(RequestId id, Instant now, Actions& out);
  void unsent(RequestId id, Instant now, Actions& out);
  void settled(RequestId id, Instant now, Actions& out);
  void in_doubt(RequestId id, Instant now, Actions& out);
  void leave(RequestId id, Instant now, Actions& out);

  // Ends waits and quarantines that are over. Call it when next_deadline() has come, or later:
  // being late only makes others wait, it never lets a write through.
  void tick(Instant now, Actions& out);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  // An unclean start: every gate of this origin is in quarantine until then. Unsafe requests and
  // waiting reads are refused in_doubt (those that wait already by the next tick), nothing learnt
  // meanwhile becomes valid. What was sent goes on; Hold::none is not hindered.
  void quarantine_everything(Instant until);

  // A reload changed names, modes or guarded methods. Requests submitted before go on to their end
  // under the gates of their time. One that is submitted afterwards takes its gates only when all
  // older ones are gone that it might exclude: an exclusive one waits for all of them, a shared one
  // for exclusive ones and reads, a read for writes. This waiting counts as waiting at a gate.
  void reconfigured(Instant now);
  // How often that was called, and whether a request lives that was submitted before it had been
  // called so often.
  [[nodiscard]] std::uint64_t generation() const;
  [[nodiscard]] bool has_older_than(std::uint64_t generation) const;

  [[nodiscard]] EngineCounts counts() const;

 private:
  std::atomic<Epoch> epoch_{1};
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace ifmatch::guard
