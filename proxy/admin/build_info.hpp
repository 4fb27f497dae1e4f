// Which build this is.
#pragma once

#include <string_view>

namespace ifmatch::admin {

inline constexpr std::string_view build_version = IFMATCH_VERSION;

// The commit that was built, abbreviated; "unknown" where the sources are not in a repository.
[[nodiscard]] std::string_view build_commit() noexcept;

}  // namespace ifmatch::admin
