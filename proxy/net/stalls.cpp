#include "proxy/net/stalls.hpp"

namespace ifmatch::net {
namespace {

// Nobody is judged sooner.
constexpr std::chrono::milliseconds age_min{500};

// Octets a second. Whoever is slower than the slowest telephone line gives way.
constexpr double pace_max = 4096;

}  // namespace

Stall::Stall(Stalls& stalls, const void* held_of, Connection& client)
    : stalls_(stalls),
      held_of_(held_of),
      client_(client),
      since_(client.now()),
      before_(octets()),
      next_(stalls.first_) {
  if (next_ != nullptr) next_->previous_ = this;
  stalls_.first_ = this;
}

Stall::~Stall() {
  if (previous_ != nullptr) {
    previous_->next_ = next_;
  } else {
    stalls_.first_ = next_;
  }
  if (next_ != nullptr) next_->previous_ = previous_;
}

std::uint64_t Stall::octets() const noexcept { return client_.octets_in() + client_.octets_out(); }

double Stall::pace(Instant now) const noexcept {
  const std::chrono::duration<double> age = now - since_;
  return static_cast<double>(octets() - before_) / std::max(age.count(), 0.5);
}

Stall* Stalls::slowest(const void* held_of, Instant now) const noexcept {
  Stall* slowest = nullptr;
  double least = pace_max;
  for (Stall* stall = first_; stall != nullptr; stall = stall->next_) {
    const bool judged = stall->held_of_ == held_of && stall->waits_ && !stall->cut_ &&
                        now - stall->since_ >= age_min;
    if (!judged) continue;
    const double pace = stall->pace(now);
    if (pace >= least) continue;
    least = pace;
    slowest = stall;
  }
  return slowest;
}

void Stalls::make_room(const void* held_of, std::size_t wanted, Instant now) noexcept {
  for (; wanted > 0; --wanted) {
    Stall* const stall = slowest(held_of, now);
    if (stall == nullptr) return;
    stall->cut_ = true;
    stall->client_.cancel();
  }
}

}  // namespace ifmatch::net
