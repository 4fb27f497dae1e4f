#include "config/syntax.hpp"

#include <algorithm>
#include <array>

#include "config/characters.hpp"
#include "config/diagnostic.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t name_octets_max = 64;    // fits a metric label and a log column
constexpr std::size_t method_octets_max = 32;  // longer than any registered method

// Fields that belong to one connection or to the framing of one message, or that we set anew.
constexpr std::array<std::string_view, 13> connection_fields{"connection",
                                                             "keep-alive",
                                                             "proxy-connection",
                                                             "te",
                                                             "trailer",
                                                             "transfer-encoding",
                                                             "upgrade",
                                                             "proxy-authenticate",
                                                             "proxy-authorization",
                                                             "content-length",
                                                             "expect",
                                                             "http2-settings",
                                                             "proxy-authentication-info"};
constexpr std::array<std::string_view, 6> conditional_fields{
    "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"};

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (is_upper(c)) c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Refusal check_name(std::string_view text) {
  const auto fits = [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; };
  if (all(text, fits) && text.front() != '-' && text.size() <= name_octets_max) return std::nullopt;
  return Problem{"E210", in_quotes(text) + " is not a name",
                 "use at most 64 of a-z, 0-9, '_' and '-', and do not begin with '-'"};
}

Refusal check_unsafe_method(std::string_view text) {
  constexpr std::array<std::string_view, 5> refused{"GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"};
  if (!all(text, is_token_char) || text.size() > method_octets_max) {
    return Problem{"E208", in_quotes(text) + " is not a method", "for example PUT"};
  }
  if (std::any_of(text.begin(), text.end(), is_lower)) {
    std::string upper(text);
    for (char& c : upper) {
      if (is_lower(c)) c = static_cast<char>(c - 'a' + 'A');
    }
    return Problem{"E208", "methods are written in upper case, unlike " + in_quotes(text),
                   "write " + upper};
  }
  if (!contains(refused, text)) return std::nullopt;
  return Problem{"E208", in_quotes(text) + " changes nothing and cannot be listed here",
                 "list methods that write, such as PUT, PATCH, DELETE, POST"};
}

bool looks_secret(std::string_view field) {
  constexpr std::array<std::string_view, 10> parts{
      "authorization", "cookie",     "token",   "secret",   "key",
      "password",      "credential", "session", "signature", "passwd"};
  const std::string name = lower_case(field);
  // Not all that begins so: X-Auth-Request-User names somebody.
  if (name == "auth" || name.ends_with("-auth")) return true;
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return name.find(part) != std::string::npos; });
}

Refusal check_field_name(std::string_view text, FieldUse use) {
  const std::string name = lower_case(text);
  if (!all(text, is_token_char) || text == "*") {
    return Problem{"E209", in_quotes(text) + " is not a field name", "for example Accept-Language"};
  }
  if (contains(connection_fields, name)) {
    return Problem{"E209", in_quotes(text) + " belongs to a connection and cannot be used here",
                   ""};
  }
  if (contains(conditional_fields, name)) {
    return Problem{"E209", in_quotes(text) + " is a condition and cannot be used here",
                   "conditions are decided by the proxy itself"};
  }
  if (use == FieldUse::sent_with_probe && name == "host") {
    return Problem{"E209", in_quotes(text) + " cannot be used here",
                   "a probe goes to the write's own target"};
  }
  if (use == FieldUse::names_client && looks_secret(name)) {
    return Problem{"E209", in_quotes(text) + " holds a secret and cannot be used here",
                   "its values would be shown as the names of clients"};
  }
  return std::nullopt;
}

Refusal check_field_value(std::string_view text) {
  const auto fits = [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20U && c != 0x7F);
  };
  const bool blank_end = !text.empty() && (text.front() == ' ' || text.back() == ' ');
  if (std::all_of(text.begin(), text.end(), fits) && !blank_end) return std::nullopt;
  return Problem{"E209", "not a field value", "one line of text, without blanks at its ends"};
}

Parsed<StatusRange> parse_status_range(std::string_view text, StatusRange within) {
  const std::size_t dash = text.find('-');
  const Parsed<std::uint64_t> first = parse_integer(text.substr(0, dash));
  const Parsed<std::uint64_t> last =
      dash == std::string_view::npos ? first : parse_integer(text.substr(dash + 1));
  const auto* low = std::get_if<std::uint64_t>(&first);
  const auto* high = std::get_if<std::uint64_t>(&last);
  if (low == nullptr && all(text, is_digit)) return std::get<Problem>(first);
  if (low == nullptr || high == nullptr) {
    return Problem{"E205", in_quotes(text) + " is neither a status nor a range of them",
                   "write 503 or \"520-599\""};
  }
  if (*low < static_cast<std::uint64_t>(within.first) ||
      *high > static_cast<std::uint64_t>(within.last) || *low > *high) {
    return Problem{"E204", in_quotes(text) + " is out of range",
                   "from " + std::to_string(within.first) + " to " + std::to_string(within.last) +
                       "; the lower number stands first"};
  }
  return StatusRange{static_cast<int>(*low), static_cast<int>(*high)};
}

}  // namespace ifmatch::config
