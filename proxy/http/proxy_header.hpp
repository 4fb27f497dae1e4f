// The header of the PROXY protocol (haproxy.org, doc/proxy-protocol.txt), versions 1 and 2: what a
// load balancer says, before the first octet of its client's, of who that client is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/address.hpp"

namespace ifmatch::http {

// So many octets of a version 2 header are read, its type-length-value records included; one that
// announces more is refused. Senders add a few hundred at most.
inline constexpr std::size_t proxy_header_octets_max = 4096;

struct ProxyHeader {
  enum class State : std::uint8_t {
    incomplete,  // every octet so far belongs to the header, and more are needed
    complete,
    broken,  // it can never become one
  };
  State state = State::broken;
  std::size_t octets = 0;  // of the header, once complete: what follows is the client's
  // Whom the header names; unknown for LOCAL and UNKNOWN and for what has no address of the
  // Internet: then the peer speaks for itself.
  Address client;
};

// Reads what was received so far, from its first octet on. Strict: a header that two readers might
// understand differently is broken.
[[nodiscard]] ProxyHeader parse_proxy_header(std::string_view received);

}  // namespace ifmatch::http
