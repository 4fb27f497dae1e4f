// rule 3.2.4, 3.2.5, 3.2.7, 3.2.8 and 3.2.10, as far as the engine decides them.
#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

class Rule_3_2_4 : public Guard {};
class Rule_3_2_5 : public Guard {};
class Rule_3_2_7 : public Guard {};
class Rule_3_2_8 : public Guard {};
class Rule_3_2_10 : public Guard {};

namespace {

struct Sighting {
  const char* says;
  Condition condition;
  bool absent_is_answer;
  Sight sight;
  std::optional<Refusal> refusal;  // unset: the write goes on
};

}  // namespace

TEST_F(Rule_3_2_4, AProbeDecidesAsItsTableSays) {
  const Condition tagged = if_match({version(1)});
  const std::vector<Sighting> table{
      {"relayed", tagged, false, Sight::relay, Refusal::relayed},
      {"relayed when creating", create_only(), false, Sight::relay, Refusal::relayed},
      {"PUT of something absent", tagged, false, Sight::absent, Refusal::stale},
      {"PATCH of something absent", tagged, true, Sight::absent, Refusal::absent},
      {"any method that creates", create_only(), true, Sight::absent, std::nullopt},
      {"PUT that creates", create_only(), false, Sight::absent, std::nullopt},
      {"nothing decided", tagged, false, Sight::undecidable, Refusal::unverifiable},
      {"nothing decided when creating", create_only(), false, Sight::undecidable,
       Refusal::unverifiable},
  };
  RequestId id = 0;
  for (const Sighting& row : table) {
    WriteRequest write = guarded(at("/a"), row.condition);
    write.absent_is_answer = row.absent_is_answer;
    submit(++id, write);
    ASSERT_TRUE(probes(id, true)) << row.says;
    probed(id, sees(row.sight));
    EXPECT_EQ(refused(id), row.refusal) << row.says;
    EXPECT_EQ(act(id)->current, std::nullopt) << row.says;
    EXPECT_EQ(does(id), row.refusal ? Do::refuse : Do::connect) << row.says;
    leave(id);
    EXPECT_EQ(engine.counts().gates_busy, 0U) << row.says;
  }
}

TEST_F(Rule_3_2_4, AbsentAndRelayedAreDecisiveThoughCandidatesAreLeft) {
  submit(1, put("/a", version(1)));
  probed(1, sees(Sight::relay), Engine::Candidates::more);
  EXPECT_EQ(refused(1), Refusal::relayed);
  submit(2, put("/a", version(1)));
  probed(2, sees(Sight::absent), Engine::Candidates::more);
  EXPECT_EQ(refused(2), Refusal::stale);
  submit(3, guarded(at("/a"), create_only()));
  probed(3, sees(version(4)), Engine::Candidates::more);
  EXPECT_EQ(refused(3), Refusal::exists);
  EXPECT_EQ(act(3)->current, version(4));
}

TEST_F(Rule_3_2_4, AnUndecidableCandidateGivesWayToTheNext) {
  submit(1, put("/a", version(1)));
  probed(1, sees(Sight::undecidable), Engine::Candidates::more);
  EXPECT_TRUE(probes(1, true));
  probed(1, sees(version(1)));
  EXPECT_EQ(does(1), Do::connect);
}

TEST_F(Rule_3_2_5, AWriteIsSentOnlyIfItsDecisionIsStillValid) {
  submit(1, put("/a", version(1)));
  probed(1, sees(version(1)));
  send_now(2, observed("/a"));  // holds no gate, so it may come between
  connected(1);
  EXPECT_TRUE(probes(1, true));
  EXPECT_TRUE(act(1)->first_probe);
  settled(2);
  probed(1, sees(version(1)));
  connected(1);
  EXPECT_EQ(does(1), Do::send);
}

TEST_F(Rule_3_2_5, AProbeThatBeganBeforeAnotherWriteWasSettledDecidesNothing) {
  submit(1, put("/a", version(1)));
  const Epoch since = engine.epoch();
  send_now(2, observed("/a"));
  settled(2);
  probed_since(1, sees(version(1)), since);
  EXPECT_EQ(does(1), Do::connect);
  connected(1);
  EXPECT_TRUE(probes(1, true));
}

TEST_F(Rule_3_2_5, AnEntryIsLookedAtAgainBeforeTheSend) {
  learn_now(at("/a"), view(0), version(1));
  WriteRequest write = put("/a", version(1));
  write.check = Check::recorded;
  submit(1, write);
  send_now(2, observed("/a"));
  settled(2);
  connected(1);
  EXPECT_TRUE(probes(1, true));
}

TEST_F(Rule_3_2_5, ItIsDecidedAgainAtMostThreeTimes) {
  send_now(2, observed("/a"));  // unsettled all the time
  submit(1, put("/a", version(1)));
  for (int again = 0; again < 3; ++again) {
    probed(1, sees(version(1)));
    connected(1);
    ASSERT_TRUE(probes(1, true)) << again;
  }
  probed(1, sees(version(1)));
  connected(1);
  EXPECT_EQ(refused(1), Refusal::busy);
  EXPECT_EQ(engine.counts().gates_busy, 0U);
}

TEST_F(Rule_3_2_5, ItIsDecidedAgainWithinTheGatesWaitOnly) {
  send_now(2, observed("/a"));
  submit(1, put("/a", version(1)));
  probed(1, sees(version(1)));
  now += 10s;
  connected(1);
  EXPECT_EQ(refused(1), Refusal::busy);
}

TEST_F(Rule_3_2_5, AWriteWithoutConditionJustGoes) {
  send_now(1, observed("/a"));
  send_now(2, post("/a"));
  send_now(3, post("/a"));
}

TEST_F(Rule_3_2_7, OnlyAWriteOfWhichNothingWasSentIsSentAgainAndNotForEver) {
  submit(1, serialised("/a"));
  for (int attempt = 0; attempt < 4; ++attempt) {
    connected(1);
    ASSERT_EQ(does(1), Do::send) << attempt;
    unsent(1);
  }
  EXPECT_EQ(refused(1), Refusal::busy);
  EXPECT_EQ(engine.counts().gates_busy, 0U);
}

TEST_F(Rule_3_2_8, TheGateOpensOnlyWithTheOutcome) {
  send_now(1, serialised("/a"));
  submit(2, post("/a"));
  tick_after(9s);
  EXPECT_TRUE(actions.empty());
  settled(1);
  EXPECT_EQ(does(2), Do::connect);
}

TEST_F(Rule_3_2_8, PastTheTimeOutItIsInDoubt) {
  send_now(1, serialised("/a"));
  in_doubt(1);
  submit(2, post("/a"));
  EXPECT_EQ(refused(2), Refusal::in_doubt);
}

TEST_F(Rule_3_2_8, WhatLosesSightOfASentWriteLeavesItInDoubt) {
  send_now(1, serialised("/a"));
  leave(1);
  submit(2, post("/a"));
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  leave(1);  // said twice: nothing changes
  settled(1);
  send_now(3, post("/a"));
}

TEST_F(Rule_3_2_8, AfterALossOfSightAWriteIsNotSentAgain) {
  send_now(1, serialised("/a"));
  leave(1);
  unsent(1);
  EXPECT_EQ(act(1), std::nullopt);
  EXPECT_EQ(engine.counts().requests, 0U);
}

TEST_F(Rule_3_2_10, AConditionIsDecidedAndHoldsExclusivelyWhateverTheMethod) {
  // The caller says Hold::exclusive for a POST with If-Match; what matters is in the request.
  WriteRequest write = guarded(at("/a"), if_match({version(1)}));
  write.absent_is_answer = true;
  submit(1, write);
  ASSERT_TRUE(probes(1, true));
  submit(2, post("/a"));
  EXPECT_EQ(does(2), Do::wait);
}

TEST_F(Rule_3_2_10, TagsOfIfNoneMatchAloneDecideUnderASharedHold) {
  WriteRequest write = post("/a");
  write.condition = if_none_match({version(1)});
  submit(1, write);
  ASSERT_TRUE(probes(1, true));
  send_now(2, post("/a"));
  settled(2);
  probed(1, sees(version(2)));
  connected(1);
  EXPECT_EQ(does(1), Do::send);
}

}  // namespace ifmatch::guard::testing
