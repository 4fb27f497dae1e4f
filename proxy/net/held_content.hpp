// Content that is held until all of it is known. What large contents cost is above all fresh pages
// from the kernel and copies, so their memory is used again on the same thread, is not filled before
// it is used, and can be read into straight from a socket.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "proxy/net/sweeper.hpp"

namespace ifmatch::net {

// Memory for contents, of one thread. A moment after it was last needed it is given back.
class ContentMemory final : private Swept {
 public:
  explicit ContentMemory(Sweeper& sweeper);

  // Octets that are kept for later.
  [[nodiscard]] std::size_t kept() const noexcept { return kept_octets_; }

 private:
  friend class HeldContent;
  struct Block {
    std::unique_ptr<char[]> octets;
    std::size_t capacity = 0;
  };

  [[nodiscard]] Block take(std::size_t size);
  void give_back(Block block) noexcept;
  void sweep(Instant now) override;

  std::vector<Block> kept_;  // the latest at the back
  std::size_t kept_octets_ = 0;
  std::size_t unused_ = 0;   // at the front, since the latest look
  Instant look_at_{};
};

class HeldContent {
 public:
  // `memory` must outlive it.
  explicit HeldContent(ContentMemory& memory) : memory_(&memory) {}
  HeldContent(HeldContent&& other) noexcept;
  HeldContent& operator=(HeldContent&&) = delete;
  ~HeldContent();

  // Makes sure that `size` octets find room in all.
  void reserve(std::size_t size);
  void append(std::string_view octets);

  // Room for what is to come, and how much of it came.
  [[nodiscard]] std::span<char> room() noexcept {
    return {block_.octets.get() + size_, block_.capacity - size_};
  }
  void commit(std::size_t count) noexcept;

  [[nodiscard]] std::string_view view() const noexcept { return {block_.octets.get(), size_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  ContentMemory* memory_;
  ContentMemory::Block block_;
  std::size_t size_ = 0;
};

}  // namespace ifmatch::net
