#include "proxy/net/tally.hpp"

#include <algorithm>
#include <new>

namespace ifmatch::net {

void Timing::add(std::chrono::nanoseconds took) noexcept {
  const double seconds = static_cast<double>(took.count()) / 1e9;
  // A value on a bound belongs below it: "le" is less or equal.
  const auto bucket = std::ranges::lower_bound(bounds, seconds) - bounds.begin();
  buckets_[static_cast<std::size_t>(bucket)].add();
  nanoseconds_.add(static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0)));
}

std::size_t counted_method(std::string_view method) noexcept {
  const auto known = std::find(counted_methods.begin(), counted_methods.end() - 1, method);
  return static_cast<std::size_t>(known - counted_methods.begin());
}

AnswerTally::~AnswerTally() {
  Chunk* chunk = first_.next.load(std::memory_order_relaxed);
  while (chunk != nullptr) {
    Chunk* const next = chunk->next.load(std::memory_order_relaxed);
    delete chunk;
    chunk = next;
  }
}

void AnswerTally::add(std::size_t method, unsigned status) noexcept {
  const std::uint32_t wanted = key_of(method, status);
  for (Chunk* chunk = &first_;;) {
    for (Entry& entry : chunk->entries) {
      const std::uint32_t key = entry.key.load(std::memory_order_relaxed);
      if (key == wanted) return entry.count.add();
      if (key != 0) continue;
      entry.count.add();
      // Readers stop at the first entry that is not in use.
      return entry.key.store(wanted, std::memory_order_release);
    }
    Chunk* next = chunk->next.load(std::memory_order_relaxed);
    if (next == nullptr) {
      next = new (std::nothrow) Chunk;
      if (next == nullptr) return;
      chunk->next.store(next, std::memory_order_release);
    }
    chunk = next;
  }
}

template <typename T>
std::shared_ptr<T> TallyBook::find(Named<T>& named, const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<T>& known = named[name];
  std::shared_ptr<T> tally = known.lock();
  if (!tally) {
    // Names that nobody uses any more go, so that reloads cannot fill the book.
    std::erase_if(named, [&](const auto& entry) {
      return entry.second.expired() && entry.first != name;
    });
    tally = std::make_shared<T>(threads_.threads().size());
    known = tally;
  }
  return tally;
}

std::shared_ptr<RouteTally> TallyBook::route(const std::string& name) {
  return find(routes_, name);
}

std::shared_ptr<UpstreamTally> TallyBook::upstream(const std::string& name) {
  return find(upstreams_, name);
}

}  // namespace ifmatch::net
