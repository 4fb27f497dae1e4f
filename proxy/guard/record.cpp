#include "proxy/guard/record.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "proxy/guard/assert.hpp"
#include "proxy/guard/engine.hpp"

namespace ifmatch::guard {

namespace {

// A digest is uniform already: its first octets are as good a hash as any.
std::uint64_t first_octets(const Digest& digest) {
  std::uint64_t word = 0;
  std::memcpy(&word, digest.data(), sizeof word);
  return word;
}

}  // namespace

ViewerTag viewer_tag(const Digest& viewer) {
  return first_octets(viewer);
}

Record::Record(std::size_t entries_max, std::size_t entries_per_target_max)
    : entries_max_(std::max<std::size_t>(entries_max, 1)),
      entries_per_target_max_(std::max<std::size_t>(entries_per_target_max, 1)),
      buckets_(std::bit_ceil(entries_max_)) {
  IFMATCH_ASSERT(entries_max_ < std::numeric_limits<std::uint32_t>::max());
}

std::optional<Epoch> Record::learn(const Lesson& lesson, bool without_credentials) {
  std::optional<Epoch> contradicted;
  bool superseded = false;
  const std::uint32_t current = current_slot(lesson);
  if (current != 0 && entry(current).version != lesson.version) {
    // A read that began earlier and ended later must not hide what a newer one saw.
    superseded = lesson.since < entry(current).since;
    if (!superseded) {
      contradicted = entry(current).since;
      entry(current).superseded = true;
    }
  }
  const std::uint32_t same = find_slot(lesson);
  if (same == 0) {
    add(lesson, without_credentials, superseded);
    return contradicted;
  }
  Entry& known = entry(same);
  known.since = std::max(known.since, lesson.since);
  known.superseded = superseded;
  known.selection = lesson.selection;
  known.without_credentials = without_credentials;
  known.handed_out = known.handed_out || lesson.shown == Shown::to_client;
  take_out(same);
  put_first(same);
  return contradicted;
}

std::size_t Record::memory_bytes() const {
  return sizeof(*this) + buckets_.capacity() * sizeof(std::uint32_t) +
         chunks_.capacity() * sizeof(chunks_.front()) + chunks_.size() * chunk_size * sizeof(Entry);
}

std::size_t Record::bucket(const Digest& target) const {
  return static_cast<std::size_t>(first_octets(target)) & (buckets_.size() - 1);
}

const Entry& Record::entry(std::uint32_t slot) const {
  return chunks_[(slot - 1) / chunk_size][(slot - 1) % chunk_size];
}

Entry& Record::entry(std::uint32_t slot) {
  return chunks_[(slot - 1) / chunk_size][(slot - 1) % chunk_size];
}

std::uint32_t Record::find_slot(const Lesson& lesson) const {
  for (std::uint32_t at = buckets_[bucket(lesson.view.target)]; at != 0; at = entry(at).chained) {
    const Entry& known = entry(at);
    if (known.target == lesson.view.target && known.variant == lesson.view.variant &&
        known.version == lesson.version) {
      return at;
    }
  }
  return 0;
}

// The entry that says what the lesson's variant was last known to be.
std::uint32_t Record::current_slot(const Lesson& lesson) const {
  for (std::uint32_t at = buckets_[bucket(lesson.view.target)]; at != 0; at = entry(at).chained) {
    const Entry& known = entry(at);
    if (!known.superseded && known.target == lesson.view.target &&
        known.variant == lesson.view.variant) {
      return at;
    }
  }
  return 0;
}

void Record::add(const Lesson& lesson, bool without_credentials, bool superseded) {
  make_room(lesson.view.target);
  const std::uint32_t slot = free_slot();
  Entry& made = entry(slot);
  made = Entry{};
  made.target = lesson.view.target;
  made.variant = lesson.view.variant;
  made.viewer = viewer_tag(lesson.view.viewer);
  made.version = lesson.version;
  made.since = lesson.since;
  made.selection = lesson.selection;
  made.superseded = superseded;
  made.without_credentials = without_credentials;
  made.handed_out = lesson.shown == Shown::to_client;
  put_first(slot);
  ++size_;
}

void Record::make_room(const Digest& target) {
  std::size_t count = 0;
  std::uint32_t last = 0;
  for (std::uint32_t at = buckets_[bucket(target)]; at != 0; at = entry(at).chained) {
    if (entry(at).target != target) continue;
    ++count;
    last = at;
  }
  if (count >= entries_per_target_max_) forget(last);
  if (size_ >= entries_max_) forget(oldest_);
}

std::uint32_t Record::free_slot() {
  if (free_ != 0) {
    const std::uint32_t slot = free_;
    free_ = entry(slot).chained;
    return slot;
  }
  if (slots_made_ % chunk_size == 0) chunks_.push_back(std::make_unique<Entry[]>(chunk_size));
  return ++slots_made_;
}

void Record::forget(std::uint32_t slot) {
  take_out(slot);
  entry(slot).chained = free_;
  free_ = slot;
  --size_;
}

void Record::put_first(std::uint32_t slot) {
  Entry& made = entry(slot);
  std::uint32_t& head = buckets_[bucket(made.target)];
  made.chained = head;
  head = slot;
  made.older = newest_;
  made.newer = 0;
  (newest_ != 0 ? entry(newest_).newer : oldest_) = slot;
  newest_ = slot;
}

void Record::take_out(std::uint32_t slot) {
  Entry& gone = entry(slot);
  std::uint32_t* link = &buckets_[bucket(gone.target)];
  while (*link != slot) link = &entry(*link).chained;
  *link = gone.chained;
  (gone.older != 0 ? entry(gone.older).newer : oldest_) = gone.newer;
  (gone.newer != 0 ? entry(gone.newer).older : newest_) = gone.older;
}

}  // namespace ifmatch::guard
