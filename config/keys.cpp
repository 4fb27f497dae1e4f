#include "config/keys.hpp"

#include <algorithm>

namespace ifmatch::config {
namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;
constexpr std::uint64_t day = 24 * 3'600'000;  // milliseconds; longer waits are typing errors

constexpr std::array<std::string_view, 4> version_sources_later{"json", "field", "header",
                                                                "plugin"};
constexpr std::array<std::string_view, 1> store_types_later{"redis"};

constexpr KeyRule integer(std::string_view name, std::uint64_t minimum, std::uint64_t maximum) {
  return {.name = name, .kind = KeyKind::integer, .minimum = minimum, .maximum = maximum};
}

constexpr KeyRule duration(std::string_view name, std::uint64_t minimum, std::uint64_t maximum) {
  return {.name = name, .kind = KeyKind::duration, .minimum = minimum, .maximum = maximum};
}

constexpr KeyRule size(std::string_view name, std::uint64_t minimum, std::uint64_t maximum) {
  return {.name = name, .kind = KeyKind::size, .minimum = minimum, .maximum = maximum};
}

constexpr KeyRule choice(std::string_view name, std::span<const std::string_view> choices,
                         std::span<const std::string_view> later = {}) {
  return {.name = name, .kind = KeyKind::choice, .choices = choices, .choices_later = later};
}

constexpr KeyRule plain(std::string_view name, KeyKind kind) {
  return {.name = name, .kind = kind};
}

constexpr KeyRule section(std::string_view name, Section child) {
  return {.name = name, .kind = KeyKind::section, .section = child};
}

constexpr KeyRule sections(std::string_view name, Section child) {
  return {.name = name, .kind = KeyKind::section_list, .section = child};
}

constexpr KeyRule nullable(KeyRule rule) {
  rule.null = Null::allowed;
  return rule;
}

constexpr KeyRule required(KeyRule rule) {
  rule.presence = Presence::required;
  return rule;
}

constexpr KeyRule shortened(KeyRule rule, Shorthand shorthand) {
  rule.shorthand = shorthand;
  return rule;
}

constexpr KeyRule map_of(std::string_view name, Section child) {
  return {.name = name, .kind = KeyKind::map, .section = child};
}

constexpr KeyRule later(std::string_view name, std::string_view unwanted = "") {
  return {.name = name, .availability = Availability::later, .unwanted = unwanted};
}

// A listener without a single connection, or without time, would be no listener.
constexpr std::array root_keys{
    required(integer("version", 1, 1)),
    sections("listeners", Section::listener),
    section("admin", Section::admin),
    plain("trusted_proxies", KeyKind::list),
    map_of("upstreams", Section::upstream),
    section("limits", Section::limits),
    section("store", Section::store),
    section("defaults", Section::defaults),
    sections("routes", Section::route),
    nullable(plain("etag_secret_file", KeyKind::text)),
    section("log", Section::log),
    shortened(section("access_log", Section::access_log), Shorthand::first_key),
    choice("trace", trace_names),
    section("shutdown", Section::shutdown),
    nullable(plain("state_dir", KeyKind::text)),
    integer("threads", 0, 1024),
    later("plugins", "[]"),
    later("replicas"),
};

constexpr std::array listener_keys{
    plain("name", KeyKind::text),
    plain("address", KeyKind::text),
    choice("proxy_protocol", proxy_protocol_names),
    integer("max_connections", 1, 1'000'000),
    section("timeouts", Section::listener_timeouts),
    section("limits", Section::listener_limits),
    section("tls", Section::listener_tls),
};

constexpr std::array listener_timeout_keys{
    duration("header", 1, day),
    duration("body", 1, day),
    duration("idle", 1, day),
    duration("write", 1, day),
    duration("handshake", 1, day),
    duration("tunnel", 1, day),
};

constexpr std::array listener_tls_keys{
    nullable(plain("certificate", KeyKind::text)),
    nullable(plain("key", KeyKind::text)),
    sections("certificates", Section::listener_certificate),
    nullable(plain("client_ca", KeyKind::text)),
    choice("client_auth", client_auth_names),
    choice("min_version", tls_version_names),
};

constexpr std::array listener_certificate_keys{
    required(plain("certificate", KeyKind::text)),
    required(plain("key", KeyKind::text)),
};

// Beyond 64 KiB the HTTP parser has traps of its own, and no honest client sends so much.
constexpr std::array listener_limit_keys{
    size("header_bytes", 256, 64 * kib),
    integer("header_fields", 1, 4096),
    size("target_bytes", 64, 64 * kib),
};

constexpr std::array admin_keys{
    plain("address", KeyKind::text),
    nullable(plain("token_file", KeyKind::text)),
};

constexpr std::array upstream_keys{
    plain("url", KeyKind::text),
    plain("urls", KeyKind::list),
    choice("balance", balance_names),
    section("timeouts", Section::upstream_timeouts),
    section("health_check", Section::health_check),
    integer("max_connections", 1, 65535),
    integer("max_waiting", 0, 1'000'000),
    section("tls", Section::upstream_tls),
};

// `idle: 0s` is a way to say that no connection is used twice.
constexpr std::array upstream_timeout_keys{
    duration("connect", 1, day),
    duration("response", 1, day),
    duration("idle", 0, day),
};

constexpr std::array upstream_tls_keys{
    plain("verify", KeyKind::boolean),
    nullable(plain("ca", KeyKind::text)),
    nullable(plain("server_name", KeyKind::text)),
    nullable(plain("certificate", KeyKind::text)),
    nullable(plain("key", KeyKind::text)),
};

constexpr std::array health_check_keys{
    required(plain("path", KeyKind::text)),
    duration("interval", 1, day),
    duration("timeout", 1, day),
    integer("unhealthy_after", 1, 1000),
    integer("healthy_after", 1, 1000),
    plain("status", KeyKind::list),
};

// Less than a few contents of the default size would refuse what the routes allow.
constexpr std::array limit_keys{size("buffered_bodies", mib, 1024 * gib)};

constexpr std::array store_keys{
    choice("type", store_type_names, store_types_later),
    integer("max_resources", 1, 100'000'000),
    later("redis"),
};

// The keys that a route shares with `defaults`. A quarantine of no time would be none.
constexpr std::array settings_keys{
    choice("mode", mode_names),
    choice("check", check_names),
    plain("guard", KeyKind::list),
    plain("serialize", KeyKind::list),
    choice("on_missing", on_missing_names),
    choice("on_stale", on_stale_names),
    choice("wildcard", wildcard_names),
    section("version", Section::version),
    plain("vary", KeyKind::list),
    size("max_body", 1, gib),
    section("gate", Section::gate),
    nullable(duration("in_doubt", 1, day)),
    plain("doubtful", KeyKind::list),
    section("probe", Section::probe),
    choice("reads", reads_names),
    choice("write_tag", write_tag_names),
    plain("accept_rewritten_tags", KeyKind::boolean),
    section("cors", Section::cors),
    section("observe", Section::observe),
};

constexpr auto make_route_keys() {
  std::array<KeyRule, settings_keys.size() + 5> keys{
      required(plain("name", KeyKind::text)), required(section("match", Section::match)),
      required(plain("upstream", KeyKind::text)),
      shortened(plain("resource", KeyKind::list), Shorthand::one_item)};
  std::copy(settings_keys.begin(), settings_keys.end(), keys.begin() + 4);
  keys.back() = plain("upgrade", KeyKind::list);
  return keys;
}
constexpr auto route_keys = make_route_keys();

constexpr std::array match_keys{
    required(plain("path", KeyKind::text)),
    plain("host", KeyKind::text),
};

constexpr std::array version_keys{
    choice("source", version_source_names, version_sources_later),
    later("ignore"),
    later("pointer"),
    later("field"),
    later("name"),
    later("plugin"),
    later("config"),
};

constexpr std::array gate_keys{
    duration("wait", 0, day),
    integer("queue", 1, 1'000'000),
};

constexpr std::array probe_keys{plain("headers", KeyKind::map)};
constexpr std::array cors_keys{choice("expose_etag", expose_etag_names)};
constexpr std::array observe_keys{plain("client_field", KeyKind::text)};

constexpr std::array log_keys{
    choice("level", log_level_names),
    choice("format", log_format_names),
};

constexpr std::array access_log_keys{
    required(plain("path", KeyKind::text)),
    choice("format", log_format_names),
};

constexpr std::array shutdown_keys{
    duration("drain_timeout", 0, day),
    duration("pre_stop_delay", 0, day),
};

}  // namespace

std::span<const KeyRule> keys_of(Section section) {
  switch (section) {
    case Section::root: return root_keys;
    case Section::listener: return listener_keys;
    case Section::listener_timeouts: return listener_timeout_keys;
    case Section::listener_limits: return listener_limit_keys;
    case Section::admin: return admin_keys;
    case Section::listener_tls: return listener_tls_keys;
    case Section::listener_certificate: return listener_certificate_keys;
    case Section::upstream: return upstream_keys;
    case Section::upstream_timeouts: return upstream_timeout_keys;
    case Section::upstream_tls: return upstream_tls_keys;
    case Section::health_check: return health_check_keys;
    case Section::limits: return limit_keys;
    case Section::store: return store_keys;
    case Section::defaults: return settings_keys;
    case Section::route: return route_keys;
    case Section::match: return match_keys;
    case Section::version: return version_keys;
    case Section::gate: return gate_keys;
    case Section::probe: return probe_keys;
    case Section::cors: return cors_keys;
    case Section::observe: return observe_keys;
    case Section::log: return log_keys;
    case Section::access_log: return access_log_keys;
    case Section::shutdown: return shutdown_keys;
  }
  return {};
}

std::string_view name_of(Section section) {
  switch (section) {
    case Section::root: return "root";
    case Section::listener: return "listener";
    case Section::listener_timeouts: return "listener_timeouts";
    case Section::listener_limits: return "listener_limits";
    case Section::admin: return "admin";
    case Section::listener_tls: return "listener_tls";
    case Section::listener_certificate: return "listener_certificate";
    case Section::upstream: return "upstream";
    case Section::upstream_timeouts: return "upstream_timeouts";
    case Section::upstream_tls: return "upstream_tls";
    case Section::health_check: return "health_check";
    case Section::limits: return "limits";
    case Section::store: return "store";
    case Section::defaults: return "defaults";
    case Section::route: return "route";
    case Section::match: return "match";
    case Section::version: return "version";
    case Section::gate: return "gate";
    case Section::probe: return "probe";
    case Section::cors: return "cors";
    case Section::observe: return "observe";
    case Section::log: return "log";
    case Section::access_log: return "access_log";
    case Section::shutdown: return "shutdown";
  }
  return "";
}

const KeyRule* find_key(Section section, std::string_view name) {
  const std::span<const KeyRule> keys = keys_of(section);
  const auto found = std::find_if(keys.begin(), keys.end(),
                                  [name](const KeyRule& rule) { return rule.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string_view> built_keys(Section section) {
  std::vector<std::string_view> names;
  for (const KeyRule& rule : keys_of(section)) {
    if (rule.availability == Availability::built) names.push_back(rule.name);
  }
  return names;
}

}  // namespace ifmatch::config
