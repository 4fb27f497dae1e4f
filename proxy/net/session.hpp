// One client connection: its requests one after another, pipelined or not.
#pragma once

#include "proxy/net/exchange.hpp"

namespace ifmatch::net {

class Session final : public Interruptible {
 public:
  Session(Worker& worker, const config::Listener& listener, std::unique_ptr<Connection> client,
          http::Peer peer);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Serves until either side ends the connection. The session must outlive it.
  [[nodiscard]] Task<void> run();

  void interrupt_if_idle() override;

 private:
  // One request, which has to begin until `first_octet`.
  [[nodiscard]] Task<Flow> serve_one(Instant first_octet);
  // The answer to what is no request that could be served.
  [[nodiscard]] Task<Flow> refuse(const RequestReader& reader, const http::RequestHead& head,
                                  const http::ProblemDetails& problem,
                                  const Beginning& beginning);
  [[nodiscard]] Task<void> linger();

  Worker& worker_;
  const config::Listener& listener_;
  std::unique_ptr<Connection> client_;
  http::Peer peer_;
  bool idle_ = false;                 // set while a request is awaited
  RequestReader* waiting_ = nullptr;  // set while its head is awaited
};

}  // namespace ifmatch::net
