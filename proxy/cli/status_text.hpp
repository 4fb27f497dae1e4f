// `ifmatch status`: the pages of the admin API as a few lines and tables for a person, and as one
// object for a program.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ifmatch::cli {

struct StatusPages {
  std::string_view status;  // JSON of /api/v1/status
  std::string_view routes;
  std::string_view upstreams;
  std::string_view observe;
};

// Unset where that is no such JSON.
[[nodiscard]] std::optional<std::string> status_text(const StatusPages& pages);
// The status with three members more: routes, upstreams and observe.
[[nodiscard]] std::optional<std::string> status_json(const StatusPages& pages);

}  // namespace ifmatch::cli
