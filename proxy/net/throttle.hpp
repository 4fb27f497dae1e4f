// Keeps a message that strangers can provoke from filling the log: tells of the first event, then
// of all others together, at most once per interval.
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>

#include "proxy/net/asio.hpp"

namespace ifmatch::net {

class Throttle {
 public:
  explicit Throttle(Clock::duration interval) : interval_(interval) {}

  // Counts `events` more. Returns how many are to be told of now; 0 while it is too early.
  [[nodiscard]] std::size_t tell(Instant now, std::size_t events = 1) noexcept {
    untold_ += events;
    if (untold_ == 0 || now < next_) return 0;
    next_ = now + interval_;
    return std::exchange(untold_, 0);
  }

 private:
  Clock::duration interval_;
  Instant next_ = Instant::min();
  std::size_t untold_ = 0;
};

}  // namespace ifmatch::net
