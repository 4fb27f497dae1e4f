// The budget of held content is never exceeded, is asked for in steps, and gets everything back.
#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

#include "proxy/net/site.hpp"

namespace ifmatch::net {
namespace {

constexpr std::size_t step = 16 * 1024;  // what a hold asks for at once

// How many octets are left, in units of `unit`; nothing is taken.
std::size_t room(BodyBudget& budget, std::size_t unit = 1024) {
  std::size_t count = 0;
  while (budget.take(unit)) ++count;
  budget.give_back(count * unit);
  return count * unit;
}

TEST(ABodyBudget, GivesUpToItsLimitAndNotAnOctetMore) {
  BodyBudget budget(10);
  EXPECT_FALSE(budget.take(11));
  EXPECT_TRUE(budget.take(10));
  EXPECT_TRUE(budget.take(0));
  EXPECT_FALSE(budget.take(1));
  budget.give_back(1);
  EXPECT_FALSE(budget.take(2));
  EXPECT_TRUE(budget.take(1));
}

TEST(ABodyBudget, SurvivesCountsBeyondAnyNumber) {
  BodyBudget budget(10);
  EXPECT_TRUE(budget.take(5));
  EXPECT_FALSE(budget.take(std::numeric_limits<std::size_t>::max()));
  EXPECT_FALSE(budget.take(std::numeric_limits<std::size_t>::max() - 4));
  EXPECT_TRUE(budget.take(5));
}

TEST(ABodyBudget, IsKeptByManyThreadsTogether) {
  constexpr std::size_t limit = 1000;
  BodyBudget budget(limit);
  std::vector<std::size_t> taken(4);
  std::vector<std::thread> threads;
  for (std::size_t& count : taken) {
    threads.emplace_back([&budget, &count] {
      while (budget.take(1)) ++count;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken[0] + taken[1] + taken[2] + taken[3], limit);
}

TEST(ABodyHold, TakesNothingBeforeTheFirstOctet) {
  BodyBudget budget(4 * step);
  const BodyHold hold(budget);
  EXPECT_EQ(room(budget), 4 * step);
}

TEST(ABodyHold, AsksInSteps) {
  BodyBudget budget(4 * step);
  BodyHold hold(budget);
  EXPECT_TRUE(hold.take(1));
  EXPECT_EQ(room(budget), 3 * step);
  EXPECT_TRUE(hold.take(step - 1));
  EXPECT_EQ(room(budget), 3 * step);
  EXPECT_TRUE(hold.take(1));
  EXPECT_EQ(room(budget), 2 * step);
  EXPECT_TRUE(hold.take(2 * step));
  EXPECT_EQ(room(budget), 0U);
  EXPECT_FALSE(hold.exhausted());
}

TEST(ABodyHold, ReservesOnceWhatItThenTakes) {
  BodyBudget budget(4 * step);
  BodyHold hold(budget);
  EXPECT_TRUE(hold.reserve(step));
  EXPECT_TRUE(hold.reserve(step));
  EXPECT_EQ(room(budget), 3 * step);
  EXPECT_TRUE(hold.take(step));
  EXPECT_EQ(room(budget), 3 * step);
  // It reserves beyond what is taken.
  EXPECT_TRUE(hold.reserve(1));
  EXPECT_EQ(room(budget), 2 * step);
}

TEST(ABodyHold, IsRefusedWhatTheBudgetLacksAndKeepsWhatItHas) {
  BodyBudget budget(2 * step);
  BodyHold other(budget);
  EXPECT_TRUE(other.take(1));
  BodyHold hold(budget);
  EXPECT_TRUE(hold.take(step));
  EXPECT_FALSE(hold.take(1));
  EXPECT_TRUE(hold.exhausted());
  EXPECT_FALSE(other.exhausted());
  EXPECT_TRUE(other.take(step - 1));
  EXPECT_EQ(room(budget), 0U);
}

TEST(ABodyHold, GivesEverythingBackAtItsEnd) {
  BodyBudget budget(2 * step);
  {
    BodyHold hold(budget);
    EXPECT_TRUE(hold.take(step + 1));
    EXPECT_FALSE(hold.take(step));
    EXPECT_EQ(room(budget), 0U);
  }
  EXPECT_EQ(room(budget), 2 * step);
}

}  // namespace
}  // namespace ifmatch::net
