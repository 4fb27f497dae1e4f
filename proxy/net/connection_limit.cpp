#include "proxy/net/connection_limit.hpp"

#include <algorithm>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {

bool ConnectionLimit::take() {
  const std::lock_guard lock(mutex_);
  if (!queue_.empty() || open_ >= open_max_) return false;
  ++open_;
  return true;
}

ConnectionLimit::Entry ConnectionLimit::enter(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  IFMATCH_ASSERT(waiter.state_ == Waiter::State::outside);
  if (queue_.empty() && open_ < open_max_) {
    ++open_;
    waiter.state_ = Waiter::State::granted;
    return Entry::granted;
  }
  if (queue_.size() >= waiting_max_) return Entry::full;
  queue_.push_back(&waiter);
  waiting_ = queue_.size();
  waiter.state_ = Waiter::State::queued;
  return Entry::queued;
}

bool ConnectionLimit::leave(Waiter& waiter) {
  const std::lock_guard lock(mutex_);
  if (waiter.state_ == Waiter::State::queued) {
    std::erase(queue_, &waiter);
    waiting_ = queue_.size();
  }
  const bool granted = waiter.state_ == Waiter::State::granted;
  waiter.state_ = Waiter::State::outside;
  return granted;
}

void ConnectionLimit::give_back() {
  const std::lock_guard lock(mutex_);
  IFMATCH_ASSERT(open_ > 0);
  if (queue_.empty()) {
    --open_;
  } else {
    take_first().granted();
  }
}

ConnectionLimit::Waiter* ConnectionLimit::pass_to(const void* owner) {
  const std::lock_guard lock(mutex_);
  if (queue_.empty() || queue_.front()->owner_ != owner) return nullptr;
  return &take_first();
}

ConnectionLimit::Waiter& ConnectionLimit::take_first() {
  Waiter& first = *queue_.front();
  queue_.pop_front();
  waiting_ = queue_.size();
  first.state_ = Waiter::State::granted;
  return first;
}

}  // namespace ifmatch::net
