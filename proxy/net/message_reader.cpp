#include "proxy/net/message_reader.hpp"

#include <algorithm>
#include <array>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {
namespace {

namespace beast_http = boost::beast::http;

// An empty line before a request line is skipped (RFC 9112 section 2.2), but not for ever.
constexpr std::size_t leading_lines_octets_max = 16;

constexpr auto fields_of_beast = static_cast<std::size_t>(beast_http::field::xref) + 1;

}  // namespace

http::FieldId identity_of(beast_http::field known, std::string_view name) {
  static const std::array<http::FieldId, fields_of_beast> identities = [] {
    std::array<http::FieldId, fields_of_beast> made{};
    for (std::size_t at = 1; at < made.size(); ++at) {
      const auto of_beast = beast_http::to_string(static_cast<beast_http::field>(at));
      made[at] = http::identify({of_beast.data(), of_beast.size()});
    }
    return made;
  }();
  // Some names are known to us alone.
  if (known == beast_http::field::unknown) return http::identify(name);
  return identities[static_cast<std::size_t>(known)];
}

template <typename Head>
MessageReader<Head>::MessageReader(Connection& connection, const MessageLimits& limits)
    : connection_(connection), limits_(limits), parser_(limits) {}

template <typename Head>
MessageReader<Head>::~MessageReader() {
  // The last pieces may still lie in the input; they were read, so they go.
  connection_.input.consume(unconsumed_);
}

template <typename Head>
bool MessageReader<Head>::done() const noexcept {
  return parser_.is_done();
}

template <typename Head>
std::span<const std::string_view> MessageReader<Head>::pieces() const noexcept {
  return parser_.pieces;
}

template <typename Head>
void MessageReader<Head>::without_content() {
  parser_.skip(true);
}

template <typename Head>
ReadError MessageReader<Head>::translate(const error_code& failure) const {
  using beast_http::error;
  if (parser_.refusal != ReadError::none) return parser_.refusal;
  if (failure == error::header_limit) {
    if constexpr (Parser::is_request) {
      // Without the end of its first line it is the request line that is too long.
      const bool in_request_line =
          parser_.head->method.empty() &&
          connection_.input.readable().find('\n') == std::string_view::npos;
      if (in_request_line) return ReadError::target_too_long;
    }
    return ReadError::fields_too_large;
  }
  if (failure == error::bad_version) return ReadError::version;
  if (failure == asio::error::timed_out) return ReadError::timeout;
  const error_code of_beast = beast_http::make_error_code(error::bad_version);
  if (failure.category() == of_beast.category()) return ReadError::malformed;
  // The socket failed: between messages that is an ordinary end.
  return begun_ ? ReadError::truncated : ReadError::closed;
}

template <typename Head>
Task<ReadError> MessageReader<Head>::read_head(Head& head, Instant first_octet,
                                               std::chrono::milliseconds whole, Instant total) {
  head.clear();
  parser_.head = &head;
  Instant deadline = std::min(first_octet, total);
  std::size_t skipped = 0;
  for (;;) {
    std::string_view input = connection_.input.readable();
    if constexpr (Parser::is_request) {
      while (!begun_ && !input.empty() && (input.front() == '\r' || input.front() == '\n')) {
        if (++skipped > leading_lines_octets_max) co_return ReadError::malformed;
        connection_.input.consume(1);
        input = connection_.input.readable();
      }
    }
    if (!input.empty()) {
      if (!begun_) {
        begun_ = true;
        deadline = std::min(connection_.after(whole), total);
      }
      error_code failure;
      parser_.input = input;
      std::size_t used = parser_.put(asio::const_buffer(input.data(), input.size()), failure);
      if (failure == beast_http::error::bad_version && lower_version()) {
        failure = {};
        used = parser_.put(asio::const_buffer(input.data(), input.size()), failure);
      }
      connection_.input.consume(used);
      section_octets_ += used;
      if (failure && failure != beast_http::error::need_more) co_return translate(failure);
      if (section_octets_ > limits_.header_bytes) co_return ReadError::fields_too_large;
      if (parser_.is_header_done()) {
        section_octets_ = 0;
        parser_.eager(true);
        co_return ReadError::none;
      }
      if (!failure) continue;
    }
    const error_code failure = co_await connection_.read(limits_.header_bytes + 1, deadline);
    if (failure == asio::error::no_buffer_space) {
      co_return translate(beast_http::make_error_code(beast_http::error::header_limit));
    }
    if (failure) co_return translate(failure);
  }
}

// Whoever speaks HTTP/1.2 must be understood by whoever speaks HTTP/1.1 (RFC 9110 section 2.5), but
// Beast does not know that. It has taken nothing of a line that it objects to.
template <typename Head>
bool MessageReader<Head>::lower_version() {
  constexpr std::string_view name = "HTTP/1.";
  const std::string_view input = connection_.input.readable();
  std::size_t digit = name.size();
  if constexpr (Parser::is_request) {
    // Beast objects as soon as the digit is there, which may be before the end of the line is.
    const std::size_t line = std::min(input.find('\r'), input.size());
    if (line <= name.size()) return false;
    digit = line - 1;
  }
  if (digit >= input.size() || input.substr(digit - name.size(), name.size()) != name ||
      input[digit] < '2' || input[digit] > '9') {
    return false;
  }
  connection_.input.replace(digit, '1');
  return true;
}

template <typename Head>
ReadError MessageReader<Head>::parse() {
  const std::string_view input = connection_.input.readable();
  if (input.empty() || parser_.is_done()) return ReadError::none;
  error_code failure;
  parser_.input = input;
  unconsumed_ = parser_.put(asio::const_buffer(input.data(), input.size()), failure);
  if (failure && failure != beast_http::error::need_more) return translate(failure);
  return ReadError::none;
}

template <typename Head>
void MessageReader<Head>::forget_pieces() noexcept {
  connection_.input.consume(unconsumed_);
  unconsumed_ = 0;
  parser_.pieces.clear();
}

template <typename Head>
ReadError MessageReader<Head>::take_buffered() {
  forget_pieces();
  return parse();
}

template <typename Head>
std::uint64_t MessageReader<Head>::straight_max() const noexcept {
  const bool waits = connection_.input.readable().size() > unconsumed_;
  if (waits || parser_.is_done() || parser_.chunked()) return 0;
  return parser_.content_length_remaining().value_or(0);
}

template <typename Head>
Task<ReadError> MessageReader<Head>::read_content_into(std::span<char> room, Instant deadline) {
  IFMATCH_ASSERT(!room.empty() && room.size() <= straight_max());
  forget_pieces();
  const error_code failure = co_await connection_.read_into(room, deadline);
  if (failure == asio::error::eof) co_return ReadError::truncated;
  if (failure) co_return translate(failure);
  // The parser is shown what came, where it lies: it says when the content is complete.
  const std::string_view came(room.data(), connection_.received());
  error_code malformed;
  parser_.input = came;
  const std::size_t used = parser_.put(asio::const_buffer(came.data(), came.size()), malformed);
  if (malformed && malformed != beast_http::error::need_more) co_return translate(malformed);
  IFMATCH_ASSERT(used == came.size());
  co_return ReadError::none;
}

template <typename Head>
Task<ReadError> MessageReader<Head>::read_content(Instant deadline) {
  const ReadError broken = take_buffered();
  if (broken != ReadError::none) co_return broken;
  while (!parser_.is_done() && parser_.pieces.empty()) {
    connection_.input.consume(unconsumed_);
    unconsumed_ = 0;
    const error_code failure = co_await connection_.read(limits_.header_bytes + 1, deadline);
    if (failure == asio::error::no_buffer_space) co_return ReadError::fields_too_large;
    if (failure == asio::error::eof) {
      error_code truncated;
      parser_.put_eof(truncated);
      co_return truncated ? ReadError::truncated : ReadError::none;
    }
    if (failure) co_return translate(failure);
    const ReadError malformed = parse();
    if (malformed != ReadError::none) co_return malformed;
  }
  co_return ReadError::none;
}

template class MessageReader<http::RequestHead>;
template class MessageReader<http::ResponseHead>;

}  // namespace ifmatch::net
