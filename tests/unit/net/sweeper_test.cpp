// One sweep visits everybody who is linked, whoever comes or goes meanwhile; no deadline is early.
#include "proxy/net/sweeper.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;

class Visited final : private Swept {
 public:
  explicit Visited(Sweeper& sweeper) : Swept(sweeper) {}
  int visits = 0;
  std::function<void()> then;

 private:
  void sweep(Instant) override {
    ++visits;
    if (then) then();
  }
};

// The one linked last is visited first.
class ThreeOnASweeper : public ::testing::Test {
 protected:
  Sweeper sweeper;
  std::unique_ptr<Visited> third = std::make_unique<Visited>(sweeper);
  std::unique_ptr<Visited> second = std::make_unique<Visited>(sweeper);
  std::unique_ptr<Visited> first = std::make_unique<Visited>(sweeper);
};

TEST_F(ThreeOnASweeper, AreVisitedOnceEach) {
  sweeper.sweep(Clock::now());
  EXPECT_EQ(first->visits, 1);
  EXPECT_EQ(second->visits, 1);
  EXPECT_EQ(third->visits, 1);
}

TEST_F(ThreeOnASweeper, TheNextOneMayEndDuringAVisit) {
  first->then = [this] { second.reset(); };
  sweeper.sweep(Clock::now());
  EXPECT_EQ(third->visits, 1);
  sweeper.sweep(Clock::now());
  EXPECT_EQ(first->visits, 2);
  EXPECT_EQ(third->visits, 2);
}

TEST_F(ThreeOnASweeper, AllTheOthersMayEndDuringAVisit) {
  first->then = [this] {
    second.reset();
    third.reset();
  };
  sweeper.sweep(Clock::now());
  EXPECT_EQ(first->visits, 1);
}

TEST_F(ThreeOnASweeper, OneMayEndDuringItsOwnVisit) {
  bool visited = false;
  second->then = [this, &visited] {
    visited = true;
    second.reset();
  };
  sweeper.sweep(Clock::now());
  EXPECT_TRUE(visited);
  EXPECT_EQ(third->visits, 1);
}

TEST_F(ThreeOnASweeper, OneThatWasVisitedMayEndDuringALaterVisit) {
  second->then = [this] { first.reset(); };
  sweeper.sweep(Clock::now());
  EXPECT_EQ(third->visits, 1);
  sweeper.sweep(Clock::now());
  EXPECT_EQ(second->visits, 2);
}

TEST_F(ThreeOnASweeper, OneThatComesDuringASweepIsVisitedByTheNext) {
  std::unique_ptr<Visited> late;
  first->then = [this, &late] {
    if (!late) late = std::make_unique<Visited>(sweeper);
  };
  sweeper.sweep(Clock::now());
  EXPECT_EQ(late->visits, 0);
  sweeper.sweep(Clock::now());
  EXPECT_EQ(late->visits, 1);
  EXPECT_EQ(third->visits, 2);
}

TEST_F(ThreeOnASweeper, TheyEndInAnyOrder) {
  second.reset();
  third.reset();
  sweeper.sweep(Clock::now());
  EXPECT_EQ(first->visits, 1);
  first.reset();
  sweeper.sweep(Clock::now());
}

TEST(ADeadline, ExpiresAtItsTimeAndNotBefore) {
  Sweeper sweeper;
  const Instant start = Clock::now();
  int expired = 0;
  std::optional<Deadline> deadline;
  deadline.emplace(sweeper, start + milliseconds(100), [&expired] { ++expired; });
  sweeper.sweep(start + milliseconds(99));
  EXPECT_EQ(expired, 0);
  sweeper.sweep(start + milliseconds(100));
  EXPECT_EQ(expired, 1);
  deadline.reset();
  sweeper.sweep(start + milliseconds(200));
  EXPECT_EQ(expired, 1);
}

TEST(ASweeper, NamesNoDeadlineThatIsEarly) {
  Sweeper sweeper;
  const Instant start = Clock::now();
  sweeper.sweep(start);
  EXPECT_EQ(sweeper.now(), start);
  // Up to one interval may have passed since the latest sweep.
  EXPECT_GE(sweeper.after(milliseconds(10)), start + sweep_interval + milliseconds(10));
  EXPECT_LE(sweeper.after(milliseconds(10)), start + 2 * sweep_interval + milliseconds(10));
}

}  // namespace
}  // namespace ifmatch::net
