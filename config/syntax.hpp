// The small languages within values: addresses, URLs, names, path patterns, resource templates,
// methods and field names. Pure functions; the reader adds the places.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/scalars.hpp"

namespace ifmatch::config {

inline constexpr std::size_t segments_max = 32;  // of a path; longer request paths are answered 414

// One segment of a path pattern. `rest` is "**": whatever follows, only at the end.
struct Segment {
  enum class Kind { literal, variable, rest };
  Kind kind = Kind::literal;
  std::string text;  // the literal, or the variable's name
};

struct PathPattern {
  std::vector<Segment> segments;  // none: the path "/"
};

struct UpstreamUrl {
  Scheme scheme = Scheme::http;
  std::string host;  // lower case; an IPv6 address without its brackets
  std::uint16_t port = 80;
  std::string socket;  // absolute; then there is neither host nor port
  std::string base_path;
};

// Nothing where the text is fine; else why it is not.
using Refusal = std::optional<Problem>;

// Names of routes, upstreams and listeners: they are labels of metrics and steps of key paths.
[[nodiscard]] Refusal check_name(std::string_view text);

// "127.0.0.1:8080" or "[::1]:8080", numeric; port 0 lets the system choose.
[[nodiscard]] Refusal check_listen_address(std::string_view text);

// The same, or "none".
[[nodiscard]] Refusal check_admin_address(std::string_view text);
// REQUIRES: check_admin_address() has nothing against it.
[[nodiscard]] bool is_loopback_or_none(std::string_view admin_address);

// "http://host[:port][/base/path]", or https, or "unix:/path/of/socket[:/base/path]" as nginx writes
// it. User information is refused: it would end up in logs.
[[nodiscard]] Parsed<UpstreamUrl> parse_upstream_url(std::string_view text);
// The path that such a URL ends with, without a slash at its end; "" for none.
[[nodiscard]] Refusal check_base_path(std::string_view path);

// What a server is asked for by name (RFC 6066), or verified as: a host name or a numeric address.
// The result is in lower case, an IPv6 address without its brackets.
[[nodiscard]] Parsed<std::string> parse_server_name(std::string_view text);

// "/v1/orders/{id}", "/docs/**". Literal segments must be spelled as requests are after
// canonicalisation, else they could never match.
[[nodiscard]] Parsed<PathPattern> parse_path_pattern(std::string_view text);

// An exact host, "*.example.org", or "*"; the result is in lower case.
[[nodiscard]] Parsed<std::string> parse_host_pattern(std::string_view text);

// A `resource:` template of a route with this pattern.
[[nodiscard]] Refusal check_resource_template(std::string_view text, const PathPattern& pattern);

// True if every path that `later` matches is matched by `earlier`, too.
[[nodiscard]] bool covers(const PathPattern& earlier, const PathPattern& later);
[[nodiscard]] bool host_covers(std::string_view earlier, std::string_view later);

// A method that may be listed under guard or serialize.
[[nodiscard]] Refusal check_unsafe_method(std::string_view text);

enum class FieldUse { selects_representation, sent_with_probe, names_client };
[[nodiscard]] Refusal check_field_name(std::string_view text, FieldUse use);
// Whether what a field of this name holds must not be shown.
[[nodiscard]] bool looks_secret(std::string_view field);
[[nodiscard]] Refusal check_field_value(std::string_view text);

// "503" or "520-599".
[[nodiscard]] Parsed<StatusRange> parse_status_range(std::string_view text, StatusRange within);

// What may stand in a request line: a path with or without a query.
[[nodiscard]] Refusal check_origin_form(std::string_view text);

[[nodiscard]] std::string lower_case(std::string_view text);

}  // namespace ifmatch::config
