// `ifmatch status` for a person: the pages of the admin API as a few lines and two tables.
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

}  // namespace ifmatch::cli
