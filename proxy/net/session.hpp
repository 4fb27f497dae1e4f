// One client connection: its requests one after another, pipelined or not.
#pragma once

#include "proxy/net/exchange.hpp"

namespace ifmatch::net {

class Session final : public Interruptible {
 public:
  // `door` must outlive it.
  Session(Worker& worker, const Door& door, std::unique_ptr<Connection> client, http::Peer peer);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves until either side ends the connection. The session must outlive it.
  [[nodiscard]] Task<void> run();

  void interrupt_if_idle() override;
  [[nodiscard]] const Door& door() const noexcept override { return door_; }

 private:
  // Agrees on TLS with the client. Anything but keep is the end of the connection.
  [[nodiscard]] Task<Flow> secure();
  void tell_failure(const TlsServer& tls, const TlsStream::Why& why);
  // One request, which has to begin until `first_octet`.
  [[nodiscard]] Task<Flow> serve_one(Instant first_octet);
  // The answer to what is no request that could be served.
  [[nodiscard]] Task<Flow> refuse(const RequestReader& reader, const http::RequestHead& head,
                                  const http::ProblemDetails& problem,
                                  const Beginning& beginning);
  [[nodiscard]] Task<void> linger();
  // Believes the peer as much as the configuration in force does, which may have changed since it
  // connected.
  void judge_peer();
  // Whether the connection ends as soon as no request is under way.
  [[nodiscard]] bool leaving() const noexcept { return worker_.draining || door_.closed; }

  Worker& worker_;
  const Door& door_;
  std::unique_ptr<Connection> client_;
  http::Peer peer_;
  std::uint64_t judged_by_;           // Plan::number
  bool idle_ = false;                 // set while a request, or TLS, is awaited
  RequestReader* waiting_ = nullptr;  // set while its head is awaited
};

}  // namespace ifmatch::net
