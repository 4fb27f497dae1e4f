#include "proxy/http/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace ifmatch::http {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

Address::Address(std::span<const std::uint8_t, 4> octets) noexcept : family_(Family::v4) {
  std::ranges::copy(mapped_prefix, octets_.begin());
  std::ranges::copy(octets, octets_.begin() + mapped_prefix.size());
}

Address::Address(std::span<const std::uint8_t, 16> octets) noexcept : family_(Family::v6) {
  std::ranges::copy(octets, octets_.begin());
  if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), octets_.begin())) {
    family_ = Family::v4;
  }
}

std::optional<Address> Address::parse(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.empty() || text.size() >= terminated.size()) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(terminated.data(), text.data(), text.size());
  std::array<std::uint8_t, 4> four{};
  if (::inet_pton(AF_INET, terminated.data(), four.data()) == 1) return Address(four);
  std::array<std::uint8_t, 16> sixteen{};
  if (::inet_pton(AF_INET6, terminated.data(), sixteen.data()) == 1) return Address(sixteen);
  return std::nullopt;
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  switch (family_) {
    case Family::none: return {};
    case Family::v4:
      ::inet_ntop(AF_INET, octets_.data() + mapped_prefix.size(), out.data(), out.size());
      break;
    case Family::v6: ::inet_ntop(AF_INET6, octets_.data(), out.data(), out.size()); break;
  }
  return out.data();
}

bool Network::contains(const Address& address) const noexcept {
  if (address.family_ != base.family_ || !address.is_known()) return false;
  const unsigned whole = prefix / 8;
  if (!std::equal(base.octets_.begin(), base.octets_.begin() + whole, address.octets_.begin())) {
    return false;
  }
  const unsigned rest = prefix % 8;
  if (rest == 0) return true;
  const auto differs = static_cast<unsigned>(base.octets_[whole] ^ address.octets_[whole]);
  return (differs >> (8 - rest)) == 0;
}

bool any_contains(std::span<const Network> networks, const Address& address) noexcept {
  return std::ranges::any_of(networks, [&address](const Network& network) {
    return network.contains(address);
  });
}

}  // namespace ifmatch::http
