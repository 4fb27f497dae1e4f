// Each rule matters: with any single one turned off, the simulator finds a lost update, or a gate
// that stays shut. It stops at the first seed that does and says which it was.
#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

namespace {

constexpr std::uint64_t seeds_max = 2000;

struct Control {
  const char* rule;
  void (*turn_off)(AllRules&);
  Wrong finds = Wrong::lost_updates;
};

template <bool guard::Rules::* Switch>
void engine(AllRules& rules) {
  rules.engine.*Switch = false;
}

template <bool ShellRules::* Switch>
void shell(AllRules& rules) {
  rules.shell.*Switch = false;
}

using R = guard::Rules;
using S = ShellRules;

const Control controls[] = {
    {"Rule_3_1_3_entries_need_epoch", engine<&R::entries_need_epoch>},
    {"Rule_3_1_3_aged_answers_not_recorded", shell<&S::aged_answers_not_recorded>},
    {"Rule_3_2_3_confirm_in_gate", engine<&R::confirm_in_gate>},
    {"Rule_3_2_3_views_kept_apart", shell<&S::views_kept_apart>},
    {"Rule_3_2_5_re_decide_before_send", engine<&R::re_decide_before_send>},
    {"Rule_3_2_6_exclusive_overlaps_below_and_above",
     engine<&R::exclusive_overlaps_below_and_above>},
    {"Rule_3_2_6_shared_overlaps_above", engine<&R::shared_overlaps_above>},
    {"Rule_3_2_6_stamp_at_send", engine<&R::stamp_at_send>},
    {"Rule_3_2_6_stamp_at_settle", engine<&R::stamp_at_settle>},
    {"Rule_3_2_6_forgotten_stamps_raise_floor", engine<&R::forgotten_stamps_raise_floor>},
    {"Rule_3_2_7_forwarded_once", shell<&S::forwarded_once>},
    {"Rule_3_2_7_preconditions_stay_here", shell<&S::preconditions_stay_here>},
    {"Rule_3_2_10_conditional_posts_are_guarded", shell<&S::conditional_posts_are_guarded>},
    {"Rule_3_3_1_intention_gates_on_enclosing", engine<&R::intention_gates_on_enclosing>},
    {"Rule_3_3_1_shared_gates_for_others", engine<&R::shared_gates_for_others>},
    {"Rule_3_3_1_resource_adds_gates", shell<&S::resource_adds_gates>},
    {"Rule_3_3_3_only_outcomes_open_gates", engine<&R::only_outcomes_open_gates>},
    {"Rule_3_3_5_reload_waits", engine<&R::reload_waits>},
    {"Rule_3_3_5_reload_keeps_gates", shell<&S::reload_keeps_gates>},
    {"Rule_3_4_answers_are_reported", shell<&S::answers_are_reported>, Wrong::shut_gates},
    {"Rule_3_4_api_errors_settle", shell<&S::api_errors_settle>},
    {"Rule_3_4_refusals_are_reported", shell<&S::refusals_are_reported>, Wrong::shut_gates},
    {"Rule_3_4_first_octet_counts", shell<&S::first_octet_counts>},
    {"Rule_3_4_gateway_errors_are_doubtful", shell<&S::gateway_errors_are_doubtful>},
    {"Rule_3_4_acceptance_is_doubtful", shell<&S::acceptance_is_doubtful>},
    {"Rule_3_4_timeouts_are_doubtful", shell<&S::timeouts_are_doubtful>},
    {"Rule_3_4_lost_connections_are_doubtful", shell<&S::lost_connections_are_doubtful>},
    {"Rule_3_4_quarantine", engine<&R::quarantine>},
    {"Rule_3_4_unclean_start", engine<&R::unclean_start>},
    {"Section_4_folded_keys", shell<&S::folded_keys>},
};

class WithoutARule : public ::testing::TestWithParam<Control> {};

const char* found(Wrong what) {
  return what == Wrong::lost_updates ? "a lost update" : "a shut gate";
}

}  // namespace

TEST_P(WithoutARule, AnUpdateIsLost) {
  AllRules rules;
  GetParam().turn_off(rules);
  for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
    const Outcome outcome = play(seed, rules);
    if (outcome[GetParam().finds] == 0) continue;
    std::cout << GetParam().rule << ": " << found(GetParam().finds) << " with seed " << seed << ": "
              << outcome.wrongs_told() << '\n';
    // It is the missing rule that does it, not the history.
    EXPECT_TRUE(play(seed).clean());
    return;
  }
  FAIL() << "no seed found " << found(GetParam().finds);
}

INSTANTIATE_TEST_SUITE_P(Rules, WithoutARule, ::testing::ValuesIn(controls),
                         [](const auto& control) { return std::string(control.param.rule); });

}  // namespace ifmatch::simulation
