// Heads are written anew from their parts: no framing field, no hop-by-hop field and nothing that
// Connection nominates is ever copied. Everything is appended to `out` as octets ready to be sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/http/claims.hpp"
#include "proxy/http/message.hpp"
#include "proxy/http/problem.hpp"

namespace ifmatch::http {

// In place of an address: the client came through a Unix socket, which tells none.
inline constexpr std::string_view unix_client = "unix:";

// A field line of our own, by views.
struct FieldLine {
  std::string_view name;
  std::string_view value;
};

// What becomes of the client's fields.
enum class Carry : std::uint8_t {
  everything,  // a bypass route: conditions and Range pass
  guarded,     // a guarded request: without conditional fields and Range
  probe,       // a GET of ours on behalf of a writer: further without fields of its content, of its
               // wishes for the answer (Prefer), method overrides and Idempotency-Key
};

struct ForwardedRequest {
  const RequestHead& head;
  std::string_view method;     // as forwarded: GET for a guarded HEAD and for probes
  std::string_view base_path;  // the upstream's, "" where there is none
  std::string_view target;     // Target::octets, or what a probe asks for
  std::string_view host;       // Target::host; the upstream's authority where that is empty
  // Of the peer: numeric, without port and brackets; "" leaves it out.
  std::string_view client_address;
  std::string_view client_scheme = "http";  // how the peer came to us: http or https
  ContentFraming framing;           // of our own; never until_close
  Carry carry = Carry::everything;
  bool identity_coding = false;  // ask for no content coding: guarded reads and probes
  bool no_cache = false;         // `Cache-Control: no-cache` instead of the client's own
  bool without_credentials = false;      // without Authorization and Cookie
  // Instead of the client's lines of the same name; an empty value only drops them.
  std::span<const FieldLine> replaced = {};
  // Set: instead of the client's traceparent and tracestate, which are dropped; "": without one.
  std::optional<std::string_view> traceparent = std::nullopt;
  const Claims* claims = nullptr;  // what is believed of what a trusted peer said
  std::string_view hop_lines = {};  // whole lines that speak to the next hop alone
};

// Adds Via, and X-Forwarded-* and Forwarded in place of whatever the peer claimed: the hops that
// are believed, the peer behind them, and nothing else.
void write_request_head(std::string& out, const ForwardedRequest& request);

enum class ExposeEtag : std::uint8_t {
  automatic,  // when the answer carries Access-Control-Allow-Origin
  always,
  never,
};

enum class Validators : std::uint8_t {
  keep,  // bypass routes: the upstream's own pass
  drop,  // guarded routes: ETag, Last-Modified and Accept-Ranges of the upstream are removed
};

// How our answer to the client ends.
struct Closing {
  int client_minor_version = 1;  // an HTTP/1.0 client is told keep-alive explicitly
  bool keep_alive = true;
};

struct ForwardedResponse {
  const ResponseHead& head;
  Validators validators = Validators::drop;
  std::string_view etag;  // our tag with its quotes; "" for none
  ContentFraming framing; // of our own. For HEAD that of the GET; never chunked on HTTP/1.0
  Closing closing;
  ExposeEtag expose_etag = ExposeEtag::automatic;
  std::string_view date;  // HTTP-date of now, written where the answer has none; "" for none
  int status = 0;         // 0: that of the answer; 412 with the current representation
  std::span<const FieldLine> replaced = {};  // as in ForwardedRequest; added where absent
  std::string_view hop_lines = {};           // as in ForwardedRequest
};

// Of an interim answer (1xx) neither framing nor closing is written.
void write_response_head(std::string& out, const ForwardedResponse& response);

// 304 with the fields that RFC 9110 section 15.4.5 asks for, and cookies and CORS fields.
void write_not_modified(std::string& out, const ForwardedResponse& response);

struct ProblemAnswer {
  std::string_view method;  // HEAD gets no content
  std::string_view date;
  Closing closing;          // a ProblemDetails that closes has the last word
};

// A whole answer of our own, content included.
void write_problem(std::string& out, const ProblemDetails& details, const ProblemAnswer& answer);

inline constexpr std::string_view continue_answer = "HTTP/1.1 100 Continue\r\n\r\n";

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7). Made once a second, not per answer.
[[nodiscard]] std::string http_date(std::chrono::system_clock::time_point when);

}  // namespace ifmatch::http
