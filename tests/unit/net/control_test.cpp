// The switches that signals and the admin API share: whom they ask, and what they remember.
#include "proxy/net/control.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace ifmatch::net {
namespace {

TEST(Control, RefusesToReloadWhereNothingIsServed) {
  Control control;
  std::optional<ReloadOutcome> told;
  control.reload([&](const ReloadOutcome& outcome) { told = outcome; });
  ASSERT_TRUE(told);
  EXPECT_EQ(told->applied, Applied::no);
  EXPECT_NE(told->text, "");
}

TEST(Control, HandsAReloadToTheServerWithItsListener) {
  Control control;
  control.attach(
      [&](Control::Reloaded done) {
        const ReloadOutcome outcome{Applied::no, "ifmatch.yaml:1:1: error"};
        control.note(outcome);
        done(outcome);
      },
      {});
  std::string text;
  control.reload([&](const ReloadOutcome& outcome) { text = outcome.text; });
  EXPECT_EQ(text, "ifmatch.yaml:1:1: error");
}

TEST(Control, RemembersTheLastReloadAndWhenTheConfigurationCameIntoForce) {
  Control control;
  EXPECT_EQ(control.state().last_reload.applied, Applied::yes) << "none has failed";
  EXPECT_FALSE(control.state().last_reload_at);
  control.note({Applied::yes, "a warning"});
  const LifeState applied = control.state();
  EXPECT_EQ(applied.reloads_applied, 1U);
  EXPECT_EQ(applied.configured_at, applied.last_reload_at);
  control.note({Applied::no, "an error"});
  const LifeState refused = control.state();
  EXPECT_EQ(refused.last_reload.applied, Applied::no);
  EXPECT_EQ(refused.last_reload.text, "an error");
  EXPECT_EQ(refused.reloads_refused, 1U);
  EXPECT_EQ(refused.configured_at, applied.configured_at) << "the old one is still in force";
}

TEST(Control, IsReadyOnlyWhileItServes) {
  Control control;
  EXPECT_FALSE(control.ready());
  control.enter(Phase::serving);
  EXPECT_TRUE(control.ready());
  for (const Phase phase : {Phase::leaving, Phase::draining, Phase::ended}) {
    control.enter(phase);
    EXPECT_FALSE(control.ready()) << name_of(phase);
    EXPECT_EQ(control.state().phase, phase);
  }
}

TEST(Control, DrainsThroughTheServer) {
  Control control;
  control.drain();  // nobody to ask
  int asked = 0;
  control.attach({}, [&] { ++asked; });
  control.drain();
  EXPECT_EQ(asked, 1);
}

TEST(Control, TellsEverybodyToReopenTheirLogs) {
  Control control;
  int first = 0;
  int second = 0;
  control.on_reopen_logs([&] { ++first; });
  control.on_reopen_logs([&] { ++second; });
  control.reopen_logs();
  control.reopen_logs();
  EXPECT_EQ(first, 2);
  EXPECT_EQ(second, 2);
}

}  // namespace
}  // namespace ifmatch::net
