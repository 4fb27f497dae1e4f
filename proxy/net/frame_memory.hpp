// Memory for the frames of coroutines. Each thread keeps those that ended, by size, so that a
// request under way asks nobody for memory. A frame may be given back on another thread.
#pragma once

#include <cstddef>

namespace ifmatch::net {

// Throws std::bad_alloc.
[[nodiscard]] void* take_frame(std::size_t size);
void give_frame(void* frame, std::size_t size) noexcept;

}  // namespace ifmatch::net
