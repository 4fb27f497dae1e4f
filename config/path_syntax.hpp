// What the parts of syntax.hpp share about paths.
#pragma once

#include "config/syntax.hpp"

namespace ifmatch::config {

// The path that an upstream's URL ends with, without a slash at its end; "" for none.
[[nodiscard]] Refusal check_base_path(std::string_view path);

}  // namespace ifmatch::config
