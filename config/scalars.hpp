// Single values as an operator writes them: numbers, durations, sizes, and ${VARIABLE}. Pure
// functions; the reader adds the places.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace ifmatch::config {

// Why a text is not what it should be. The code is that of the diagnostic it becomes.
struct Problem {
  std::string code;
  std::string message;
  std::string help;

  bool operator==(const Problem&) const = default;
};

template <class T>
using Parsed = std::variant<T, Problem>;

// Looks up a variable of the environment; nothing where it is unset.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

// Digits alone: no sign, no leading zero (which YAML 1.1 takes for octal), no underscore.
[[nodiscard]] Parsed<std::uint64_t> parse_integer(std::string_view text);

// "250ms", "10s", "5m", "1h", in milliseconds. Zero needs a unit like any other number.
[[nodiscard]] Parsed<std::uint64_t> parse_duration(std::string_view text);

// "512B", "32KiB", "8MiB", "1GiB", in octets.
[[nodiscard]] Parsed<std::uint64_t> parse_size(std::string_view text);

// The shortest text that parse_duration and parse_size read as this number.
[[nodiscard]] std::string format_duration(std::uint64_t milliseconds);
[[nodiscard]] std::string format_size(std::uint64_t octets);

// Replaces ${VAR} (unset: a problem), ${VAR:-default} (used where unset or empty; may itself hold
// variables) and ${VAR:?message} (unset or empty: a problem with this message). A '$' without '{'
// stands for itself, and "$${" for a literal "${". What a variable holds is not looked at again.
[[nodiscard]] Parsed<std::string> substitute(std::string_view text, const Environment& environment);

// The candidate that was probably meant: at a small edit distance, or begun with the same letters.
template <class Candidates>
[[nodiscard]] std::string closest(std::string_view word, const Candidates& candidates);

[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);
[[nodiscard]] bool is_near(std::string_view word, std::string_view candidate, std::size_t distance);

template <class Candidates>
std::string closest(std::string_view word, const Candidates& candidates) {
  std::string best;
  std::size_t best_distance = SIZE_MAX;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && is_near(word, candidate, distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace ifmatch::config
