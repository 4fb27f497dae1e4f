// Request targets and paths: one canonical spelling that is matched and forwarded, and a coarser
// folded one that names the gate. An API is often laxer about paths than its proxy, so whatever
// two readers might understand differently is refused, or folded together.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/fields.hpp"
#include "proxy/http/problem.hpp"
#include "proxy/http/result.hpp"

namespace ifmatch::http {

enum class TargetForm : std::uint8_t { origin, absolute, asterisk };

// Owns its octets, so that the message may move while a Target is in use. Views are of this object.
class Target {
 public:
  TargetForm form = TargetForm::origin;
  std::string host;    // the authority as the client sent it: that of Host, port included
  std::string octets;  // what is forwarded: canonical path, '?' and the query as received; or "*"
  std::size_t path_size = 0;

  [[nodiscard]] std::string_view path() const noexcept {
    return std::string_view(octets).substr(0, path_size);
  }
  [[nodiscard]] bool has_query() const noexcept { return path_size < octets.size(); }
  // Without the question mark; "" when there is none.
  [[nodiscard]] std::string_view query() const noexcept {
    return has_query() ? std::string_view(octets).substr(path_size + 1) : std::string_view();
  }
};

// Reads a request target (RFC 9112 section 3.2). `host` is the value of the one Host field, "" on
// HTTP/1.0 without one. Absolute-form must name the same authority and the scheme http or https;
// asterisk-form is for OPTIONS only, authority-form for nobody. Refused with bad_request or
// ambiguous_path.
[[nodiscard]] Checked<Target> parse_target(std::string_view method, std::string_view target,
                                           std::string_view host);

// Whether it is a valid value of Host (RFC 9110 section 7.2): a registered name or an IP literal
// and perhaps a port. User information and an empty host are refused.
[[nodiscard]] bool is_valid_host(std::string_view host) noexcept;

// The host alone, without port and trailing dot: what routes match, in whatever case.
[[nodiscard]] std::string_view route_host(std::string_view host) noexcept;

// The canonical spelling of an absolute path: escapes of unreserved characters decoded, others in
// upper-case hex. Refused with ambiguous_path: dot segments, also encoded, twice encoded, followed
// by parameters or beside spaces; encoded slashes, backslashes, controls and overlong UTF-8; empty
// segments but for one trailing slash; broken escapes; octets that a path must not have.
[[nodiscard]] Checked<std::string> canonical_path(std::string_view path);

inline constexpr std::size_t path_segments_max = 32;

// The name of the gate: `base_path` (the upstream's, "" or "/api") and a canonical path as they
// are forwarded, every escape decoded (also of what was encoded twice), ASCII letters in lower
// case, '+' as a space, no parameters, no query, no trailing slash, no spaces around a segment and
// no dots behind it. Octets beyond ASCII stay as they are: names that differ only in the case or
// the normalisation of such letters get two gates. The root is "/". Refused with target_too_long
// beyond path_segments_max. REQUIRES: both are canonical.
[[nodiscard]] Checked<std::string> folded_path(std::string_view base_path,
                                               std::string_view canonical);

// Folds one segment's text alone, in the same way; "" when nothing is left of it.
[[nodiscard]] std::string folded_segment(std::string_view segment);

// Whether a request wants to be taken for one with another method.
struct MethodOverride {
  enum class Kind : std::uint8_t { none, method, ambiguous };
  Kind kind = Kind::none;
  std::string method;  // with Kind::method: upper case, always an unsafe one
};

// Looks at X-HTTP-Method-Override, X-HTTP-Method, X-Method-Override and `_method` in the query. On
// POST the request counts as the stricter of POST and the method named (the caller asks its rules
// for both); on any other method, or named twice, it is ambiguous. A named method that is read-only
// changes nothing: POST is stricter.
[[nodiscard]] MethodOverride override_method(std::string_view method, std::string_view query,
                                             const Fields& fields);

// `path_and_query` without its `_method` parameter: what a probe asks for.
[[nodiscard]] std::string without_method_override(const Target& target);

// Whether the field is one of the three that override_method reads.
[[nodiscard]] bool is_override_field(FieldId id) noexcept;

}  // namespace ifmatch::http
