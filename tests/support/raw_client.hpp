// A blocking HTTP/1.1 client that sends exactly the octets it is told to and shows exactly what
// comes back. Every operation has a deadline; what fails is an exception, which fails the test.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fields.hpp"
#include "tests/support/message_reader.hpp"
#include "tests/support/socket.hpp"

namespace ifmatch::support {

struct Response {
  int status = 0;
  std::string version;  // "HTTP/1.1"
  Fields fields;
  Fields trailers;
  std::string body;
  std::uint64_t body_bytes = 0;  // also counts what a sink has swallowed
  bool truncated = false;        // the connection ended before the body did
  std::vector<int> interim;      // the 1xx answers that came before

  // The first such field's value; empty where there is none.
  [[nodiscard]] std::string field(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] std::string tag() const { return field("ETag"); }
};

class RawClient {
 public:
  // Throws when nobody accepts.
  [[nodiscard]] static RawClient connect(std::uint16_t port);
  // On a connection that was made elsewhere.
  [[nodiscard]] static RawClient over(Socket socket) { return on(std::move(socket), 80); }
  // One whose unread answers soon stop whoever sends them.
  [[nodiscard]] static RawClient connect_narrow(std::uint16_t port);

  // Sends octets as they are; throws when the peer is gone.
  void send(std::string_view octets);
  // The same, but a peer that has already answered and closed is no error.
  [[nodiscard]] bool try_send(std::string_view octets);
  // Sends what the peer takes without waiting, and returns how many octets that were.
  [[nodiscard]] std::size_t send_some(std::string_view octets);

  enum class Body { as_framed, none };  // none: the answer to a HEAD
  [[nodiscard]] Response read_response(Body body = Body::as_framed, Milliseconds wait = patience);
  // Hands the body to `sink` instead of keeping it.
  [[nodiscard]] Response read_response_into(const MessageReader::Sink& sink, Milliseconds wait);
  // Reads one interim (1xx) answer and returns its status; throws when a final one comes.
  [[nodiscard]] int read_interim();
  // The next header section, whatever it is, with nothing behind it.
  [[nodiscard]] Head read_head();

  // Sends a whole request and reads its answer. Adds Host, and Content-Length where there is a body
  // or the method is one that usually has one, unless `fields` brings them or Transfer-Encoding.
  Response request(std::string_view method, std::string_view target, const Fields& fields = {},
                   std::string_view body = {});
  // The octets that `request` would send.
  [[nodiscard]] std::string compose(std::string_view method, std::string_view target,
                                    const Fields& fields = {}, std::string_view body = {}) const;

  // True when the peer closes without sending another octet, false at the deadline.
  [[nodiscard]] bool expect_closed(Milliseconds wait = patience);
  // True when nothing at all arrives for that time: neither octets nor an end.
  [[nodiscard]] bool stays_silent(Milliseconds wait);
  // True as soon as there is something to read, an end included; takes nothing.
  [[nodiscard]] bool hears_within(Milliseconds wait) const;
  // Exactly so many octets, as they are.
  [[nodiscard]] std::string read_octets(std::size_t count);

  void half_close() { connection_->socket.half_close(); }
  void reset() { connection_->socket.reset(); }
  void close() { connection_->socket.close(); }

 private:
  struct Connection {
    Socket socket;
    MessageReader reader{socket};
    std::uint16_t port = 0;
  };

  explicit RawClient(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  [[nodiscard]] static RawClient on(Socket socket, std::uint16_t port);
  [[nodiscard]] Response read_one_head(Deadline deadline);
  void read_body(Response& response, const MessageReader::Sink& sink, Deadline deadline);

  std::unique_ptr<Connection> connection_;  // on the heap: the reader refers to the socket
};

// One request on a connection of its own.
Response request_once(std::uint16_t port, std::string_view method, std::string_view target,
                      const Fields& fields = {}, std::string_view body = {});

}  // namespace ifmatch::support
