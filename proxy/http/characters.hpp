// Classes of octets, by table: what a token, a path and a hexadecimal digit consist of.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ifmatch::http {

namespace octet_class {
inline constexpr std::uint8_t token = 1;       // tchar, RFC 9110 section 5.6.2
inline constexpr std::uint8_t unreserved = 2;  // RFC 3986 section 2.3
inline constexpr std::uint8_t path = 4;        // pchar without '%', RFC 3986 section 3.3
inline constexpr std::uint8_t control = 8;     // CTL: 0x00 to 0x1F and DEL
inline constexpr std::uint8_t entity_tag = 16; // etagc, RFC 9110 section 8.8.3
inline constexpr std::uint8_t plain = 32;  // letters, digits, '-' and '_': no reader of paths minds
}  // namespace octet_class

namespace detail {
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&classes](std::string_view octets, std::uint8_t what) {
    for (const char octet : octets) {
      auto& entry = classes[static_cast<unsigned char>(octet)];
      entry = static_cast<std::uint8_t>(entry | what);
    }
  };
  constexpr std::string_view alphanumeric =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  using namespace octet_class;
  mark(alphanumeric, token | unreserved | path | plain);
  mark("-_", plain);
  mark("!#$%&'*+-.^_`|~", token);
  mark("-._~", unreserved | path);
  mark("!$&'()*+,;=:@", path);
  for (unsigned octet = 0; octet < 256; ++octet) {
    if (octet < 0x20 || octet == 0x7F) classes[octet] |= control;
    if (octet == 0x21 || (octet >= 0x23 && octet <= 0x7E) || octet >= 0x80) {
      classes[octet] |= entity_tag;
    }
  }
  return classes;
}
inline constexpr std::array<std::uint8_t, 256> classes = make_classes();
}  // namespace detail

[[nodiscard]] constexpr bool is(char octet, std::uint8_t what) noexcept {
  return (detail::classes[static_cast<unsigned char>(octet)] & what) != 0;
}

// Whether there is a control character, a horizontal tab among them. Looks at eight octets at once:
// most texts have none.
[[nodiscard]] inline bool has_control(std::string_view text) noexcept {
  constexpr std::uint64_t each = 0x0101010101010101;
  constexpr std::uint64_t high = 0x80 * each;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t octets;
    std::memcpy(&octets, text.data(), sizeof octets);
    // Subtracting borrows from the high bit of an octet that is too small, if it had none.
    const std::uint64_t zero_for_del = octets ^ (0x7F * each);
    const std::uint64_t below_space = (octets - 0x20 * each) & ~octets;
    const std::uint64_t is_del = (zero_for_del - each) & ~zero_for_del;
    if (((below_space | is_del) & high) != 0) return true;
  }
  return std::ranges::any_of(text, [](char octet) { return is(octet, octet_class::control); });
}

[[nodiscard]] constexpr bool is_digit(char octet) noexcept { return octet >= '0' && octet <= '9'; }

[[nodiscard]] constexpr char lowered(char octet) noexcept {
  return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet + ('a' - 'A')) : octet;
}

// The value of a hexadecimal digit, -1 for anything else.
[[nodiscard]] constexpr int hex_value(char octet) noexcept {
  if (is_digit(octet)) return octet - '0';
  const char lower = lowered(octet);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

inline constexpr std::string_view upper_hex_digits = "0123456789ABCDEF";

}  // namespace ifmatch::http
