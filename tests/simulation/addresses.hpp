// What clients write in their request lines, and what the proxy makes of it: several spellings of
// one path, several names of one resource. The keys of the gates come from the product's own
// folding function.
#pragma once

#include <array>
#include <cstdint>

#include "proxy/guard/types.hpp"
#include "tests/simulation/upstream.hpp"

namespace ifmatch::simulation {

using Target = std::size_t;    // index into `addresses`
using Spelling = std::size_t;  // index into Address::spelled; 0 is the plain one

struct Address {
  std::array<const char*, 3> spelled;
  const char* cell;   // the resource behind it: the API is lax about spellings
  const char* names;  // what `resource:` adds: a path, or a name; nullptr: nothing
};

inline constexpr std::array<Address, 11> addresses{{
    {{"/a", "/A", "/a/"}, "/a", nullptr},
    {{"/a/x", "/A/x/", "/a/%78"}, "/a/x", nullptr},
    {{"/a/y", "/a/%59", "/a/y;v=1"}, "/a/y", nullptr},
    {{"/b", "/b/", "/%42"}, "/b", nullptr},
    {{"/b/z", "/B/Z", "/b/z%20"}, "/b/z", nullptr},
    {{"/m", "/M", "/m/"}, "/m", "m"},
    {{"/w", "/W", "/%77"}, "/m", "m"},
    {{"/p", "/P/", "/p;"}, "/a/x", "/a/x"},
    {{"/a/x/s", "/a/X/s", "/a/x/%2573"}, "/a/x/s", nullptr},
    {{"/b/z/i", "/B/z/I", "/b/z/i;v=2"}, "/b/z", "/b/z"},
    {{"/a/x/do", "/A/x/do", "/a/x/do/"}, "/a/x", nullptr},
}};
inline constexpr Target action_target = 10;  // POST only: it changes the resource above it

enum class Keys : std::uint8_t { folded, as_spelled };

[[nodiscard]] Cell cell_of(Target target);

// The resource that a request holds. `naming` counts reloads: each renames what bears a name.
[[nodiscard]] guard::Resource resource_of(Target target, Spelling spelling, Keys keys,
                                          unsigned naming);

// The exact target as the record knows it: two spellings of one canonical path are one.
[[nodiscard]] std::uint64_t exact_target(Target target, Spelling spelling);

}  // namespace ifmatch::simulation
