// How the driver tells the faulty upstream what to do: by signals, so that nothing of it passes
// through the connections under test.
#pragma once

#include <signal.h>

namespace ifmatch::torture {

// Stops itself (SIGSTOP) between two writes, never in the middle of applying one; goes on at
// SIGCONT.
inline constexpr int freeze_signal = SIGUSR1;
// From now on no mishaps.
inline constexpr int calm_signal = SIGUSR2;
// Accepts nothing for the milliseconds that come with the signal, with a queue of one.
inline int stall_signal() {
  return SIGRTMIN;
}
// For the milliseconds that come with the signal, writes that arrive are applied late.
inline int linger_signal() {
  return SIGRTMIN + 1;
}

}  // namespace ifmatch::torture
