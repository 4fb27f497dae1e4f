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

// Checks a request's header section (RFC 9110 sections 5, 7 and 10.1.1, RFC 9112 sections 3 and 6).
// A refusal that leaves the end of the message in doubt says Afterwards::close. Sections up to 2.x
// of the wire (tokens, obsolete folds, bare CR) are checked again, although the parser should have.
[[nodiscard]] Checked<RequestShape> check_request(const RequestHead& head);

struct ResponseShape {
  ContentFraming framing;  // Framing::none for 1xx, 204, 304 and answers to HEAD
  bool keep_alive = true;  // the connection may be used again after a complete answer
  std::optional<std::chrono::seconds> keep_alive_timeout;  // of Keep-Alive: timeout=
};

// Checks an answer's header section; `method` is that of the request as forwarded. 101 is always
// malformed, because no Upgrade is ever forwarded. Faults have Origin::upstream and
// FaultKind::malformed, and Sent::all.
[[nodiscard]] Result<ResponseShape> check_response(const ResponseHead& head,
                                                   std::string_view method);

}  // namespace ifmatch::http
