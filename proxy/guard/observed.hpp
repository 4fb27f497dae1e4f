// What mode observe found out, by route and by client: how many writes came, what enforce would
// have said to them, and how many updates were lost. Bounded: beyond the names that fit, all others
// are counted as one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace ifmatch::guard {

// What enforce would have said to a guarded write, as far as can be told without asking the API.
enum class Foresight : std::uint8_t {
  pass,
  stale,
  missing,
  exists,
  malformed,
  ambiguous,
  unverifiable,  // neither the record nor what this client read tells: enforce would have probed
};
inline constexpr std::array<std::string_view, 7> foresight_names{
    "pass", "stale", "missing", "exists", "malformed", "ambiguous", "unverifiable"};

[[nodiscard]] constexpr std::string_view name_of(Foresight foresight) noexcept {
  return foresight_names[static_cast<std::size_t>(foresight)];
}
[[nodiscard]] constexpr bool is_refusal(Foresight foresight) noexcept {
  return foresight != Foresight::pass && foresight != Foresight::unverifiable;
}

struct ObservedCounts {
  std::uint64_t writes = 0;          // guarded ones
  std::uint64_t with_condition = 0;  // of them, those that carried a precondition, whatever it said
  std::array<std::uint64_t, foresight_names.size()> foreseen{};  // by Foresight
  std::uint64_t lost = 0;   // see lost_updates.hpp; counted for the one who wrote over another
  std::uint64_t blind = 0;  // by a client that had not read what it wrote

  [[nodiscard]] std::uint64_t refusals() const noexcept;
  ObservedCounts& operator+=(const ObservedCounts& other) noexcept;
};

// Counts by name.
class ObservedNames {
 public:
  using Map = std::map<std::string, ObservedCounts, std::less<>>;

  explicit ObservedNames(std::size_t names_max) : names_max_(names_max) {}

  // The counts of the name, made if there is room; else those of all others.
  [[nodiscard]] ObservedCounts& of(std::string_view name);

  void add_to_others(const ObservedCounts& counts) { others_ += counts; }

  [[nodiscard]] const Map& named() const noexcept { return named_; }
  [[nodiscard]] const ObservedCounts& others() const noexcept { return others_; }

 private:
  std::size_t names_max_;
  Map named_;
  ObservedCounts others_;
};

}  // namespace ifmatch::guard
