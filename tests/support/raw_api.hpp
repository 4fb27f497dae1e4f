// An API whose every octet the test itself writes and reads, one connection at a time: for what
// happens between the messages, such as interim answers and switched protocols. The program runs in
// front of it, on one thread.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/message_reader.hpp"
#include "tests/support/proxy_process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/socket.hpp"

namespace ifmatch::support {

// One connection that the proxy has opened.
class ApiSide {
 public:
  explicit ApiSide(Socket socket)
      : socket_(std::make_unique<Socket>(std::move(socket))),
        reader_(std::make_unique<MessageReader>(*socket_)) {}

  // The next request's header section.
  [[nodiscard]] Head read_head() {
    std::optional<Head> head = reader_->read_head(Deadline{});
    if (!head) throw SupportError("the proxy ended its connection without a request");
    return std::move(*head);
  }
  [[nodiscard]] std::string read_body(Framing framing, std::uint64_t length, Fields& trailers) {
    std::string body;
    const auto end = reader_->read_body(
        framing, length, [&body](std::string_view piece) { body += piece; }, trailers,
        Deadline{});
    if (end != MessageReader::BodyEnd::complete) throw SupportError("the content was cut");
    return body;
  }
  // Exactly so many octets, as they are.
  [[nodiscard]] std::string read(std::size_t count) {
    Fields none;
    return read_body(Framing::content_length, count, none);
  }
  // True when nothing arrives for that long.
  [[nodiscard]] bool stays_silent(Milliseconds wait) {
    std::string octets;
    return reader_->rest().empty() &&
           socket_->receive(octets, 1, Deadline(wait)) == Socket::Received::timeout;
  }
  [[nodiscard]] bool expect_closed(Milliseconds wait = patience) {
    return reader_->reaches_end(Deadline(wait));
  }
  void say(std::string_view octets) {
    if (!socket_->send_all(octets)) throw SupportError("the proxy closed its connection");
  }
  [[nodiscard]] Socket& socket() { return *socket_; }

 private:
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<MessageReader> reader_;
};

class RawApi {
 public:
  explicit RawApi(ProxyConfig config = {})
      : listener_(Socket::listen()), proxy_(ProxyProcess::start(completed(std::move(config)))) {}

  [[nodiscard]] ApiSide accept() {
    std::optional<Socket> socket = listener_.accept();
    if (!socket) throw SupportError("the listener was interrupted");
    return ApiSide(std::move(*socket));
  }
  [[nodiscard]] RawClient connect() const { return RawClient::connect(proxy_.port()); }
  [[nodiscard]] ProxyProcess& proxy() { return proxy_; }

 private:
  ProxyConfig completed(ProxyConfig config) const {
    config.upstream_url = "http://127.0.0.1:" + std::to_string(listener_.local_port());
    config.more += "threads: 1\n";
    return config;
  }

  Socket listener_;
  ProxyProcess proxy_;
};

// /doc is guarded, /pass is not.
inline ProxyConfig two_routes() {
  ProxyConfig config;
  config.routes =
      "  - { name: documents, match: { path: \"/doc/**\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  return config;
}

}  // namespace ifmatch::support
