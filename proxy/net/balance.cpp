#include "proxy/net/balance.hpp"

#include <algorithm>

namespace ifmatch::net {
namespace {

bool is_better(const Candidate& one, const Candidate& other, config::Balance balance) {
  if (one.standing != other.standing) return one.standing < other.standing;
  return balance == config::Balance::least_connections && one.active < other.active;
}

}  // namespace

std::optional<std::size_t> choose(std::span<const Candidate> candidates, config::Balance balance,
                                  Places tried, std::size_t& turn) {
  std::optional<std::size_t> best;
  for (std::size_t step = 0; step < candidates.size(); ++step) {
    const std::size_t index = (turn + step) % candidates.size();
    if ((tried >> index & 1U) != 0) continue;
    if (!best || is_better(candidates[index], candidates[*best], balance)) best = index;
  }
  if (best) turn = (*best + 1) % candidates.size();
  return best;
}

std::chrono::steady_clock::time_point fair_part(std::chrono::steady_clock::time_point now,
                                                std::chrono::steady_clock::time_point deadline,
                                                std::size_t left) {
  if (now >= deadline) return deadline;
  return now + (deadline - now) / static_cast<std::int64_t>(std::max<std::size_t>(left, 1));
}

}  // namespace ifmatch::net
