// The latest decisions of one thread, for an operator who asks why a write was refused. A fixed
// number of them, in memory that is used again.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/account.hpp"

namespace ifmatch::admin {

inline constexpr std::size_t decisions_max = 200;  // that are shown, and kept by each thread
// Whatever is copied out of a request is cut there: a client may send kibibytes.
inline constexpr std::size_t shown_octets_max = 256;

struct Decided {
  std::chrono::system_clock::time_point at{};
  std::string route;  // "" where none matched
  std::string method;
  std::string resource;  // the folded path that names the gate
  std::string trace_id;
  std::string_view mode;  // of the route; "" without one
  net::Decision decision = net::Decision::none;
  std::uint16_t status = 0;
  bool from_record = false;
  bool outcome_unknown = false;
  bool probed = false;
  std::chrono::nanoseconds took{};
  std::chrono::nanoseconds gate_wait{};
};

// Why it was decided so: a sentence.
[[nodiscard]] std::string_view reason_of(const Decided& decided) noexcept;

class DecisionRing {
 public:
  // The entry to fill in next: the oldest one, as it was.
  [[nodiscard]] Decided& next() noexcept {
    Decided& oldest = entries_[made_ % entries_.size()];
    ++made_;
    return oldest;
  }

  // Appends what is kept, in no particular order.
  void copy_to(std::vector<Decided>& out) const;

 private:
  std::array<Decided, decisions_max> entries_;
  std::size_t made_ = 0;
};

// The latest ones of all threads, the latest first.
[[nodiscard]] std::vector<Decided> latest_of(std::vector<Decided> all);

// Text as it may be kept: cut to shown_octets_max, in the memory of `into`.
void keep_shown(std::string& into, std::string_view text);

}  // namespace ifmatch::admin
