// Reads one message from a connection: first its head, then its content piece by piece. Beast finds
// the boundaries; what it lets through is judged by http/framing.hpp. The fields are those of the
// header section: a trailer section is read, bounded and dropped, never merged into them.
#pragma once

#include <vector>

#include "proxy/http/message.hpp"
#include "proxy/net/connection.hpp"

namespace ifmatch::net {

struct MessageLimits {
  std::size_t header_bytes = 32 * 1024;  // also of the trailer section, and of a chunk line
  std::size_t header_fields = 128;
  std::size_t target_bytes = 8 * 1024;   // requests only
};

// What a broken message is answered with, where it is a request.
enum class ReadError : std::uint8_t {
  none,
  closed,           // the peer ended the connection between messages
  truncated,        // ... or within one
  timeout,
  malformed,
  version,          // not HTTP/1.0 or HTTP/1.1
  target_too_long,
  fields_too_large,
};

// `Head` is http::RequestHead or http::ResponseHead.
template <typename Head>
class MessageReader {
 public:
  MessageReader(Connection& connection, const MessageLimits& limits);
  ~MessageReader();
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  // Says that no content follows whatever the fields will say (an answer to HEAD).
  // REQUIRES: read_head was not called yet.
  void without_content();

  // Reads until the header section is complete. `head` is filled and must outlive the call only.
  // The first octet may take until `first_octet`, the section `whole` after that, all until `total`.
  [[nodiscard]] Task<ReadError> read_head(Head& head, Instant first_octet,
                                          std::chrono::milliseconds whole, Instant total = never);

  // Reads the next pieces of the content. They are views into the input buffer and are valid until
  // the next call of this reader. Waits at most until `deadline`. When done() afterwards, the
  // pieces are the last ones.
  [[nodiscard]] Task<ReadError> read_content(Instant deadline);

  // Like read_content, but takes only what is in the buffer already: never suspends.
  [[nodiscard]] ReadError take_buffered();

  [[nodiscard]] std::span<const std::string_view> pieces() const noexcept;
  [[nodiscard]] bool done() const noexcept;
  // True once an octet of this message was seen.
  [[nodiscard]] bool begun() const noexcept { return begun_; }

 private:
  class Parser;
  [[nodiscard]] ReadError parse();
  [[nodiscard]] ReadError translate(const error_code& failure) const;

  Connection& connection_;
  MessageLimits limits_;
  std::unique_ptr<Parser> parser_;
  std::size_t unconsumed_ = 0;  // octets of the input that the current pieces lie in
  std::size_t section_octets_ = 0;
  bool begun_ = false;
};

extern template class MessageReader<http::RequestHead>;
extern template class MessageReader<http::ResponseHead>;

}  // namespace ifmatch::net
