#include "proxy/net/message_reader.hpp"

#include <algorithm>
#include <type_traits>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {
namespace {

namespace beast_http = boost::beast::http;
using beast_view = boost::beast::string_view;

// An empty line before a request line is skipped (RFC 9112 section 2.2), but not for ever.
constexpr std::size_t leading_lines_octets_max = 16;

std::string_view plain(beast_view text) { return {text.data(), text.size()}; }


}  // namespace

template <typename Head>
class MessageReader<Head>::Parser final
    : public beast_http::basic_parser<std::is_same_v<Head, http::RequestHead>> {
 public:
  static constexpr bool is_request = std::is_same_v<Head, http::RequestHead>;

  explicit Parser(const MessageLimits& limits) : limits_(limits) {
    this->header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    this->body_limit(boost::none);
    this->eager(false);
  }

  Head* head = nullptr;
  std::string_view input;  // what put() was given, to recognise folded lines
  std::vector<std::string_view> pieces;
  ReadError refusal = ReadError::none;  // by a limit of ours

 private:
  void on_request_impl(beast_http::verb, beast_view method, beast_view target, int version,
                       error_code& failure) override {
    if constexpr (is_request) {
      if (target.size() > limits_.target_bytes) {
        refusal = ReadError::target_too_long;
        failure = beast_http::error::bad_target;
        return;
      }
      head->method = plain(method);
      head->target = plain(target);
      head->minor_version = version % 10;
    }
  }

  void on_response_impl(int status, beast_view reason, int version, error_code&) override {
    if constexpr (!is_request) {
      head->status = status;
      head->reason = plain(reason);
      head->minor_version = version % 10;
    }
  }

  void on_field_impl(beast_http::field, beast_view name, beast_view value,
                     error_code& failure) override {
    if (++fields_ > limits_.header_fields) {
      refusal = ReadError::fields_too_large;
      failure = beast_http::error::header_limit;
      return;
    }
    // Beast joins a folded line in a buffer of its own; RFC 9112 section 5.2 lets us refuse it.
    const bool folded = !value.empty() && (value.data() < input.data() ||
                                           value.data() >= input.data() + input.size());
    if (folded) {
      failure = beast_http::error::bad_value;
      return;
    }
    // After the header section these are trailer fields.
    if (!this->is_header_done()) head->fields.add(plain(name), plain(value));
  }

  void on_header_impl(error_code&) override { fields_ = 0; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}

  std::size_t on_body_impl(beast_view content, error_code&) override {
    if (!content.empty()) pieces.push_back(plain(content));
    return content.size();
  }

  void on_chunk_header_impl(std::uint64_t, beast_view, error_code&) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, beast_view content, error_code&) override {
    if (!content.empty()) pieces.push_back(plain(content));
    return content.size();
  }

  void on_finish_impl(error_code&) override {}

  MessageLimits limits_;
  std::size_t fields_ = 0;
};

template <typename Head>
MessageReader<Head>::MessageReader(Connection& connection, const MessageLimits& limits)
    : connection_(connection), limits_(limits), parser_(std::make_unique<Parser>(limits)) {}

template <typename Head>
MessageReader<Head>::~MessageReader() {
  // The last pieces may still lie in the input; they were read, so they go.
  connection_.input.consume(unconsumed_);
}

template <typename Head>
bool MessageReader<Head>::done() const noexcept {
  return parser_->is_done();
}

template <typename Head>
std::span<const std::string_view> MessageReader<Head>::pieces() const noexcept {
  return parser_->pieces;
}

template <typename Head>
void MessageReader<Head>::without_content() {
  parser_->skip(true);
}

template <typename Head>
ReadError MessageReader<Head>::translate(const error_code& failure) const {
  using beast_http::error;
  if (parser_->refusal != ReadError::none) return parser_->refusal;
  if (failure == error::header_limit) return ReadError::fields_too_large;
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
  parser_->head = &head;
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
        deadline = std::min(Clock::now() + whole, total);
      }
      error_code failure;
      parser_->input = input;
      const std::size_t used = parser_->put(asio::const_buffer(input.data(), input.size()), failure);
      connection_.input.consume(used);
      section_octets_ += used;
      if (failure && failure != beast_http::error::need_more) co_return translate(failure);
      if (section_octets_ > limits_.header_bytes) co_return ReadError::fields_too_large;
      if (parser_->is_header_done()) {
        section_octets_ = 0;
        parser_->eager(true);
        co_return ReadError::none;
      }
      if (!failure) continue;
    }
    const error_code failure = co_await connection_.read(limits_.header_bytes + 1, deadline);
    if (failure == asio::error::no_buffer_space) {
      if constexpr (Parser::is_request) {
        if (head.method.empty()) co_return ReadError::target_too_long;
      }
      co_return ReadError::fields_too_large;
    }
    if (failure) co_return translate(failure);
  }
}

template <typename Head>
ReadError MessageReader<Head>::parse() {
  const std::string_view input = connection_.input.readable();
  if (input.empty() || parser_->is_done()) return ReadError::none;
  error_code failure;
  parser_->input = input;
  unconsumed_ = parser_->put(asio::const_buffer(input.data(), input.size()), failure);
  if (failure && failure != beast_http::error::need_more) return translate(failure);
  return ReadError::none;
}

template <typename Head>
ReadError MessageReader<Head>::take_buffered() {
  connection_.input.consume(unconsumed_);
  unconsumed_ = 0;
  parser_->pieces.clear();
  return parse();
}

template <typename Head>
Task<ReadError> MessageReader<Head>::read_content(Instant deadline) {
  const ReadError broken = take_buffered();
  if (broken != ReadError::none) co_return broken;
  while (!parser_->is_done() && parser_->pieces.empty()) {
    connection_.input.consume(unconsumed_);
    unconsumed_ = 0;
    const error_code failure = co_await connection_.read(limits_.header_bytes + 1, deadline);
    if (failure == asio::error::no_buffer_space) co_return ReadError::fields_too_large;
    if (failure == asio::error::eof) {
      error_code truncated;
      parser_->put_eof(truncated);
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
