// The chunked transfer coding, towards either side (RFC 9112 section 7.1).
#pragma once

#include <array>
#include <charconv>
#include <span>
#include <string_view>
#include <vector>

#include "proxy/net/asio.hpp"

namespace ifmatch::net {

enum class LastChunk : std::uint8_t { no, yes };

// Frames pieces of content as one chunk. Holds the chunk line, so it must live until the buffers
// are written.
class ChunkFrame {
 public:
  // Opens a chunk of `size` octets, whose pieces the caller appends next. Nothing for 0: an empty
  // chunk would end the content.
  void open(std::vector<asio::const_buffer>& buffers, std::size_t size) {
    open_ = size > 0;
    if (!open_) return;
    char* end = std::to_chars(line_.data(), line_.data() + 16, size, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
    buffers.emplace_back(line_.data(), static_cast<std::size_t>(end - line_.data()));
  }

  // `trailers` are whole lines behind the last chunk; they must live as long as the frame.
  void close(std::vector<asio::const_buffer>& buffers, LastChunk last,
             std::string_view trailers = {}) const {
    if (open_) buffers.emplace_back("\r\n", 2);
    if (last == LastChunk::no) return;
    if (trailers.empty()) {
      buffers.emplace_back("0\r\n\r\n", 5);
      return;
    }
    buffers.emplace_back("0\r\n", 3);
    buffers.emplace_back(trailers.data(), trailers.size());
    buffers.emplace_back("\r\n", 2);
  }

 private:
  std::array<char, 18> line_{};
  bool open_ = false;
};

[[nodiscard]] inline std::size_t size_of(std::span<const std::string_view> pieces) noexcept {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  return size;
}

}  // namespace ifmatch::net
