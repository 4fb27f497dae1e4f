// One minute of torture through the real program: no update is lost, no promise broken, although
// every kind of fault took place. And a few seconds straight at the upstream, where updates are
// lost: the checker can fail.
#include <gtest/gtest.h>

#include <iostream>
#include <random>

#include "tests/integration/torture/run.hpp"

namespace ifmatch::torture {
namespace {

TEST(Torture, LosesNoUpdateThroughIfmatch) {
  Options options;
  options.seed = std::random_device{}();
  const Report report = run(options);
  std::cout << report;
  EXPECT_EQ(report.failures(), std::vector<std::string>{});
  EXPECT_EQ(report.findings.lost, 0U);
}

TEST(Torture, LosesUpdatesStraightAtTheUpstream) {
  Options options;
  options.time = std::chrono::seconds(5);
  options.seed = std::random_device{}();
  options.front = Front::nothing;
  const Report report = run(options);
  std::cout << report;
  EXPECT_GT(report.findings.lost, 10U);
  EXPECT_EQ(report.failures(), std::vector<std::string>{});
}

}  // namespace
}  // namespace ifmatch::torture
