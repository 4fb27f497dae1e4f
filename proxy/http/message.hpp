// The heads of messages (RFC 9112 section 2), as the parser of net/ hands them over: what arrived,
// unjudged. framing.hpp and target.hpp judge it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/fields.hpp"

namespace ifmatch::http {

struct RequestHead {
  std::string method;
  std::string target;     // as sent
  int minor_version = 1;  // of HTTP/1.x
  Fields fields;

  void clear() noexcept {
    method.clear();
    target.clear();
    minor_version = 1;
    fields.clear();
  }
};

struct ResponseHead {
  int status = 0;
  std::string reason;     // as sent; carries no meaning
  int minor_version = 1;
  Fields fields;

  void clear() noexcept {
    status = 0;
    reason.clear();
    minor_version = 1;
    fields.clear();
  }
};

// How the content of a message is delimited (RFC 9112 section 6.3).
enum class Framing : std::uint8_t {
  none,         // no content
  length,       // Content-Length
  chunked,      // Transfer-Encoding: chunked
  until_close,  // responses only
};

struct ContentFraming {
  Framing kind = Framing::none;
  std::uint64_t length = 0;  // with Framing::length
};

enum class MethodKind : std::uint8_t {
  read,       // GET, HEAD: the read way
  safe,       // OPTIONS and the other safe methods: passed on, never guarded
  unsafe,     // everything else, unknown methods included: the write way
  forbidden,  // CONNECT, TRACE: 405
};
[[nodiscard]] MethodKind kind_of(std::string_view method) noexcept;

}  // namespace ifmatch::http
