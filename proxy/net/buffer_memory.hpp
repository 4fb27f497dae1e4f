// Memory for input buffers, apart from that of everything else. A buffer lives from the first octet
// to a moment of silence, what a connection needs besides it much longer: side by side on the heap,
// the one would keep the pages of the other. Whole pages lie here, which go back to the system.
#pragma once

#include <cstddef>

namespace ifmatch::net {

inline constexpr std::size_t buffer_octets = 16 * 1024;

// So many octets, not filled. They may be given back on another thread. Throws std::bad_alloc.
[[nodiscard]] char* take_buffer();
void give_buffer(char* buffer) noexcept;

}  // namespace ifmatch::net
