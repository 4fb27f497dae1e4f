#include "proxy/http/target.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "proxy/http/characters.hpp"
#include "proxy/http/message.hpp"
#include "proxy/http/query.hpp"

namespace ifmatch::http {

namespace {

ProblemDetails bad_target(std::string_view why) {
  ProblemDetails details;
  details.problem = Problem::bad_request;
  details.detail = why;
  return details;
}

// The query is forwarded as it came, so it may hold whatever an API is used to, but nothing that
// could end a request line or begin a fragment.
bool is_forwardable_query(std::string_view query) noexcept {
  return std::ranges::none_of(query, [](char octet) {
    return octet == ' ' || octet == '#' || is(octet, octet_class::control);
  });
}

Checked<Target> with_path(TargetForm form, std::string_view path_and_query,
                          std::string_view host) {
  const std::size_t path_size = std::min(path_and_query.find('?'), path_and_query.size());
  const std::string_view query = path_and_query.substr(path_size);  // with the question mark
  if (!is_forwardable_query(query)) {
    return bad_target("The query has a space, a control character or a number sign.");
  }
  const std::string_view path = path_and_query.substr(0, path_size);
  Checked<std::string> canonical = canonical_path(path.empty() ? "/" : path);
  if (!canonical) return canonical.error();
  Target target;
  target.form = form;
  target.host = host;
  target.octets = std::move(*canonical);
  target.path_size = target.octets.size();
  target.octets += query;
  return target;
}

Target asterisk(std::string_view host) { return {TargetForm::asterisk, std::string(host), "*", 1}; }

struct HostPort {
  std::string_view host;
  std::string_view port;  // "" where none is given
};

HostPort split_port(std::string_view host) noexcept {
  const std::size_t colon = host.rfind(':');
  // The last colon of an IP literal without a port lies within its brackets.
  if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos) {
    return {host, {}};
  }
  return {host.substr(0, colon), host.substr(colon + 1)};
}

// The same authority, the scheme's default port counted in (RFC 9110 section 4.2.3).
bool is_same_authority(std::string_view a, std::string_view b, std::string_view default_port) {
  const HostPort left = split_port(a);
  const HostPort right = split_port(b);
  return equals_ignoring_case(left.host, right.host) &&
         (left.port.empty() ? default_port : left.port) ==
             (right.port.empty() ? default_port : right.port);
}

// RFC 9112 section 3.2.2.
Checked<Target> absolute_form(std::string_view method, std::string_view target,
                              std::string_view scheme, std::string_view host) {
  const std::string_view rest = target.substr(scheme.size());
  const std::size_t authority_size = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, authority_size);
  if (!is_valid_host(authority)) return bad_target("The authority of the target is malformed.");
  const std::string_view default_port = scheme.size() == std::string_view("http://").size() ? "80"
                                                                                           : "443";
  if (!host.empty() && !is_same_authority(authority, host, default_port)) {
    return bad_target("The authority of the target differs from Host.");
  }
  const std::string_view effective_host = host.empty() ? authority : host;
  const std::string_view path_and_query = rest.substr(authority_size);
  // RFC 9112 section 3.2.4: OPTIONS of a bare authority means the server itself.
  if (method == "OPTIONS" && path_and_query.empty()) return asterisk(effective_host);
  return with_path(TargetForm::absolute, path_and_query, effective_host);
}

bool is_valid_port(std::string_view port) noexcept {
  if (!std::ranges::all_of(port, is_digit)) return false;
  if (port.empty()) return true;  // RFC 3986 section 3.2.3 allows "host:"
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  return error == std::errc() && value <= 65535;
}

}  // namespace

Checked<Target> parse_target(std::string_view method, std::string_view target,
                             std::string_view host) {
  if (target.starts_with('/')) return with_path(TargetForm::origin, target, host);
  if (target == "*") {
    if (method == "OPTIONS") return asterisk(host);
    return bad_target("The target * is for OPTIONS only.");
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (equals_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      return absolute_form(method, target, target.substr(0, scheme.size()), host);
    }
  }
  return bad_target("The request target is neither a path nor an absolute http URI.");
}

bool is_valid_host(std::string_view host) noexcept {
  const HostPort parts = split_port(host);
  if (!is_valid_port(parts.port)) return false;
  std::string_view name = parts.host;
  if (name.starts_with('[')) {
    if (!name.ends_with(']') || name.size() < 4) return false;
    name = name.substr(1, name.size() - 2);
    return std::ranges::all_of(name, [](char octet) {
      return hex_value(octet) >= 0 || octet == ':' || octet == '.';
    });
  }
  // Stricter than RFC 3986: no real name has sub-delims or escapes, and a comma could be two hosts.
  return !name.empty() && std::ranges::all_of(name, [](char octet) {
    return is(octet, octet_class::unreserved);
  });
}

std::string_view route_host(std::string_view host) noexcept {
  std::string_view name = split_port(host).host;
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool is_override_field(FieldId id) noexcept {
  return id == FieldId::x_http_method_override || id == FieldId::x_http_method ||
         id == FieldId::x_method_override;
}

MethodOverride override_method(std::string_view method, std::string_view query,
                               const Fields& fields) {
  std::size_t named = 0;
  std::string name;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!is_override_field(fields.id(i))) continue;
    ++named;
    name = trimmed(fields.line(i).value);
  }
  std::size_t position = 0;
  while (const auto parameter = next_parameter(query, position)) {
    if (!names_parameter(*parameter, "_method")) continue;
    ++named;
    name = decoded_component(parameter->value);
  }
  if (named == 0) return {};
  // Frameworks that honour an override do not care for its case, so neither may we.
  std::ranges::transform(name, name.begin(), [](char octet) {
    return octet >= 'a' && octet <= 'z' ? static_cast<char>(octet - ('a' - 'A')) : octet;
  });
  const bool is_clear = named == 1 && method == "POST" && is_token(name);
  if (!is_clear || kind_of(name) == MethodKind::forbidden) {
    return {MethodOverride::Kind::ambiguous, {}};
  }
  if (name == "POST" || kind_of(name) != MethodKind::unsafe) return {};
  return {MethodOverride::Kind::method, std::move(name)};
}

std::string without_method_override(const Target& target) {
  std::string octets(target.path());
  char separator = '?';
  std::size_t position = 0;
  bool removed = false;
  const std::string_view query = target.query();
  while (const auto parameter = next_parameter(query, position)) {
    if (names_parameter(*parameter, "_method")) {
      removed = true;
      continue;
    }
    octets += separator;
    octets += parameter->text;
    const std::size_t end = parameter->begin + parameter->text.size();
    separator = end < query.size() ? query[end] : '&';
  }
  return removed ? octets : target.octets;
}

}  // namespace ifmatch::http
