// One coarse sweep per thread instead of a timer per operation. Whoever waits with a deadline is
// linked here; a sweep every `sweep_interval` tells those whose deadline has passed. A deadline may
// therefore be late by two intervals, never early.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include "proxy/net/asio.hpp"

namespace ifmatch::net {

inline constexpr std::chrono::milliseconds sweep_interval{50};
inline constexpr Instant never = Instant::max();

class Sweeper;

// Something with deadlines. Links itself on construction and unlinks on destruction.
class Swept {
 public:
  Swept(const Swept&) = delete;
  Swept& operator=(const Swept&) = delete;

 protected:
  explicit Swept(Sweeper& sweeper);
  virtual ~Swept();

 private:
  friend class Sweeper;
  // Called on the thread of the sweeper. May not destroy other swept things at once.
  virtual void sweep(Instant now) = 0;

  Sweeper& sweeper_;
  Swept* previous_ = nullptr;
  Swept* next_ = nullptr;
};

class Sweeper {
 public:
  void sweep(Instant now);

  // The time of the latest sweep: at most one interval ago. Costs no look at the clock.
  [[nodiscard]] Instant now() const noexcept { return now_; }

  // A deadline that is late by one interval at most, and never early.
  [[nodiscard]] Instant after(Clock::duration wait) const noexcept {
    return now_ + wait + sweep_interval;
  }

 private:
  Instant now_ = Clock::now();
  friend class Swept;
  Swept* first_ = nullptr;
  Swept* cursor_ = nullptr;  // the next one to visit, so that a visit may unlink anything
};

// Calls `expire` at every sweep from `at` on, as long as it lives.
class Deadline final : private Swept {
 public:
  Deadline(Sweeper& sweeper, Instant at, std::function<void()> expire)
      : Swept(sweeper), at_(at), expire_(std::move(expire)) {}

 private:
  void sweep(Instant now) override {
    if (now >= at_) expire_();
  }

  Instant at_;
  std::function<void()> expire_;
};

}  // namespace ifmatch::net
