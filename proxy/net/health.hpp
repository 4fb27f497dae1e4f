// Whether a place is worth trying: two small machines that know neither sockets nor clocks. One
// learns from attempts to connect (passive), the other from checks that ask on purpose (active).
// Answers of an API, whatever their status, say nothing here: only whether a connection comes about.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace ifmatch::net {

// The best first: a worse one is tried only after all better ones.
enum class Standing : std::uint8_t {
  good,
  resting,    // connecting failed a moment ago
  unhealthy,  // so say the checks
};

// Lets a place rest after an attempt to connect that failed, for longer each time. When the rest is
// over one caller at a time tries again, so that a place which swallows attempts without a word
// costs one request its patience, not all of them. Any thread may call.
class Rest {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::milliseconds;
  static constexpr Duration shortest{1'000};  // a restart takes about so long
  static constexpr Duration longest{30'000};  // after a repair nobody wants to wait longer

  void failed(Instant now) noexcept {
    // Those that had begun before the first of them failed tell nothing new.
    if (is_failing() && now < until()) return;
    const std::uint32_t count = std::min(failures_.load(relaxed) + 1, doublings_max);
    until_.store((now + pause_after(count)).time_since_epoch().count(), relaxed);
    failures_.store(count, relaxed);
  }

  void succeeded() noexcept {
    if (is_failing()) failures_.store(0, relaxed);
  }

  [[nodiscard]] bool is_failing() const noexcept { return failures_.load(relaxed) != 0; }

  [[nodiscard]] Standing standing(Instant now) const noexcept {
    if (!is_failing()) return Standing::good;
    return now < until() || now < instant(tried_until_) ? Standing::resting : Standing::good;
  }

  // Whoever goes on to try says so; for `patience` the others pass it by.
  void trying(Instant now, Duration patience) noexcept {
    if (is_failing()) tried_until_.store((now + patience).time_since_epoch().count(), relaxed);
  }

  [[nodiscard]] Instant until() const noexcept { return instant(until_); }

 private:
  using Ticks = std::chrono::steady_clock::rep;
  static constexpr auto relaxed = std::memory_order_relaxed;
  static constexpr std::uint32_t doublings_max = 6;

  static Duration pause_after(std::uint32_t count) noexcept {
    return std::min(longest, shortest * (1U << (count - 1)));
  }
  static Instant instant(const std::atomic<Ticks>& ticks) noexcept {
    return Instant(std::chrono::steady_clock::duration(ticks.load(relaxed)));
  }

  std::atomic<std::uint32_t> failures_{0};  // in a row, none of them within the rest of another
  std::atomic<Ticks> until_{0};
  std::atomic<Ticks> tried_until_{0};
};

// Counts the checks of one place. It is healthy until so many in a row have failed.
class CheckedHealth {
 public:
  enum class Outcome : std::uint8_t { passed, failed };
  enum class Change : std::uint8_t { none, became_healthy, became_unhealthy };

  CheckedHealth(std::size_t unhealthy_after, std::size_t healthy_after) noexcept
      : unhealthy_after_(unhealthy_after), healthy_after_(healthy_after) {}

  Change note(Outcome outcome) noexcept {
    const bool agrees = (outcome == Outcome::passed) == healthy_;
    streak_ = agrees ? 0 : streak_ + 1;
    if (streak_ < (healthy_ ? unhealthy_after_ : healthy_after_)) return Change::none;
    healthy_ = !healthy_;
    streak_ = 0;
    return healthy_ ? Change::became_healthy : Change::became_unhealthy;
  }

  [[nodiscard]] bool healthy() const noexcept { return healthy_; }

 private:
  std::size_t unhealthy_after_;
  std::size_t healthy_after_;
  std::size_t streak_ = 0;  // checks in a row that spoke against what is held
  bool healthy_ = true;
};

}  // namespace ifmatch::net
