// The direction to the client of forwarding.hpp.
#include <algorithm>

#include "proxy/guard/assert.hpp"
#include "proxy/http/characters.hpp"
#include "proxy/http/connection.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/http/writing.hpp"

namespace ifmatch::http {

namespace {

void write_status_line(std::string& out, int status, std::string_view reason) {
  out += "HTTP/1.1 ";
  write_number(out, static_cast<std::uint64_t>(status));
  out += ' ';
  out += reason;
  out += "\r\n";
}

// The upstream's phrase as long as it can do no harm in a status line.
std::string_view safe_reason(const ResponseHead& head) noexcept {
  const bool is_safe = std::ranges::none_of(head.reason, [](char octet) {
    return is(octet, octet_class::control) && octet != '\t';
  });
  return is_safe ? std::string_view(head.reason) : reason_phrase(head.status);
}

bool is_validator(FieldId id) noexcept {
  return id == FieldId::etag || id == FieldId::last_modified || id == FieldId::accept_ranges;
}

bool is_carried(const ForwardedResponse& response, FieldId id, std::string_view name) noexcept {
  if (is_hop_by_hop(id) || id == FieldId::content_length) return false;
  if (response.validators == Validators::drop && is_validator(id)) return false;
  if (id == FieldId::etag && !response.etag.empty()) return false;
  return response.replaced.empty() || !is_replaced(response.replaced, name);
}

// RFC 9110 section 15.4.5 names the first six. Cookies and CORS fields are of this exchange, not of
// the representation, and a browser needs the latter to hand the answer to the page.
bool is_carried_by_not_modified(FieldId id, std::string_view name) noexcept {
  switch (id) {
    case FieldId::cache_control:
    case FieldId::content_location:
    case FieldId::date:
    case FieldId::expires:
    case FieldId::vary:
    case FieldId::via:
    case FieldId::set_cookie:
      return true;
    default: {
      constexpr std::string_view cors = "access-control-";
      return equals_ignoring_case(name.substr(0, cors.size()), cors);
    }
  }
}

// Whether a page of another origin needs to be told that it may read ETag (Fetch, section 3.3.3).
bool needs_exposure(const ForwardedResponse& response) noexcept {
  const Fields& fields = response.head.fields;
  if (response.etag.empty() || response.expose_etag == ExposeEtag::never) return false;
  if (response.expose_etag == ExposeEtag::automatic &&
      !fields.has(FieldId::access_control_allow_origin)) {
    return false;
  }
  if (lists(fields, FieldId::access_control_expose_headers, "etag")) return false;
  // The asterisk means every field only for requests without credentials.
  return !lists(fields, FieldId::access_control_expose_headers, "*") ||
         fields.has(FieldId::access_control_allow_credentials);
}

void write_connection(std::string& out, const Closing& closing) {
  if (!closing.keep_alive) {
    out += "Connection: close\r\n";
  } else if (closing.client_minor_version == 0) {
    out += "Connection: keep-alive\r\n";
  }
}

// What every answer ends with but for its framing.
void write_own_fields(std::string& out, const ForwardedResponse& response) {
  if (!response.etag.empty()) write_line(out, "ETag", response.etag);
  if (needs_exposure(response)) write_line(out, "Access-Control-Expose-Headers", "ETag");
  write_replaced(out, response.replaced);
  if (!response.date.empty() && !response.head.fields.has(FieldId::date)) {
    write_line(out, "Date", response.date);
  }
  write_via(out, response.head.minor_version);
  out += response.hop_lines;
}

std::size_t estimate(const ForwardedResponse& response) noexcept {
  return response.head.fields.octets() + response.head.reason.size() + 320;
}

}  // namespace

void write_response_head(std::string& out, const ForwardedResponse& response) {
  const ResponseHead& head = response.head;
  const Fields& fields = head.fields;
  const Nominated nominated(fields);
  const bool has_own_status = response.status != 0 && response.status != head.status;
  const int status = has_own_status ? response.status : head.status;
  out.reserve(out.size() + estimate(response));
  write_status_line(out, status, has_own_status ? reason_phrase(status) : safe_reason(head));
  CopiedLines carried(out);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string_view name = fields.line(i).name;
    if (is_carried(response, fields.id(i), name) && !nominated.contains(name)) {
      carried.add(fields.written(i));
    }
  }
  carried.finish();
  write_own_fields(out, response);
  Closing closing = response.closing;
  // RFC 9110 section 8.6 and RFC 9112 section 6.1: no framing fields with 1xx and 204; a 304 may
  // tell a length, but not one that we know.
  if (status >= 200 && status != 204 && status != 304) {
    switch (response.framing.kind) {
      case Framing::length: write_length(out, response.framing.length); break;
      case Framing::chunked:
        IFMATCH_ASSERT(closing.client_minor_version >= 1);
        out += "Transfer-Encoding: chunked\r\n";
        break;
      case Framing::until_close: closing.keep_alive = false; break;
      case Framing::none: break;
    }
  }
  if (status >= 200) write_connection(out, closing);
  out += "\r\n";
}

void write_not_modified(std::string& out, const ForwardedResponse& response) {
  const Fields& fields = response.head.fields;
  const Nominated nominated(fields);
  out.reserve(out.size() + estimate(response));
  write_status_line(out, 304, reason_phrase(304));
  CopiedLines carried(out);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string_view name = fields.line(i).name;
    if (is_carried_by_not_modified(fields.id(i), name) && !is_replaced(response.replaced, name) &&
        !nominated.contains(name)) {
      carried.add(fields.written(i));
    }
  }
  carried.finish();
  write_own_fields(out, response);
  write_connection(out, response.closing);
  out += "\r\n";
}

void write_problem(std::string& out, const ProblemDetails& details, const ProblemAnswer& answer) {
  const int status = status_of(details);
  const std::string content = render(details);
  out.reserve(out.size() + content.size() + 384);
  write_status_line(out, status, reason_phrase(status));
  write_line(out, "Date", answer.date);
  out += "Content-Type: application/problem+json\r\n";
  write_length(out, content.size());
  if (is_momentary(details.problem)) out += "Cache-Control: no-store\r\n";
  if (details.current) write_line(out, "ETag", *details.current);
  if (!details.allow.empty()) write_line(out, "Allow", details.allow);
  if (details.retry_after || status == 503) {
    out += "Retry-After: ";
    write_number(out, static_cast<std::uint64_t>(
                          std::max<std::int64_t>(1, details.retry_after.value_or(
                                                        std::chrono::seconds(1)).count())));
    out += "\r\n";
  }
  for (const auto& [name, value] : details.extra_fields) write_line(out, name, value);
  Closing closing = answer.closing;
  if (details.afterwards == Afterwards::close) closing.keep_alive = false;
  write_connection(out, closing);
  out += "\r\n";
  if (answer.method != "HEAD") out += content;
}

}  // namespace ifmatch::http
