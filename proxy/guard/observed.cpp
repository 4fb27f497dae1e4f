#include "proxy/guard/observed.hpp"

namespace ifmatch::guard {

std::uint64_t ObservedCounts::refusals() const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < foreseen.size(); ++at) {
    if (is_refusal(static_cast<Foresight>(at))) sum += foreseen[at];
  }
  return sum;
}

ObservedCounts& ObservedCounts::operator+=(const ObservedCounts& other) noexcept {
  writes += other.writes;
  with_condition += other.with_condition;
  for (std::size_t at = 0; at < foreseen.size(); ++at) foreseen[at] += other.foreseen[at];
  lost += other.lost;
  blind += other.blind;
  return *this;
}

ObservedCounts& ObservedNames::of(std::string_view name) {
  const auto known = named_.find(name);
  if (known != named_.end()) return known->second;
  if (named_.size() >= names_max_) return others_;
  return named_.emplace(name, ObservedCounts{}).first->second;
}

}  // namespace ifmatch::guard
