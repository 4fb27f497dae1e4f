#include "proxy/http/framing.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "proxy/http/characters.hpp"
#include "proxy/http/conditions.hpp"
#include "proxy/http/connection.hpp"
#include "proxy/http/upgrade.hpp"

namespace ifmatch::http {

namespace {

using Objection = std::string_view;  // a sentence with static storage; "" for none

// Longer numbers are no content that anybody sends.
constexpr std::size_t length_digits_max = 18;

ProblemDetails refusal(Problem problem, std::string_view detail) {
  ProblemDetails details;
  details.problem = problem;
  details.detail = detail;
  // The shape of the message is not known to whoever reads on, so nothing further may be parsed.
  details.afterwards = Afterwards::close;
  return details;
}

ProblemDetails bad_request(std::string_view detail) {
  return refusal(Problem::bad_request, detail);
}

struct FramingFields {
  std::size_t length_lines = 0;
  std::size_t coding_lines = 0;
  std::string_view length;
  std::string_view coding;
};

FramingFields framing_fields(const Fields& fields) noexcept {
  FramingFields found;
  if (!fields.has(FieldId::content_length) && !fields.has(FieldId::transfer_encoding)) return found;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields.id(i) == FieldId::content_length) {
      ++found.length_lines;
      found.length = trimmed(fields.line(i).value);
    } else if (fields.id(i) == FieldId::transfer_encoding) {
      ++found.coding_lines;
      found.coding = trimmed(fields.line(i).value);
    }
  }
  return found;
}

// Exactly one of: none, one decimal Content-Length, `chunked` alone on HTTP/1.1 (RFC 9112 section
// 6.3 and 11.2). Everything that two readers might end at two places is objected to.
Objection read_framing(const Fields& fields, int minor_version, ContentFraming& framing) noexcept {
  const FramingFields found = framing_fields(fields);
  if (found.coding_lines != 0) {
    if (found.length_lines != 0) return "It has both Content-Length and Transfer-Encoding.";
    if (minor_version == 0) return "It has Transfer-Encoding on HTTP/1.0.";
    if (found.coding_lines != 1 || !equals_ignoring_case(found.coding, "chunked")) {
      return "Its Transfer-Encoding is something else than chunked, once.";
    }
    framing = {Framing::chunked, 0};
    return {};
  }
  if (found.length_lines == 0) {
    framing = {Framing::none, 0};
    return {};
  }
  const std::string_view digits = found.length;
  if (found.length_lines != 1 || digits.empty() || digits.size() > length_digits_max ||
      !std::ranges::all_of(digits, is_digit)) {
    return "Its Content-Length is not one decimal number.";
  }
  framing.kind = Framing::length;
  framing.length = 0;
  for (const char digit : digits) {
    framing.length = framing.length * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  return {};
}

bool announces_content(const ContentFraming& framing) noexcept {
  return framing.kind == Framing::chunked || framing.length > 0;
}

// Names that CGI and its heirs (WSGI, Rack, PHP) cannot tell from ours: HTTP_IF_MATCH is made of
// If-Match and of If_Match.
// REQUIRES: it is none of ours as it stands.
bool is_disguised(std::string_view name) {
  if (name.find('_') == std::string_view::npos) return false;
  std::string dashed(name);
  std::ranges::replace(dashed, '_', '-');
  return identify(dashed) != FieldId::other;
}

Objection check_request_line(FieldId id, std::string_view name, std::string_view value) {
  // The names that are known are tokens.
  if (id == FieldId::other && !is_token(name)) return "A field name is not a token.";
  const bool is_clean = !has_control(value) || std::ranges::none_of(value, [](char octet) {
    return is(octet, octet_class::control) && octet != '\t';
  });
  if (!is_clean) return "A field value has a control character.";
  if (id == FieldId::other && is_disguised(name)) {
    return "A field name spells a known field with underscores.";
  }
  return {};
}

// Control characters other than these three harm nobody in an answer, and an API that sends them
// has perhaps just written (RFC 9110 section 5.5).
Objection check_response_line(FieldId id, std::string_view name,
                              std::string_view value) noexcept {
  if (id == FieldId::other && !is_token(name)) return "A field name is not a token.";
  const bool is_clean = !has_control(value) || std::ranges::none_of(value, [](char octet) {
    return octet == '\0' || octet == '\r' || octet == '\n';
  });
  if (!is_clean) return "A field value has a line end or NUL.";
  return {};
}

// Refuses nominations of what must reach the API (RFC 9110 section 7.6.1).
std::optional<ProblemDetails> check_nominations(const Fields& fields) {
  std::optional<ProblemDetails> refused;
  for (std::size_t i = 0; i < fields.size() && !refused; ++i) {
    if (fields.id(i) != FieldId::connection) continue;
    for_each_element(fields.line(i).value, [&refused](std::string_view name) {
      if (refused) return;
      if (!is_token(name)) {
        refused = bad_request("Connection lists something that is no token.");
      } else if (is_conditional_field(name)) {
        refused = refusal(Problem::bad_condition, "Connection nominates a condition.");
      } else if (is_end_to_end(name)) {
        refused = bad_request("Connection nominates a field that is not for this hop alone.");
      }
    });
  }
  return refused;
}

bool wishes_keep_alive(const Fields& fields, int minor_version) noexcept {
  if (lists(fields, FieldId::connection, "close")) return false;
  return minor_version >= 1 || lists(fields, FieldId::connection, "keep-alive");
}

// RFC 9110 section 7.2 and RFC 9112 section 3.2.
Objection check_host(const Fields& fields, int minor_version) noexcept {
  const std::size_t lines = fields.count(FieldId::host);
  if (lines > 1) return "It has more than one Host.";
  if (lines == 0) return minor_version >= 1 ? "It has no Host." : Objection();
  return is_valid_host(trimmed(fields.first(FieldId::host))) ? Objection()
                                                             : "Its Host is malformed.";
}

enum class Expectation { none, wants_continue, unknown };

Expectation read_expectation(const Fields& fields) noexcept {
  Expectation expectation = Expectation::none;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields.id(i) != FieldId::expect) continue;
    for_each_element(fields.line(i).value, [&expectation](std::string_view element) {
      if (!equals_ignoring_case(element, "100-continue")) {
        expectation = Expectation::unknown;
      } else if (expectation == Expectation::none) {
        expectation = Expectation::wants_continue;
      }
    });
  }
  return expectation;
}

Fault malformed(std::string_view detail) {
  return {Origin::upstream, FaultKind::malformed, Sent::all,
          "The answer of the API is malformed. " + std::string(detail)};
}

// The parameters of Keep-Alive (RFC 2068 section 19.7.1): how long the peer keeps the connection,
// and how many requests it still takes.
void read_keep_alive(const Fields& fields, ResponseShape& shape) noexcept {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields.id(i) != FieldId::keep_alive) continue;
    for_each_element(fields.line(i).value, [&shape](std::string_view element) {
      const std::size_t equals = element.find('=');
      if (equals == std::string_view::npos) return;
      const std::string_view name = trimmed(element.substr(0, equals));
      const std::string_view digits = trimmed(element.substr(equals + 1));
      std::uint32_t number = 0;
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (error != std::errc() || end != digits.data() + digits.size()) return;
      if (equals_ignoring_case(name, "timeout")) shape.keep_alive_timeout.emplace(number);
      if (equals_ignoring_case(name, "max") && number == 0) shape.keep_alive = false;
    });
  }
}

}  // namespace

Checked<RequestShape> check_request(const RequestHead& head) {
  const Fields& fields = head.fields;
  if (head.minor_version < 0) {
    return refusal(Problem::version_not_supported, {});
  }
  if (!is_token(head.method)) return bad_request("The method is not a token.");
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Fields::Line line = fields.line(i);
    if (const Objection why = check_request_line(fields.id(i), line.name, line.value);
        !why.empty()) {
      return bad_request(why);
    }
  }
  RequestShape shape;
  if (const Objection why = read_framing(fields, head.minor_version, shape.framing);
      !why.empty()) {
    return bad_request(why);
  }
  if (const Objection why = check_host(fields, head.minor_version); !why.empty()) {
    return bad_request(why);
  }
  if (kind_of(head.method) == MethodKind::forbidden) {
    ProblemDetails details = refusal(Problem::method_not_allowed, {});
    details.allow = allowed_methods;
    return details;
  }
  Checked<Target> target =
      parse_target(head.method, head.target, trimmed(fields.first(FieldId::host)));
  if (!target) {
    ProblemDetails details = target.error();
    details.afterwards = Afterwards::close;
    return details;
  }
  shape.target = std::move(*target);
  if (std::optional<ProblemDetails> refused = check_nominations(fields)) return *refused;
  const Expectation expectation = read_expectation(fields);
  if (expectation == Expectation::unknown) return refusal(Problem::expectation_failed, {});
  if (head.method == "PUT" && fields.has(FieldId::content_range)) {
    return bad_request("A PUT must not have Content-Range (RFC 9110 section 14.5).");
  }
  // RFC 9110 section 10.1.1: nobody waits for 100 without content, or on HTTP/1.0.
  shape.expects_continue = expectation == Expectation::wants_continue &&
                           announces_content(shape.framing) && head.minor_version >= 1;
  shape.keep_alive = wishes_keep_alive(fields, head.minor_version);
  return shape;
}

Result<ResponseShape> check_response(const ResponseHead& head, std::string_view method,
                                     Offer offer) {
  const Fields& fields = head.fields;
  if (head.status < 100 || head.status > 999) return malformed("Its status is out of range.");
  if (head.status == 101 && (offer == Offer::none || !switches_to_websocket(head))) {
    return malformed("It switches protocols, which nobody asked for.");
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Fields::Line line = fields.line(i);
    if (const Objection why = check_response_line(fields.id(i), line.name, line.value);
        !why.empty()) {
      return malformed(why);
    }
  }
  ResponseShape shape;
  if (const Objection why = read_framing(fields, head.minor_version, shape.framing);
      !why.empty()) {
    return malformed(why);
  }
  shape.keep_alive = wishes_keep_alive(fields, head.minor_version);
  read_keep_alive(fields, shape);
  const bool never_has_content = head.status < 200 || head.status == 204;
  if (never_has_content || head.status == 304 || method == "HEAD") {
    // 304 and answers to HEAD may tell a length (RFC 9110 section 8.6). An interim answer or a 204
    // that announces content may be followed by it, so its connection is not used again.
    if (never_has_content && announces_content(shape.framing)) shape.keep_alive = false;
    shape.framing = {};
    return shape;
  }
  if (shape.framing.kind == Framing::none) {
    shape.framing.kind = Framing::until_close;
    shape.keep_alive = false;
  }
  return shape;
}

}  // namespace ifmatch::http
