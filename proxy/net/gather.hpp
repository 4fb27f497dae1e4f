// What is left of a list of buffers when some of it has gone out.
#pragma once

#include "proxy/net/asio.hpp"

namespace ifmatch::net {

// Drops `count` octets from the front, and buffers that are empty. Returns what is left.
inline std::span<asio::const_buffer> without_front(std::span<asio::const_buffer> buffers,
                                                   std::size_t count) {
  while (!buffers.empty() && count >= buffers.front().size()) {
    count -= buffers.front().size();
    buffers = buffers.subspan(1);
  }
  if (!buffers.empty()) buffers.front() += count;
  return buffers;
}

[[nodiscard]] inline bool would_block(const error_code& failure) {
  return failure == asio::error::would_block || failure == asio::error::try_again;
}

}  // namespace ifmatch::net
