// Which of the places of an upstream the next request goes to. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "config/config.hpp"
#include "proxy/net/health.hpp"

namespace ifmatch::net {

// A set of places: an upstream has at most as many as there are bits.
using Places = std::uint64_t;
inline constexpr std::size_t places_max = 64;

struct Candidate {
  Standing standing = Standing::good;
  std::size_t active = 0;  // requests that are under way there
};

// The best of those that are not in `tried`, nothing when all are. `turn` is where the round has got
// to; it is moved on.
[[nodiscard]] std::optional<std::size_t> choose(std::span<const Candidate> candidates,
                                                config::Balance balance, Places tried,
                                                std::size_t& turn);

// Until when the next of `left` attempts may take: what is left of the time is shared among them, so
// that one place that keeps silent does not eat the time of the others.
[[nodiscard]] std::chrono::steady_clock::time_point fair_part(
    std::chrono::steady_clock::time_point now, std::chrono::steady_clock::time_point deadline,
    std::size_t left);

}  // namespace ifmatch::net
