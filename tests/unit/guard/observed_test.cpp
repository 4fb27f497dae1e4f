// Counts by name, of which there are only so many.
#include "proxy/guard/observed.hpp"

#include <gtest/gtest.h>

namespace ifmatch::guard {
namespace {

TEST(ObservedNames, CountWhatDoesNotFitAsOne) {
  ObservedNames names(2);
  for (const char* name : {"a", "b", "c", "d", "a"}) ++names.of(name).writes;
  EXPECT_EQ(names.named().size(), 2U);
  EXPECT_EQ(names.named().at("a").writes, 2U);
  EXPECT_EQ(names.named().at("b").writes, 1U);
  EXPECT_EQ(names.others().writes, 2U);
}

TEST(ObservedCounts, AddUpAndTellRefusalsFromTheRest) {
  ObservedCounts one;
  one.writes = 7;
  for (std::size_t at = 0; at < one.foreseen.size(); ++at) one.foreseen[at] = 1;
  one.lost = 2;
  one.blind = 3;
  EXPECT_EQ(one.refusals(), 5U);  // all but pass and unverifiable
  ObservedCounts two = one;
  two += one;
  EXPECT_EQ(two.writes, 14U);
  EXPECT_EQ(two.refusals(), 10U);
  EXPECT_EQ(two.lost, 4U);
  EXPECT_EQ(two.blind, 6U);
}

}  // namespace
}  // namespace ifmatch::guard
