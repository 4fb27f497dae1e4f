// PROXY headers, given at once and in every piece: where one ends does not depend on what follows
// it or on how it arrives, a broken one does not recover, and a text header says what a plain
// reader of the specification finds in it.
//
// Input: what a peer sends first.
#include <arpa/inet.h>

#include <array>
#include <regex>

#include "proxy/http/proxy_header.hpp"
#include "tests/fuzz/property.hpp"

namespace ifmatch::fuzz {
namespace {

using http::ProxyHeader;
using State = ProxyHeader::State;

bool is_address(int family, const std::string& text) {
  std::array<unsigned char, 16> octets{};
  return ::inet_pton(family, text.c_str(), octets.data()) == 1;
}

bool is_port(const std::string& text) { return std::stoul(text) <= 65535; }

// Whether the text is a version 1 header and nothing else.
bool is_text_header(const std::string& text) {
  if (text.size() > 107) return false;
  static const std::regex unknown("PROXY UNKNOWN( [ -~]*)?\r\n");
  if (std::regex_match(text, unknown)) return true;
  static const std::regex known(
      "PROXY TCP([46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) "
      "(0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n");
  std::smatch parts;
  if (!std::regex_match(text, parts, known)) return false;
  const int family = parts[1] == "4" ? AF_INET : AF_INET6;
  return is_address(family, parts[2]) && is_address(family, parts[3]) && is_port(parts[4]) &&
         is_port(parts[5]);
}

void check(std::string_view octets) {
  const std::string where(octets);
  const ProxyHeader whole = http::parse_proxy_header(octets);
  State before = State::incomplete;
  for (std::size_t size = 0; size <= octets.size(); ++size) {
    const ProxyHeader part = http::parse_proxy_header(octets.substr(0, size));
    IFMATCH_PROPERTY(before != State::broken || part.state == State::broken,
                     "what is broken stays broken", where);
    if (whole.state == State::complete) {
      IFMATCH_PROPERTY((part.state == State::complete) == (size >= whole.octets),
                       "it is complete from its last octet on and not before", where);
    }
    if (part.state == State::complete) {
      IFMATCH_PROPERTY(part.octets == whole.octets && part.client == whole.client,
                       "what follows changes nothing", where);
      IFMATCH_PROPERTY(part.octets <= size && part.octets <= http::proxy_header_octets_max,
                       "it ends within what has arrived, and within its bound", where);
    }
    before = part.state;
  }
  if (octets.starts_with('P')) {
    const std::size_t end = octets.find('\n');
    const std::string line(octets.substr(0, end == std::string_view::npos ? end : end + 1));
    IFMATCH_PROPERTY((whole.state == State::complete) == is_text_header(line),
                     "a text header is one by the specification", where);
  }
}

}  // namespace
}  // namespace ifmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ifmatch::fuzz::check(ifmatch::fuzz::text_of(data, size));
  return 0;
}
