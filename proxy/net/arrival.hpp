// What comes before the first octet of a client: finding out who it is. On a listener with
// `proxy_protocol: required` the PROXY header is read from the bare socket, to its last octet and
// no further, so that whatever follows, a TLS handshake or a request, finds its own first octet.
#pragma once

#include <atomic>
#include <optional>

#include "config/config.hpp"
#include "proxy/http/claims.hpp"
#include "proxy/net/asio.hpp"
#include "proxy/net/throttle.hpp"

namespace ifmatch::net {

class Worker;

// Connections that were closed because nobody could say whom they come from. Counted by one thread,
// read by any.
struct ArrivalCounts {
  std::atomic<std::uint64_t> untrusted{0};  // the peer may not speak for others
  std::atomic<std::uint64_t> broken{0};     // it is no PROXY header, or ended within it
  std::atomic<std::uint64_t> late{0};       // it did not come within the header time-out
  Throttle told{std::chrono::seconds(10)};
};

// The numeric address of an endpoint.
[[nodiscard]] http::Address address_of(const tcp::endpoint& endpoint);

// Whom the connection comes from; unset where it has to be closed without an answer. `socket` must
// outlive the task.
[[nodiscard]] Task<std::optional<http::Peer>> find_peer(Worker& worker,
                                                        const config::Listener& listener,
                                                        Socket& socket,
                                                        const http::Address& address);

}  // namespace ifmatch::net
