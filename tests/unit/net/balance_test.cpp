// Which place the next request goes to, and how the time for connecting is shared.
#include "proxy/net/balance.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;
using Instant = std::chrono::steady_clock::time_point;

class Balance : public testing::Test {
 protected:
  std::vector<std::size_t> chosen(std::size_t count, config::Balance balance, Places tried = 0) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < count; ++i) {
      places.push_back(choose(candidates, balance, tried, turn).value_or(99));
    }
    return places;
  }

  std::vector<Candidate> candidates{3};
  std::size_t turn = 0;
};

using Chosen = std::vector<std::size_t>;

TEST_F(Balance, GoesRound) {
  EXPECT_EQ(chosen(4, config::Balance::round_robin), (Chosen{0, 1, 2, 0}));
}

TEST_F(Balance, PassesOverWhatIsNotGood) {
  candidates[1].standing = Standing::resting;
  EXPECT_EQ(chosen(4, config::Balance::round_robin), (Chosen{0, 2, 0, 2}));
}

TEST_F(Balance, UsesWhatRestsBeforeWhatIsUnhealthy) {
  for (Candidate& one : candidates) one.standing = Standing::unhealthy;
  candidates[2].standing = Standing::resting;
  EXPECT_EQ(chosen(2, config::Balance::round_robin), (Chosen{2, 2}));
}

TEST_F(Balance, UsesAllInTurnWhereNoneIsGood) {
  for (Candidate& one : candidates) one.standing = Standing::unhealthy;
  EXPECT_EQ(chosen(4, config::Balance::round_robin), (Chosen{0, 1, 2, 0}));
}

TEST_F(Balance, NeverTakesOneThatWasTried) {
  candidates[0].standing = Standing::unhealthy;
  EXPECT_EQ(chosen(2, config::Balance::round_robin, 0b110), (Chosen{0, 0}));
  EXPECT_EQ(choose(candidates, config::Balance::round_robin, 0b111, turn), std::nullopt);
}

TEST_F(Balance, PrefersTheFewestActiveAndGoesRoundAmongEquals) {
  candidates[0].active = 2;
  EXPECT_EQ(chosen(3, config::Balance::least_connections), (Chosen{1, 2, 1}));
  candidates[0].active = 0;
  candidates[1].active = 1;
  EXPECT_EQ(chosen(3, config::Balance::least_connections), (Chosen{2, 0, 2}));
}

TEST_F(Balance, AnUnhealthyOneIsNotPreferredForBeingIdle) {
  candidates[0] = {Standing::unhealthy, 0};
  candidates[1].active = 7;
  candidates[2].active = 9;
  EXPECT_EQ(chosen(2, config::Balance::least_connections), (Chosen{1, 1}));
}

TEST(FairPart, SharesWhatIsLeftAmongTheAttempts) {
  const Instant now{};
  EXPECT_EQ(fair_part(now, now + milliseconds(2'000), 2), now + milliseconds(1'000));
  EXPECT_EQ(fair_part(now, now + milliseconds(2'000), 1), now + milliseconds(2'000));
  EXPECT_EQ(fair_part(now + milliseconds(500), now + milliseconds(2'000), 3),
            now + milliseconds(1'000));
  EXPECT_EQ(fair_part(now + milliseconds(3'000), now + milliseconds(2'000), 2),
            now + milliseconds(2'000));
}

}  // namespace
}  // namespace ifmatch::net
