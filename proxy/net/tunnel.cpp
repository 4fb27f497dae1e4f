#include "proxy/net/tunnel.hpp"

#include <openssl/evp.h>

#include <array>

#include "proxy/http/upgrade.hpp"
#include "proxy/net/exchange.hpp"

namespace ifmatch::net {
namespace {

// So much of each direction is on its way through at once.
constexpr std::size_t carried_octets_max = 16 * 1024;

// Once one side has said its last word, the other need not be silent for an hour to be over.
constexpr std::chrono::seconds half_closed_idle_max{10};

}  // namespace

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    return {};
  }
  std::array<unsigned char, 4 * (EVP_MAX_MD_SIZE / 3 + 1) + 1> coded{};
  const int length = EVP_EncodeBlock(coded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(coded.data()), static_cast<std::size_t>(length)};
}

Tunnel::Tunnel(Worker& worker, Connection& client, Connection& upstream, const Limits& limits)
    : Swept(worker.sweeper),
      worker_(worker),
      client_(client),
      upstream_(upstream),
      limits_(limits),
      bell_(worker.io.get_executor(), never),
      heard_at_(worker.sweeper.now()) {}

Task<Tunnel::Ending> Tunnel::run() {
  upward_runs_ = true;
  spawn(worker_.io, carry(client_, upstream_, limits_.upstream_write),
        [this](const std::exception_ptr& failure) {
          upward_runs_ = false;
          if (failure) end();
          bell_.cancel();
        });
  std::exception_ptr thrown;
  try {
    co_await carry(upstream_, client_, limits_.client_write);
  } catch (...) {
    thrown = std::current_exception();
    end();
  }
  // The other direction refers to what is here: whatever happened, it ends first.
  while (upward_runs_) {
    bell_.expires_at(never);
    co_await bell_.async_wait(as_tuple);
  }
  if (thrown) std::rethrow_exception(thrown);
  co_return ended_ ? Ending::broken : Ending::said;
}

Task<void> Tunnel::carry(Connection& from, Connection& to, std::chrono::milliseconds write) {
  while (!ended_) {
    const std::string_view octets = from.input.readable();
    if (octets.empty()) {
      const error_code failure = co_await from.read(carried_octets_max, never);
      if (failure == asio::error::eof && !ended_) {
        half_closed_ = true;
        heard_at_ = worker_.sweeper.now();
        to.finish_writing();
        // What ends a direction under TLS may have to wait, too.
        if (co_await to.flush(write, never)) break;
        co_return;
      }
      if (failure) break;
      continue;
    }
    heard_at_ = worker_.sweeper.now();
    asio::const_buffer buffer(octets.data(), octets.size());
    if (co_await to.write({&buffer, 1}, write, never)) break;
    from.input.consume(octets.size());
    heard_at_ = worker_.sweeper.now();
  }
  end();
}

void Tunnel::sweep(Instant now) {
  if (ended_) return;
  const std::chrono::milliseconds idle =
      half_closed_ ? std::min<std::chrono::milliseconds>(limits_.idle, half_closed_idle_max)
                   : limits_.idle;
  // A tunnel has no end that a drain could wait for, so it is given most of the time that there is,
  // and the rest to everybody else to end well.
  if (worker_.draining && drained_at_ == never) drained_at_ = now + limits_.drain * 9 / 10;
  if (now - heard_at_ >= idle || now >= drained_at_) end();
}

void Tunnel::end() noexcept {
  if (ended_) return;
  ended_ = true;
  client_.cancel();
  upstream_.cancel();
}

Task<Flow> Exchange::join(Answer& answer) {
  const std::string_view key = http::trimmed(head_.fields.first("Sec-WebSocket-Key"));
  const http::Fields& fields = answer.head.fields;
  // Whoever cannot answer the key does not speak WebSocket, whatever its status says.
  if (fields.count("Sec-WebSocket-Accept") != 1 ||
      http::trimmed(fields.first("Sec-WebSocket-Accept")) != websocket_accept(key)) {
    const http::Fault fault{http::Origin::upstream, http::FaultKind::malformed, http::Sent::all,
                            "The API switches to WebSocket without an answer to the key."};
    co_return co_await refuse(http::problem_of(fault, http::MethodKind::read));
  }
  account_.status = 101;
  const Lent<std::string> octets = worker_.lend_string();
  http::write_response_head(*octets, {.head = answer.head,
                                     .validators = http::Validators::keep,
                                     .etag = {},
                                     .framing = {},
                                     .closing = {},
                                     .expose_etag = http::ExposeEtag::never,
                                     .date = {},
                                     .hop_lines = http::websocket_lines});
  asio::const_buffer buffer(octets->data(), octets->size());
  if (co_await send({&buffer, 1}, {}) != Flow::keep) co_return Flow::drop;
  answer.reader.reset();
  {
    Tunnel tunnel(worker_, client_, answer.lease.connection(),
                  {.idle = listener_.timeouts.tunnel,
                   .client_write = listener_.timeouts.write,
                   .upstream_write = response_timeout(),
                   .drain = site().config.shutdown.drain_timeout});
    // A tunnel that was cut on one side must not look whole on the other.
    const Tunnel::Ending ending = co_await tunnel.run();
    if (ending == Tunnel::Ending::broken) answer.lease.connection().break_off();
  }
  answer.lease.close();
  co_return Flow::drop;
}

}  // namespace ifmatch::net
