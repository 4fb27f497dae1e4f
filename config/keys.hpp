// Every key that a configuration may hold, as one table per section: its type, its range, its
// choices, and whether this build has it. The reader checks against it, suggestions come out of it,
// and a schema can be written from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::config {

enum class Section {
  root,
  listener,
  listener_timeouts,
  listener_limits,
  admin,
  listener_tls,
  listener_certificate,
  upstream,
  upstream_timeouts,
  upstream_tls,
  health_check,
  limits,
  store,
  defaults,
  route,
  match,
  version,
  gate,
  probe,
  cors,
  observe,
  log,
  access_log,
  shutdown,
};

enum class KeyKind {
  integer,
  duration,
  size,
  choice,
  boolean,
  text,
  list,
  map,
  section,
  section_list
};

// `later` is known by name and refused by name: what an operator asks for is never ignored.
enum class Availability { built, later };

// Whether `key: null` says the same as no key at all. Sections always take it.
enum class Null { refused, allowed };
// `required`: in each section that is written, in each file.
enum class Presence { optional, required };
// What else may be written than what the kind says: a single value for a list with it alone, or for
// a section with nothing but its first key.
enum class Shorthand { none, one_item, first_key };

struct KeyRule {
  std::string_view name;
  KeyKind kind = KeyKind::text;
  Availability availability = Availability::built;
  std::string_view unwanted = {};  // the one spelling that says that a `later` key is not wanted
  std::uint64_t minimum = 0;       // of integers; of durations in milliseconds; of sizes in octets
  std::uint64_t maximum = 0;
  std::span<const std::string_view> choices = {};        // in the order of the enumeration
  std::span<const std::string_view> choices_later = {};  // known, not in this build
  // Of a section, of each item of a section_list, of each value of a map; root: it holds scalars.
  Section section = Section::root;
  Null null = Null::refused;
  Presence presence = Presence::optional;
  Shorthand shorthand = Shorthand::none;
};

[[nodiscard]] std::span<const KeyRule> keys_of(Section section);

// "listener_timeouts": for schemas, not for operators.
[[nodiscard]] std::string_view name_of(Section section);

// The rule of a key, or nullptr where the section has none of this name.
[[nodiscard]] const KeyRule* find_key(Section section, std::string_view name);

// Names of the keys of a section that this build has.
[[nodiscard]] std::vector<std::string_view> built_keys(Section section);

// Names of enumerators, in the order of the enumerations of config.hpp.
inline constexpr std::array<std::string_view, 3> mode_names{"enforce", "observe", "bypass"};
inline constexpr std::array<std::string_view, 2> proxy_protocol_names{"none", "required"};
inline constexpr std::array<std::string_view, 2> balance_names{"round_robin",
                                                               "least_connections"};
inline constexpr std::array<std::string_view, 2> check_names{"confirm", "recorded"};
inline constexpr std::array<std::string_view, 5> on_missing_names{"412", "428", "409", "403",
                                                                  "allow"};
inline constexpr std::array<std::string_view, 2> on_stale_names{"412", "409"};
inline constexpr std::array<std::string_view, 2> wildcard_names{"allow", "refuse"};
inline constexpr std::array<std::string_view, 2> reads_names{"pass", "wait"};
inline constexpr std::array<std::string_view, 2> write_tag_names{"when_lawful", "never"};
inline constexpr std::array<std::string_view, 3> expose_etag_names{"auto", "always", "never"};
inline constexpr std::array<std::string_view, 1> version_source_names{"body"};
inline constexpr std::array<std::string_view, 6> log_level_names{"trace",   "debug", "info",
                                                                 "warning", "error", "off"};
inline constexpr std::array<std::string_view, 2> log_format_names{"text", "json"};
inline constexpr std::array<std::string_view, 3> trace_names{"auto", "pass", "off"};
inline constexpr std::array<std::string_view, 2> client_auth_names{"required", "optional"};
inline constexpr std::array<std::string_view, 2> tls_version_names{"1.2", "1.3"};
inline constexpr std::array<std::string_view, 1> store_type_names{"memory"};

}  // namespace ifmatch::config
