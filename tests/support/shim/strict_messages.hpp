// An independent, strict reading of HTTP/1.1 messages (RFC 9112), to judge by what the proxy sends.
// It shares no code with the product, knows one spelling of each thing, and calls everything else
// malformed: two messages that it reads where one was meant are a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ifmatch::shim {

struct StrictMessage {
  std::string start_line;
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string content;   // without its transfer coding
  bool until_close = false;  // an answer that only the end of the connection ends
  std::size_t head_octets = 0;
  std::size_t octets = 0;    // of the whole message, framing included

  [[nodiscard]] std::size_t count(std::string_view lower_name) const;
  // The first field of that name, "" where there is none.
  [[nodiscard]] std::string_view field(std::string_view lower_name) const;
  [[nodiscard]] std::string_view method() const;  // of a request
  [[nodiscard]] std::string_view target() const;  // of a request
  [[nodiscard]] int status() const;               // of an answer
};

enum class Reading : std::uint8_t { complete, incomplete, malformed };

// What lies at the front of `octets`. `message` is filled as far as it was read: with `incomplete`
// and a head_octets above 0 the head is there and the content is not.
[[nodiscard]] Reading read_request(std::string_view octets, StrictMessage& message);

// The same of an answer to `method`, interim ones being messages of their own. With `until_close`
// set it is complete only when the connection has ended: the caller knows.
[[nodiscard]] Reading read_answer(std::string_view octets, std::string_view method,
                                  StrictMessage& message);

}  // namespace ifmatch::shim
