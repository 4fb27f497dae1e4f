// The rules hold under every schedule and fault that the simulator finds, and each rule matters:
// with any single one turned off, the simulator finds a lost update.
//
// IFMATCH_SEEDS sets how many seeds are played, IFMATCH_SEED replays one of them with a trace.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

namespace {

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

struct Control {
  const char* name;
  bool guard::Rules::*rule;
};

class WithoutARule : public ::testing::TestWithParam<Control> {};

}  // namespace

TEST(Simulation, NoUpdateIsLostUnderAnySeed) {
  if (const std::uint64_t seed = number_from_environment("IFMATCH_SEED", 0)) {
    const Outcome outcome = play(seed, {}, Trace::on);
    EXPECT_TRUE(outcome.clean()) << outcome.told();
    return;
  }
  Outcome sum;
  for (std::uint64_t seed = 1; seed <= number_from_environment("IFMATCH_SEEDS", 2000); ++seed) {
    const Outcome outcome = play(seed);
    ASSERT_TRUE(outcome.clean()) << "replay with IFMATCH_SEED=" << seed << '\n' << outcome.told();
    sum.add(outcome);
  }
  std::cout << sum.told() << '\n';
  // A simulation in which nothing happens proves nothing.
  EXPECT_GT(sum.landed_as_claimed, sum.requests / 20) << sum.told();
  for (unsigned seen :
       {sum.stale, sum.from_record, sum.busy, sum.refused_in_doubt, sum.without_probe, sum.in_doubt,
        sum.slipped_around, sum.restarts, sum.reloads}) {
    EXPECT_GT(seen, 20U) << sum.told();
  }
}

TEST(Simulation, ASeedReplaysIdentically) {
  for (std::uint64_t seed : {3U, 77U, 1234U}) EXPECT_EQ(play(seed).told(), play(seed).told());
}

TEST_P(WithoutARule, AnUpdateIsLost) {
  guard::Rules rules;
  rules.*GetParam().rule = false;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    const Outcome outcome = play(seed, rules);
    if (outcome.lost_updates == 0 && outcome.shut_gates == 0) continue;
    std::cout << GetParam().name << ": seed " << seed << ", " << outcome.told() << '\n';
    return;
  }
  FAIL() << "no seed lost an update";
}

INSTANTIATE_TEST_SUITE_P(
    Rules, WithoutARule,
    ::testing::Values(Control{"re_decide_before_send", &guard::Rules::re_decide_before_send},
                      Control{"exclusive_overlaps_below_and_above",
                              &guard::Rules::exclusive_overlaps_below_and_above},
                      Control{"stamp_at_send", &guard::Rules::stamp_at_send},
                      Control{"stamp_at_settle", &guard::Rules::stamp_at_settle},
                      Control{"entries_need_epoch", &guard::Rules::entries_need_epoch},
                      Control{"confirm_in_gate", &guard::Rules::confirm_in_gate},
                      Control{"intention_gates_on_enclosing",
                              &guard::Rules::intention_gates_on_enclosing},
                      Control{"shared_gates_for_others", &guard::Rules::shared_gates_for_others},
                      Control{"quarantine", &guard::Rules::quarantine},
                      Control{"unclean_start", &guard::Rules::unclean_start},
                      Control{"reload_waits", &guard::Rules::reload_waits}),
    [](const auto& control) { return std::string(control.param.name); });

}  // namespace ifmatch::simulation
