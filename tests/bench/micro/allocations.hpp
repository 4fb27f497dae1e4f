// Counts what an iteration allocates: all calls of malloc in this program, thus also of operator
// new, of OpenSSL and of the standard library.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>

namespace ifmatch::bench {

[[nodiscard]] std::size_t allocations() noexcept;

// Reports the allocations between its construction and its end as the counter `allocations`, for
// one iteration. Made right before the loop, behind everything that the loop uses.
class AllocationCount {
 public:
  explicit AllocationCount(benchmark::State& state) : state_(state), before_(allocations()) {}
  ~AllocationCount() {
    state_.counters["allocations"] =
        benchmark::Counter(static_cast<double>(allocations() - before_),
                           benchmark::Counter::kAvgIterations);
  }
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;

 private:
  benchmark::State& state_;
  std::size_t before_;
};

}  // namespace ifmatch::bench
