// What was learnt of resources: which version was handed out to whom, under which variant, and the
// epoch at which the read began. It does not know what is still true: whoever looks an entry up
// asks the stamps (nodes.hpp) whether its `since` still holds. A superseded entry is a hint only.
//
// Built for a million entries: fixed slots in chunks, 32-bit links, no strings. Entries are chained
// by target; within a chain the one learnt last stands first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/guard/types.hpp"

namespace ifmatch::guard {

struct Lesson;

// Enough to tell viewers of one target apart: the digest is keyed, so nobody can aim at a
// collision.
using ViewerTag = std::uint64_t;
[[nodiscard]] ViewerTag viewer_tag(const Digest& viewer);

struct Entry {
  Digest target{};
  Digest variant{};
  Version version{};
  ViewerTag viewer = 0;
  Epoch since = 0;
  Selection selection = selection_unknown;
  std::uint32_t chained = 0;  // next of the same bucket; slots count from one, zero is none
  std::uint32_t older = 0;    // in the order in which entries were learnt
  std::uint32_t newer = 0;
  bool superseded = false;  // its variant was seen with another version since
  bool without_credentials = false;
  bool handed_out = false;  // a client was shown this version under this variant
};

class Record {
 public:
  Record(std::size_t entries_max, std::size_t entries_per_target_max);

  // Takes a lesson in. Returns the `since` of the entry that it contradicts, if there was one: the
  // same variant, learnt before with another version and not superseded until now.
  std::optional<Epoch> learn(const Lesson& lesson, bool without_credentials);

  // Visits every entry of the target, the one learnt last first.
  template <typename Visit>
  void for_each(const Digest& target, Visit visit) const {
    for (std::uint32_t at = buckets_[bucket(target)]; at != 0; at = entry(at).chained) {
      if (entry(at).target == target) visit(entry(at));
    }
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr std::size_t chunk_size = 1024;

  [[nodiscard]] std::size_t bucket(const Digest& target) const;
  [[nodiscard]] const Entry& entry(std::uint32_t slot) const;
  [[nodiscard]] Entry& entry(std::uint32_t slot);
  std::uint32_t find_slot(const Lesson& lesson) const;
  std::uint32_t current_slot(const Lesson& lesson) const;
  void add(const Lesson& lesson, bool without_credentials, bool superseded);
  void make_room(const Digest& target);
  std::uint32_t free_slot();
  void forget(std::uint32_t slot);
  void put_first(std::uint32_t slot);
  void take_out(std::uint32_t slot);

  std::size_t entries_max_;
  std::size_t entries_per_target_max_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> buckets_;
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  std::uint32_t slots_made_ = 0;
  std::uint32_t free_ = 0;  // chained through Entry::chained
  std::uint32_t oldest_ = 0;
  std::uint32_t newest_ = 0;
};

}  // namespace ifmatch::guard
