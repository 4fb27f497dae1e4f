// How many connections may be open to an upstream at once, over all threads, and who waits for one.
// It counts permits: a permit is the right to have one connection open, idle or in use. Whoever
// finds none waits, first come, first served, whatever thread it is on.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>

namespace ifmatch::net {

class ConnectionLimit {
 public:
  // REQUIRES: it has left (see leave) before it is destroyed.
  class Waiter {
   public:
    // `owner` is whoever can hand over a connection of its own: see pass_to.
    explicit Waiter(const void* owner) noexcept : owner_(owner) {}
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;
    virtual ~Waiter() = default;

    // It has a permit now. Called on whatever thread gave it up, under the lock: it may only have
    // itself woken.
    virtual void granted() noexcept = 0;

   private:
    friend class ConnectionLimit;
    enum class State : std::uint8_t { outside, queued, granted };
    const void* owner_;
    State state_ = State::outside;
  };

  ConnectionLimit(std::size_t open_max, std::size_t waiting_max) noexcept
      : open_max_(open_max), waiting_max_(waiting_max) {}

  // A permit at once, if there is one. Nobody overtakes those who wait.
  [[nodiscard]] bool take();

  enum class Entry : std::uint8_t { granted, queued, full };
  // Takes a permit, or stands in the queue; `full` when too many stand there already.
  [[nodiscard]] Entry enter(Waiter& waiter);

  // Stands in the queue no longer. True if it has a permit, which is the caller's now.
  [[nodiscard]] bool leave(Waiter& waiter);

  // A permit that is not needed any more: it is the first waiter's, or nobody's.
  void give_back();

  // The first waiter, if it belongs to `owner`; the caller's permit is that waiter's now, along with
  // whatever the caller hands over. It is not told: that is for the caller to do. Null otherwise.
  [[nodiscard]] Waiter* pass_to(const void* owner);

  // Costs no lock, and may be old by a moment.
  [[nodiscard]] std::size_t waiting() const noexcept {
    return waiting_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t open() const noexcept { return open_.load(std::memory_order_relaxed); }

 private:
  Waiter& take_first();

  const std::size_t open_max_;
  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::deque<Waiter*> queue_;
  std::atomic<std::size_t> open_{0};     // permits that are out
  std::atomic<std::size_t> waiting_{0};  // the size of the queue
};

}  // namespace ifmatch::net
