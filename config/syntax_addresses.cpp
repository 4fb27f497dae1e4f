#include <array>

#include <arpa/inet.h>

#include "config/characters.hpp"
#include "config/diagnostic.hpp"
#include "config/syntax.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t socket_octets_max = 107;  // sockaddr_un, without the octet that ends it

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

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char octet) { return octet > ' ' && octet < 127; });
}

Refusal check_socket_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() < 2 || path.ends_with('/')) {
    return Problem{"E206", in_quotes(path) + " is not the path of a socket",
                   "write an absolute path, for example unix:/run/ifmatch/ifmatch.sock"};
  }
  if (path.size() > socket_octets_max) {
    return Problem{"E206", "the path of a socket has at most " + std::to_string(socket_octets_max) +
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

}  // namespace ifmatch::config
