#include "proxy/guard/gates.hpp"

#include <algorithm>

#include "proxy/guard/assert.hpp"

namespace ifmatch::guard {

namespace {

constexpr std::array<Mode, mode_count> all_modes{Mode::none, Mode::read_below, Mode::read,
                                                 Mode::shared, Mode::exclusive};

constexpr std::size_t at(Mode mode) {
  return static_cast<std::size_t>(mode);
}

bool any_conflict(const std::array<std::uint32_t, mode_count>& present, Mode mode) {
  return std::any_of(all_modes.begin(), all_modes.end(),
                     [&](Mode other) { return present[at(other)] != 0 && conflict(mode, other); });
}

}  // namespace

bool Gate::admits(Mode mode) const {
  return !any_conflict(held_, mode) && !any_conflict(waiting_, mode);
}

bool Gate::full(Mode mode, std::size_t queue_max) const {
  const std::size_t exclusive = waiting_[at(Mode::exclusive)];
  const std::size_t queued = mode == Mode::exclusive ? exclusive : waiters_.size() - exclusive;
  return queued >= queue_max;
}

bool Gate::in_doubt(Mode mode) const {
  return any_conflict(doubtful_, mode);
}

Instant Gate::doubt_ends(Mode mode) const {
  Instant last{};
  for (Mode other : all_modes) {
    if (doubtful_[at(other)] != 0 && conflict(mode, other)) {
      last = std::max(last, doubt_until_[at(other)]);
    }
  }
  return last;
}

bool Gate::idle() const {
  return waiters_.empty() && std::all_of(held_.begin(), held_.end(), [](auto n) { return n == 0; });
}

void Gate::take(Mode mode) {
  IFMATCH_ASSERT(!any_conflict(held_, mode));
  ++held_[at(mode)];
}

void Gate::release(Mode mode) {
  IFMATCH_ASSERT(held_[at(mode)] != 0);
  --held_[at(mode)];
  if (mode != Mode::exclusive) return;
  // Turns alternate: those who may share, and wait at this moment, go before the next exclusive
  // one. Whoever comes later to share waits behind it, so neither kind starves the other.
  std::stable_partition(waiters_.begin(), waiters_.end(),
                        [](const Waiter& waiter) { return waiter.mode != Mode::exclusive; });
}

void Gate::mark(Mode mode, Instant until) {
  IFMATCH_ASSERT(doubtful_[at(mode)] < held_[at(mode)]);
  ++doubtful_[at(mode)];
  doubt_until_[at(mode)] = std::max(doubt_until_[at(mode)], until);
}

void Gate::unmark(Mode mode) {
  IFMATCH_ASSERT(doubtful_[at(mode)] != 0);
  if (--doubtful_[at(mode)] == 0) doubt_until_[at(mode)] = {};
}

void Gate::enqueue(Request& request, Mode mode) {
  ++waiting_[at(mode)];
  waiters_.push_back({&request, mode});
}

void Gate::give_up(const Request& request) {
  const auto found = std::find_if(waiters_.begin(), waiters_.end(),
                                  [&](const Waiter& waiter) { return waiter.request == &request; });
  IFMATCH_ASSERT(found != waiters_.end());
  --waiting_[at(found->mode)];
  waiters_.erase(found);
}

void Gate::expel(Mode mode, std::vector<Request*>& out) {
  std::erase_if(waiters_, [&](const Waiter& waiter) {
    if (!conflict(waiter.mode, mode)) return false;
    --waiting_[at(waiter.mode)];
    out.push_back(waiter.request);
    return true;
  });
}

void Gate::hand_over(std::vector<Request*>& out) {
  Counts passed{};  // modes of the earlier ones that go on waiting
  std::erase_if(waiters_, [&](const Waiter& waiter) {
    if (any_conflict(held_, waiter.mode) || any_conflict(passed, waiter.mode)) {
      ++passed[at(waiter.mode)];
      return false;
    }
    --waiting_[at(waiter.mode)];
    ++held_[at(waiter.mode)];
    out.push_back(waiter.request);
    return true;
  });
}

}  // namespace ifmatch::guard
