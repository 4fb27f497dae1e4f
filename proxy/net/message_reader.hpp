// Reads one message from a connection: first its head, then its content piece by piece. Beast finds
// the boundaries; what it lets through is judged by http/framing.hpp. The fields are those of the
// header section: a trailer section is read and bounded, never merged into them, and dropped where
// nobody asked for it.
#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <type_traits>

#include "proxy/http/characters.hpp"
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
  version,          // another major version than HTTP/1
  target_too_long,
  fields_too_large,
};

// What Beast has found a name to be, in our words: it has looked it up already.
[[nodiscard]] http::FieldId identity_of(boost::beast::http::field known, std::string_view name);

// Takes the events of Beast's parser: fills the head, notes where the pieces of content lie.
template <typename Head>
class MessageParser final
    : public boost::beast::http::basic_parser<std::is_same_v<Head, http::RequestHead>> {
 public:
  static constexpr bool is_request = std::is_same_v<Head, http::RequestHead>;

  explicit MessageParser(const MessageLimits& limits) : limits_(limits) {
    this->header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    this->body_limit(boost::none);
    this->eager(false);
  }

  Head* head = nullptr;
  http::Fields* trailers = nullptr;  // where they go, if anybody wants them
  std::string_view input;  // what put() was given, to recognise folded lines
  boost::container::small_vector<std::string_view, 4> pieces;
  ReadError refusal = ReadError::none;  // by a limit of ours

 private:
  static std::string_view plain(boost::beast::string_view text) {
    return {text.data(), text.size()};
  }

  // Nearly every line is: then it can be taken as it stands.
  static bool is_written_as_sent_on(std::string_view behind_name, std::string_view value) {
    return !value.empty() && value.data() == behind_name.data() + 2 &&
           behind_name.starts_with(": ") &&
           behind_name.substr(2 + value.size()).starts_with("\r\n");
  }

  // Beast joins a folded line in a buffer of its own; RFC 9112 section 5.2 lets us refuse it. Where
  // the first line is empty it does not copy: then the line end lies before the value. Where
  // nothing at all is in it, only the blank that begins the next line tells.
  bool is_folded(std::string_view behind_name, std::string_view value) const {
    if (value.empty()) {
      const std::size_t line_end = std::min(behind_name.find('\n'), behind_name.size());
      return begins_with_blank(behind_name.substr(line_end));
    }
    if (value.data() < input.data() || value.data() >= input.data() + input.size()) return true;
    const auto before_value = static_cast<std::size_t>(value.data() - behind_name.data());
    return behind_name.substr(0, before_value).find_first_of("\r\n") != std::string_view::npos;
  }

  // Whether a blank follows the line feed that `rest` begins with.
  static bool begins_with_blank(std::string_view rest) {
    return rest.size() > 1 && (rest[1] == ' ' || rest[1] == '\t');
  }

  void on_request_impl(boost::beast::http::verb, boost::beast::string_view method,
                       boost::beast::string_view target, int version,
                       error_code& failure) override {
    if constexpr (is_request) {
      if (target.size() > limits_.target_bytes) {
        refusal = ReadError::target_too_long;
        failure = boost::beast::http::error::bad_target;
        return;
      }
      head->method = plain(method);
      head->target = plain(target);
      head->minor_version = version % 10;
    }
  }

  void on_response_impl(int status, boost::beast::string_view reason, int version,
                        error_code&) override {
    if constexpr (!is_request) {
      head->status = status;
      head->reason = plain(reason);
      head->minor_version = version % 10;
    }
  }

  void on_field_impl(boost::beast::http::field known, boost::beast::string_view name,
                     boost::beast::string_view value, error_code& failure) override {
    if (++fields_ > limits_.header_fields) {
      refusal = ReadError::fields_too_large;
      failure = boost::beast::http::error::header_limit;
      return;
    }
    const std::string_view behind_name =
        input.substr(static_cast<std::size_t>(name.data() + name.size() - input.data()));
    const bool written = is_written_as_sent_on(behind_name, plain(value));
    if (!written && is_folded(behind_name, plain(value))) {
      failure = boost::beast::http::error::bad_value;
      return;
    }
    // After the header section these are trailer fields.
    if (this->is_header_done()) {
      if (trailers != nullptr) trailers->add(plain(name), plain(value));
      return;
    }
    if (written) {
      head->fields.add_written({name.data(), name.size() + value.size() + 4}, name.size(),
                               identity_of(known, plain(name)));
    } else {
      head->fields.add(plain(name), plain(value));
    }
  }

  void on_header_impl(error_code&) override { fields_ = 0; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}

  std::size_t on_body_impl(boost::beast::string_view content, error_code&) override {
    if (!content.empty()) pieces.push_back(plain(content));
    return content.size();
  }

  // Beast takes any octet within quotes. A line end there, which another reader takes for the end of
  // the line, is how messages are smuggled (RFC 9112 section 7.1.1; RFC 9110 section 5.6.4).
  void on_chunk_header_impl(std::uint64_t, boost::beast::string_view extensions,
                            error_code& failure) override {
    const bool clean = std::ranges::all_of(extensions, [](char octet) {
      return octet == '\t' || !http::is(octet, http::octet_class::control);
    });
    if (!clean) failure = boost::beast::http::error::bad_chunk_extension;
  }

  std::size_t on_chunk_body_impl(std::uint64_t, boost::beast::string_view content,
                                 error_code&) override {
    if (!content.empty()) pieces.push_back(plain(content));
    return content.size();
  }

  void on_finish_impl(error_code&) override {}

  MessageLimits limits_;
  std::size_t fields_ = 0;
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

  // Asks for the trailer fields. They are complete once done(). REQUIRES: no content was read yet,
  // and `trailers` outlives the reading.
  void keep_trailers(http::Fields& trailers) noexcept { parser_.trailers = &trailers; }

  // Reads until the header section is complete. `head` is filled and must outlive the call only.
  // The first octet may take until `first_octet`, the section `whole` after that, all until
  // `total`.
  [[nodiscard]] Task<ReadError> read_head(Head& head, Instant first_octet,
                                          std::chrono::milliseconds whole, Instant total = never);

  // Reads the next pieces of the content. They are views into the input buffer and are valid until
  // the next call of this reader. Waits at most until `deadline`. When done() afterwards, the
  // pieces are the last ones.
  [[nodiscard]] Task<ReadError> read_content(Instant deadline);

  // How much content is still to come, where its length is known and it need not go through the
  // input buffer; 0 otherwise. REQUIRES: take_buffered() was called, or read_content().
  [[nodiscard]] std::uint64_t straight_max() const noexcept;

  // Like read_content, but reads straight from the socket into `room`, where the pieces lie then.
  // REQUIRES: `room` is not empty and not larger than straight_max().
  [[nodiscard]] Task<ReadError> read_content_into(std::span<char> room, Instant deadline);

  // Like read_content, but takes only what is in the buffer already: never suspends.
  [[nodiscard]] ReadError take_buffered();

  [[nodiscard]] std::span<const std::string_view> pieces() const noexcept;
  [[nodiscard]] bool done() const noexcept;
  // True once an octet of this message was seen.
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  // Octets of the input that the current pieces lie in.
  [[nodiscard]] std::size_t unconsumed() const noexcept { return unconsumed_; }

 private:
  using Parser = MessageParser<Head>;
  [[nodiscard]] ReadError parse();
  void forget_pieces() noexcept;
  [[nodiscard]] ReadError translate(const error_code& failure) const;
  // Spells a version that is later than ours, but means the same, as ours.
  [[nodiscard]] bool lower_version();

  Connection& connection_;
  MessageLimits limits_;
  Parser parser_;
  std::size_t unconsumed_ = 0;
  std::size_t section_octets_ = 0;
  bool begun_ = false;
};

extern template class MessageReader<http::RequestHead>;
extern template class MessageReader<http::ResponseHead>;

}  // namespace ifmatch::net
