// Each rule matters: with any single one turned off, the simulator finds a lost update, or a gate
// that stays shut. It stops at the first seed that does and says which it was; IFMATCH_SEED plays
// that one alone, with its trace. And each check of the simulator can fail.
#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "tests/simulation/environment.hpp"
#include "tests/simulation/simulator.hpp"

namespace ifmatch::simulation {

namespace {

constexpr std::uint64_t seeds_max = 2000;

struct Control {
  const char* rule;
  void (*turn_off)(AllRules&);
  Wrong finds = Wrong::lost_updates;
};

// What GoogleTest and CTest call it.
void PrintTo(const Control& control, std::ostream* out) {
  *out << control.rule;
}

template <bool guard::Rules::*Switch>
void engine(AllRules& rules) {
  rules.engine.*Switch = false;
}

template <bool ShellRules::*Switch>
void shell(AllRules& rules) {
  rules.shell.*Switch = false;
}

using R = guard::Rules;
using S = ShellRules;

const Control controls[] = {
    {"Rule_3_1_3_entries_need_epoch", engine<&R::entries_need_epoch>},
    {"Rule_3_1_3_aged_answers_not_recorded", shell<&S::aged_answers_not_recorded>},
    {"Rule_3_1_3_known_since_the_beginning", shell<&S::known_since_the_beginning>},
    {"Rule_3_2_3_confirm_in_gate", engine<&R::confirm_in_gate>},
    {"Rule_3_2_3_views_kept_apart", shell<&S::views_kept_apart>},
    {"Rule_3_2_3_probes_as_the_writer", shell<&S::probes_as_the_writer>},
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
    {"Rule_3_3_1_serialised_hold_exclusively", shell<&S::serialised_hold_exclusively>},
    {"Rule_3_3_1_resource_adds_gates", shell<&S::resource_adds_gates>},
    {"Rule_3_3_1_stricter_of_two_modes", engine<&R::stricter_of_two_modes>},
    {"Rule_3_3_1_gates_in_one_order", engine<&R::gates_in_one_order>, Wrong::shut_gates},
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

// The same, for what else is checked in every history.
const Control checks[] = {
    {"untrue_records", engine<&R::entries_need_epoch>, Wrong::untrue_records},
    {"false_refusals", shell<&S::views_kept_apart>, Wrong::false_refusals},
    {"dirty_reads", engine<&R::intention_gates_on_enclosing>, Wrong::dirty_reads},
    {"unanswered", shell<&S::refusals_are_reported>, Wrong::unanswered},
};

class CheckOf : public ::testing::TestWithParam<Control> {};

void find(const Control& control) {
  const char* sought = wrong_names[static_cast<std::size_t>(control.finds)];
  AllRules rules;
  control.turn_off(rules);
  if (const std::uint64_t seed = number_from_environment("IFMATCH_SEED", 0)) {
    const Outcome outcome = play(seed, rules, Trace::on);
    std::cout << outcome.trace << outcome.told() << '\n';
    EXPECT_GT(outcome[control.finds], 0U) << "this seed does not find " << sought;
    return;
  }
  for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
    const Outcome outcome = play(seed, rules);
    if (outcome[control.finds] == 0) continue;
    std::cout << control.rule << ": seed " << seed << " finds " << outcome.wrongs_told() << '\n';
    // It is the missing rule that does it, not the history.
    EXPECT_TRUE(play(seed).clean());
    return;
  }
  FAIL() << "no seed finds " << sought;
}

}  // namespace

TEST_P(WithoutARule, AnUpdateIsLost) {
  find(GetParam());
}

TEST_P(CheckOf, CanFail) {
  find(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Rules, WithoutARule, ::testing::ValuesIn(controls),
                         [](const auto& control) { return std::string(control.param.rule); });
INSTANTIATE_TEST_SUITE_P(Checks, CheckOf, ::testing::ValuesIn(checks),
                         [](const auto& control) { return std::string(control.param.rule); });

}  // namespace ifmatch::simulation
