// How many connections there may be, and in which order those who wait get one.
#include "proxy/net/connection_limit.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace ifmatch::net {
namespace {

using Entry = ConnectionLimit::Entry;

struct Waiter final : ConnectionLimit::Waiter {
  explicit Waiter(const void* owner = nullptr) : ConnectionLimit::Waiter(owner) {}
  void granted() noexcept override { ++times_granted; }
  int times_granted = 0;
};

TEST(ConnectionLimit, GivesSoManyPermitsAndNoMore) {
  ConnectionLimit limit(2, 8);
  EXPECT_TRUE(limit.take());
  EXPECT_TRUE(limit.take());
  EXPECT_FALSE(limit.take());
  limit.give_back();
  EXPECT_TRUE(limit.take());
  EXPECT_EQ(limit.open(), 2U);
}

TEST(ConnectionLimit, ServesWaitersInTheOrderOfArrival) {
  ConnectionLimit limit(1, 8);
  ASSERT_TRUE(limit.take());
  Waiter first;
  Waiter second;
  EXPECT_EQ(limit.enter(first), Entry::queued);
  EXPECT_EQ(limit.enter(second), Entry::queued);
  limit.give_back();
  EXPECT_EQ(first.times_granted, 1);
  EXPECT_EQ(second.times_granted, 0);
  EXPECT_TRUE(limit.leave(first));
  EXPECT_FALSE(limit.take()) << "the permit is the first one's";
  limit.give_back();
  EXPECT_EQ(second.times_granted, 1);
  EXPECT_TRUE(limit.leave(second));
  limit.give_back();
  EXPECT_EQ(limit.open(), 0U);
}

TEST(ConnectionLimit, NobodyOvertakesWhoWaits) {
  ConnectionLimit limit(1, 8);
  ASSERT_TRUE(limit.take());
  Waiter waiter;
  ASSERT_EQ(limit.enter(waiter), Entry::queued);
  limit.give_back();
  EXPECT_FALSE(limit.take());
  Waiter late;
  EXPECT_EQ(limit.enter(late), Entry::queued);
  EXPECT_FALSE(limit.leave(late));
  EXPECT_TRUE(limit.leave(waiter));
}

TEST(ConnectionLimit, LetsOnlySoManyWait) {
  ConnectionLimit limit(1, 1);
  ASSERT_TRUE(limit.take());
  Waiter waiter;
  Waiter late;
  EXPECT_EQ(limit.enter(waiter), Entry::queued);
  EXPECT_EQ(limit.enter(late), Entry::full);
  EXPECT_FALSE(limit.leave(waiter));
  EXPECT_EQ(limit.enter(late), Entry::queued);
  EXPECT_FALSE(limit.leave(late));
}

TEST(ConnectionLimit, WhoeverLeavesTheQueueGetsNothing) {
  ConnectionLimit limit(1, 8);
  ASSERT_TRUE(limit.take());
  Waiter gone;
  Waiter next;
  ASSERT_EQ(limit.enter(gone), Entry::queued);
  ASSERT_EQ(limit.enter(next), Entry::queued);
  EXPECT_FALSE(limit.leave(gone));
  limit.give_back();
  EXPECT_EQ(gone.times_granted, 0);
  EXPECT_EQ(next.times_granted, 1);
  EXPECT_TRUE(limit.leave(next));
  EXPECT_EQ(limit.waiting(), 0U);
}

TEST(ConnectionLimit, PassesOnOnlyToTheFirstAndOnlyOfTheSameOwner) {
  const int here = 0;
  const int there = 0;
  ConnectionLimit limit(1, 8);
  ASSERT_TRUE(limit.take());
  Waiter first(&there);
  Waiter second(&here);
  ASSERT_EQ(limit.enter(first), Entry::queued);
  ASSERT_EQ(limit.enter(second), Entry::queued);
  EXPECT_EQ(limit.pass_to(&here), nullptr);
  EXPECT_EQ(limit.pass_to(&there), &first);
  EXPECT_EQ(first.times_granted, 0) << "whoever passes it on tells it";
  EXPECT_TRUE(limit.leave(first));
  EXPECT_EQ(limit.pass_to(&here), &second);
  EXPECT_TRUE(limit.leave(second));
  EXPECT_EQ(limit.open(), 1U);
}

TEST(ConnectionLimit, HoldsOverThreads) {
  constexpr std::size_t open_max = 3;
  ConnectionLimit limit(open_max, 0);
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> most{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int round = 0; round < 10'000; ++round) {
        if (!limit.take()) continue;
        const std::size_t now = ++open;
        std::size_t seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --open;
        limit.give_back();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, open_max);
  EXPECT_EQ(limit.open(), 0U);
}

}  // namespace
}  // namespace ifmatch::net
