// One request that the engine knows: where it stands in the table at the head of engine.hpp, what
// it holds, and what its decision rests on.
#pragma once

#include <optional>

#include "proxy/guard/condition.hpp"
#include "proxy/guard/engine.hpp"
#include "proxy/guard/footprint.hpp"

namespace ifmatch::guard {

enum class Kind : std::uint8_t { write, read };

enum class State : std::uint8_t {
  arriving,    // on its way through the gates, within one call
  scouting,    // probes while others hold its gates; holds and keeps nothing
  queued,      // waits at the gate of the step `taken`
  held_back,   // waits for the requests of before a reload; holds nothing yet, so that they can end
  deciding,    // holds its gates, a probe is out
  connecting,  // holds its gates, decided, a connection is being obtained
  reading,     // a read that holds its gates
  sent,        // the write is on its way: unsettled
  quarantined,  // unsettled, its outcome is unknown
};

// Everything about a request but what it asked for.
struct Progress {
  RequestId id = 0;
  Kind kind = Kind::write;
  State state = State::arriving;
  bool looked_up = false;  // the footprint's nodes were found in this very call
  bool pinned = false;     // ... are kept for it
  std::size_t taken = 0;   // steps whose gates it holds

  // The decision at hand.
  Epoch rests_on = 0;                // the epoch of the probe or entry that decided
  std::optional<Version> shown;      // the first version that its probes showed
  std::optional<Epoch> holds_since;  // every sight until now agreed with `If-None-Match`
  unsigned decided_again = 0;
  std::optional<Instant> first_decision;

  // Waiting, summed over all gates; a deadline stands exactly while it is queued or held back, and
  // while it is quarantined.
  Duration waited{};
  Instant waits_since{};
  std::optional<Instant> deadline;

  bool told_to_wait = false;

  std::uint64_t generation = 0;  // how many reloads had happened when it was submitted
  bool everywhere = false;       // unsettled without a place of its own: it voids everything
};

struct Request : Progress {
  WriteRequest write;   // of a read: resource, gate_wait and gate_queue only
  Footprint footprint;  // looks into write.resource, whose strings never move

  // Begins anew, in the memory of an earlier request.
  void renew() { static_cast<Progress&>(*this) = Progress{}; }

  [[nodiscard]] bool has_condition() const {
    return kind == Kind::write && write.hold != Hold::none && says_something(write.condition);
  }
  [[nodiscard]] bool is_exclusive() const {
    return kind == Kind::write && write.hold == Hold::exclusive;
  }
  [[nodiscard]] bool is_waiting() const {
    return state == State::queued || state == State::held_back;
  }
  [[nodiscard]] bool is_unsettled() const {
    return state == State::sent || state == State::quarantined;
  }
};

}  // namespace ifmatch::guard
