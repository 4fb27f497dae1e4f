// PROXY headers: whom they name, where they end, and what is none. Every header is also given octet
// by octet: until its last one it is incomplete, and what follows it is never touched.
#include "proxy/http/proxy_header.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ifmatch::http {
namespace {

using namespace std::string_literals;
using State = ProxyHeader::State;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string number(std::size_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}

// Version 2: command and family as on the wire, then the length of `rest`, then it.
std::string binary(int command, int family, const std::string& rest) {
  return signature + static_cast<char>(command) + static_cast<char>(family) + number(rest.size()) +
         rest;
}

const std::string v4_addresses = "\xC0\x00\x02\x07\xC0\x00\x02\x01\x12\x67\x01\xBB"s;
const std::string v6_addresses =
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"
    "\x12\x67\x01\xBB"s;
const std::string mapped_addresses =
    "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\0\x02\x07\0\0\0\0\0\0\0\0\0\0\xFF\xFF\xC0\0\x02\x01"
    "\x12\x67\x01\xBB"s;

std::string record(char type, const std::string& value) {
  return type + number(value.size()) + value;
}

struct Good {
  const char* why;
  std::string header;
  std::string_view client;
};

std::vector<Good> good_headers() {
  return {
      {"TCP4", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n", "192.0.2.7"},
      {"TCP6", "PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "2001:db8::7"},
      {"mapped", "PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 4711 443\r\n", "192.0.2.7"},
      {"port zero", "PROXY TCP4 192.0.2.7 192.0.2.1 0 65535\r\n", "192.0.2.7"},
      {"unknown", "PROXY UNKNOWN\r\n", ""},
      {"the longest",
       "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       ""},
      {"version 2, IPv4", binary(0x21, 0x11, v4_addresses), "192.0.2.7"},
      {"version 2, IPv6", binary(0x21, 0x21, v6_addresses), "2001:db8::7"},
      {"version 2, mapped", binary(0x21, 0x21, mapped_addresses), "192.0.2.7"},
      {"version 2, local", binary(0x20, 0x00, ""), ""},
      {"version 2, local with addresses", binary(0x20, 0x11, v4_addresses), ""},
      {"version 2, local with anything", binary(0x20, 0x11, "x"), ""},
      {"version 2, unspecified", binary(0x21, 0x00, "whatever"), ""},
      {"version 2, unix", binary(0x21, 0x31, std::string(216, 'a')), ""},
      {"version 2, records",
       binary(0x21, 0x11, v4_addresses + record(0x04, "") + record(0x02, "example.org")),
       "192.0.2.7"},
      // The sum was computed with another program.
      {"version 2, checksum",
       binary(0x21, 0x11, v4_addresses + record(0x03, "\x9C\xE9\xA4\x0A"s)), "192.0.2.7"},
      {"version 2, as large as may be",
       binary(0x21, 0x11,
              v4_addresses + record(0x04, std::string(proxy_header_octets_max - 16 - 12 - 3, 'x'))),
       "192.0.2.7"},
  };
}

TEST(ProxyHeaders, NameTheClientAndEndWhereTheyEnd) {
  for (const Good& good : good_headers()) {
    for (const std::string& behind : {""s, "GET / HTTP/1.1\r\n"s, "\x16\x03\x01"s, good.header}) {
      const ProxyHeader header = parse_proxy_header(good.header + behind);
      ASSERT_EQ(header.state, State::complete) << good.why;
      EXPECT_EQ(header.octets, good.header.size()) << good.why;
      EXPECT_EQ(header.client.text(), good.client) << good.why;
    }
  }
}

TEST(ProxyHeaders, AreIncompleteUntilTheirLastOctet) {
  for (const Good& good : good_headers()) {
    for (std::size_t size = 0; size < good.header.size(); ++size) {
      EXPECT_EQ(parse_proxy_header(good.header.substr(0, size)).state, State::incomplete)
          << good.why << ", " << size;
    }
  }
}

TEST(ProxyHeaders, ThatAreBrokenStayBroken) {
  const std::string line = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
  const std::vector<std::pair<const char*, std::string>> table = {
      {"a request", "GET / HTTP/1.1\r\n\r\n"},
      {"TLS", "\x16\x03\x01\x02\x00"s},
      {"lower case", "proxy TCP4 192.0.2.7 192.0.2.1 4711 443\r\n"},
      {"a leading blank", " " + line},
      {"a leading line", "\r\n" + line},
      {"no carriage return", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\n"},
      {"two carriage returns", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\r\n"},
      {"a carriage return within", "PROXY TCP4 192.0.2.7\r 192.0.2.1 4711 443\r\n"},
      {"two blanks", "PROXY TCP4  192.0.2.7 192.0.2.1 4711 443\r\n"},
      {"a blank at the end", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443 \r\n"},
      {"a tab", "PROXY TCP4\t192.0.2.7 192.0.2.1 4711 443\r\n"},
      {"one port", "PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n"},
      {"three ports", "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443 80\r\n"},
      {"a port beyond", "PROXY TCP4 192.0.2.7 192.0.2.1 65536 443\r\n"},
      {"a port with a zero before it", "PROXY TCP4 192.0.2.7 192.0.2.1 04711 443\r\n"},
      {"a port with a sign", "PROXY TCP4 192.0.2.7 192.0.2.1 +471 443\r\n"},
      {"no address", "PROXY TCP4 192.0.2.7 - 4711 443\r\n"},
      {"octal", "PROXY TCP4 192.0.02.7 192.0.2.1 4711 443\r\n"},
      {"TCP4 with IPv6", "PROXY TCP4 2001:db8::7 2001:db8::1 4711 443\r\n"},
      {"TCP4 with mapped", "PROXY TCP4 ::ffff:192.0.2.7 ::ffff:192.0.2.1 4711 443\r\n"},
      {"TCP6 with IPv4", "PROXY TCP6 192.0.2.7 192.0.2.1 4711 443\r\n"},
      {"TCP6 with both", "PROXY TCP6 2001:db8::7 192.0.2.1 4711 443\r\n"},
      {"another family", "PROXY UDP4 192.0.2.7 192.0.2.1 4711 443\r\n"},
      {"nearly unknown", "PROXY UNKNOWNS\r\n"},
      {"an octet beyond ASCII", "PROXY UNKNOWN \xFF\r\n"},
      {"nothing", "PROXY \r\n"},
      {"endless", "PROXY UNKNOWN " + std::string(200, 'x')},
      {"one octet too long", "PROXY UNKNOWN " + std::string(107 - 14 - 1, 'x') + "\r\n"},
      {"version 1 in binary", signature + "\x11\x11" + number(12) + v4_addresses},
      {"version 3", signature + "\x31\x11" + number(12) + v4_addresses},
      {"an unknown command", binary(0x22, 0x11, v4_addresses)},
      {"an unknown family", binary(0x21, 0x41, v4_addresses)},
      {"an unknown transport", binary(0x21, 0x13, v4_addresses)},
      {"datagrams", binary(0x21, 0x12, v4_addresses)},
      {"too short for IPv4", binary(0x21, 0x11, v4_addresses.substr(1))},
      {"too short for IPv6", binary(0x21, 0x21, v4_addresses)},
      {"too short for unix", binary(0x21, 0x31, v4_addresses)},
      {"too long", signature + "\x21\x11"s + number(proxy_header_octets_max - 15)},
      {"longest of all", signature + "\x21\x11\xFF\xFF"s},
      {"half a record", binary(0x21, 0x11, v4_addresses + "\x04\x00"s)},
      {"a record beyond the end", binary(0x21, 0x11, v4_addresses + "\x04\x00\x05xxxx"s)},
      {"a wrong checksum", binary(0x21, 0x11, v4_addresses + record(0x03, "\x9C\xE9\xA4\x0B"s))},
      {"a short checksum", binary(0x21, 0x11, v4_addresses + record(0x03, "\x00"s))},
  };
  for (const auto& [why, octets] : table) {
    EXPECT_EQ(parse_proxy_header(octets).state, State::broken) << why;
    // Given in pieces it is never taken for whole, and does not recover.
    bool broken = false;
    for (std::size_t size = 0; size <= octets.size(); ++size) {
      const State state = parse_proxy_header(octets.substr(0, size)).state;
      EXPECT_NE(state, State::complete) << why << ", " << size;
      EXPECT_TRUE(!broken || state == State::broken) << why << ", " << size;
      broken = state == State::broken;
    }
    EXPECT_EQ(parse_proxy_header(octets + "\r\n").state, State::broken) << why;
  }
}

}  // namespace
}  // namespace ifmatch::http
