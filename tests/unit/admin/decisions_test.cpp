// The latest decisions: bounded, the latest first, over all threads.
#include "proxy/admin/decisions.hpp"

#include <gtest/gtest.h>

namespace ifmatch::admin {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

void make(DecisionRing& ring, int second) {
  Decided& decided = ring.next();
  decided.at = system_clock::time_point(seconds(second));
  decided.status = static_cast<std::uint16_t>(second % 1000);
}

TEST(DecisionRing, KeepsTheLatest) {
  DecisionRing ring;
  for (int second = 1; second <= 450; ++second) make(ring, second);
  std::vector<Decided> kept;
  ring.copy_to(kept);
  const std::vector<Decided> latest = latest_of(std::move(kept));
  ASSERT_EQ(latest.size(), decisions_max);
  EXPECT_EQ(latest.front().at, system_clock::time_point(seconds(450)));
  EXPECT_EQ(latest.back().at, system_clock::time_point(seconds(251)));
}

TEST(DecisionRing, ShowsOnlyWhatWasMade) {
  DecisionRing ring;
  make(ring, 1);
  make(ring, 2);
  std::vector<Decided> kept;
  ring.copy_to(kept);
  EXPECT_EQ(kept.size(), 2U);
}

TEST(DecisionRing, MixesThreadsByTime) {
  DecisionRing even;
  DecisionRing odd;
  for (int second = 0; second < 300; ++second) make(second % 2 == 0 ? even : odd, second);
  std::vector<Decided> kept;
  even.copy_to(kept);
  odd.copy_to(kept);
  const std::vector<Decided> latest = latest_of(std::move(kept));
  ASSERT_EQ(latest.size(), decisions_max);
  for (std::size_t index = 0; index < latest.size(); ++index) {
    EXPECT_EQ(latest[index].at, system_clock::time_point(seconds(299 - static_cast<int>(index))));
  }
}

TEST(Decided, TellsWhy) {
  Decided decided;
  for (std::size_t decision = 1; decision < net::decision_names.size(); ++decision) {
    decided.decision = static_cast<net::Decision>(decision);
    EXPECT_NE(reason_of(decided), "") << net::decision_names[decision];
  }
  decided.decision = net::Decision::stale;
  decided.from_record = true;
  const std::string_view by_record = reason_of(decided);
  decided.from_record = false;
  decided.probed = true;
  EXPECT_NE(reason_of(decided), by_record);
}

TEST(Shown, IsCut) {
  std::string kept;
  keep_shown(kept, std::string(10'000, 'x'));
  EXPECT_EQ(kept.size(), shown_octets_max);
}

}  // namespace
}  // namespace ifmatch::admin
