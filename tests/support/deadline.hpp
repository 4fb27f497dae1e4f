// Time in tests: every wait has a deadline, and none is a plain sleep. A wait that ends without its
// condition is a failure that the caller reports.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>

namespace ifmatch::support {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// Long enough for a loaded machine, short enough that a hanging test ends by itself.
inline constexpr Milliseconds patience{15'000};

class Deadline {
 public:
  explicit Deadline(Milliseconds from_now = patience) : at_(Clock::now() + from_now) {}

  [[nodiscard]] Clock::time_point at() const { return at_; }
  [[nodiscard]] bool expired() const { return Clock::now() >= at_; }

  // What is left, for poll(2): rounded up, so that a wait never ends early.
  [[nodiscard]] int remaining_milliseconds() const {
    const auto left = std::chrono::ceil<Milliseconds>(at_ - Clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 3'600'000));
  }

 private:
  Clock::time_point at_;
};

// Looks at a condition that cannot announce itself (a port that opens, a number under /proc) until
// it holds. Returns false when the deadline came first.
template <typename Condition>
[[nodiscard]] bool eventually(Condition condition, Deadline deadline = Deadline{}) {
  constexpr int look_every_milliseconds = 10;
  while (!condition()) {
    if (deadline.expired()) return false;
    ::poll(nullptr, 0, look_every_milliseconds);
  }
  return true;
}

}  // namespace ifmatch::support
