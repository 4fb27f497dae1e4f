// Messages on their way in: the reader of proxy/net over a real connection, then check_request or
// check_response, compared with a slow and strict reader by RFC 9112; and the head on its way out.
//
// Input: the first octet has the options (1 an answer, 2 to HEAD, 4 once more in two parts), the
// second tells where the second part begins. The rest is what the peer sends before it closes.
#include <sys/socket.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "proxy/http/conditions.hpp"
#include "proxy/http/connection.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/net/message_reader.hpp"
#include "tests/fuzz/plain_paths.hpp"
#include "tests/fuzz/property.hpp"
#include "tests/fuzz/rfc9112_message.hpp"

namespace ifmatch::fuzz {
namespace {

using http::Framing;
using net::ReadError;
using rfc9112::Ending;
using rfc9112::Verdict;

// Low, so that the limits themselves are reached.
constexpr net::MessageLimits limits{.header_bytes = 1024, .header_fields = 16, .target_bytes = 256};

template <typename Head>
struct Received {
  Head head;
  bool head_is_complete = false;
  bool whole = false;
  bool ended = false;  // the coroutine has
  ReadError error = ReadError::none;
  std::string content;
  std::string rest;  // not taken by the reader
};

template <typename Head>
net::Task<void> receive(net::MessageReader<Head>& reader, Received<Head>& received) {
  received.error = co_await reader.read_head(received.head, net::never, std::chrono::hours(1));
  if (received.error == ReadError::none) {
    received.head_is_complete = true;
    received.error = reader.take_buffered();
  }
  while (received.error == ReadError::none) {
    for (const std::string_view piece : reader.pieces()) received.content += piece;
    if (reader.done()) break;
    received.error = co_await reader.read_content(net::never);
  }
  received.whole = reader.done();
  received.ended = true;
}

net::asio::io_context& io() {
  static net::asio::io_context context;
  return context;
}

// Does everything that can be done without waiting.
void poll() {
  io().restart();
  while (io().poll() > 0) {
  }
}

// One end of a connection; the other one is the peer.
class Wire {
 public:
  Wire() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::bad_alloc();
    net::Socket near(io().get_executor());
    near.assign(net::tcp::v4(), ends[0]);
    far_ = ends[1];
    connection.emplace(std::move(near), sweeper_);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() { end(); }

  void send(std::string_view octets) const {
    const ssize_t sent = ::send(far_, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != static_cast<ssize_t>(octets.size())) std::abort();
  }
  void end() {
    if (far_ >= 0) ::close(std::exchange(far_, -1));
  }
  // Takes what nobody has read, out of the buffer and out of the socket.
  [[nodiscard]] std::string take_rest() {
    std::string rest(connection->input.readable());
    connection->input.consume(rest.size());
    char octets[4096];
    for (;;) {
      const ssize_t size =
          ::recv(connection->socket.native_handle(), octets, sizeof octets, MSG_DONTWAIT);
      if (size <= 0) return rest;
      rest.append(octets, static_cast<std::size_t>(size));
    }
  }

 private:
  net::Sweeper sweeper_;
  int far_ = -1;

 public:
  std::optional<net::Connection> connection;
};

template <typename Head>
void start(net::MessageReader<Head>& reader, Received<Head>& received, std::string_view method) {
  if (method == "HEAD") reader.without_content();
  net::spawn(io(), receive(reader, received));
  poll();
}

// Everything is in the buffer and nothing else comes. Only for requests, which never end by the end
// of the connection, so that one connection serves all executions.
Received<http::RequestHead> request_at_once(std::string_view octets) {
  static Wire wire;
  net::InputBuffer& input = wire.connection->input;
  const std::span<char> room = input.prepare(octets.size());
  if (room.size() < octets.size()) std::abort();
  std::ranges::copy(octets, room.begin());
  input.commit(octets.size());
  Received<http::RequestHead> received;
  {
    net::MessageReader<http::RequestHead> reader(*wire.connection, limits);
    start(reader, received, "");
    wire.connection->cancel();
    poll();
    if (!received.ended) std::abort();
  }
  received.rest = wire.take_rest();
  input.release();
  return received;
}

template <typename Head>
Received<Head> received_in_parts(std::string_view octets, std::size_t second,
                                 std::string_view method) {
  Wire wire;
  Received<Head> received;
  {
    net::MessageReader<Head> reader(*wire.connection, limits);
    wire.send(octets.substr(0, second));
    if (second > 0) start(reader, received, method);
    wire.send(octets.substr(second));
    if (second == 0) start(reader, received, method);
    wire.end();
    poll();
    if (!received.ended) std::abort();
  }
  received.rest = wire.take_rest();
  return received;
}

template <typename Head>
void check_alike(const Received<Head>& once, const Received<Head>& pieces,
                 const std::string& where) {
  // Where a message is broken before it is complete, the parser may see it sooner or later.
  IFMATCH_PROPERTY(once.whole == pieces.whole && once.head_is_complete == pieces.head_is_complete,
                   "a message is complete or not however its octets arrive", where);
  if (!once.whole) return;
  IFMATCH_PROPERTY(once.error == pieces.error && once.content == pieces.content &&
                       once.rest == pieces.rest,
                   "its content and its end are the same however its octets arrive", where);
}

void check_fields(const http::Fields& fields, const rfc9112::Message& expected,
                  const std::string& where) {
  IFMATCH_PROPERTY(fields.size() == expected.fields.size(),
                   "the fields are those of the header section", where);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    IFMATCH_PROPERTY(fields.line(i).name == expected.fields[i].first &&
                         http::trimmed(fields.line(i).value) == expected.fields[i].second,
                     "each field is read as it was sent", where);
  }
  IFMATCH_PROPERTY(fields.size() <= limits.header_fields &&
                       expected.head_end - expected.head_begin <= limits.header_bytes,
                   "a header section within its limits", where);
}

Framing framing_of(Ending ending) {
  switch (ending) {
    case Ending::none: return Framing::none;
    case Ending::length: return Framing::length;
    case Ending::chunked: return Framing::chunked;
    case Ending::until_close: break;
  }
  return Framing::until_close;
}

template <typename Head>
void check_end(const Received<Head>& received, const rfc9112::Message& expected,
               std::string_view octets, const std::string& where) {
  IFMATCH_PROPERTY(received.content == expected.content, "the content is what was sent", where);
  IFMATCH_PROPERTY(octets.size() - received.rest.size() == expected.end,
                   "a message ends where RFC 9112 ends it", where);
}

std::string lower(std::string_view text) { return plain::lower(std::string(text)); }

// The head as it is sent on for a guarded request: one message with one framing, and nothing of it
// that belongs to this connection or to the guard.
void check_forwarded(const http::RequestHead& head, const http::RequestShape& shape,
                     const std::string& where) {
  std::string out;
  http::write_request_head(out, {.head = head,
                           .method = head.method,
                           .base_path = "",
                           .target = shape.target.octets,
                           .host = shape.target.host,
                           .client_address = "192.0.2.1",
                           .framing = shape.framing,
                           .carry = http::Carry::guarded});
  const rfc9112::Message sent = rfc9112::Reader(out).request();
  IFMATCH_PROPERTY(sent.verdict != Verdict::refused && sent.head_end == out.size(),
                   "what is sent on is one head", where + " as " + out);
  IFMATCH_PROPERTY(sent.method == head.method && sent.target == shape.target.octets,
                   "it has the method and the canonical target", where + " as " + out);
  const bool says_nothing = shape.framing.kind == Framing::none && sent.ending == Ending::length &&
                            sent.values("content-length")[0] == "0";
  IFMATCH_PROPERTY(framing_of(sent.ending) == shape.framing.kind || says_nothing,
                   "it has the framing that was read", where + " as " + out);
  std::vector<std::string> gone = {"connection", "if-match",       "if-none-match", "if-range",
                                   "range",      "proxy-connection", "keep-alive",  "te",
                                   "upgrade",    "if-modified-since", "if-unmodified-since"};
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    if (head.fields.id(i) != http::FieldId::connection) continue;
    for (const std::string& name : plain::split(lower(head.fields.line(i).value), ',')) {
      gone.emplace_back(http::trimmed(name));
    }
  }
  for (const std::string& name : gone) {
    // The proxy writes fields of its own that the client may have nominated.
    if (http::is_end_to_end(name) || name == "via" || name.starts_with("x-forwarded-") ||
        name == "forwarded") {
      continue;
    }
    IFMATCH_PROPERTY(sent.values(name).empty(), "nothing is sent on that ends here",
                     name + " in " + where + " as " + out);
  }
}

// A request to which nobody could object: accepted, or everything else here would hold for a
// proxy that refuses all.
bool is_plain(const rfc9112::Message& expected, std::size_t octets) {
  const auto hosts = expected.values("host");
  const std::string path = expected.target.substr(0, expected.target.find_first_of("?#"));
  const bool host_is_plain =
      hosts.size() == 1 && !hosts[0].empty() &&
      std::ranges::all_of(hosts[0], [](char octet) { return plain::is_letter_or_digit(octet); });
  const bool fields_are_plain =
      std::ranges::none_of(expected.fields, [](const auto& field) {
        const std::string name = plain::lower(field.first);
        return name == "connection" || name == "expect" || name == "content-range" ||
               name.find('_') != std::string::npos;
      });
  return expected.verdict == Verdict::whole && octets <= 200 && expected.head_begin == 0 &&
         expected.fields.size() <= 8 && host_is_plain && fields_are_plain &&
         expected.method != "CONNECT" && expected.method != "TRACE" &&
         expected.ending != Ending::chunked && expected.target.starts_with('/') &&
         expected.target.find('#') == std::string::npos &&
         plain::canonical(path).has_value();
}

void check_request(std::string_view octets, std::optional<std::size_t> second) {
  const std::string where(octets);
  const auto received = request_at_once(octets);
  if (second) check_alike(received, received_in_parts<http::RequestHead>(octets, *second, ""), where);
  const rfc9112::Message expected = rfc9112::Reader(octets).request();
  const bool passes = received.head_is_complete && http::check_request(received.head).has_value();
  IFMATCH_PROPERTY(!is_plain(expected, octets.size()) || (passes && received.whole),
                   "a request to which nobody objects is accepted", where);
  if (!passes) return;
  const auto shape = http::check_request(received.head);
  IFMATCH_PROPERTY(shape->framing.kind != Framing::until_close, "a request never ends by closing",
                   where);
  if (received.error != ReadError::none && received.error != ReadError::truncated) return;
  if (received.whole || expected.verdict == Verdict::whole) {
    IFMATCH_PROPERTY(received.whole && expected.verdict == Verdict::whole,
                     "what is accepted is a message for a strict reader: " + expected.why, where);
    check_end(received, expected, octets, where);
  }
  if (expected.head_end == 0) return;
  IFMATCH_PROPERTY(received.head.method == expected.method &&
                       received.head.target == expected.target &&
                       received.head.minor_version == expected.minor_version &&
                       expected.target.size() <= limits.target_bytes,
                   "the request line is read as it was sent", where);
  check_fields(received.head.fields, expected, where);
  IFMATCH_PROPERTY(shape->framing.kind == framing_of(expected.ending),
                   "the framing is the one that RFC 9112 finds", where);
  check_forwarded(received.head, *shape, where);
}

void check_response(std::string_view octets, std::optional<std::size_t> second,
                    std::string_view method) {
  const std::string where = std::string(method) + " " + std::string(octets);
  const auto received = received_in_parts<http::ResponseHead>(octets, 0, method);
  if (second) {
    check_alike(received, received_in_parts<http::ResponseHead>(octets, *second, method), where);
  }
  const rfc9112::Message expected = rfc9112::Reader(octets).response(method);
  if (!received.head_is_complete) return;
  const auto shape = http::check_response(received.head, method);
  if (!shape) return;
  IFMATCH_PROPERTY(expected.head_end != 0, "what is accepted has a strict head: " + expected.why,
                   where);
  IFMATCH_PROPERTY(received.head.status == expected.status &&
                       received.head.minor_version == expected.minor_version,
                   "the status line is read as it was sent", where);
  check_fields(received.head.fields, expected, where);
  IFMATCH_PROPERTY(shape->framing.kind == framing_of(expected.ending),
                   "the framing is the one that RFC 9112 finds", where);
  IFMATCH_PROPERTY(shape->framing.kind != Framing::until_close || !shape->keep_alive,
                   "a connection that delimits the content is not used again", where);
  if (received.error != ReadError::none && received.error != ReadError::truncated) return;
  if (received.whole || expected.verdict == Verdict::whole) {
    IFMATCH_PROPERTY(received.whole && expected.verdict == Verdict::whole,
                     "what is accepted is a message for a strict reader: " + expected.why, where);
    check_end(received, expected, octets, where);
  }
}

}  // namespace
}  // namespace ifmatch::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::string_view octets = ifmatch::fuzz::text_of(data + 2, size - 2);
  std::optional<std::size_t> second;
  if ((data[0] & 4U) != 0) second = data[1] % octets.size();
  if ((data[0] & 1U) == 0) {
    ifmatch::fuzz::check_request(octets, second);
  } else {
    ifmatch::fuzz::check_response(octets, second, (data[0] & 2U) != 0 ? "HEAD" : "GET");
  }
  return 0;
}
