#include "proxy/net/admission.hpp"

#include <algorithm>

namespace ifmatch::net {

// Rung from other threads through the executor; all else happens on the thread that waits.
struct Admission::Bell {
  explicit Bell(const Executor& executor) : timer(executor) {}
  Timer timer;
};

// Stands in the list while it lives.
struct Admission::Waiting {
  Waiting(Admission& admission, asio::io_context& io)
      : of(admission), bell(std::make_shared<Bell>(io.get_executor())) {
    const std::lock_guard lock(of.mutex_);
    of.bells_.push_back(bell);
    of.waiting_.fetch_add(1);
  }
  ~Waiting() {
    const std::lock_guard lock(of.mutex_);
    std::erase(of.bells_, bell);
    of.waiting_.fetch_sub(1);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  Admission& of;
  std::shared_ptr<Bell> bell;
};

bool Admission::enter(std::size_t limit) noexcept {
  std::size_t inside = inside_.load();
  do {
    if (inside >= limit) return false;
  } while (!inside_.compare_exchange_weak(inside, inside + 1));
  return true;
}

// Who leaves counts down before it looks for who waits, and who waits stands in the list before it
// looks at the count: one of the two sees the other.
void Admission::leave() {
  inside_.fetch_sub(1);
  if (waiting_.load() == 0) return;
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Bell>& bell : bells_) {
    asio::post(bell->timer.get_executor(), [bell] { bell->timer.cancel(); });
  }
}

Task<void> Admission::wait(asio::io_context& io, std::size_t limit, Clock::duration at_most) {
  Waiting waiting(*this, io);
  waiting.bell->timer.expires_after(at_most);
  if (inside() < limit) co_return;
  co_await waiting.bell->timer.async_wait(as_tuple);
}

}  // namespace ifmatch::net
