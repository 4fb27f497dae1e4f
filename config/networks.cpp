#include "config/networks.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "config/diagnostic.hpp"

namespace ifmatch::config {
namespace {

constexpr std::string_view code = "E230";
constexpr std::string_view example = "write for example 10.0.0.0/8, 2001:db8::/32 or private_ranges";

// What no router passes on: RFC 1918, loopback, and unique local addresses.
constexpr std::array<std::string_view, 6> private_blocks{
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "::1/128", "fd00::/8"};

Problem problem(std::string message, std::string_view help = example) {
  return {std::string(code), std::move(message), std::string(help)};
}

// The address alone, with a prefix that holds nothing else.
std::optional<Network> parse_address(const std::string& text) {
  Network network;
  if (::inet_pton(AF_INET6, text.c_str(), network.octets.data()) == 1) return network;
  std::array<std::uint8_t, 4> v4{};
  if (::inet_pton(AF_INET, text.c_str(), v4.data()) != 1) return std::nullopt;
  network.octets = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  std::ranges::copy(v4, network.octets.begin() + 12);
  return network;
}

bool has_bits_behind(const Network& network) {
  for (unsigned bit = network.prefix; bit < 128; ++bit) {
    if ((network.octets[bit / 8] >> (7 - bit % 8) & 1U) != 0) return true;
  }
  return false;
}

Network without_bits_behind(Network network) {
  for (unsigned bit = network.prefix; bit < 128; ++bit) {
    const unsigned mask = 0xFFU ^ (1U << (7 - bit % 8));
    network.octets[bit / 8] = static_cast<std::uint8_t>(network.octets[bit / 8] & mask);
  }
  return network;
}

std::string written(const Network& network, bool v4) {
  std::array<char, INET6_ADDRSTRLEN> out{};
  ::inet_ntop(v4 ? AF_INET : AF_INET6, network.octets.data() + (v4 ? 12 : 0), out.data(),
              out.size());
  return std::string(out.data()) + "/" + std::to_string(network.prefix - (v4 ? 96 : 0));
}

Parsed<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  std::optional<Network> network = parse_address(address);
  if (!network || address.find('\0') != std::string::npos) {
    return problem(in_quotes(text) + " is not a block of addresses");
  }
  if (slash == std::string_view::npos) return *network;
  const bool v4 = address.find(':') == std::string::npos;
  const unsigned widest = v4 ? 32 : 128;
  const Parsed<std::uint64_t> prefix = parse_integer(text.substr(slash + 1));
  const auto* bits = std::get_if<std::uint64_t>(&prefix);
  if (bits == nullptr || *bits > widest) {
    return problem("the prefix is wrong in " + in_quotes(text),
                   "a number of bits from 0 to " + std::to_string(widest));
  }
  network->prefix = static_cast<unsigned>(*bits) + (v4 ? 96 : 0);
  if (has_bits_behind(*network)) {
    return problem("the address has bits behind the prefix in " + in_quotes(text),
                   "write " + written(without_bits_behind(*network), v4) + ", or the address alone");
  }
  return *network;
}

}  // namespace

Parsed<std::vector<Network>> parse_networks(std::string_view text) {
  std::vector<Network> networks;
  if (text == private_ranges) {
    for (const std::string_view block : private_blocks) {
      networks.push_back(std::get<Network>(parse_network(block)));
    }
    return networks;
  }
  const Parsed<Network> parsed = parse_network(text);
  if (const auto* refusal = std::get_if<Problem>(&parsed)) return *refusal;
  networks.push_back(std::get<Network>(parsed));
  return networks;
}

}  // namespace ifmatch::config
