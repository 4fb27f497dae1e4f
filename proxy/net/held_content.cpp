#include "proxy/net/held_content.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {
namespace {

constexpr std::size_t block_octets_min = 16 * 1024;
// Of what is kept: as much as a few dozen answers of a mebibyte take.
constexpr std::size_t kept_octets_max = 32 * 1024 * 1024;
constexpr std::size_t kept_blocks_max = 256;
constexpr std::chrono::seconds unused_max{1};

}  // namespace

ContentMemory::ContentMemory(Sweeper& sweeper) : Swept(sweeper) { kept_.reserve(kept_blocks_max); }

// Blocks come in powers of two and serve their own size only: what is in use is never more than
// twice what is counted as held.
ContentMemory::Block ContentMemory::take(std::size_t size) {
  const std::size_t capacity = std::bit_ceil(std::max(size, block_octets_min));
  for (std::size_t index = kept_.size(); index > 0; --index) {
    Block& kept = kept_[index - 1];
    if (kept.capacity != capacity) continue;
    Block taken = std::move(kept);
    kept_octets_ -= taken.capacity;
    kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(index - 1));
    unused_ = std::min(unused_, index - 1);
    return taken;
  }
  return {std::unique_ptr<char[]>(new char[capacity]), capacity};
}

void ContentMemory::give_back(Block block) noexcept {
  if (!block.octets || kept_.size() == kept_blocks_max ||
      kept_octets_ + block.capacity > kept_octets_max) {
    return;
  }
  kept_octets_ += block.capacity;
  kept_.push_back(std::move(block));
}

void ContentMemory::sweep(Instant now) {
  if (now < look_at_) return;
  look_at_ = now + unused_max;
  for (std::size_t index = 0; index < unused_; ++index) kept_octets_ -= kept_[index].capacity;
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(unused_));
  unused_ = kept_.size();
}

HeldContent::HeldContent(HeldContent&& other) noexcept
    : memory_(other.memory_),
      block_(std::exchange(other.block_, {})),
      size_(std::exchange(other.size_, 0)) {}

HeldContent::~HeldContent() { memory_->give_back(std::move(block_)); }

void HeldContent::reserve(std::size_t size) {
  if (size <= block_.capacity) return;
  ContentMemory::Block grown = memory_->take(size);
  if (size_ > 0) std::memcpy(grown.octets.get(), block_.octets.get(), size_);
  memory_->give_back(std::exchange(block_, std::move(grown)));
}

void HeldContent::append(std::string_view octets) {
  if (octets.empty()) return;
  reserve(size_ + octets.size());
  std::memcpy(block_.octets.get() + size_, octets.data(), octets.size());
  size_ += octets.size();
}

void HeldContent::commit(std::size_t count) noexcept {
  IFMATCH_ASSERT(count <= block_.capacity - size_);
  size_ += count;
}

}  // namespace ifmatch::net
