// The path patterns of routes: what one matches, and what its captures stand for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::http {

inline constexpr std::size_t captures_max = 16;

// The segments that `{x}` stood for, in the order of the pattern; views of the matched path.
struct Captures {
  std::array<std::string_view, captures_max> values;
  std::size_t size = 0;
};

// "/v1/orders/{id}": `{x}` is one segment, never empty; `**`, at the end only, is the rest, also
// nothing. Literals are compared octet by octet with a canonical path.
class Pattern {
 public:
  struct Segment {
    bool capture = false;
    std::string literal;  // "" for a capture
  };
  // What of a path may be left behind the last segment.
  enum class Ending : std::uint8_t {
    nothing,
    slash,  // the one that a path ends in, or that of the root
    rest,   // "**": anything
  };

  // Unset with a sentence in `error` when the text is no pattern.
  [[nodiscard]] static std::optional<Pattern> compile(std::string_view text, std::string& error);

  [[nodiscard]] bool matches(std::string_view path, Captures& captures) const noexcept;

  // The names of the captures, in their order.
  [[nodiscard]] std::span<const std::string> names() const noexcept { return names_; }

  // The same pattern with folded literals below a folded base path, for folded paths.
  [[nodiscard]] Pattern folded(std::string_view base_path) const;

  [[nodiscard]] std::span<const Segment> segments() const noexcept { return segments_; }
  [[nodiscard]] Ending ending() const noexcept { return ending_; }

 private:
  std::vector<Segment> segments_;
  std::vector<std::string> names_;
  Ending ending_ = Ending::nothing;
};

// Takes the next segment off a path: "/a/b" gives "a" and leaves "/b". REQUIRES: begins with '/'.
[[nodiscard]] inline std::string_view take_segment(std::string_view& path) noexcept {
  const std::size_t slash = path.find('/', 1);
  const std::size_t end = slash == std::string_view::npos ? path.size() : slash;
  const std::string_view segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

}  // namespace ifmatch::http
