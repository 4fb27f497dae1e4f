// Numbers that one thread counts and any thread may read: they share no cache line with another
// thread's and need no locked instruction. Whoever shows them adds the threads up. They are kept by
// name, so that they go on over a reload.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "config/keys.hpp"
#include "proxy/net/decision.hpp"

namespace ifmatch::net {

// Only one thread may add.
class Counter {
 public:
  void add(std::uint64_t more = 1) noexcept { set(value() + more); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// How often something took how long.
class Timing {
 public:
  // Upper bounds in seconds: from the few microseconds of a probe's window to a response time-out.
  static constexpr std::array bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                     0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                     1.0,    2.5,     5.0,    10.0,  30.0};

  void add(std::chrono::nanoseconds took) noexcept;

  // Of the bucket with this index alone; the last one has no bound.
  [[nodiscard]] std::uint64_t bucket(std::size_t index) const { return buckets_[index].value(); }
  [[nodiscard]] double sum_seconds() const noexcept {
    return static_cast<double>(nanoseconds_.value()) / 1e9;
  }

 private:
  std::array<Counter, bounds.size() + 1> buckets_;
  Counter nanoseconds_;
};

// Methods that are told apart; a client may make up any number of others.
inline constexpr std::array<std::string_view, 15> counted_methods{
    "GET",   "HEAD",     "POST",      "PUT",  "PATCH",  "DELETE", "OPTIONS", "MOVE",
    "COPY",  "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK", "MKCOL",  "OTHER"};
[[nodiscard]] std::size_t counted_method(std::string_view method) noexcept;

// Requests by method and status. There are few of them at once, but nobody knows which before an
// API has answered: they are appended as they turn up, and found again by looking through them.
class AnswerTally {
 public:
  struct Entry {
    std::atomic<std::uint32_t> key{0};  // method and status, see key_of(); 0: not in use yet
    Counter count;
  };

  AnswerTally() = default;
  ~AnswerTally();
  AnswerTally(const AnswerTally&) = delete;
  AnswerTally& operator=(const AnswerTally&) = delete;

  // `status` 0 says that nothing was answered. Allocates now and then; drops the count if it cannot.
  void add(std::size_t method, unsigned status) noexcept;

  // Calls `use(method, status, count)` for each.
  template <typename Use>
  void for_each(Use&& use) const {
    for (const Chunk* chunk = &first_; chunk != nullptr;
         chunk = chunk->next.load(std::memory_order_acquire)) {
      for (const Entry& entry : chunk->entries) {
        const std::uint32_t key = entry.key.load(std::memory_order_acquire);
        if (key == 0) return;
        use(std::size_t{key >> 16U} - 1, key & 0xffffU, entry.count.value());
      }
    }
  }

 private:
  struct Chunk {
    std::array<Entry, 12> entries;
    std::atomic<Chunk*> next{nullptr};
  };
  [[nodiscard]] static std::uint32_t key_of(std::size_t method, unsigned status) noexcept {
    return (static_cast<std::uint32_t>(method) + 1) << 16U | (status & 0xffffU);
  }

  Chunk first_;
};

// Of one route, as one thread counts it.
struct alignas(64) RouteCounts {
  AnswerTally requests;
  std::array<std::array<Counter, decision_names.size()>, config::mode_names.size()> decisions;
  std::array<Counter, probe_result_names.size()> probes;
  Counter out_of_band;
};

// Of one upstream.
struct alignas(64) UpstreamCounts {
  Timing answers;    // from a request's first octet to the end of the answer's head
  Counter idle;        // connections, at the latest sweep
  Counter active;
  Counter waiting;     // requests that wait for a connection
};

// Why a PROXY header closed its connection; see ArrivalCounts.
inline constexpr std::array<std::string_view, 3> proxy_header_faults{"untrusted", "broken", "late"};

// Of one thread.
struct alignas(64) ThreadCounts {
  AnswerTally unrouted;  // requests of no route
  std::array<Counter, decision_names.size()> unrouted_decisions;
  Timing gate_wait;
  Timing probe_window;
  Counter clients;       // connections, at the latest sweep
  // Connections closed for their PROXY header, as of the latest sweep.
  std::array<Counter, proxy_header_faults.size()> proxy_headers_refused;
  Counter beat;            // steady clock, nanoseconds, at the latest sweep; 0: not yet
};

template <typename Counts>
class Tally {
 public:
  explicit Tally(std::size_t threads) : threads_(threads) {}

  [[nodiscard]] Counts& of(std::size_t thread) { return threads_[thread]; }
  [[nodiscard]] const std::vector<Counts>& threads() const { return threads_; }

  template <typename Get>
  [[nodiscard]] std::uint64_t sum(Get&& get) const {
    std::uint64_t total = 0;
    for (const Counts& counts : threads_) total += get(counts).value();
    return total;
  }

 private:
  std::vector<Counts> threads_;
};

using RouteTally = Tally<RouteCounts>;
using UpstreamTally = Tally<UpstreamCounts>;

// Hands out tallies by name: the same one for as long as anybody holds it.
class TallyBook {
 public:
  explicit TallyBook(std::size_t threads) : threads_(threads) {}
  TallyBook(const TallyBook&) = delete;
  TallyBook& operator=(const TallyBook&) = delete;

  [[nodiscard]] std::shared_ptr<RouteTally> route(const std::string& name);
  [[nodiscard]] std::shared_ptr<UpstreamTally> upstream(const std::string& name);
  [[nodiscard]] const Tally<ThreadCounts>& threads() const noexcept { return threads_; }
  [[nodiscard]] ThreadCounts& thread(std::size_t index) { return threads_.of(index); }

 private:
  template <typename T>
  using Named = std::map<std::string, std::weak_ptr<T>>;
  template <typename T>
  [[nodiscard]] std::shared_ptr<T> find(Named<T>& named, const std::string& name);

  Tally<ThreadCounts> threads_;
  std::mutex mutex_;
  Named<RouteTally> routes_;
  Named<UpstreamTally> upstreams_;
};

}  // namespace ifmatch::net
