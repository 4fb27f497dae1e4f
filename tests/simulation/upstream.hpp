// The API behind the proxy, reduced to what matters: a few resources in a tree, some of them under
// two addresses, each in several variants and as several users see it, and the whole history of
// what each of them showed. With it the auditor can tell, at the instant at which a write lands,
// whether its condition holds, and if not, whose change it overwrites.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/guard/types.hpp"
#include "tests/simulation/random.hpp"

namespace ifmatch::simulation {

using guard::Condition;
using guard::Instant;
using guard::Observation;
using guard::Version;

inline constexpr std::array<std::string_view, 7> cells{"/a", "/a/x", "/a/x/s", "/a/y",
                                                       "/b", "/b/z", "/m"};
inline constexpr unsigned variants = 2;

using Cell = std::size_t;
using Edit = std::size_t;  // what a client wants to change, however often it asks; counts from one

// The first user sees, and writes, only the public part of a resource; the second the whole.
using Viewer = unsigned;
inline constexpr Viewer viewers = 2;
inline constexpr Viewer sees_all = 1;

// What stands for a version in the trace, and what an observation shows.
[[nodiscard]] std::string tag_of(const Version& version);
[[nodiscard]] std::string shown_by(const Observation& seen);

// True if there are others below it.
[[nodiscard]] bool is_collection(Cell cell);

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
  Edit edit = 0;
};

enum class Effect : std::uint8_t { replace, remove, touch };

// Whether writers bring content that was there before (A, B, A).
enum class Contents : std::uint8_t { ever_new, repeated };

// What a landing write claims, for the auditor.
struct Claim {
  const Condition* condition = nullptr;  // null: it claims nothing
  Viewer viewer = 0;                     // whose representations the condition speaks of
  Instant looked{};                      // when its last probe inside the gate saw the resource
  std::size_t known = 0;                 // changes() when its tag was handed out, 0: unknown
  Change as{};
};

enum class Audit : std::uint8_t {
  as_claimed,
  as_claimed_again,  // the content is once more what the tag names, and was not in between
  slipped_around,    // over a writer around the proxy that came between probe and write
  slipped_observed,  // over a writer of mode observe that was sent later
  lost_update,
};

class Upstream {
 public:
  explicit Upstream(Contents contents);

  [[nodiscard]] Observation look(Cell cell, Viewer viewer, unsigned variant) const;

  // The same, but as it was after so many changes: what a cache may answer.
  [[nodiscard]] Observation look_back(Cell cell, Viewer viewer, unsigned variant,
                                      std::size_t changes) const;
  [[nodiscard]] bool exists(Cell cell) const { return states_[cell].exists; }

  // How often the resource has changed, the beginning included.
  [[nodiscard]] std::size_t changes(Cell cell) const { return history_[cell].size(); }
  [[nodiscard]] std::size_t changes_until(Cell cell, Instant then) const;

  // False if the condition held at every moment since `from`, under one of the variants: whoever
  // looks at one after the other may else see one thing there and another thing here.
  [[nodiscard]] bool failed_since(Cell cell, Viewer viewer, const Condition& condition,
                                  Instant from) const;

  // Lands a write: says what the auditor thinks of it, then applies it.
  Audit land(Cell cell, Effect effect, const Claim& claim);

  // Whether the last write that landed changed what this resource shows.
  [[nodiscard]] bool just_changed(Cell cell) const { return changed_[cell]; }

 private:
  struct State {
    bool exists = true;
    std::uint64_t value = 0;
    std::uint64_t hidden = 0;  // 0: nothing, then all users see the same
  };
  using Shown = std::array<std::uint64_t, viewers>;  // digests, zero when absent
  struct Past {
    Shown shown{};
    Change by;
  };
  struct Landed {
    Cell cell = 0;
    std::size_t changes = 0;  // of the cell, when the edit had landed; 0: it has not
  };

  [[nodiscard]] Shown representation(Cell cell) const;
  [[nodiscard]] Audit audit(Cell cell, const Claim& claim) const;
  [[nodiscard]] bool undoes_another(const Claim& claim) const;
  void apply(Cell cell, Effect effect, Viewer viewer);
  std::uint64_t next_value(std::uint64_t present);

  Contents contents_;
  std::array<State, cells.size()> states_;
  std::array<std::vector<Past>, cells.size()> history_;
  std::array<bool, cells.size()> changed_{};
  std::vector<Landed> edits_;
  std::uint64_t last_value_ = 0;
};

}  // namespace ifmatch::simulation
