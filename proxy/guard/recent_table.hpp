// A table of bounded size that forgets what was longest out of use. Keys are digests already, made
// with a secret of the caller's, so that no stranger can choose keys that collide.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "proxy/guard/assert.hpp"

namespace ifmatch::guard {

using RecentKey = std::array<std::uint64_t, 2>;

template <typename Value>
class RecentTable {
 public:
  explicit RecentTable(std::size_t entries_max) : entries_max_(entries_max) {
    IFMATCH_ASSERT(entries_max > 0);
  }

  // The value of the key, which thereby is the one used last; nullptr where there is none. Valid
  // until the next call of get().
  [[nodiscard]] Value* find(const RecentKey& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    use(found->second);
    return &slots_[found->second].value;
  }

  // The same, but makes what is missing, at the cost of the one that is longest out of use.
  [[nodiscard]] Value& get(const RecentKey& key) {
    if (Value* known = find(key)) return *known;
    std::uint32_t place = none;
    if (slots_.size() < entries_max_) {
      place = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      place = oldest_;
      take_out(place);
      places_.erase(slots_[place].key);
      slots_[place] = {};
    }
    slots_[place].key = key;
    places_.emplace(key, place);
    put_last(place);
    return slots_[place].value;
  }

  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  struct Slot {
    RecentKey key{};
    std::uint32_t older = none;
    std::uint32_t newer = none;
    Value value{};
  };

  struct Hash {
    std::size_t operator()(const RecentKey& key) const noexcept {
      return static_cast<std::size_t>(key[0] ^ (key[1] * 0x9e3779b97f4a7c15U));
    }
  };

  void use(std::uint32_t place) {
    if (place == newest_) return;
    take_out(place);
    put_last(place);
  }

  void put_last(std::uint32_t place) {
    slots_[place].older = newest_;
    slots_[place].newer = none;
    (newest_ == none ? oldest_ : slots_[newest_].newer) = place;
    newest_ = place;
  }

  void take_out(std::uint32_t place) {
    const Slot& slot = slots_[place];
    (slot.older == none ? oldest_ : slots_[slot.older].newer) = slot.newer;
    (slot.newer == none ? newest_ : slots_[slot.newer].older) = slot.older;
  }

  std::size_t entries_max_;
  std::vector<Slot> slots_;
  std::unordered_map<RecentKey, std::uint32_t, Hash> places_;
  std::uint32_t oldest_ = none;
  std::uint32_t newest_ = none;
};

}  // namespace ifmatch::guard
