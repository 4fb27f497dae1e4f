// The two machines that decide whether a place is worth trying, in virtual time.
#include "proxy/net/health.hpp"

#include <gtest/gtest.h>

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;
using Instant = Rest::Instant;

Instant at(int milliseconds_since) { return Instant(milliseconds(milliseconds_since)); }

TEST(Rest, BeginsWithTheFirstFailureAndEndsWithTime) {
  Rest rest;
  EXPECT_EQ(rest.standing(at(0)), Standing::good);
  rest.failed(at(0));
  EXPECT_EQ(rest.standing(at(999)), Standing::resting);
  EXPECT_EQ(rest.standing(at(1'000)), Standing::good);
}

TEST(Rest, EndsAtOnceWithASuccess) {
  Rest rest;
  rest.failed(at(0));
  rest.succeeded();
  EXPECT_EQ(rest.standing(at(1)), Standing::good);
  EXPECT_FALSE(rest.is_failing());
}

TEST(Rest, GrowsWithEachFailureUpToABound) {
  Rest rest;
  int now = 0;
  for (const int pause : {1'000, 2'000, 4'000, 8'000, 16'000, 30'000, 30'000, 30'000}) {
    rest.failed(at(now));
    EXPECT_EQ(rest.until() - at(now), milliseconds(pause));
    now += pause;
  }
}

TEST(Rest, BeginsShortAgainAfterASuccess) {
  Rest rest;
  rest.failed(at(0));
  rest.failed(at(1'000));
  rest.succeeded();
  rest.failed(at(5'000));
  EXPECT_EQ(rest.until(), at(6'000));
}

TEST(Rest, CountsFailuresOfOneMomentOnce) {
  Rest rest;
  for (int i = 0; i < 100; ++i) rest.failed(at(i));
  EXPECT_EQ(rest.until(), at(1'000));
}

TEST(Rest, LetsOneTryAtATimeOnceItIsOver) {
  Rest rest;
  rest.failed(at(0));
  ASSERT_EQ(rest.standing(at(1'000)), Standing::good);
  rest.trying(at(1'000), milliseconds(2'000));
  EXPECT_EQ(rest.standing(at(1'001)), Standing::resting);
  EXPECT_EQ(rest.standing(at(3'000)), Standing::good) << "that one never told how it went";
  rest.failed(at(1'500));
  EXPECT_EQ(rest.until(), at(3'500)) << "the second failure in a row";
}

TEST(Rest, TryingSaysNothingOfAGoodPlace) {
  Rest rest;
  rest.trying(at(0), milliseconds(2'000));
  EXPECT_EQ(rest.standing(at(1)), Standing::good);
}

using Outcome = CheckedHealth::Outcome;
using Change = CheckedHealth::Change;

TEST(CheckedHealth, TurnsAfterSoManyFailuresInARow) {
  CheckedHealth health(3, 2);
  EXPECT_TRUE(health.healthy());
  EXPECT_EQ(health.note(Outcome::failed), Change::none);
  EXPECT_EQ(health.note(Outcome::failed), Change::none);
  EXPECT_EQ(health.note(Outcome::passed), Change::none);
  EXPECT_EQ(health.note(Outcome::failed), Change::none);
  EXPECT_EQ(health.note(Outcome::failed), Change::none);
  EXPECT_TRUE(health.healthy());
  EXPECT_EQ(health.note(Outcome::failed), Change::became_unhealthy);
  EXPECT_FALSE(health.healthy());
  EXPECT_EQ(health.note(Outcome::failed), Change::none);
}

TEST(CheckedHealth, RecoversAfterSoManyPassesInARow) {
  CheckedHealth health(1, 2);
  EXPECT_EQ(health.note(Outcome::failed), Change::became_unhealthy);
  EXPECT_EQ(health.note(Outcome::passed), Change::none);
  EXPECT_EQ(health.note(Outcome::failed), Change::none);
  EXPECT_EQ(health.note(Outcome::passed), Change::none);
  EXPECT_EQ(health.note(Outcome::passed), Change::became_healthy);
  EXPECT_TRUE(health.healthy());
}

}  // namespace
}  // namespace ifmatch::net
