// The resources that are fought over most, in bounded memory: what is really frequent is found, and
// no count is too low.
#include "proxy/admin/contention.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ifmatch::admin {
namespace {

TEST(Contention, CountsExactlyWhileThereIsRoom) {
  Contention contention(3);
  for (int time = 0; time < 5; ++time) ++contention.note("/a", "r", 1).waits;
  ++contention.note("/b", "r", 1).stale;
  ++contention.note("/a", "other", 1).busy;
  const std::vector<Contended> hottest = hottest_of(contention.entries(), 10);
  ASSERT_EQ(hottest.size(), 3U);
  EXPECT_EQ(hottest[0].resource, "/a");
  EXPECT_EQ(hottest[0].route, "r");
  EXPECT_EQ(hottest[0].events, 5U);
  EXPECT_EQ(hottest[0].waits, 5U);
  EXPECT_EQ(hottest[0].error, 0U);
}

TEST(Contention, NeverGrows) {
  Contention contention(8);
  for (int number = 0; number < 10'000; ++number) {
    (void)contention.note("/" + std::to_string(number), "r", 1);
  }
  EXPECT_EQ(contention.entries().size(), 8U);
}

TEST(Contention, ANewcomerOwesWhatItInherited) {
  Contention contention(1);
  for (int time = 0; time < 4; ++time) ++contention.note("/old", "r", 1).stale;
  const Contended& fresh = contention.note("/new", "r", 1);
  EXPECT_EQ(fresh.resource, "/new");
  EXPECT_EQ(fresh.events, 5U);
  EXPECT_EQ(fresh.error, 4U);
  EXPECT_EQ(fresh.stale, 0U);
}

// Space-saving promises: whatever occurs more than total/size times is kept, no count is too low,
// and none is too high by more than its error.
TEST(Contention, KeepsWhatIsFrequent) {
  constexpr std::size_t size = 16;
  Contention contention(size);
  std::map<std::string, std::uint64_t> truth;
  std::mt19937 random(7);
  std::geometric_distribution<int> skewed(0.1);
  constexpr std::uint64_t total = 20'000;
  for (std::uint64_t event = 0; event < total; ++event) {
    const std::string resource = "/" + std::to_string(skewed(random));
    ++truth[resource];
    (void)contention.note(resource, "r", 1);
  }
  std::map<std::string, Contended> kept;
  for (const Contended& entry : contention.entries()) kept[entry.resource] = entry;
  for (const auto& [resource, count] : truth) {
    if (count > total / size) {
      EXPECT_TRUE(kept.contains(resource)) << resource;
    }
    if (!kept.contains(resource)) continue;
    EXPECT_GE(kept[resource].events, count);
    EXPECT_LE(kept[resource].events - kept[resource].error, count);
  }
}

TEST(Contention, AddsTheThreadsUp) {
  Contention one(4);
  Contention other(4);
  one.note("/a", "r", 2).waited = std::chrono::seconds(1);
  other.note("/a", "r", 3).waited = std::chrono::seconds(2);
  (void)other.note("/b", "r", 4);
  std::vector<Contended> all = one.entries();
  all.insert(all.end(), other.entries().begin(), other.entries().end());
  const std::vector<Contended> hottest = hottest_of(all, 1);
  ASSERT_EQ(hottest.size(), 1U);
  EXPECT_EQ(hottest[0].resource, "/a");
  EXPECT_EQ(hottest[0].events, 5U);
  EXPECT_EQ(hottest[0].waited, std::chrono::seconds(3));
}

}  // namespace
}  // namespace ifmatch::admin
