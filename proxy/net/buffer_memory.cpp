#include "proxy/net/buffer_memory.hpp"

#include <sys/mman.h>

#include <array>
#include <mutex>
#include <new>
#include <vector>

namespace ifmatch::net {
namespace {

// So many are at hand on each thread, with their pages, for connections that come and go.
constexpr std::size_t kept_max = 16;
constexpr std::size_t slab_buffers = 64;

// Buffers without pages, of all threads. What was mapped stays mapped: addresses cost nothing.
class Reserve {
 public:
  char* take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) map();
    char* const taken = free_.back();
    free_.pop_back();
    return taken;
  }

  void give(char* buffer) noexcept {
    // Where the pages cannot be given back they are merely kept.
    static_cast<void>(::madvise(buffer, buffer_octets, MADV_DONTNEED));
    const std::lock_guard lock(mutex_);
    free_.push_back(buffer);  // never allocates: see map()
  }

 private:
  void map() {
    free_.reserve(mapped_ + slab_buffers);
    void* const slab = ::mmap(nullptr, slab_buffers * buffer_octets, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (slab == MAP_FAILED) throw std::bad_alloc();
    // One octet of a huge page would cost all of it.
    static_cast<void>(::madvise(slab, slab_buffers * buffer_octets, MADV_NOHUGEPAGE));
    mapped_ += slab_buffers;
    for (std::size_t index = slab_buffers; index > 0; --index) {
      free_.push_back(static_cast<char*>(slab) + (index - 1) * buffer_octets);
    }
  }

  std::mutex mutex_;
  std::vector<char*> free_;
  std::size_t mapped_ = 0;
};

// Outlives every thread and everything static.
Reserve& reserve() {
  static Reserve& all = *new Reserve;
  return all;
}

struct Kept {
  std::array<char*, kept_max> buffers;
  std::size_t count;
};

constinit thread_local Kept kept{};
constinit thread_local bool ended = false;

// Made by the first buffer that a thread keeps, which it need not have asked for itself.
struct AtEndOfThread {
  ~AtEndOfThread() {
    ended = true;
    while (kept.count > 0) reserve().give(kept.buffers[--kept.count]);
  }
};

}  // namespace

// The sanitizer knows the bounds and the end of what comes from the heap.
#ifdef IFMATCH_KEEPS_NO_MEMORY

char* take_buffer() { return new char[buffer_octets]; }
void give_buffer(char* buffer) noexcept { delete[] buffer; }

#else

char* take_buffer() {
  if (kept.count > 0) return kept.buffers[--kept.count];
  return reserve().take();
}

void give_buffer(char* buffer) noexcept {
  if (ended || kept.count == kept_max) {
    reserve().give(buffer);
  } else {
    thread_local const AtEndOfThread at_end;
    static_cast<void>(at_end);
    kept.buffers[kept.count++] = buffer;
  }
}

#endif

}  // namespace ifmatch::net
