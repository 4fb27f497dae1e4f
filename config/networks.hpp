// Blocks of addresses as an operator writes them: "10.0.0.0/8", "2001:db8::/32", one address alone,
// or the shorthand private_ranges.
#pragma once

#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/scalars.hpp"

namespace ifmatch::config {

inline constexpr std::string_view private_ranges = "private_ranges";

// One item of a list of networks; the shorthand stands for several. Refused: what is no address,
// and a block whose address has bits behind its prefix, because one of the two is a mistake.
[[nodiscard]] Parsed<std::vector<Network>> parse_networks(std::string_view text);

}  // namespace ifmatch::config
