// The rules hold under every schedule and fault that the simulator finds, and a seed gives the same
// history every time.
//
// IFMATCH_SEEDS sets how many seeds are played, IFMATCH_FIRST_SEED with which to begin,
// IFMATCH_SEEDS_A_MINUTE how fast it must be; IFMATCH_SEED replays one seed with its trace.
#include <gtest/gtest.h>

#include <ctime>
#include <iostream>
#include <string>

#include "tests/simulation/environment.hpp"
#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

namespace {

constexpr std::uint64_t seeds_by_default = 5000;

std::string how_to_replay(std::uint64_t seed) {
  return "replay with: IFMATCH_SEED=" + std::to_string(seed) +
         " build/dev/tests/simulation/simulation_test --gtest_filter=Simulation.NoUpdate*\n";
}

}  // namespace

TEST(Simulation, NoUpdateIsLostUnderAnySeed) {
  if (const std::uint64_t seed = number_from_environment("IFMATCH_SEED", 0)) {
    const Outcome outcome = play(seed, {}, Trace::on);
    std::cout << outcome.trace << outcome.told() << '\n';
    EXPECT_TRUE(outcome.clean()) << outcome.wrongs_told();
    return;
  }
  const std::uint64_t seeds = number_from_environment("IFMATCH_SEEDS", seeds_by_default);
  const std::uint64_t first = number_from_environment("IFMATCH_FIRST_SEED", 1);
  ASSERT_GT(seeds, 0U);
  std::cout << "seeds " << first << " to " << first + seeds - 1 << std::endl;

  const std::clock_t begun = std::clock();
  Outcome sum;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const Outcome outcome = play(seed);
    ASSERT_TRUE(outcome.clean()) << how_to_replay(seed) << outcome.told();
    sum.add(outcome);
  }
  const double took = static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC;
  const auto a_minute = static_cast<std::uint64_t>(static_cast<double>(seeds) * 60 / took);
  std::cout << sum.told() << '\n' << a_minute << " seeds a minute of one core\n";
  EXPECT_GE(a_minute, number_from_environment("IFMATCH_SEEDS_A_MINUTE", 0));

  // A simulation in which nothing happens proves nothing.
  EXPECT_GT(sum[Seen::landed_as_claimed], sum[Seen::requests] / 50);
  if (seeds < seeds_by_default) return;
  for (std::size_t what = 0; what < seen_names.size(); ++what) {
    EXPECT_GE(sum[static_cast<Seen>(what)], 50U) << seen_names[what] << " hardly ever happened";
  }
}

TEST(Simulation, ASeedReplaysIdentically) {
  for (const std::uint64_t seed : {3U, 77U, 1234U, 4321U}) {
    const Outcome once = play(seed, {}, Trace::on);
    const Outcome again = play(seed, {}, Trace::on);
    EXPECT_GT(once.trace.size(), 1000U);
    EXPECT_TRUE(once.trace == again.trace) << how_to_replay(seed);
    EXPECT_EQ(once.told(), again.told());
    // Looking changes nothing.
    EXPECT_EQ(once.told(), play(seed).told());
  }
  EXPECT_FALSE(play(3, {}, Trace::on).trace == play(4, {}, Trace::on).trace);
}

}  // namespace ifmatch::simulation
