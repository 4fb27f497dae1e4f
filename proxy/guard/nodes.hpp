// The table of paths and names: what was stamped there and when, what is unsettled there, and the
// gate while somebody needs it. From it follows whether something learnt at an epoch is still true.
//
// A write stamps what it overlaps (rule 3.2.6): one that holds exclusively its own path, all
// below and all above; one that holds shared only its own path and all above. Nothing below is
// touched to do so: whoever asks about a path also looks at `self_exclusive` of all that encloses
// it. A lesson is newer than a stamp if it began with `since >= stamp`: the counter is raised
// before the stamp is set, so a read that began with the stamp's own value began after it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/guard/footprint.hpp"
#include "proxy/guard/gates.hpp"
#include "proxy/guard/types.hpp"

namespace ifmatch::guard {

// What a write overlaps beside its own path and names.
enum class Reach : std::uint8_t {
  own_only,         // only in proofs that this is not enough
  own_and_above,    // one that holds shared
  above_and_below,  // one that holds exclusively, or that holds nothing (we know too little of it)
};

struct Node {
  Epoch self_any = 0;        // the last write at exactly this path or name
  Epoch self_exclusive = 0;  // the last one that reaches below
  Epoch below_any = 0;       // the last one at anything below
  std::uint32_t unsettled_any = 0;
  std::uint32_t unsettled_exclusive = 0;
  std::uint32_t unsettled_below = 0;
  std::uint32_t uses = 0;  // requests that need it; only with none may it be forgotten
  std::unique_ptr<Gate> gate;
  const std::string* key = nullptr;
  Node* older = nullptr;  // idle nodes, the one longest out of use first
  Node* newer = nullptr;

  [[nodiscard]] Epoch last_stamp() const;
};

// What becomes of the stamps of a node that is forgotten.
enum class Forgotten : std::uint8_t {
  raise_floor,
  leave_no_trace,  // only in proofs that this is not enough
};

class Nodes {
 public:
  // `hash_seed` keeps strangers from choosing paths that collide in the table.
  Nodes(std::size_t nodes_max, std::uint64_t hash_seed, Forgotten forgotten);
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  // The node of a path or name, or nullptr: nothing is known of it. Allocates nothing.
  [[nodiscard]] Node* find(std::string_view key) const;

  // Finds the nodes of all steps, null where nothing is known. They may be forgotten with the next
  // call that makes room.
  void look_up(Footprint& steps) const;

  // Makes the nodes that are missing and keeps all of them from being forgotten. All or none: false
  // if the table is full of nodes in use. REQUIRES: look_up() was called just before.
  [[nodiscard]] bool pin(Footprint& steps);
  void unpin(Footprint& steps);
  void keep(Node& node);
  void let_go(Node& node);

  // From which epoch on something learnt of the resource counts: it must have begun no earlier than
  // the last stamp that overlaps it. Nothing counts while something that overlaps it is unsettled.
  [[nodiscard]] std::optional<Epoch> valid_from(ResourceView resource) const;
  // The same of steps whose nodes are known.
  [[nodiscard]] std::optional<Epoch> valid_from(const Footprint& steps) const;

  void stamp(const Footprint& steps, Reach reach, Epoch epoch);
  void count_unsettled(const Footprint& steps, Reach reach);
  void uncount_unsettled(const Footprint& steps, Reach reach);

  // A write for which no nodes could be had makes everything unsettled.
  void count_unsettled_everywhere() { ++unsettled_everywhere_; }
  void uncount_unsettled_everywhere();

  // Nothing learnt before `epoch` counts any longer.
  void raise_floor(Epoch epoch);

  [[nodiscard]] std::size_t size() const { return table_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::uint64_t seed;
    std::size_t operator()(std::string_view key) const noexcept;
  };
  using Table = std::unordered_map<std::string, Node, Hash, std::equal_to<>>;

  void join_idle(Node& node);
  void leave_idle(Node& node);
  bool make_room(std::size_t wanted);
  void forget(Node& node);
  bool settled_path(std::string_view path, Epoch& newest) const;

  std::size_t nodes_max_;
  Forgotten forgotten_;
  std::size_t key_octets_ = 0;
  Table table_;
  Node* oldest_ = nullptr;
  Node* newest_ = nullptr;
  Epoch floor_ = 0;
  std::size_t unsettled_everywhere_ = 0;
};

}  // namespace ifmatch::guard
