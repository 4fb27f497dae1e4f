// The parameters of a query, as most APIs read them (application/x-www-form-urlencoded).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ifmatch::http {

// Decodes every valid escape once and '+' to a space. Broken escapes stay as they are, since an API
// may read them so.
[[nodiscard]] std::string decoded_component(std::string_view text);

struct Parameter {
  std::string_view text;   // as received, key and value
  std::string_view key;    // as received
  std::string_view value;  // as received, "" without '='
  std::size_t begin = 0;   // of `text` in the query
};

// Takes the next parameter off the query, beginning at `position`. Parameters end at '&', and at
// ';' too, because some APIs end them there; empty ones are skipped. Unset at the end.
[[nodiscard]] std::optional<Parameter> next_parameter(std::string_view query,
                                                      std::size_t& position) noexcept;

// Whether the key is that name once it is decoded, in any case.
[[nodiscard]] bool names_parameter(const Parameter& parameter, std::string_view name);

}  // namespace ifmatch::http
