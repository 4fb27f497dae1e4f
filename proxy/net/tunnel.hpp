// Two connections joined, after both sides have switched protocols: what one says the other hears,
// octet by octet, each direction through the input buffer of the connection that it comes from.
// Nothing in it is read as HTTP any more.
#pragma once

#include "proxy/net/worker.hpp"

namespace ifmatch::net {

class Tunnel final : private Swept {
 public:
  struct Limits {
    std::chrono::milliseconds idle;            // neither side has said anything for so long
    std::chrono::milliseconds client_write;    // the client takes nothing for so long
    std::chrono::milliseconds upstream_write;  // the API takes nothing for so long
    std::chrono::milliseconds drain;           // from the beginning of a drain on
  };

  // Everything given must outlive the tunnel.
  Tunnel(Worker& worker, Connection& client, Connection& upstream, const Limits& limits);

  // Until both directions have ended, each by a last word or at once with the other. What waits in
  // the input buffers of the two goes first.
  enum class Ending : std::uint8_t { said, broken };
  [[nodiscard]] Task<Ending> run();

 private:
  [[nodiscard]] Task<void> carry(Connection& from, Connection& to,
                                 std::chrono::milliseconds write);
  void sweep(Instant now) override;
  // Ends both directions at once.
  void end() noexcept;

  Worker& worker_;
  Connection& client_;
  Connection& upstream_;
  Limits limits_;
  Timer bell_;
  Instant heard_at_;
  Instant drained_at_ = never;  // known once the worker drains
  bool half_closed_ = false;
  bool ended_ = false;
  bool upward_runs_ = false;
};

// What a server answers to the key of a WebSocket handshake (RFC 6455 section 4.2.2).
[[nodiscard]] std::string websocket_accept(std::string_view key);

}  // namespace ifmatch::net
