// Counters that one thread writes and others read: buckets, appended keys, names over reloads.
#include "proxy/net/tally.hpp"

#include <gtest/gtest.h>

#include <map>
#include <thread>

namespace ifmatch::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

TEST(Timing, PutsEachDurationIntoItsBucket) {
  Timing timing;
  timing.add(nanoseconds(0));
  timing.add(microseconds(100));  // on the bound of the first bucket: within it
  timing.add(microseconds(101));
  timing.add(milliseconds(1));
  timing.add(seconds(31));
  EXPECT_EQ(timing.bucket(0), 2U);
  EXPECT_EQ(timing.bucket(1), 1U);
  EXPECT_EQ(timing.bucket(3), 1U);
  EXPECT_EQ(timing.bucket(Timing::bounds.size()), 1U);
  EXPECT_NEAR(timing.sum_seconds(), 31.001201, 1e-9);
}

TEST(CountedMethod, KnowsAFewAndNoOthers) {
  for (std::size_t method = 0; method + 1 < counted_methods.size(); ++method) {
    EXPECT_EQ(counted_method(counted_methods[method]), method);
  }
  for (const char* const other : {"", "get", "BREW", "OTHER", "GETT"}) {
    EXPECT_EQ(counted_methods[counted_method(other)], "OTHER") << other;
  }
}

TEST(AnswerTally, CountsAnyNumberOfStatuses) {
  AnswerTally tally;
  std::map<std::pair<std::size_t, unsigned>, std::uint64_t> truth;
  for (unsigned round = 0; round < 3; ++round) {
    for (std::size_t method = 0; method < counted_methods.size(); ++method) {
      for (const unsigned status : {0U, 200U, 204U, 304U, 404U, 412U, 503U, 599U}) {
        if ((status + method + round) % 3 == 0) continue;
        tally.add(method, status);
        ++truth[{method, status}];
      }
    }
  }
  std::map<std::pair<std::size_t, unsigned>, std::uint64_t> counted;
  tally.for_each([&](std::size_t method, unsigned status, std::uint64_t count) {
    EXPECT_EQ(counted.count({method, status}), 0U);
    counted[{method, status}] = count;
  });
  EXPECT_EQ(counted, truth);
}

TEST(AnswerTally, MayBeReadWhileItGrows) {
  AnswerTally tally;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) {
      std::uint64_t sum = 0;
      tally.for_each([&](std::size_t method, unsigned status, std::uint64_t count) {
        EXPECT_LT(method, counted_methods.size());
        EXPECT_GE(status, 100U);
        EXPECT_LE(status, 599U);
        EXPECT_GE(count, 1U);
        sum += count;
      });
      EXPECT_LE(sum, 50'000U);
    }
  });
  for (unsigned number = 0; number < 50'000; ++number) {
    tally.add(number % counted_methods.size(), 100 + number % 500);
  }
  done.store(true);
  reader.join();
  std::uint64_t sum = 0;
  tally.for_each([&](std::size_t, unsigned, std::uint64_t count) { sum += count; });
  EXPECT_EQ(sum, 50'000U);
}

TEST(TallyBook, GivesTheSameTallyForTheSameNameWhileItIsHeld) {
  TallyBook book(2);
  const std::shared_ptr<RouteTally> order = book.route("order");
  order->of(1).out_of_band.add(3);
  EXPECT_EQ(book.route("order"), order);
  EXPECT_NE(book.route("other"), order);
  EXPECT_EQ(order->threads().size(), 2U);
  EXPECT_EQ(order->sum([](const RouteCounts& counts) -> const Counter& {
    return counts.out_of_band;
  }), 3U);
}

TEST(TallyBook, ForgetsWhatNobodyHolds) {
  TallyBook book(1);
  book.route("order")->of(0).out_of_band.add();
  EXPECT_EQ(book.route("order")->of(0).out_of_band.value(), 0U);
}

}  // namespace
}  // namespace ifmatch::net
