// Numeric addresses of clients and proxies, and blocks of them. An IPv4 address and the IPv6 address
// that it is mapped to are one address: which of the two a socket names depends on how it listens.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ifmatch::http {

class Address {
 public:
  // No address: that of a peer without one, such as a process behind a unix socket.
  Address() = default;

  // 4 octets, or 16.
  explicit Address(std::span<const std::uint8_t, 4> octets) noexcept;
  explicit Address(std::span<const std::uint8_t, 16> octets) noexcept;

  // "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1". Neither port, brackets nor zone; no leading
  // zeros, which some readers take for octal.
  [[nodiscard]] static std::optional<Address> parse(std::string_view text) noexcept;

  [[nodiscard]] bool is_known() const noexcept { return family_ != Family::none; }
  [[nodiscard]] bool is_v4() const noexcept { return family_ == Family::v4; }
  // As it is written in fields and logs: lower case, shortened, without brackets; "" for none.
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Address&, const Address&) = default;

 private:
  friend struct Network;
  enum class Family : std::uint8_t { none, v4, v6 };

  std::array<std::uint8_t, 16> octets_{};  // of IPv4 the mapped address
  Family family_ = Family::none;
};

struct Network {
  Address base;
  unsigned prefix = 128;  // bits; of IPv4 counted from the mapped address: /8 is 104

  // A block of one family never holds an address of the other, "::/0" included.
  [[nodiscard]] bool contains(const Address& address) const noexcept;
};

[[nodiscard]] bool any_contains(std::span<const Network> networks, const Address& address) noexcept;

}  // namespace ifmatch::http
