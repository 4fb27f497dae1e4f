// A table that forgets what was longest out of use, and nothing else.
#include "proxy/guard/recent_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>

namespace ifmatch::guard {
namespace {

TEST(RecentTable, KeepsWhatFitsAndForgetsTheOneLongestOutOfUse) {
  RecentTable<int> table(3);
  for (std::uint64_t key : {1U, 2U, 3U}) table.get({key, 0}) = static_cast<int>(key);
  ASSERT_NE(table.find({1, 0}), nullptr);  // used: now 2 is the oldest
  table.get({4, 0}) = 4;
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.find({2, 0}), nullptr);
  for (std::uint64_t key : {1U, 3U, 4U}) {
    ASSERT_NE(table.find({key, 0}), nullptr) << key;
    EXPECT_EQ(*table.find({key, 0}), static_cast<int>(key));
  }
  EXPECT_EQ(table.get({2, 0}), 0) << "what was forgotten begins anew";
}

TEST(RecentTable, ComparesTheWholeKey) {
  RecentTable<int> table(4);
  table.get({1, 1}) = 11;
  table.get({1, 2}) = 12;
  EXPECT_EQ(table.get({1, 1}), 11);
  EXPECT_EQ(table.get({1, 2}), 12);
}

TEST(RecentTable, OfOneEntryIsATable) {
  RecentTable<int> table(1);
  table.get({1, 0}) = 1;
  table.get({2, 0}) = 2;
  EXPECT_EQ(table.find({1, 0}), nullptr);
  EXPECT_EQ(table.get({2, 0}), 2);
  EXPECT_EQ(table.size(), 1U);
}

TEST(RecentTable, DoesAsAPlainListWouldDo) {
  std::mt19937 random(7);
  RecentTable<std::uint64_t> table(16);
  std::list<std::uint64_t> order;  // the latest at the back
  for (int round = 0; round < 20'000; ++round) {
    const std::uint64_t key = random() % 40;
    const auto known = std::find(order.begin(), order.end(), key);
    const bool is_known = known != order.end();
    if (is_known) order.splice(order.end(), order, known);
    if (random() % 2 == 0) {
      const std::uint64_t* found = table.find({key, key});
      ASSERT_EQ(found != nullptr, is_known) << round;
      if (found != nullptr) {
        ASSERT_EQ(*found, key);
      }
      continue;
    }
    std::uint64_t& value = table.get({key, key});
    ASSERT_EQ(value, is_known ? key : 0) << round;
    value = key;
    if (!is_known) order.push_back(key);
    if (order.size() > 16) order.pop_front();
    ASSERT_EQ(table.size(), order.size());
  }
}

}  // namespace
}  // namespace ifmatch::guard
