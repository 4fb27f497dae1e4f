// Field lines of a message as they came: in order, repeated ones kept apart, names compared without
// regard to case.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ifmatch::support {

using Fields = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] bool same_name(std::string_view left, std::string_view right);

// The value of the first field line with this name.
[[nodiscard]] std::optional<std::string> find_field(const Fields& fields, std::string_view name);

[[nodiscard]] std::size_t count_fields(const Fields& fields, std::string_view name);

}  // namespace ifmatch::support
