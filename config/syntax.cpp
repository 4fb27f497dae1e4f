#include "config/syntax.hpp"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

#include "config/diagnostic.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t name_octets_max = 64;    // fits a metric label and a log column
constexpr std::size_t method_octets_max = 32;  // longer than any registered method
constexpr std::size_t pattern_octets_max = 2048;
constexpr std::size_t socket_octets_max = 107;  // sockaddr_un, without the octet that ends it

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

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alnum(char c) { return is_digit(c) || is_lower(c) || is_upper(c); }
bool is_unreserved(char c) { return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~'; }

// RFC 9110, 5.6.2.
bool is_token_char(char c) {
  return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// RFC 3986, 3.3, without the percent sign.
bool is_path_char(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

template <class Predicate>
bool all(std::string_view text, Predicate predicate) {
  return !text.empty() && std::all_of(text.begin(), text.end(), predicate);
}

template <class List>
bool contains(const List& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Problem path_problem(std::string message, std::string help = "") {
  return {"E211", std::move(message), std::move(help)};
}

// One escape at the beginning of `text`, as it looks in a canonical path.
Refusal check_escape(std::string_view text) {
  const int high = text.size() > 1 ? hex_value(text[1]) : -1;
  const int low = text.size() > 2 ? hex_value(text[2]) : -1;
  if (high < 0 || low < 0) {
    return path_problem("a broken escape in " + in_quotes(text.substr(0, 3)),
                        "'%' must be followed by two hexadecimal digits");
  }
  const auto octet = static_cast<char>(high * 16 + low);
  if (octet == '/' || octet == '\\' || octet == '\0') {
    return path_problem(
        "the escape " + in_quotes(text.substr(0, 3)) + " is refused in every request",
        "an encoded slash, backslash or NUL can never match");
  }
  if (is_unreserved(octet)) {
    return path_problem("the escape " + in_quotes(text.substr(0, 3)) + " is not canonical",
                        "write '" + std::string(1, octet) + "' instead");
  }
  if (is_lower(text[1]) || is_lower(text[2])) {
    return path_problem("the escape " + in_quotes(text.substr(0, 3)) + " is not canonical",
                        "write its digits in upper case");
  }
  return std::nullopt;
}

// Characters of a literal, within a pattern, a base path or a template.
Refusal check_path_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (Refusal refusal = check_escape(text.substr(i))) return refusal;
      i += 2;
    } else if (c == '?' || c == '#') {
      return path_problem("a path ends before " + in_quotes(std::string(1, c)),
                          "patterns match the path alone, without query and fragment");
    } else if (!is_path_char(c)) {
      const auto shown = static_cast<unsigned char>(c);
      return path_problem(shown >= 0x80U ? "a character outside ASCII in a path"
                                         : "the character " + in_quotes(std::string(1, c)) +
                                               " is not allowed in a path",
                          "percent-encode it, with hexadecimal digits in upper case");
    }
  }
  return std::nullopt;
}

Refusal check_literal_segment(std::string_view text) {
  if (text.empty()) {
    return path_problem("an empty segment in a path",
                        "remove the doubled or trailing slash; such requests are refused");
  }
  if (text == "." || text == "..") {
    return path_problem("a dot segment", "write the path that it leads to");
  }
  return check_path_text(text);
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_variable_name(std::string_view text) {
  return all(text, [](char c) { return is_alnum(c) || c == '_'; }) && !is_digit(text.front());
}

Parsed<Segment> parse_segment(std::string_view text) {
  if (text == "**") return Segment{Segment::Kind::rest, ""};
  if (text.find('*') != std::string_view::npos) {
    return path_problem(in_quotes(text) + " is not a segment of a pattern",
                        "write {name} for any one segment, ** for all that follow");
  }
  if (text.find_first_of("{}") == std::string_view::npos) {
    if (Refusal refusal = check_literal_segment(text)) return *refusal;
    return Segment{Segment::Kind::literal, std::string(text)};
  }
  if (text.front() != '{' || text.back() != '}') {
    return path_problem("a variable must be a whole segment, unlike " + in_quotes(text),
                        "write /{name}/");
  }
  const std::string_view name = text.substr(1, text.size() - 2);
  if (!is_variable_name(name)) {
    return path_problem(in_quotes(name) + " is not a variable's name",
                        "use letters, digits and '_', and begin with a letter");
  }
  return Segment{Segment::Kind::variable, std::string(name)};
}

Parsed<std::uint16_t> parse_port(std::string_view text, std::string_view code) {
  const Parsed<std::uint64_t> number = parse_integer(text);
  if (const auto* problem = std::get_if<Problem>(&number)) {
    return Problem{std::string(code), "the port " + in_quotes(text) + " is not a number",
                   problem->help};
  }
  if (std::get<std::uint64_t>(number) > 65535) {
    return Problem{std::string(code), "the port " + in_quotes(text) + " is out of range",
                   "ports end at 65535"};
  }
  return static_cast<std::uint16_t>(std::get<std::uint64_t>(number));
}

bool is_ipv4(const std::string& text) {
  in_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool is_ipv6(const std::string& text) {
  in6_addr address{};
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

// Letters, digits and inner hyphens, separated by dots; '_' because container names have it.
bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.size() > 63 || label.starts_with('-') || label.ends_with('-') ||
        !all(label, [](char c) { return is_alnum(c) || c == '-' || c == '_'; })) {
      return false;
    }
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

// "1.2.3" or "300.1.1.1" is a mistyped address, not a name.
bool looks_like_ipv4(std::string_view text) {
  return all(text, [](char c) { return is_digit(c) || c == '.'; });
}

struct HostPort {
  std::string_view host;  // with brackets
  std::string_view port;  // empty where there is none
  bool has_port = false;
};

HostPort split_host_port(std::string_view text) {
  const std::size_t bracket = text.find(']');
  const std::size_t from = bracket == std::string_view::npos ? 0 : bracket;
  const std::size_t colon = text.find(':', from);
  if (colon == std::string_view::npos) return {text, {}, false};
  return {text.substr(0, colon), text.substr(colon + 1), true};
}

Refusal check_base_path(std::string_view path) {
  if (path.empty()) return std::nullopt;
  const std::vector<std::string_view> segments = split_path(path);
  if (segments.size() > segments_max) return path_problem("too many segments in the base path");
  for (const std::string_view segment : segments) {
    if (Refusal refusal = check_literal_segment(segment)) {
      refusal->code = "E207";
      return refusal;
    }
  }
  return std::nullopt;
}

// "unix:/run/api.sock" or "unix:/run/api.sock:/base".
Parsed<UpstreamUrl> parse_socket_url(std::string_view text) {
  const std::string example = "write unix:/PATH, for example unix:/run/api.sock";
  std::string_view path = text.substr(text.find(':') + 1);
  std::string_view base;
  if (const std::size_t colon = path.find(':'); colon != std::string_view::npos) {
    base = path.substr(colon + 1);
    path = path.substr(0, colon);
    if (!base.starts_with('/')) {
      return Problem{"E207", "a base path begins with '/', unlike " + in_quotes(base),
                     "write unix:/PATH:/BASE, for example unix:/run/api.sock:/v1"};
    }
  }
  const auto fits = [](char c) { return static_cast<unsigned char>(c) > 0x20U && c != 0x7F; };
  if (!path.starts_with('/') || path.ends_with('/') || !all(path, fits)) {
    return Problem{"E207", in_quotes(path) + " is not the path of a socket", example};
  }
  if (path.size() > socket_octets_max) {
    return Problem{"E207", "the path of the socket is longer than 107 octets",
                   "the system allows no more"};
  }
  if (base.ends_with('/')) base.remove_suffix(1);
  if (Refusal refusal = check_base_path(base)) return *refusal;
  UpstreamUrl url;
  url.socket = path;
  url.base_path = base;
  return url;
}

Problem template_problem(std::string message, std::string help = "") {
  return {"E212", std::move(message), std::move(help)};
}

Refusal check_placeholder(std::string_view name, const PathPattern& pattern) {
  if (name == "host") {
    const bool twofold = std::any_of(
        pattern.segments.begin(), pattern.segments.end(), [](const Segment& segment) {
          return segment.kind == Segment::Kind::variable && segment.text == "host";
        });
    if (!twofold) return std::nullopt;
    return template_problem("{host} is the Host and a part of the path here",
                            "give that part of the path another name");
  }
  if (name.starts_with("query.")) {
    if (all(name.substr(6), is_unreserved)) return std::nullopt;
    return template_problem(in_quotes(name) + " names no query parameter", "write {query.id}");
  }
  if (name.starts_with("header.")) {
    if (Refusal refusal = check_field_name(name.substr(7), FieldUse::selects_representation)) {
      refusal->code = "E212";
      return refusal;
    }
    return std::nullopt;
  }
  std::vector<std::string> variables;
  for (const Segment& segment : pattern.segments) {
    if (segment.kind != Segment::Kind::variable) continue;
    if (segment.text == name) return std::nullopt;
    variables.push_back(segment.text);
  }
  std::string help;
  if (const std::string near = closest(name, variables); !near.empty()) {
    help = "did you mean {" + near + "}? ";
  }
  help += "known here:";
  for (const std::string& variable : variables) help += " {" + variable + "}";
  return template_problem("{" + std::string(name) + "} is not a variable of the route's path",
                          help + " {query.NAME} {header.NAME} {host}");
}

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

namespace {

// Its path must fit into a sockaddr_un, with the octet that ends it.
constexpr std::size_t socket_path_max = 107;

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char octet) { return octet > ' ' && octet < 127; });
}

Refusal check_socket_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() < 2 || path.ends_with('/')) {
    return Problem{"E206", in_quotes(path) + " is not the path of a socket",
                   "write an absolute path, for example unix:/run/ifmatch/ifmatch.sock"};
  }
  if (path.size() > socket_path_max) {
    return Problem{"E206", "the path of a socket has at most " + std::to_string(socket_path_max) +
                               " octets, this has " + std::to_string(path.size()),
                   "choose a shorter path"};
  }
  if (path.find('\0') != std::string_view::npos || !is_printable(path)) {
    return Problem{"E206", "a blank or control character in " + in_quotes(path),
                   "choose a plain path"};
  }
  return std::nullopt;
}

// FileDescriptorName= of systemd.socket(5).
Refusal check_descriptor_name(std::string_view name) {
  const bool fits = !name.empty() && name.size() <= 255 && is_printable(name) &&
                    name.find(':') == std::string_view::npos;
  if (fits) return std::nullopt;
  return Problem{"E206", in_quotes(name) + " cannot be the name of a socket of systemd",
                 "write fd:NAME with the FileDescriptorName= of the socket unit"};
}

}  // namespace

Refusal check_listen_address(std::string_view text) {
  constexpr std::string_view unix_prefix = "unix:";
  constexpr std::string_view handed_prefix = "fd:";
  if (text.starts_with(unix_prefix)) return check_socket_path(text.substr(unix_prefix.size()));
  if (text.starts_with(handed_prefix)) {
    return check_descriptor_name(text.substr(handed_prefix.size()));
  }
  const HostPort parts = split_host_port(text);
  const std::string example =
      "write an address and a port, for example 127.0.0.1:8080 or [::]:8080";
  if (!parts.has_port) return Problem{"E206", "the port is missing in " + in_quotes(text), example};
  if (parts.host.empty()) {
    return Problem{"E206", "the address is missing in " + in_quotes(text),
                   "write 0.0.0.0:" + std::string(parts.port) +
                       " for all IPv4 addresses, [::]:" + std::string(parts.port) + " for all"};
  }
  const bool brackets = parts.host.front() == '[' && parts.host.back() == ']';
  const bool known = brackets ? is_ipv6(std::string(parts.host.substr(1, parts.host.size() - 2)))
                              : is_ipv4(std::string(parts.host));
  if (!known) {
    std::string help = example;
    if (parts.host == "localhost") help = "write 127.0.0.1:" + std::string(parts.port);
    if (is_ipv6(std::string(text.substr(0, text.rfind(':'))))) {
      help = "put an IPv6 address in brackets: [::1]:8080";
    }
    return Problem{"E206", in_quotes(parts.host) + " is not a numeric address", help};
  }
  const Parsed<std::uint16_t> port = parse_port(parts.port, "E206");
  if (const auto* problem = std::get_if<Problem>(&port)) return *problem;
  return std::nullopt;
}

Refusal check_admin_address(std::string_view text) {
  if (text == "none") return std::nullopt;
  if (text.starts_with("unix:") || text.starts_with("fd:")) {
    return Problem{"E206", "the admin server listens on an address and a port",
                   "write 127.0.0.1:9901, or none"};
  }
  Refusal refusal = check_listen_address(text);
  if (refusal && split_host_port(text).host == "localhost") refusal->help = "write 127.0.0.1:9901";
  return refusal;
}

bool is_loopback_or_none(std::string_view admin_address) {
  const std::string_view host = split_host_port(admin_address).host;
  return admin_address == "none" || host.starts_with("127.") || host == "[::1]";
}

namespace {

// A host name or a numeric address in lower case, without brackets; nothing where it is neither.
std::optional<std::string> host_in(std::string_view text) {
  std::string host = lower_case(text);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  const bool known = brackets               ? is_ipv6(host)
                     : looks_like_ipv4(host) ? is_ipv4(host)
                                             : is_host_name(host);
  if (!known) return std::nullopt;
  return host;
}

}  // namespace

Parsed<UpstreamUrl> parse_upstream_url(std::string_view text) {
  const std::string example = "write http://HOST:PORT, for example http://127.0.0.1:3000";
  if (text.starts_with("unix:")) return parse_socket_url(text);
  UpstreamUrl url;
  if (text.starts_with("https://")) {
    url.scheme = Scheme::https;
    url.port = 443;
  } else if (!text.starts_with("http://")) {
    return Problem{"E207", in_quotes(text) + " is not a URL of an upstream", example};
  }
  std::string_view rest = text.substr(text.find("//") + 2);
  const std::size_t end = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  if (authority.find('@') != std::string_view::npos) {
    return Problem{"E207", "user and password are not allowed in a URL",
                   "remove what stands before '@'; clients send their own credentials"};
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return Problem{"E207", "a query or fragment is not allowed in an upstream's URL", example};
  }
  const HostPort parts = split_host_port(authority);
  const std::optional<std::string> host = host_in(parts.host);
  if (!host) return Problem{"E207", in_quotes(parts.host) + " is not a host", example};
  url.host = *host;
  if (parts.has_port) {
    const Parsed<std::uint16_t> port = parse_port(parts.port, "E207");
    if (const auto* problem = std::get_if<Problem>(&port)) return *problem;
    url.port = std::get<std::uint16_t>(port);
    if (url.port == 0) return Problem{"E207", "port 0 is not allowed in a URL", example};
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (Refusal refusal = check_base_path(rest)) return *refusal;
  url.base_path = rest;
  return url;
}

Parsed<std::string> parse_server_name(std::string_view text) {
  const bool bare_ipv6 = text.find(':') != std::string_view::npos && !text.starts_with('[');
  const std::optional<std::string> name =
      host_in(bare_ipv6 ? "[" + std::string(text) + "]" : std::string(text));
  if (!name) {
    return Problem{"E205", in_quotes(text) + " is not the name of a server",
                   "write a host name or an address without a port, for example api.example.org"};
  }
  return *name;
}

Parsed<PathPattern> parse_path_pattern(std::string_view text) {
  if (!text.starts_with('/')) {
    return path_problem("the pattern " + in_quotes(text) + " does not begin with '/'",
                        "write '/" + std::string(text.substr(0, 40)) + "'");
  }
  PathPattern pattern;
  if (text == "/") return pattern;
  const std::vector<std::string_view> segments = split_path(text);
  if (segments.size() > segments_max || text.size() > pattern_octets_max) {
    return path_problem("the pattern is too long", "a path has at most 32 segments");
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Parsed<Segment> parsed = parse_segment(segments[i]);
    if (const auto* problem = std::get_if<Problem>(&parsed)) return *problem;
    auto& segment = std::get<Segment>(parsed);
    if (segment.kind == Segment::Kind::rest && i + 1 < segments.size()) {
      return path_problem("'**' must be the last segment", "write {name} for one segment");
    }
    for (const Segment& other : pattern.segments) {
      if (segment.kind == Segment::Kind::variable && other.kind == segment.kind &&
          other.text == segment.text) {
        return path_problem("the variable {" + segment.text + "} stands twice in the pattern",
                            "give each variable its own name");
      }
    }
    pattern.segments.push_back(std::move(segment));
  }
  return pattern;
}

Parsed<std::string> parse_host_pattern(std::string_view text) {
  if (text == "*") return std::string(text);
  std::string host = lower_case(text);
  const std::string_view name =
      host.starts_with("*.") ? std::string_view(host).substr(2) : std::string_view(host);
  const bool ipv6 =
      host.starts_with('[') && host.ends_with(']') && is_ipv6(host.substr(1, host.size() - 2));
  if (ipv6 || is_host_name(name)) return host;
  return Problem{"E213", in_quotes(text) + " is not a host",
                 host.find(':') != std::string::npos
                     ? "write the host without a port"
                     : "write an exact host, *.example.org, or \"*\""};
}

Refusal check_resource_template(std::string_view text, const PathPattern& pattern) {
  if (text.empty()) return template_problem("the resource has no name");
  if (text.size() > pattern_octets_max) return template_problem("the resource is too long");
  const bool is_path = text.front() == '/';
  std::string literal;  // with every placeholder replaced by a letter
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '}') return template_problem("'}' without '{' in " + in_quotes(text));
    if (c == '{') {
      const std::size_t end = text.find('}', i);
      if (end == std::string_view::npos) {
        return template_problem("'{' without '}' in " + in_quotes(text));
      }
      if (Refusal refusal = check_placeholder(text.substr(i + 1, end - i - 1), pattern)) {
        return refusal;
      }
      literal += 'x';
      i = end;
    } else if (static_cast<unsigned char>(c) <= 0x20U || c == 0x7F) {
      return template_problem("a blank or control character in " + in_quotes(text));
    } else {
      literal += c;
    }
  }
  if (!is_path || literal == "/") return std::nullopt;
  const std::vector<std::string_view> segments = split_path(literal);
  if (segments.size() > segments_max) return template_problem("too many segments");
  for (const std::string_view segment : segments) {
    Refusal refusal = check_literal_segment(segment);
    if (!refusal && segment.find("**") != std::string_view::npos) {
      refusal = template_problem("'**' is not allowed in a resource", "name one resource");
    }
    if (!refusal) continue;
    refusal->code = "E212";
    return refusal;
  }
  return std::nullopt;
}

bool covers(const PathPattern& earlier, const PathPattern& later) {
  for (std::size_t i = 0; i < earlier.segments.size(); ++i) {
    const Segment& wide = earlier.segments[i];
    // "/a/**" is not said to cover "/a": only the router knows, and silence is the safe side here.
    if (wide.kind == Segment::Kind::rest) return i < later.segments.size() || i == 0;
    if (i >= later.segments.size()) return false;
    const Segment& narrow = later.segments[i];
    if (narrow.kind == Segment::Kind::rest) return false;
    if (wide.kind == Segment::Kind::variable) continue;
    if (narrow.kind != Segment::Kind::literal || narrow.text != wide.text) return false;
  }
  return earlier.segments.size() == later.segments.size();
}

bool host_covers(std::string_view earlier, std::string_view later) {
  if (earlier == "*" || earlier == later) return true;
  if (!earlier.starts_with("*.") || later == "*") return false;
  const std::string_view suffix = earlier.substr(1);
  return later.size() > suffix.size() && later.ends_with(suffix);
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
  constexpr std::array<std::string_view, 7> parts{
      "authorization", "cookie", "token", "secret", "key", "password", "credential"};
  const std::string name = lower_case(field);
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

Refusal check_origin_form(std::string_view text) {
  const auto fits = [](char c) { return is_path_char(c) || c == '/' || c == '%' || c == '?'; };
  if (text.starts_with('/') && all(text, fits) && text.size() <= pattern_octets_max) {
    return std::nullopt;
  }
  return Problem{"E205", in_quotes(text) + " is not a path", "write it as it is sent: /health"};
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
