#include "proxy/http/proxy_header.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

#include "proxy/http/characters.hpp"

namespace ifmatch::http {
namespace {

constexpr std::string_view text_begin = "PROXY ";
constexpr std::size_t text_octets_max = 107;  // with its line end
constexpr std::string_view line_end = "\r\n";

constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t fixed_octets = 16;  // signature, command, family, length
constexpr std::uint8_t checksum_record = 0x03;

ProxyHeader incomplete() { return {.state = ProxyHeader::State::incomplete}; }
ProxyHeader broken() { return {.state = ProxyHeader::State::broken}; }
ProxyHeader complete(std::size_t octets, const Address& client = {}) {
  return {.state = ProxyHeader::State::complete, .octets = octets, .client = client};
}

bool is_port(std::string_view text) noexcept {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && text.size() <= 5 && value <= 65535 && (text.size() == 1 || text.front() != '0');
}

// Takes the next word off a line; every word but the last is followed by exactly one space.
std::string_view take_word(std::string_view& line) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  return word;
}

// Version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 4711 443" and a line end.
ProxyHeader parse_text(std::string_view received) {
  const std::string_view head = received.substr(0, text_octets_max);
  const std::size_t end = head.find('\n');
  if (end == std::string_view::npos) {
    const std::size_t stray = head.find('\r');
    const bool possible = head.size() < text_octets_max &&
                          (stray == std::string_view::npos || stray + 1 == head.size());
    return possible ? incomplete() : broken();
  }
  std::string_view line = head.substr(0, end + 1);
  if (!line.ends_with(line_end)) return broken();
  line.remove_suffix(line_end.size());
  if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) return broken();
  line.remove_prefix(text_begin.size());
  const bool has_ports = std::ranges::count(line, ' ') == 4;
  const std::string_view family = take_word(line);
  // What follows UNKNOWN means nothing.
  if (family == "UNKNOWN") return complete(end + 1);
  const bool v4 = family == "TCP4";
  if ((!v4 && family != "TCP6") || !has_ports) return broken();
  const std::string_view source_text = take_word(line);
  const std::optional<Address> source = Address::parse(source_text);
  const std::string_view destination_text = take_word(line);
  const std::optional<Address> destination = Address::parse(destination_text);
  if (!source || !destination) return broken();
  // An IPv4 address that is mapped is written as an IPv6 one, and belongs to TCP6.
  for (const std::string_view text : {source_text, destination_text}) {
    if ((text.find(':') == std::string_view::npos) != v4) return broken();
  }
  const std::string_view source_port = take_word(line);
  if (!is_port(source_port) || !is_port(line)) return broken();
  return complete(end + 1, *source);
}

std::span<const std::uint8_t> octets_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::size_t number_at(std::span<const std::uint8_t> octets, std::size_t at) {
  return static_cast<std::size_t>(octets[at]) << 8U | octets[at + 1];
}

constexpr auto checksum_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t octet = 0; octet < 256; ++octet) {
    std::uint32_t value = octet;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value & 1U) != 0 ? value >> 1U ^ 0x82F63B78U : value >> 1U;
    }
    table[octet] = value;
  }
  return table;
}();

// CRC32c (RFC 4960, appendix B), the four octets at `zeroed` counting as zero.
std::uint32_t checksum(std::span<const std::uint8_t> octets, std::size_t zeroed) {
  std::uint32_t value = 0xFFFFFFFFU;
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const std::uint8_t octet = i >= zeroed && i < zeroed + 4 ? std::uint8_t{0} : octets[i];
    value = checksum_table[(value ^ octet) & 0xFFU] ^ value >> 8U;
  }
  return value ^ 0xFFFFFFFFU;
}

// The records behind the addresses fill the header exactly; a checksum among them is the right one.
bool are_records_sound(std::span<const std::uint8_t> header, std::size_t at) {
  while (at < header.size()) {
    if (header.size() - at < 3) return false;
    const std::uint8_t type = header[at];
    const std::size_t size = number_at(header, at + 1);
    at += 3;
    if (size > header.size() - at) return false;
    if (type == checksum_record) {
      if (size != 4) return false;
      const std::uint32_t told =
          static_cast<std::uint32_t>(number_at(header, at)) << 16U |
          static_cast<std::uint32_t>(number_at(header, at + 2));
      if (told != checksum(header, at)) return false;
    }
    at += size;
  }
  return true;
}

// Version 2. REQUIRES: the signature is there.
ProxyHeader parse_binary(std::string_view received) {
  const std::span<const std::uint8_t> all = octets_of(received);
  if (all.size() > 12 && all[12] != 0x20 && all[12] != 0x21) return broken();
  const unsigned family = all.size() > 13 ? all[13] >> 4U : 0;
  const unsigned transport = all.size() > 13 ? all[13] & 0xFU : 0;
  if (family > 3 || transport > 2) return broken();
  if (all.size() < fixed_octets) return incomplete();
  const std::size_t whole = fixed_octets + number_at(all, 14);
  if (whole > proxy_header_octets_max) return broken();
  const bool is_local = all[12] == 0x20;
  constexpr unsigned unspecified = 0;
  constexpr unsigned internet_v4 = 1;
  constexpr unsigned internet_v6 = 2;
  constexpr unsigned datagram = 2;
  if (!is_local && transport == datagram) return broken();  // we accept streams alone
  const bool named = !is_local && transport != unspecified && family != unspecified;
  std::size_t addresses = 0;
  if (named) addresses = family == internet_v4 ? 12 : family == internet_v6 ? 36 : 216;
  if (whole < fixed_octets + addresses) return broken();
  if (all.size() < whole) return incomplete();
  if (!named) return complete(whole);
  const std::span<const std::uint8_t> header = all.first(whole);
  if (!are_records_sound(header, fixed_octets + addresses)) return broken();
  const std::span<const std::uint8_t> source = header.subspan(fixed_octets);
  if (family == internet_v4) return complete(whole, Address(source.first<4>()));
  if (family == internet_v6) return complete(whole, Address(source.first<16>()));
  return complete(whole);  // of a unix socket: a path is no address
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view received) {
  const auto agrees = [received](std::string_view begin) {
    const std::size_t known = std::min(received.size(), begin.size());
    return received.substr(0, known) == begin.substr(0, known);
  };
  if (received.size() < signature.size() && agrees(signature)) return incomplete();
  if (agrees(signature)) return parse_binary(received);
  if (!agrees(text_begin)) return broken();
  return received.size() < text_begin.size() ? incomplete() : parse_text(received);
}

}  // namespace ifmatch::http
