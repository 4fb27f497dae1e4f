#include "proxy/admin/client.hpp"

#include "proxy/net/connection.hpp"
#include "proxy/net/message_reader.hpp"

namespace ifmatch::admin {
namespace {

namespace asio = net::asio;
using net::error_code;
using net::Task;
using std::chrono::milliseconds;
using AnswerReader = net::MessageReader<http::ResponseHead>;

constexpr std::size_t content_octets_max = std::size_t{64} * 1024 * 1024;

class Caller {
 public:
  Caller(const Instance& instance, std::string_view method, std::string_view target,
         milliseconds patience)
      : instance_(instance), method_(method), target_(target), patience_(patience) {}

  Called call() {
    net::spawn(io_, run());
    io_.run_for(patience_);
    if (called_.status == 0 && called_.failure.empty()) called_.failure = "no answer in time";
    return std::move(called_);
  }

 private:
  Task<void> run() {
    const std::size_t colon = instance_.address.rfind(':');
    if (colon == std::string::npos || colon == 0) {
      called_.failure = "'" + instance_.address + "' is not HOST:PORT";
      co_return;
    }
    std::string host = instance_.address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    net::Resolver resolver(io_.get_executor());
    auto [unknown, found] =
        co_await resolver.async_resolve(host, instance_.address.substr(colon + 1), net::as_tuple);
    if (unknown) {
      called_.failure = unknown.message();
      co_return;
    }
    net::Socket socket(io_.get_executor());
    error_code refused;
    for (const auto& entry : found) {
      error_code ignored;
      socket.close(ignored);
      auto [failure] = co_await socket.async_connect(entry.endpoint(), net::as_tuple);
      refused = failure;
      if (!failure) break;
    }
    if (refused) {
      called_.failure = refused.message();
      co_return;
    }
    net::Connection connection(std::move(socket), sweeper_);
    co_await exchange(connection);
  }

  Task<void> exchange(net::Connection& connection) {
    std::string octets(method_);
    octets.append(" ").append(target_).append(" HTTP/1.1\r\nHost: ").append(instance_.address);
    octets += "\r\nConnection: close\r\n";
    if (instance_.token) octets += "Authorization: Bearer " + *instance_.token + "\r\n";
    if (method_ != "GET") octets += "Content-Length: 0\r\n";
    octets += "\r\n";
    asio::const_buffer buffer(octets.data(), octets.size());
    // run_for() bounds all of it.
    const error_code failure = co_await connection.write({&buffer, 1}, patience_, net::never);
    if (failure) {
      called_.failure = failure.message();
      co_return;
    }
    http::ResponseHead head;
    AnswerReader reader(connection, {.header_bytes = 64 * 1024, .header_fields = 128});
    net::ReadError error = co_await reader.read_head(head, net::never, patience_);
    std::string content;
    while (error == net::ReadError::none && !reader.done()) {
      error = co_await reader.read_content(net::never);
      for (const std::string_view piece : reader.pieces()) content.append(piece);
      if (content.size() > content_octets_max) error = net::ReadError::fields_too_large;
    }
    if (error != net::ReadError::none) {
      called_.failure = "what answers there does not speak HTTP";
      co_return;
    }
    called_.status = head.status;
    called_.content = std::move(content);
  }

  const Instance& instance_;
  std::string_view method_;
  std::string_view target_;
  milliseconds patience_;
  net::Sweeper sweeper_;  // outlives what the context still holds at its end
  asio::io_context io_{1};
  Called called_;
};

}  // namespace

Called call(const Instance& instance, std::string_view method, std::string_view target,
            milliseconds patience) {
  return Caller(instance, method, target, patience).call();
}

}  // namespace ifmatch::admin
