// The resources that writers fight over most: space-saving (Metwally, Agrawal and El Abbadi, 2005).
// A fixed number of counters; a newcomer takes over the smallest one, count and all, so that what
// is really frequent is never missed, and a count is too high by at most `error`.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::admin {

// What happened at a resource. A count of one for each event.
struct Contended {
  std::string resource;
  std::string route;
  std::uint64_t events = 0;  // all of those below; at most `error` too many
  std::uint64_t error = 0;
  std::uint64_t waits = 0;   // requests that waited at its gate
  std::uint64_t stale = 0;   // refused: another version
  std::uint64_t busy = 0;    // refused: not in time, or in doubt
  std::chrono::nanoseconds waited{};
};

class Contention {
 public:
  explicit Contention(std::size_t resources_max) : resources_max_(resources_max) {}

  // The entry of a resource, whose counts the caller adds to, with its events already counted.
  [[nodiscard]] Contended& note(std::string_view resource, std::string_view route,
                                std::uint64_t events);

  [[nodiscard]] const std::vector<Contended>& entries() const noexcept { return entries_; }

 private:
  std::size_t resources_max_;
  std::vector<Contended> entries_;
};

// The `most` contended ones of several threads' entries, the most contended first.
[[nodiscard]] std::vector<Contended> hottest_of(std::vector<Contended> all, std::size_t most);

}  // namespace ifmatch::admin
