// One gate per path and per name: who holds it in which mode, and who waits in which order. It
// never forwards anything and knows no time of its own; proxy/guard/gating.cpp moves requests
// through a sequence of gates.
//
// Compatibility        exclusive  shared  read   read_below
//   exclusive          no         no      no     no
//   shared                        yes     no     yes
//   read                                  yes    yes
//   read_below                                   yes
//
// Why no deadlock is possible. All gates stand in one order (names, then paths, an enclosing path
// before what it encloses), and a request takes its gates in that order: one that waits at gate g
// holds only gates before g. It waits there for holders of g, or for an earlier waiter of the same
// queue, which in turn waits for holders of g; a queue is a total order at every moment, so that
// chain ends at a holder. Take the last gate in the order at which anybody waits. Its holders wait
// at no gate: it would have to be a later one. Each of them has an outstanding probe, connection,
// write or quarantine, which ends without any gate. Hence there is always one that can end, and
// ending it lets the front of the queue in. Waits are bounded besides, so that a slow upstream
// costs others a 503 and not their patience.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/guard/types.hpp"

namespace ifmatch::guard {

struct Request;

// In the order of strictness within one request: a gate needed twice is taken in the later one.
enum class Mode : std::uint8_t { none, read_below, read, shared, exclusive };
inline constexpr std::size_t mode_count = 5;

[[nodiscard]] constexpr bool conflict(Mode one, Mode other) {
  if (one == Mode::none || other == Mode::none) return false;
  if (one == Mode::exclusive || other == Mode::exclusive) return true;
  return one != other && (one == Mode::shared || other == Mode::shared) &&
         (one == Mode::read || other == Mode::read);
}

class Gate {
 public:
  // True if a newcomer may enter: compatible with all holders, and nobody who waits is passed
  // that it conflicts with.
  [[nodiscard]] bool admits(Mode mode) const;

  // True if the queue of its kind (exclusive, others) has reached `queue_max`.
  [[nodiscard]] bool full(Mode mode, std::size_t queue_max) const;

  // True if the outcome of a holder that conflicts with `mode` is unknown; doubt_ends() then says
  // when the last of those quarantines ends.
  [[nodiscard]] bool in_doubt(Mode mode) const;
  [[nodiscard]] Instant doubt_ends(Mode mode) const;

  [[nodiscard]] bool idle() const;
  [[nodiscard]] bool awaited() const { return !waiters_.empty(); }

  void take(Mode mode);
  void release(Mode mode);

  // A holder's outcome became unknown, or known again.
  void mark(Mode mode, Instant until);
  void unmark(Mode mode);

  void enqueue(Request& request, Mode mode);
  void give_up(const Request& request);

  // Appends to `out` the waiters that conflict with `mode`, which leave the queue.
  void expel(Mode mode, std::vector<Request*>& out);

  // Lets in, from the front, every waiter that is compatible with the holders and passes nobody
  // that it conflicts with; appends them to `out`. They hold the gate then.
  void hand_over(std::vector<Request*>& out);

 private:
  using Counts = std::array<std::uint32_t, mode_count>;
  struct Waiter {
    Request* request;
    Mode mode;
  };

  Counts held_{};
  Counts doubtful_{};
  Counts waiting_{};
  std::array<Instant, mode_count> doubt_until_{};
  std::vector<Waiter> waiters_;  // in arrival order, save that turns alternate (see release)
};

}  // namespace ifmatch::guard
