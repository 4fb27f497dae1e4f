// rule 3.3: who holds which gate in which mode, whose turn it is, and what bounds the waiting.
#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

class Rule_3_3_1 : public Guard {};
class Rule_3_3_2 : public Guard {};
class Rule_3_3_3 : public Guard {};
class Rule_3_3_4 : public Guard {};
class Rule_3_3_5 : public Guard {};

TEST_F(Rule_3_3_1, AGuardedWriteExcludesEveryOtherWriteOfItsPath) {
  send_now(1, serialised("/a"));
  submit(2, serialised("/a"));
  EXPECT_EQ(does(2), Do::wait);
  submit(3, post("/a"));
  EXPECT_EQ(does(3), Do::wait);
  settled(1);
  EXPECT_EQ(does(3), Do::connect);
  EXPECT_EQ(does(2), std::nullopt);
}

TEST_F(Rule_3_3_1, CreationsInACollectionRunSideBySide) {
  send_now(1, post("/a"));
  send_now(2, post("/a"));
  send_now(3, post("/a/b"));
}

TEST_F(Rule_3_3_1, NoCreationRunsBesideAReplacementOfItsCollection) {
  send_now(1, serialised("/a"));
  submit(2, post("/a/b"));
  EXPECT_EQ(does(2), Do::wait);
  submit(3, serialised("/a/b/c"));
  EXPECT_EQ(does(3), Do::wait);
}

TEST_F(Rule_3_3_1, NoReplacementOfACollectionRunsBesideAWriteBelowIt) {
  send_now(1, serialised("/a/b/c"));
  submit(2, serialised("/a"));
  EXPECT_EQ(does(2), Do::wait);
  submit(3, serialised("/"));
  EXPECT_EQ(does(3), Do::wait);
}

TEST_F(Rule_3_3_1, SiblingsDoNotHinderEachOther) {
  send_now(1, serialised("/a/b"));
  send_now(2, serialised("/a/c"));
  send_now(3, serialised("/a-b"));
}

TEST_F(Rule_3_3_1, ANameIsHeldExclusivelyByGuardedAndSharedByOthers) {
  WriteRequest one = serialised("/a");
  one.resource.names = {"order:1"};
  WriteRequest other = serialised("/b");
  other.resource.names = {"order:1"};
  WriteRequest third = post("/c");
  third.resource.names = {"order:1"};
  send_now(1, one);
  submit(2, other);
  EXPECT_EQ(does(2), Do::wait);
  submit(3, third);
  EXPECT_EQ(does(3), Do::wait);
}

TEST_F(Rule_3_3_1, APathOfResourceIsHeldAsTheOwnPathIsWithItsEnclosingPaths) {
  WriteRequest alias = serialised("/me");
  alias.resource.paths.push_back("/users/42");
  send_now(1, alias);
  submit(2, serialised("/users/42"));
  EXPECT_EQ(does(2), Do::wait);
  submit(3, serialised("/users"));
  EXPECT_EQ(does(3), Do::wait);
  send_now(4, serialised("/you"));
}

TEST_F(Rule_3_3_1, AGateNeededTwiceIsTakenOnceInTheStricterMode) {
  WriteRequest both = serialised("/a/b");
  both.resource.paths.push_back("/a");
  both.resource.paths.push_back("/a");
  send_now(1, both);
  submit(2, post("/a"));
  EXPECT_EQ(does(2), Do::wait);
  settled(1);
  EXPECT_EQ(does(2), Do::connect);
  leave(2);
  EXPECT_EQ(engine.counts().gates_busy, 0U);
}

TEST_F(Rule_3_3_2, SharedAndExclusiveTurnsAlternate) {
  send_now(1, serialised("/a"));
  submit(2, serialised("/a"));
  submit(3, post("/a"));
  submit(4, serialised("/a"));
  submit(5, post("/a"));
  settled(1);
  EXPECT_EQ(does(3), Do::connect);
  EXPECT_EQ(does(5), Do::connect);
  submit(6, post("/a"));  // comes later, so it waits behind the exclusive ones
  EXPECT_EQ(does(6), Do::wait);
  leave(3);
  EXPECT_TRUE(actions.empty());
  leave(5);
  EXPECT_EQ(does(2), Do::connect);
  leave(2);
  EXPECT_EQ(does(6), Do::connect);
  leave(6);
  EXPECT_EQ(does(4), Do::connect);
}

TEST_F(Rule_3_3_3, TimeAloneNeverOpensTheGateOfAWriteThatIsOut) {
  send_now(1, serialised("/a"));
  submit(2, serialised("/a"));
  tick_after(1000h);
  EXPECT_EQ(refused(2), Refusal::busy);
  submit(3, serialised("/a"));
  EXPECT_EQ(does(3), Do::wait);
}

TEST_F(Rule_3_3_4, AWaiterThatLeavesFreesTheGatesThatItHeld) {
  send_now(1, serialised("/a/b"));
  WriteRequest both = serialised("/a/b");
  both.resource.names = {"n"};
  submit(2, both);
  EXPECT_EQ(does(2), Do::wait);
  WriteRequest named = serialised("/z");
  named.resource.names = {"n"};
  submit(3, named);
  EXPECT_EQ(does(3), Do::wait);
  leave(2);
  EXPECT_EQ(does(3), Do::connect);
}

TEST_F(Rule_3_3_2, AmongExclusiveOnesArrivalOrderCounts) {
  send_now(1, serialised("/a"));
  for (RequestId id = 2; id <= 5; ++id) submit(id, serialised("/a"));
  for (RequestId id = 2; id <= 5; ++id) {
    if (id == 2) settled(1);
    if (id != 2) leave(id - 1);
    EXPECT_EQ(does(id), Do::connect) << id;
    EXPECT_EQ(actions.size(), 1U);
  }
}

TEST_F(Rule_3_3_2, ANewcomerPassesNobodyItConflictsWith) {
  send_now(1, post("/a"));
  submit(2, serialised("/a"));
  submit(3, post("/a"));
  EXPECT_EQ(does(3), Do::wait);
  send_now(4, post("/"));  // conflicts with no one who waits
}

TEST_F(Rule_3_3_2, ReadsAndSharedOnesTakeTurnsInTheOrderOfArrival) {
  send_now(1, serialised("/a"));
  submit(2, post("/a"));
  submit_read(3, at("/a"));
  submit(4, post("/a"));
  settled(1);
  EXPECT_EQ(does(2), Do::connect);
  EXPECT_EQ(act(3), std::nullopt);
  EXPECT_EQ(act(4), std::nullopt);  // it may share with 2, but would pass 3
  leave(2);
  EXPECT_EQ(does(3), Do::connect);
  leave(3);
  EXPECT_EQ(does(4), Do::connect);
}

TEST_F(Rule_3_3_3, ALateTickOnlyMakesOthersWait) {
  send_now(1, serialised("/a"));
  in_doubt(1);
  now += 1000h;
  submit(2, serialised("/a"));
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  EXPECT_EQ(act(2)->retry_after, Duration::zero());
  tick_after(0s);
  send_now(3, serialised("/a"));
}

TEST_F(Rule_3_3_4, AGrantedRequestThatLeavesHandsOn) {
  submit(1, put("/a", version(1)));
  submit(2, serialised("/a"));
  leave(1);
  EXPECT_EQ(does(2), Do::connect);
}

TEST_F(Rule_3_3_5, AReloadNeverDropsAGate) {
  send_now(1, serialised("/a"));
  engine.reconfigured(now);
  submit(2, serialised("/a"));
  EXPECT_EQ(does(2), Do::wait);
}

TEST_F(Rule_3_3_5, GuardedWritesBeginWhenEverythingOlderIsGone) {
  send_now(1, observed("/a"));
  send_now(2, post("/b"));
  engine.reconfigured(now);
  submit(3, put("/c", version(1)));
  EXPECT_EQ(does(3), Do::wait);
  send_now(4, post("/d"));  // excludes none of the older ones
  settled(1);
  EXPECT_TRUE(actions.empty());
  in_doubt(2);
  EXPECT_TRUE(actions.empty());
  settled(2);
  EXPECT_TRUE(probes(3, true));
}

TEST_F(Rule_3_3_5, WhatWasSubmittedBeforeGoesOnAndCountsAsOlder) {
  submit(1, put("/m", version(1)));  // not sent yet
  engine.reconfigured(now);
  submit(2, serialised("/w"));
  EXPECT_EQ(does(2), Do::wait);
  submit(3, post("/w"));
  EXPECT_EQ(does(3), Do::wait);
  submit_read(4, at("/w"));
  EXPECT_EQ(does(4), Do::wait);
  probed(1, sees(version(1)));
  connected(1);
  ASSERT_EQ(does(1), Do::send);
  settled(1);
  EXPECT_EQ(does(2), Do::connect);
  EXPECT_EQ(act(3), std::nullopt) << "it waits at the gate of /w now";
  leave(2);
  EXPECT_EQ(does(3), Do::connect);
  leave(3);
  EXPECT_EQ(does(4), Do::connect);
}

TEST_F(Rule_3_3_5, ThoseHeldBackHoldNothingThatOlderOnesNeed) {
  send_now(1, serialised("/a"));
  submit(2, serialised("/a"));
  engine.reconfigured(now);
  submit(3, serialised("/b"));
  ASSERT_EQ(does(3), Do::wait);
  engine.reconfigured(now);
  submit(4, serialised("/b"));
  ASSERT_EQ(does(4), Do::wait);
  settled(1);
  EXPECT_EQ(does(2), Do::connect);
  leave(2);
  EXPECT_EQ(does(3), Do::connect);
  EXPECT_EQ(act(4), std::nullopt);
  leave(3);
  EXPECT_EQ(does(4), Do::connect);
}

TEST_F(Rule_3_3_5, BeingHeldBackIsBoundedAsAllWaiting) {
  send_now(1, serialised("/a"));
  engine.reconfigured(now);
  submit(2, serialised("/b"));
  EXPECT_EQ(engine.next_deadline(), now + 10s);
  tick_after(10s);
  EXPECT_EQ(refused(2), Refusal::busy);
}

TEST_F(Rule_3_3_5, WhatWasLearntBeforeIsVoidUntilTheOlderOnesAreGone) {
  send_now(1, post("/a"));
  learn_now(at("/z"), view(0), version(1));
  engine.reconfigured(now);
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), std::nullopt);
  learn_now(at("/z"), view(0), version(1));
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), std::nullopt);
  settled(1);
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), std::nullopt);
  learn_now(at("/z"), view(0), version(1));
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), version(1));
}

TEST_F(Rule_3_3_5, ANewObservedWriteIsSeenByOlderDecisionsWhateverItsNames) {
  WriteRequest older = guarded(at("/m", {"old"}), if_match({version(1)}));
  submit(1, older);
  engine.reconfigured(now);
  probed(1, sees(version(1)));
  WriteRequest newer = observed("/w");
  newer.resource.names = {"new"};
  send_now(2, newer);
  connected(1);
  EXPECT_TRUE(probes(1, true));
  settled(2);
  probed(1, sees(version(1)));
  connected(1);
  EXPECT_EQ(does(1), Do::send);
}

}  // namespace ifmatch::guard::testing
