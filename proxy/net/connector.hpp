// Makes connections to the places of an upstream, step by step: find the addresses, connect to one
// after another, agree on keys. No request is ever sent here, so trying the next one is allowed.
#pragma once

#include "proxy/net/connection.hpp"
#include "proxy/net/upstream_state.hpp"

namespace ifmatch::net {

class Connector {
 public:
  // Everything given must outlive it.
  Connector(asio::io_context& io, Sweeper& sweeper, UpstreamState& state)
      : io_(io), sweeper_(sweeper), state_(state), at_(state.size()) {}

  // A connection to this place by the deadline. Counts and remembers how it went, unless it had so
  // little time that its failure says nothing about the place. Faults: refused, timeout.
  [[nodiscard]] Task<Result<std::unique_ptr<Connection>>> connect(std::size_t place,
                                                                  Instant deadline);

 private:
  struct Place {
    std::size_t turn = 0;  // which address begins the next round
    std::shared_ptr<TlsSession> session = std::make_shared<TlsSession>();
  };
  using Connected = Result<std::unique_ptr<Connection>>;

  Task<Result<Addresses>> resolve(std::size_t place, Instant deadline);
  enum class Chance : std::uint8_t { fair, slim };
  [[nodiscard]] Chance chance_until(Instant deadline) const;
  Task<Connected> connect_to_any(std::size_t place, Addresses addresses, Instant deadline,
                                 Chance chance);
  Task<Connected> connect_to(std::shared_ptr<Address> address, Instant deadline);
  Task<Connected> secure(std::size_t place, std::unique_ptr<Connection> connection,
                         Instant deadline);
  Task<error_code> connect_to_socket(Socket& socket, const std::string& path, Instant deadline);
  [[nodiscard]] Addresses in_order(const Addresses& known, std::size_t place);

  asio::io_context& io_;
  Sweeper& sweeper_;
  UpstreamState& state_;
  std::vector<Place> at_;
};

}  // namespace ifmatch::net
