// Reads HTTP/1.1 messages from a socket, for the client and for the upstream of the tests. It is
// strict about framing and keeps everything else as it came, so that a test sees what was sent.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/fields.hpp"
#include "tests/support/socket.hpp"

namespace ifmatch::support {

class TimedOut : public SupportError {
 public:
  using SupportError::SupportError;
};

struct Head {
  std::string start_line;
  Fields fields;
  std::string octets;  // the whole section as received
};

enum class Framing { none, content_length, chunked, until_close };

class MessageReader {
 public:
  using Sink = std::function<void(std::string_view)>;

  explicit MessageReader(Socket& socket) : socket_(socket) {}

  // Returns nothing when the peer ended or reset the connection before the first octet. Throws when
  // the section is broken off or malformed, and TimedOut at the deadline.
  [[nodiscard]] std::optional<Head> read_head(Deadline deadline);

  enum class BodyEnd { complete, truncated };
  // Hands the body over in pieces; chunk framing is taken off, trailer fields go to `trailers`.
  // `length` is for Framing::content_length. Throws TimedOut at the deadline.
  [[nodiscard]] BodyEnd read_body(Framing framing, std::uint64_t length, const Sink& sink,
                                  Fields& trailers, Deadline deadline);

  // Waits for the end of the connection; false when octets or the deadline came first.
  [[nodiscard]] bool reaches_end(Deadline deadline);

  // Octets that have arrived and belong to no message yet.
  [[nodiscard]] const std::string& rest() const { return buffer_; }

 private:
  [[nodiscard]] bool fill(Deadline deadline);
  [[nodiscard]] std::optional<std::string> read_line(Deadline deadline);
  [[nodiscard]] bool pass_on(std::uint64_t octets, const Sink& sink, Deadline deadline);
  [[nodiscard]] BodyEnd read_chunks(const Sink& sink, Fields& trailers, Deadline deadline);

  Socket& socket_;
  std::string buffer_;
};

// "Name: value" taken apart, white space around the value removed.
[[nodiscard]] std::pair<std::string, std::string> parse_field(std::string_view line);

}  // namespace ifmatch::support
