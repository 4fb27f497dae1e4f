#include "proxy/net/arrival.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "proxy/http/proxy_header.hpp"
#include "proxy/net/worker.hpp"

namespace ifmatch::net {
namespace {

using State = http::ProxyHeader::State;

enum class Reading : std::uint8_t {
  complete,
  silent,  // the peer left without a word, as health checks do
  broken,
  cancelled,
};

// Takes exactly the octets of the header off the socket. As long as it is not complete, all that
// has arrived belongs to it.
Task<Reading> read_header(Socket& socket, http::ProxyHeader& header) {
  std::string received;
  std::array<char, 512> room;
  for (;;) {
    const ssize_t seen =
        ::recv(socket.native_handle(), room.data(), room.size(), MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      auto [failure] = co_await socket.async_wait(Socket::wait_read, as_tuple);
      if (failure) co_return Reading::cancelled;
      continue;
    }
    if (seen < 0 && errno == EINTR) continue;
    if (seen <= 0) co_return seen == 0 && received.empty() ? Reading::silent : Reading::broken;
    const std::size_t before = received.size();
    received.append(room.data(), static_cast<std::size_t>(seen));
    header = http::parse_proxy_header(received);
    if (header.state == State::broken) co_return Reading::broken;
    const bool complete = header.state == State::complete;
    const std::size_t ours = (complete ? header.octets : received.size()) - before;
    const ssize_t taken = ::recv(socket.native_handle(), room.data(), ours, MSG_DONTWAIT);
    if (taken != static_cast<ssize_t>(ours)) co_return Reading::broken;
    if (complete) co_return Reading::complete;
  }
}

void refuse(Worker& worker, const config::Listener& listener, const http::Peer& peer,
            std::atomic<std::uint64_t>& count, const char* why) {
  count.fetch_add(1, std::memory_order_relaxed);
  const std::size_t times = worker.arrivals.told.tell(worker.sweeper.now());
  if (times == 0) return;
  spdlog::warn("listener {}: a connection from {} was closed: {} ({} closed since the last such "
               "message)",
               listener.name, peer.text.empty() ? "nowhere" : peer.text, why, times);
}

Task<std::optional<http::Peer>> find_named_peer(Worker& worker, const config::Listener& listener,
                                                Socket& socket, http::Peer peer) {
  if (peer.trust == http::Peer::Trust::none) {
    refuse(worker, listener, peer, worker.arrivals.untrusted, "it is not in trusted_proxies");
    co_return std::nullopt;
  }
  const Instant at = worker.sweeper.after(listener.timeouts.header);
  const Deadline deadline(worker.sweeper, at, [&socket] {
    error_code ignored;
    socket.cancel(ignored);
  });
  http::ProxyHeader header;
  switch (co_await read_header(socket, header)) {
    case Reading::complete:
      if (header.client.is_known()) {
        peer = http::peer_of(header.client, worker.edition()->site().trusted_proxies);
      }
      co_return peer;
    case Reading::silent: break;
    case Reading::broken:
      refuse(worker, listener, peer, worker.arrivals.broken, "its PROXY header is broken");
      break;
    case Reading::cancelled:
      refuse(worker, listener, peer, worker.arrivals.late, "its PROXY header did not come in time");
      break;
  }
  co_return std::nullopt;
}

}  // namespace

http::Address address_of(const tcp::endpoint& endpoint) {
  if (endpoint.address().is_v4()) return http::Address(endpoint.address().to_v4().to_bytes());
  return http::Address(endpoint.address().to_v6().to_bytes());
}

Task<std::optional<http::Peer>> find_peer(Worker& worker, const config::Listener& listener,
                                          Socket& socket, const http::Address& address) {
  http::Peer peer = http::peer_of(address, worker.edition()->site().trusted_proxies);
  if (listener.proxy_protocol == config::ProxyProtocol::none) {
    return std::optional<http::Peer>(std::move(peer));
  }
  return find_named_peer(worker, listener, socket, std::move(peer));
}

}  // namespace ifmatch::net
