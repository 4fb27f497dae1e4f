// rule 3.4: what each outcome of a forwarded write does to gates, entries and those who wait.
#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

class Rule_3_4 : public Guard {};

TEST_F(Rule_3_4, AnAnswerOfTheApiSettlesAndVoidsTheEntries) {
  learn_now(at("/a"), view(0), version(1));
  send_now(1, serialised("/a"));
  const Epoch sent = engine.epoch();
  settled(1);
  EXPECT_GT(engine.epoch(), sent);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  EXPECT_EQ(engine.counts().requests, 0U);
  EXPECT_EQ(engine.counts().gates_busy, 0U);
  submit(2, put("/a", version(1)));
  EXPECT_TRUE(probes(2, true));
}

TEST_F(Rule_3_4, AFailureBeforeTheFirstOctetVoidsTheEntriesKeepsTheGateAndDecidesAgain) {
  submit(1, put("/a", version(1)));
  probed(1, sees(version(1)));
  connected(1);
  ASSERT_EQ(does(1), Do::send);
  const Epoch sent = engine.epoch();
  learn(at("/a"), view(0), version(1), sent);
  unsent(1);
  EXPECT_TRUE(probes(1, true));
  EXPECT_TRUE(act(1)->first_probe);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  submit(2, serialised("/a"));
  EXPECT_EQ(does(2), Do::wait);
  probed(1, sees(version(2)));
  EXPECT_EQ(refused(1), Refusal::stale);
  EXPECT_EQ(does(2), Do::connect);
}

TEST_F(Rule_3_4, AWriteWithoutConditionThatWasNotSentConnectsAgain) {
  send_now(1, post("/a"));
  unsent(1);
  EXPECT_EQ(does(1), Do::connect);
  send_now(2, observed("/b"));
  unsent(2);
  EXPECT_EQ(does(2), Do::connect);
}

TEST_F(Rule_3_4, WhoeverWaitsAtAGateInDoubtIsToldAtOnce) {
  send_now(1, serialised("/a"));
  submit(2, serialised("/a"));
  submit(3, post("/a/b"));
  submit_read(4, at("/a"));
  now += 3s;
  in_doubt(1);
  for (RequestId waiter : {2U, 3U, 4U}) {
    EXPECT_EQ(refused(waiter), Refusal::in_doubt) << waiter;
    EXPECT_EQ(act(waiter)->retry_after, Duration(30s)) << waiter;
  }
}

TEST_F(Rule_3_4, WhoeverAsksForAGateInDoubtIsToldAtOnce) {
  send_now(1, serialised("/a/b"));
  in_doubt(1);
  now += 10s;
  submit(2, put("/a/b", version(1)));
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  EXPECT_EQ(act(2)->retry_after, Duration(20s));
  submit(3, serialised("/a"));
  EXPECT_EQ(refused(3), Refusal::in_doubt);
  submit_read(4, at("/a/b/c"));
  EXPECT_EQ(refused(4), Refusal::in_doubt);
}

TEST_F(Rule_3_4, CompatibleOnesPassAGateInDoubt) {
  send_now(1, post("/a"));
  submit(2, serialised("/a"));
  submit(3, post("/a"));  // waits behind the exclusive one
  EXPECT_EQ(does(3), Do::wait);
  in_doubt(1);
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  EXPECT_EQ(does(3), Do::connect);
  send_now(4, post("/a"));
  send_now(5, serialised("/b"));
}

TEST_F(Rule_3_4, AWaiterThatIsExpelledFreesWhatItHeld) {
  send_now(1, serialised("/a"));
  WriteRequest named = serialised("/a");
  named.resource.names = {"n"};
  submit(2, named);
  WriteRequest other = serialised("/b");
  other.resource.names = {"n"};
  submit(3, other);
  ASSERT_EQ(does(3), Do::wait);
  in_doubt(1);
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  EXPECT_EQ(does(3), Do::connect);
}

TEST_F(Rule_3_4, AWaiterThatReachesAGateInDoubtLaterIsToldThen) {
  WriteRequest named = serialised("/b");
  named.resource.names = {"n"};
  send_now(1, named);
  WriteRequest both = serialised("/a");
  both.resource.names = {"n"};
  submit(2, both);
  ASSERT_EQ(does(2), Do::wait);
  send_now(3, serialised("/a"));
  in_doubt(3);
  EXPECT_TRUE(actions.empty());
  settled(1);
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  EXPECT_EQ(engine.counts().requests, 1U);
}

TEST_F(Rule_3_4, QuarantineEndsInANewEpochAndOpensTheGate) {
  send_now(1, serialised("/a"));
  in_doubt(1);
  const Epoch during = engine.epoch();
  learn(at("/a"), view(0), version(1), during);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  ASSERT_EQ(engine.next_deadline(), now + 30s);
  tick_after(30s - 1ns);
  EXPECT_EQ(engine.counts().requests, 1U);
  tick_after(1ns);
  EXPECT_EQ(engine.counts().requests, 0U);
  EXPECT_GT(engine.epoch(), during);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  send_now(2, serialised("/a"));
}

TEST_F(Rule_3_4, AnOutcomeEndsAQuarantineEarly) {
  send_now(1, serialised("/a"));
  in_doubt(1);
  settled(1);
  EXPECT_EQ(engine.next_deadline(), std::nullopt);
  send_now(2, serialised("/a"));
}

TEST_F(Rule_3_4, AGateThatOthersStillHoldIsInDoubtNoLonger) {
  send_now(1, post("/a"));
  send_now(2, post("/a"));
  in_doubt(1);
  tick_after(30s);
  submit(3, serialised("/a"));
  EXPECT_EQ(does(3), Do::wait);
  settled(2);
  EXPECT_EQ(does(3), Do::connect);
}

TEST_F(Rule_3_4, ASecondDoubtBeginsTheQuarantineAnew) {
  send_now(1, serialised("/a"));
  in_doubt(1);
  now += 10s;
  in_doubt(1);
  EXPECT_EQ(engine.next_deadline(), now + 30s);
  submit(2, serialised("/a"));
  EXPECT_EQ(act(2)->retry_after, Duration(30s));
}

TEST_F(Rule_3_4, AnUncleanStartIsAQuarantineOfEverything) {
  engine.quarantine_everything(now + 20s);
  const Epoch during = engine.epoch();
  submit(1, put("/a", version(1)));
  EXPECT_EQ(refused(1), Refusal::in_doubt);
  EXPECT_EQ(act(1)->retry_after, Duration(20s));
  submit(2, post("/b"));
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  submit_read(3, at("/c"));
  EXPECT_EQ(refused(3), Refusal::in_doubt);
  learn(at("/a"), view(0), version(1), during);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  tick_after(20s - 1ns);
  submit(4, post("/b"));
  EXPECT_EQ(refused(4), Refusal::in_doubt);
  tick_after(1ns);
  EXPECT_GT(engine.epoch(), during);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);  // its read began before
  send_now(5, post("/b"));
}

TEST_F(Rule_3_4, AQuarantineOfEverythingReachesThoseWhoAreUnderWay) {
  submit(1, put("/a", version(1)));
  submit(2, serialised("/b"));
  submit(3, serialised("/b"));
  submit_read(4, at("/b"));
  ASSERT_EQ(does(4), Do::wait);
  engine.quarantine_everything(now + 20s);
  EXPECT_LE(*engine.next_deadline(), now);
  tick_after(0s);
  EXPECT_EQ(refused(3), Refusal::in_doubt);
  EXPECT_EQ(refused(4), Refusal::in_doubt);
  probed(1, sees(version(1)));
  connected(1);
  EXPECT_EQ(refused(1), Refusal::in_doubt);
  connected(2);
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  EXPECT_EQ(engine.counts().gates_busy, 0U);
}

TEST_F(Rule_3_4, NobodyIsLetInWhileEverythingIsInQuarantine) {
  send_now(1, serialised("/a"));
  submit_read(2, at("/a"));
  send_now(3, serialised("/b"));
  submit(4, post("/b"));
  engine.quarantine_everything(now + 20s);
  settled(1);
  EXPECT_EQ(refused(2), Refusal::in_doubt);
  settled(3);
  EXPECT_EQ(refused(4), Refusal::in_doubt);
}

TEST_F(Rule_3_4, ObservedWritesAreNeverHindered) {
  send_now(1, serialised("/a"));
  in_doubt(1);
  send_now(2, observed("/a"));
  engine.quarantine_everything(now + 20s);
  send_now(3, observed("/a"));
}

}  // namespace ifmatch::guard::testing
