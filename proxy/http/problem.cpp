#include "proxy/http/problem.hpp"

#include <algorithm>
#include <array>

#include "proxy/guard/assert.hpp"

namespace ifmatch::http {

namespace {

// In the order of the enumeration.
constexpr std::array<ProblemText, 22> texts = {{
    {412, "urn:ifmatch:problem:stale-version", "The resource changed since you read it",
     "Read it again with Cache-Control: no-cache, apply your change to what you get, and retry."},
    {412, "urn:ifmatch:problem:precondition-missing", "A precondition is required here",
     "Read the resource, then send the ETag of that answer as If-Match; to create it, send "
     "If-None-Match: *."},
    {412, "urn:ifmatch:problem:already-exists", "The resource exists already",
     "If-None-Match asks for a resource that is not there. To change the one that is, read it "
     "again with Cache-Control: no-cache and send its ETag as If-Match."},
    {400, "urn:ifmatch:problem:bad-condition", "The precondition is malformed",
     "A condition is either * or a list of entity-tags in double quotes."},
    {400, "urn:ifmatch:problem:ambiguous-path", "The path could be understood in two ways",
     "Send the path in its plain form: no dot segments, no encoded slashes, no empty segments, "
     "and every letter as the API spells it."},
    {400, "urn:ifmatch:problem:ambiguous-method", "The method could be understood in two ways",
     "Send the method that is meant in the request line, or name it once, on POST."},
    {503, "urn:ifmatch:problem:resource-busy", "Too many requests want this resource",
     "Nothing was written. Retry after the time that Retry-After names."},
    {503, "urn:ifmatch:problem:outcome-unknown", "The outcome of a write is not known",
     "A write to this resource was sent and its outcome could not be learnt. Until it cannot land "
     "any more, no other is let through. Retry after the time that Retry-After names."},
    {502, "urn:ifmatch:problem:upstream-unreachable", "The API gave no usable answer",
     "The API could not be reached, or its answer was cut off or malformed."},
    {504, "urn:ifmatch:problem:upstream-timeout", "The API took too long",
     "The API did not answer in time."},
    {502, "urn:ifmatch:problem:version-unknown", "The current version could not be determined",
     "Nothing was written, because the API did not show the current state of the resource."},
    {503, "urn:ifmatch:problem:ledger-unavailable", "Writes cannot be coordinated at the moment",
     "Nothing was written. Retry after the time that Retry-After names."},
    {413, "urn:ifmatch:problem:body-too-large", "The content is too large",
     "The content exceeds the limit of this route. Nothing was written."},
    {431, "urn:ifmatch:problem:fields-too-large", "The header fields are too large",
     "The header section exceeds the limit of this server."},
    {414, "urn:ifmatch:problem:target-too-long", "The request target is too long",
     "The request target exceeds the limit of this server in octets or in path segments."},
    {404, "urn:ifmatch:problem:no-route", "No route leads there",
     "This server has no route for the host and the path of the request."},
    {400, "urn:ifmatch:problem:bad-request", "The request is malformed",
     "The request is not valid HTTP, or says two things that cannot both hold."},
    {405, "urn:ifmatch:problem:method-not-allowed", "The method is not allowed",
     "This server never forwards this method."},
    {408, "urn:ifmatch:problem:request-timeout", "The request took too long to arrive",
     "The request did not arrive in time. Nothing was written."},
    {417, "urn:ifmatch:problem:expectation-failed", "The expectation cannot be met",
     "The only expectation that this server knows is 100-continue."},
    {501, "urn:ifmatch:problem:not-implemented", "Not implemented",
     "This server does not implement what the request asks for."},
    {505, "urn:ifmatch:problem:version-not-supported", "This version of HTTP is not supported",
     "This server speaks HTTP/1.1 and HTTP/1.0."},
}};

// The size of the UTF-8 sequence that begins there, 0 when it is none (RFC 3629 section 4).
std::size_t sequence_size(std::string_view text) noexcept {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&at](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0 && at(1) < 0xA0) return 0;  // overlong
    if (first == 0xED && at(1) > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if (first == 0xF0 && at(1) < 0x90) return 0;
    if (first == 0xF4 && at(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}

// Octets that stand for themselves in a JSON string.
constexpr auto make_plain_octets() {
  std::array<bool, 256> plain{};
  for (std::size_t octet = 0x20; octet < 0x7F; ++octet) plain[octet] = octet != '"' && octet != '\\';
  return plain;
}
constexpr auto plain_octets = make_plain_octets();

// U+0080 to U+009F, of which 0xC2 is the first octet, are control characters, too: a terminal that
// is shown a log takes U+009B for the beginning of a command.
constexpr bool is_c1(char second) {
  const auto octet = static_cast<unsigned char>(second);
  return octet >= 0x80 && octet < 0xA0;
}

// What stands between the quotes of a JSON string.
void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  for (;;) {
    const auto special = std::find_if(text.begin(), text.end(), [](char octet) {
      return !plain_octets[static_cast<unsigned char>(octet)];
    });
    out.append(text.begin(), special);
    text.remove_prefix(static_cast<std::size_t>(special - text.begin()));
    if (text.empty()) return;
    const auto octet = static_cast<unsigned char>(text.front());
    if (octet == '"') {
      out += "\\\"";
      text.remove_prefix(1);
    } else if (octet == '\\') {
      out += "\\\\";
      text.remove_prefix(1);
    } else if (octet < 0x20 || octet == 0x7F) {
      out += "\\u00";
      out += hex[octet >> 4];
      out += hex[octet & 0x0FU];
      text.remove_prefix(1);
    } else if (octet == 0xC2 && text.size() > 1 && is_c1(text[1])) {
      out += "\\u00";
      out += hex[static_cast<unsigned char>(text[1]) >> 4];
      out += hex[static_cast<unsigned char>(text[1]) & 0x0FU];
      text.remove_prefix(2);
    } else if (const std::size_t size = sequence_size(text); size != 0) {
      out += text.substr(0, size);
      text.remove_prefix(size);
    } else {
      out += "\\ufffd";
      text.remove_prefix(1);
    }
  }
}

// `before` ends with the quote that begins the text. What says nothing is left out.
void append_member(std::string& out, std::string_view before, std::string_view text) {
  if (text.empty()) return;
  out += before;
  append_escaped(out, text);
  out += '"';
}

constexpr bool is_plain(std::string_view text) {
  for (const char octet : text) {
    if (!plain_octets[static_cast<unsigned char>(octet)]) return false;
  }
  return true;
}
static_assert([] {
  for (const ProblemText& text : texts) {
    if (!is_plain(text.type) || !is_plain(text.title) || !is_plain(text.detail)) return false;
  }
  return true;
}());

}  // namespace

const ProblemText& text_of(Problem problem) noexcept {
  const auto index = static_cast<std::size_t>(problem);
  IFMATCH_ASSERT(index < texts.size());
  return texts[index];
}

int status_of(const ProblemDetails& details) noexcept {
  return details.status != 0 ? details.status : text_of(details.problem).status;
}

bool is_momentary(Problem problem) noexcept {
  switch (problem) {
    case Problem::stale_version:
    case Problem::already_exists:
    case Problem::resource_busy:
    case Problem::outcome_unknown:
    case Problem::upstream_unreachable:
    case Problem::upstream_timeout:
    case Problem::version_unknown:
    case Problem::ledger_unavailable:
    case Problem::request_timeout:
    case Problem::no_route:  // a reload may bring one, and 404 is cacheable by heuristics
      return true;
    default:
      return false;
  }
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  append_escaped(out, text);
  out += '"';
}

std::string render(const ProblemDetails& details) {
  const ProblemText& text = text_of(details.problem);
  std::string out;
  out.reserve(640);
  out += R"({"type":")";
  out += text.type;
  out += R"(","title":")";
  out += text.title;
  out += R"(","status":)";
  out += std::to_string(status_of(details));
  out += R"(,"detail":")";
  if (details.detail.empty()) {
    out += text.detail;
  } else {
    append_escaped(out, details.detail);
  }
  if (!details.sent.empty()) {
    std::string_view before = R"(","sent":[")";
    for (const std::string& tag : details.sent) {
      out += std::exchange(before, R"(",")");
      append_escaped(out, tag);
    }
    out += R"("])";
  } else {
    out += '"';
  }
  append_member(out, R"(,"current":")", details.current ? *details.current : std::string_view());
  append_member(out, R"(,"route":")", details.route);
  append_member(out, R"(,"instance":")", details.instance);
  out += '}';
  return out;
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default: return "";
  }
}

}  // namespace ifmatch::http
