#include "proxy/net/connector.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ifmatch::net {
namespace {

// How often it is looked whether a first lookup has ended: its thread must not know us.
constexpr std::chrono::milliseconds lookup_look{5};
// A unix socket whose queue is full tells nobody when there is room again.
constexpr std::chrono::milliseconds queue_look{10};

http::Fault fault(http::FaultKind kind, std::string_view detail) {
  return {http::Origin::upstream, kind, http::Sent::nothing, std::string(detail)};
}

http::Fault too_slow() {
  return fault(http::FaultKind::timeout, "The upstream did not accept a connection in time.");
}

http::Fault refused() {
  return fault(http::FaultKind::refused, "The upstream did not accept a connection.");
}

// Unlike that of TCP it is there at once or not at all: EAGAIN says that the queue is full.
error_code open_socket(Socket& socket, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return asio::error::name_too_long;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int handle = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  error_code failure;
  if (handle < 0) return {errno, boost::system::system_category()};
  if (::connect(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    failure.assign(errno, boost::system::system_category());
  } else {
    // A stream is a stream: what differs from TCP are the address and the options, and of options
    // only TCP_NODELAY is set, in vain.
    socket.assign(tcp::v4(), handle, failure);
  }
  if (failure) ::close(handle);
  return failure;
}

}  // namespace

Task<Result<std::unique_ptr<Connection>>> Connector::connect(std::size_t place, Instant deadline) {
  const Chance chance = chance_until(deadline);
  Result<Addresses> addresses = co_await resolve(place, deadline);
  Connected connected = http::Fault{};
  if (addresses.has_error()) {
    connected = addresses.error();
  } else {
    connected = co_await connect_to_any(place, std::move(*addresses), deadline, chance);
  }
  if (!connected.has_error()) {
    state_.connected(place);
  } else if (chance == Chance::fair || connected.error().kind != http::FaultKind::timeout) {
    state_.failed_to_connect(place, sweeper_.now(), connected.error().detail);
  }
  co_return connected;
}

// Whoever has waited for its turn until nearly the end has no time left to connect. Would that speak
// against a place, those that are good would rest just when all of them are needed.
Connector::Chance Connector::chance_until(Instant deadline) const {
  const auto fair = state_.config().timeouts.connect / static_cast<std::int64_t>(state_.size());
  return deadline - Clock::now() < fair / 2 ? Chance::slim : Chance::fair;
}

Task<Result<Addresses>> Connector::resolve(std::size_t place, Instant deadline) {
  AddressBook& book = state_.place(place).addresses;
  AddressBook::Answer answer = book.look(sweeper_.now());
  Timer timer(io_.get_executor());
  while (answer.state == AddressBook::State::pending) {
    if (Clock::now() >= deadline) {
      co_return fault(http::FaultKind::timeout,
                      "The name of the upstream was not resolved in time.");
    }
    timer.expires_after(lookup_look);
    co_await timer.async_wait(as_tuple);
    answer = book.look(sweeper_.now());
  }
  if (!answer.addresses) {
    co_return fault(http::FaultKind::refused, "The name of the upstream could not be resolved.");
  }
  co_return in_order(*answer.addresses, place);
}

// Those that failed a moment ago come last.
Addresses Connector::in_order(const Addresses& known, std::size_t place) {
  Addresses order = known;
  if (order.size() == 1) return order;
  if (state_.place(place).addresses.takes_turns()) {
    const std::size_t first = at_[place].turn++ % order.size();
    std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(first), order.end());
  }
  const Instant now = sweeper_.now();
  // Neither is the one of std::ranges: clang 14, which fuzzes this, cannot compile what they return.
  std::stable_partition(order.begin(), order.end(),
                        [now](const std::shared_ptr<Address>& address) {
                          return address->rest.standing(now) == Standing::good;
                        });
  return order;
}

Task<Result<std::unique_ptr<Connection>>> Connector::connect_to_any(std::size_t place,
                                                                    Addresses addresses,
                                                                    Instant deadline,
                                                                    Chance chance) {
  std::shared_ptr<Address> slow;
  for (std::size_t index = 0; index < addresses.size(); ++index) {
    const std::shared_ptr<Address>& address = addresses[index];
    const Instant now = Clock::now();
    const Instant until = fair_part(now, deadline, addresses.size() - index);
    address->rest.trying(now, state_.config().timeouts.connect);
    Connected connected = co_await connect_to(address, until);
    if (!connected.has_error()) {
      address->rest.succeeded();
      // Whoever answers there is the upstream or is not: another address would be no better.
      co_return co_await secure(place, std::move(*connected), deadline);
    }
    const bool late = connected.error().kind == http::FaultKind::timeout;
    if (!late || chance == Chance::fair) address->rest.failed(sweeper_.now());
    if (late && slow == nullptr) slow = address;
  }
  if (slow == nullptr) co_return refused();
  // All others refused in less than their part: what is left of the time is for the silent one.
  if (addresses.size() > 1 && Clock::now() < deadline) {
    Connected connected = co_await connect_to(slow, deadline);
    if (connected.has_error()) co_return connected.error();
    co_return co_await secure(place, std::move(*connected), deadline);
  }
  co_return too_slow();
}

Task<Result<std::unique_ptr<Connection>>> Connector::connect_to(std::shared_ptr<Address> address,
                                                                Instant deadline) {
  Socket socket(io_.get_executor());
  error_code failure;
  if (!address->socket.empty()) {
    failure = co_await connect_to_socket(socket, address->socket, deadline);
  } else {
    bool expired = false;
    const Deadline limit(sweeper_, deadline, [&socket, &expired] {
      error_code ignored;
      expired = true;
      socket.cancel(ignored);
    });
    auto [ended] = co_await socket.async_connect(address->endpoint, as_tuple);
    failure = ended;
    if (failure && expired) failure = asio::error::timed_out;
  }
  if (failure == asio::error::timed_out) co_return too_slow();
  if (failure) co_return refused();
  auto connection = std::make_unique<Connection>(std::move(socket), sweeper_);
  connection->address = std::move(address);
  co_return connection;
}

Task<Result<std::unique_ptr<Connection>>> Connector::secure(
    std::size_t place, std::unique_ptr<Connection> connection, Instant deadline) {
  const config::Endpoint& endpoint = state_.place(place).endpoint;
  if (endpoint.scheme != config::Scheme::https) co_return connection;
  const std::shared_ptr<const TlsClient>& tls = state_.tls();
  connection->encrypt(TlsClient::open(
      tls, state_.config().tls.server_name.value_or(endpoint.host), at_[place].session));
  const error_code failure = co_await connection->handshake(deadline);
  if (!failure) co_return connection;
  const bool late = failure == asio::error::timed_out;
  TlsStream::Why why = connection->tls()->why();
  if (late) why = {.kind = TlsFailure::timeout, .text = "the handshake took too long"};
  std::uint64_t unsaid = 0;
  tls->failures().count(why.kind);
  if (tls->failures().may_log(sweeper_.now(), unsaid)) {
    spdlog::warn("upstream {}: no TLS: {}{}", state_.config().name, why.text,
                 remark_on_unsaid(unsaid));
  }
  if (late) {
    co_return fault(http::FaultKind::timeout,
                    "The upstream did not finish the TLS handshake in time.");
  }
  co_return fault(http::FaultKind::refused,
                  (why.verification ? "TLS verification of the upstream failed: "
                                    : "TLS with the upstream failed: ") +
                      why.text + ".");
}

Task<error_code> Connector::connect_to_socket(Socket& socket, const std::string& path,
                                              Instant deadline) {
  Timer timer(io_.get_executor());
  for (;;) {
    const error_code failure = open_socket(socket, path);
    if (failure != asio::error::try_again && failure != asio::error::would_block) {
      co_return failure;
    }
    if (Clock::now() >= deadline) co_return asio::error::timed_out;
    timer.expires_after(queue_look);
    co_await timer.async_wait(as_tuple);
  }
}

}  // namespace ifmatch::net
