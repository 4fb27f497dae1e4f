#include "proxy/net/frame_memory.hpp"

#include <array>
#include <cstdint>
#include <new>

namespace ifmatch::net {
namespace {

// Sizes are multiples of it less what malloc puts before each piece: an idle connection is little
// more than four frames, and a coarser step would be a tenth of that.
constexpr std::size_t step = 32;
constexpr std::size_t head_of_malloc = 8;
constexpr std::size_t kept_size_max = 4096;
// Of one size. A burst of requests must not be paid for in memory for ever.
#ifdef IFMATCH_KEEPS_NO_MEMORY
constexpr std::uint32_t kept_frames_max = 0;
#else
constexpr std::uint32_t kept_frames_max = 256;
#endif

struct Kept {
  Kept* next;
};

struct List {
  Kept* first;
  std::uint32_t count;
};

constinit thread_local std::array<List, kept_size_max / step + 1> lists{};
// Frames that are given back while the thread ends are not kept.
constinit thread_local bool ended = false;

// Made by the first frame that a thread keeps, which it need not have asked for itself; frees at
// the end of the thread.
struct AtEndOfThread {
  ~AtEndOfThread() {
    ended = true;
    for (List& list : lists) {
      while (list.first != nullptr) {
        Kept* const gone = list.first;
        list.first = gone->next;
        ::operator delete(gone);
      }
      list.count = 0;
    }
  }
};

std::size_t rounded(std::size_t size) { return (size + head_of_malloc + step - 1) / step; }

void free_at_end_of_thread() {
  thread_local const AtEndOfThread at_end;
  static_cast<void>(at_end);
}

}  // namespace

void* take_frame(std::size_t size) {
  const std::size_t steps = rounded(size);
  if (steps >= lists.size() || lists[steps].first == nullptr) {
    return ::operator new(steps * step - head_of_malloc);
  }
  List& list = lists[steps];
  Kept* const taken = list.first;
  list.first = taken->next;
  --list.count;
  return taken;
}

void give_frame(void* frame, std::size_t size) noexcept {
  const std::size_t steps = rounded(size);
  if (steps >= lists.size() || ended || lists[steps].count == kept_frames_max) {
    ::operator delete(frame);
    return;
  }
  List& list = lists[steps];
  if (list.first == nullptr) free_at_end_of_thread();
  list.first = new (frame) Kept{list.first};
  ++list.count;
}

}  // namespace ifmatch::net
