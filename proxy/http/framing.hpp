// The proxy is only as safe as its reading of the octets. Whatever the parser let through is
// checked here, once, when a header section has ended; nothing later doubts it again.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "proxy/http/message.hpp"
#include "proxy/http/problem.hpp"
#include "proxy/http/result.hpp"
#include "proxy/http/target.hpp"

namespace ifmatch::http {

struct RequestShape {
  ContentFraming framing;         // never until_close
  bool keep_alive = true;         // what the client wishes (RFC 9112 section 9.3)
  bool expects_continue = false;  // wants 100 before it sends its content
  Target target;                  // canonical
};

// What Allow lists where the proxy itself refuses a method.
inline constexpr std::string_view allowed_methods =
    "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

// Checks a request's header section (RFC 9110 sections 5, 7 and 10.1.1, RFC 9112 sections 3, 5 and
// 6), tokens and control characters again, although the parser should have. Every refusal says
// Afterwards::close: without a shape nobody knows where the next request begins.
[[nodiscard]] Checked<RequestShape> check_request(const RequestHead& head);

struct ResponseShape {
  ContentFraming framing;  // Framing::none for 1xx, 204, 304 and answers to HEAD
  bool keep_alive = true;  // the connection may be used again after a complete answer
  std::optional<std::chrono::seconds> keep_alive_timeout;  // of Keep-Alive: timeout=
};

// What was asked of the other side besides an answer.
enum class Offer : std::uint8_t {
  none,
  websocket,  // the request was forwarded with `Upgrade: websocket`
};

// Checks an answer's header section; `method` is that of the request as forwarded. Of an interim
// answer (1xx) only the status counts, the final one follows. 101 is malformed where no Upgrade was
// forwarded, and where it takes up something else. Faults have Origin::upstream and
// FaultKind::malformed, and Sent::all.
[[nodiscard]] Result<ResponseShape> check_response(const ResponseHead& head,
                                                   std::string_view method,
                                                   Offer offer = Offer::none);

}  // namespace ifmatch::http
