// How a session of a listener with TLS begins: no memory is spent on it before the client has
// begun to speak, and a client that speaks plain HTTP is told so.
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <cerrno>

#include "proxy/net/gather.hpp"
#include "proxy/net/session.hpp"

namespace ifmatch::net {
namespace {

constexpr char handshake_record = 0x16;  // RFC 8446 section 5.1

bool is_letter(char octet) {
  return (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z');
}

// Looks at the first octet that has come, without taking it: would_block where there is none yet, eof
// where the client has left.
error_code look_at_first(Connection& client, char& octet) {
  const std::string_view waiting = client.input.readable();
  if (!waiting.empty()) {
    octet = waiting.front();
    return {};
  }
  ssize_t count = 0;
  do {
    count = ::recv(client.socket.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count == 1) return {};
  if (count == 0) return asio::error::eof;
  return {errno, boost::system::system_category()};
}

http::ProblemDetails speaks_tls() {
  return {.problem = http::Problem::bad_request,
          .detail = "This port speaks TLS: use an https URL.",
          .afterwards = http::Afterwards::close};
}

}  // namespace

Task<Flow> Session::secure() {
  // A reload changes who is shown to the next connection, not to this one.
  const std::shared_ptr<const TlsServer> tls = door_.edition->site().tls_of(*door_.listener);
  const Instant deadline = client_->after(door_.listener->timeouts.handshake);
  TlsStream::Why why{.kind = TlsFailure::closed, .text = "the client sent nothing"};
  error_code failure;
  // A drain need not wait for it.
  idle_ = true;
  char begins_with = 0;
  // The socket may be said to be readable for what was read of it before: a PROXY header.
  for (failure = look_at_first(*client_, begins_with); would_block(failure);
       failure = look_at_first(*client_, begins_with)) {
    failure = co_await client_->wait_readable(deadline);
    if (failure) break;
  }
  if (!failure && begins_with == handshake_record) {
    client_->encrypt(TlsServer::open(tls));
    failure = co_await client_->handshake(deadline);
    if (!failure) {
      idle_ = false;
      co_return Flow::keep;
    }
    why = client_->tls()->why();
  } else if (!failure) {
    const bool http = is_letter(begins_with);
    why = {.kind = http ? TlsFailure::plain_http : TlsFailure::protocol,
           .text = http ? "plain HTTP was spoken" : "this is no TLS"};
  }
  idle_ = false;
  if (failure == asio::error::timed_out) {
    why = {.kind = TlsFailure::timeout, .text = "it took too long"};
  }
  if (leaving() && failure == asio::error::operation_aborted) co_return Flow::drop;
  tell_failure(*tls, why);
  if (why.kind == TlsFailure::plain_http && client_->tls() == nullptr) {
    const Beginning beginning(worker_.sinks, *client_);
    const http::RequestHead head;
    const RequestReader reader(*client_, {});
    co_return co_await refuse(reader, head, speaks_tls(), beginning);
  }
  co_return Flow::drop;
}

void Session::tell_failure(const TlsServer& tls, const TlsStream::Why& why) {
  tls.failures()->count(why.kind);
  std::uint64_t unsaid = 0;
  if (!tls.failures()->may_log(worker_.sweeper.now(), unsaid)) return;
  const std::string name = client_->tls() != nullptr ? client_->tls()->server_name() : "";
  spdlog::info("listener {}: TLS handshake with {} failed ({}): {}{}{}", door_.listener->name,
               peer_.text, tls_failure_names[static_cast<std::size_t>(why.kind)], why.text,
               name.empty() ? "" : ", asked for " + name, remark_on_unsaid(unsaid));
}

}  // namespace ifmatch::net
