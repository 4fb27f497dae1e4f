// The API behind the proxy, reduced to what matters: a few resources in a tree, some of them under
// two addresses, and the whole history of what each of them showed. With it the auditor can tell,
// at the instant at which a write lands, whether its condition holds, and if not, whose change it
// overwrites.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/guard/types.hpp"

namespace ifmatch::simulation {

using guard::Condition;
using guard::Instant;
using guard::Observation;
using guard::Version;

// Addresses that clients use, and the resources behind them.
inline constexpr std::array<const char*, 8> targets{"/a",   "/a/x", "/a/y", "/b",
                                                    "/b/z", "/m",   "/w",   "/p"};
inline constexpr std::array<const char*, 6> cells{"/a", "/a/x", "/a/y", "/b", "/b/z", "/m"};
inline constexpr unsigned variants = 2;

using Cell = std::size_t;
using Target = std::size_t;

// `/w` is another address of `/m` (both bear one name), `/p` one of `/a/x` (by a path).
[[nodiscard]] Cell cell_of(Target target);

enum class Writer : std::uint8_t {
  none,      // how it was in the beginning
  gated,     // took its gates in the engine
  observed,  // told the engine, but holds no gate
  around,    // the engine never heard of it
};

struct Change {
  Writer writer = Writer::none;
  Instant landed{};
  std::uint64_t send_order = 0;  // of the writers that the engine let go
};

enum class Effect : std::uint8_t { replace, remove, touch };

// What a landing write claims, for the auditor.
struct Claim {
  const Condition* condition = nullptr;  // null: it claims nothing
  Instant probe_began{};                 // of the last probe inside its gate
  Change as{};
};

enum class Audit : std::uint8_t { as_claimed, slipped_around, lost_update };

class Upstream {
 public:
  Upstream();

  [[nodiscard]] Observation look(Cell cell, unsigned variant) const;
  [[nodiscard]] bool satisfied(Cell cell, const Condition& condition) const;

  // False if the condition held at every moment since `from`.
  [[nodiscard]] bool failed_since(Cell cell, const Condition& condition, Instant from) const;

  // Lands a write: says what the auditor thinks of it, then applies it.
  Audit land(Cell cell, Effect effect, const Claim& claim);

  // Whether the last write that landed changed what this resource shows.
  [[nodiscard]] bool just_changed(Cell cell) const { return changed_[cell]; }

 private:
  struct State {
    bool exists = true;
    std::uint64_t value = 0;
  };
  struct Past {
    std::uint64_t shown = 0;  // digest of the representation, zero when absent
    Change by;
  };

  [[nodiscard]] std::uint64_t representation(Cell cell) const;
  [[nodiscard]] Audit audit(Cell cell, const Claim& claim) const;

  std::array<State, cells.size()> states_;
  std::array<std::vector<Past>, cells.size()> history_;
  std::array<bool, cells.size()> changed_{};
  std::uint64_t last_value_ = 0;
};

}  // namespace ifmatch::simulation
