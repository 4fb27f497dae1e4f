// rule 3.1.3, 3.2.3 and 3.2.6: when an entry is valid, what a write overlaps, and what may be
// decided from the record.
#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

class Rule_3_1_3 : public Guard {};
class Rule_3_2_3 : public Guard {};
class Rule_3_2_6 : public Guard {};

TEST_F(Rule_3_1_3, AnEntryIsValidWhileNothingWasWritten) {
  learn_now(at("/a"), view(0), version(1));
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), version(1));
}

TEST_F(Rule_3_1_3, AReadThatOverlapsAWriteTeachesNothing) {
  const Epoch before = engine.epoch();
  send_now(1, serialised("/a"));
  const Epoch during = engine.epoch();
  learn(at("/a"), view(0), version(1), before);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  learn(at("/a"), view(0), version(2), during);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  settled(1);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  learn(at("/a"), view(0), version(2), during);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  learn_now(at("/a"), view(0), version(3));
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), version(3));
}

TEST_F(Rule_3_1_3, AnObservedWriteVoidsEntriesThoughItHoldsNoGate) {
  learn_now(at("/a/b"), view(0), version(1));
  send_now(1, observed("/a"));
  EXPECT_EQ(engine.recorded(at("/a/b"), view(0)), std::nullopt);
  learn_now(at("/a/b"), view(0), version(1));
  EXPECT_EQ(engine.recorded(at("/a/b"), view(0)), std::nullopt);
  in_doubt(1);
  EXPECT_EQ(engine.recorded(at("/a/b"), view(0)), std::nullopt);
  tick_after(30s);
  learn_now(at("/a/b"), view(0), version(2));
  EXPECT_EQ(engine.recorded(at("/a/b"), view(0)), version(2));
  EXPECT_EQ(engine.counts().gates_busy, 0U);
}

namespace {

struct Overlap {
  const char* written;
  Hold hold;
  const char* read;
  bool voids;
};

}  // namespace

TEST_F(Rule_3_2_6, AWriteOverlapsAsItsHoldSays) {
  const std::vector<Overlap> table{
      {"/a/b", Hold::exclusive, "/a/b", true},
      {"/a/b", Hold::exclusive, "/a", true},
      {"/a/b", Hold::exclusive, "/", true},
      {"/a/b", Hold::exclusive, "/a/b/c", true},
      {"/a/b", Hold::exclusive, "/a/b/c/d", true},
      {"/a/b", Hold::exclusive, "/a/c", false},
      {"/a/b", Hold::exclusive, "/a/bb", false},
      {"/", Hold::exclusive, "/x/y", true},
      {"/a/b", Hold::shared, "/a/b", true},
      {"/a/b", Hold::shared, "/a", true},
      {"/a/b", Hold::shared, "/", true},
      {"/a/b", Hold::shared, "/a/b/c", false},
      {"/a/b", Hold::shared, "/a/c", false},
      {"/a/b", Hold::none, "/a/b/c", true},
      {"/a/b", Hold::none, "/a", true},
      {"/a/b", Hold::none, "/b", false},
  };
  RequestId id = 0;
  for (const Overlap& row : table) {
    Engine fresh(small());
    const Resource resource = at(row.read);
    WriteRequest write = serialised(row.written);
    write.hold = row.hold;
    Actions out;
    fresh.learn({resource, view(0), version(1), 1, fresh.epoch()}, false);
    fresh.submit(++id, write, now, out);
    fresh.connected(id, now, out);
    ASSERT_EQ(out.back().what, Do::send);
    EXPECT_EQ(fresh.recorded(resource, view(0)).has_value(), !row.voids)
        << "unsettled " << row.written << ' ' << row.read;
    fresh.settled(id, now, out);
    EXPECT_EQ(fresh.recorded(resource, view(0)).has_value(), !row.voids)
        << "stamped " << row.written << ' ' << row.read;
    fresh.learn({resource, view(0), version(1), 1, fresh.epoch()}, false);
    EXPECT_TRUE(fresh.recorded(resource, view(0)).has_value()) << row.written << ' ' << row.read;
  }
}

TEST_F(Rule_3_2_6, NamesAndPathsOfResourceAreStampedAsTheOwnPathIs) {
  learn_now(at("/x", {"order:1"}), view(0), version(1));
  learn_now(at("/users/42/address"), view(1), version(2));
  learn_now(at("/y"), view(2), version(3));
  WriteRequest write = serialised("/me");
  write.resource.paths.push_back("/users/42");
  write.resource.names.push_back("order:1");
  send_now(1, write);
  settled(1);
  EXPECT_EQ(engine.recorded(at("/x", {"order:1"}), view(0)), std::nullopt);
  EXPECT_EQ(engine.recorded(at("/users/42/address"), view(1)), std::nullopt);
  EXPECT_EQ(engine.recorded(at("/y"), view(2)), version(3));
}

TEST_F(Rule_3_2_6, AWriteDrawsAnEpochWhenItIsSentAndAnotherWhenItIsSettled) {
  submit(1, serialised("/a"));
  const Epoch before = engine.epoch();
  connected(1);
  EXPECT_EQ(engine.epoch(), before + 1);
  settled(1);
  EXPECT_EQ(engine.epoch(), before + 2);
}

class Rule_3_2_6_WithFewNodes : public Guard {
 protected:
  Rule_3_2_6_WithFewNodes() : Guard(few()) {}
  static EngineLimits few() {
    EngineLimits limits = small();
    limits.nodes_max = 4;
    return limits;
  }
};

TEST_F(Rule_3_2_6_WithFewNodes, StampsThatAreForgottenRaiseTheFloor) {
  const Epoch before = engine.epoch();
  send_now(1, serialised("/a"));
  settled(1);
  for (RequestId id = 2; id < 6; ++id) {
    send_now(id, serialised("/b" + std::to_string(id)));
    settled(id);
  }
  EXPECT_LE(engine.counts().nodes, 4U);
  learn(at("/a"), view(0), version(1), before);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  learn_now(at("/a"), view(0), version(1));
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), version(1));
}

TEST_F(Rule_3_2_6_WithFewNodes, GatesInUseAreNeverForgotten) {
  send_now(1, serialised("/a"));
  send_now(2, serialised("/b"));
  in_doubt(2);
  submit(3, serialised("/c/d"));  // needs two, one is left
  EXPECT_EQ(refused(3), Refusal::busy);
  EXPECT_EQ(engine.counts().nodes, 3U);
  submit_read(4, at("/c/d"));
  EXPECT_EQ(refused(4), Refusal::busy);
  submit(5, serialised("/a"));
  EXPECT_EQ(does(5), Do::wait);
  settled(1);
  EXPECT_EQ(does(5), Do::connect);
}

TEST_F(Rule_3_2_6_WithFewNodes, AnObservedWriteWithoutAPlaceVoidsEverything) {
  send_now(1, serialised("/a"));
  send_now(2, serialised("/b"));
  learn_now(at("/z"), view(0), version(1));
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), version(1));
  send_now(3, observed("/c/d"));
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), std::nullopt);
  learn_now(at("/z"), view(0), version(1));
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), std::nullopt);
  unsent(3);
  connected(3);
  settled(3);
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), std::nullopt);
  learn_now(at("/z"), view(0), version(1));
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), version(1));
}

// --- 3.2.3: what the record may decide.

TEST_F(Rule_3_2_3, InConfirmARecordedMatchIsConfirmedByAProbe) {
  learn_now(at("/a"), view(0), version(1));
  submit(1, put("/a", version(1)));
  EXPECT_TRUE(probes(1, true));
  probed(1, sees(version(1)));
  EXPECT_EQ(does(1), Do::connect);
}

TEST_F(Rule_3_2_3, InRecordedAValidMatchIsEnough) {
  learn_now(at("/a"), view(0), version(1));
  WriteRequest write = put("/a", version(1));
  write.check = Check::recorded;
  submit(1, write);
  EXPECT_EQ(does(1), Do::connect);
  connected(1);
  EXPECT_EQ(does(1), Do::send);
}

TEST_F(Rule_3_2_3, InRecordedAnEntryOfAnotherViewerOrTargetIsNotEnough) {
  learn_now(at("/a"), view(0, 5), version(1));
  learn_now(at("/a"), view(7), version(1));
  WriteRequest write = put("/a", version(1));
  write.check = Check::recorded;
  submit(1, write);
  EXPECT_TRUE(probes(1, true));
}

TEST_F(Rule_3_2_3, InRecordedAnEntryThatIsNoLongerValidIsNotEnough) {
  learn_now(at("/a"), view(0), version(1));
  send_now(1, post("/a"));
  settled(1);
  WriteRequest write = put("/a", version(1));
  write.check = Check::recorded;
  submit(2, write);
  EXPECT_TRUE(probes(2, true));
}

TEST_F(Rule_3_2_3, InRecordedAnyVersionNeedsAnEntryAndCreationNeedsAProbe) {
  WriteRequest any = guarded(at("/a"), if_match_any());
  any.check = Check::recorded;
  submit(1, any);
  EXPECT_TRUE(probes(1, true));
  leave(1);
  learn_now(at("/a"), view(0), version(1));
  submit(2, any);
  EXPECT_EQ(does(2), Do::connect);
  leave(2);
  WriteRequest create = guarded(at("/a"), create_only());
  create.check = Check::recorded;
  submit(3, create);
  EXPECT_TRUE(probes(3, true));
}

namespace {

struct Known {
  View who;
  Version shown;
};

struct Mismatch {
  const char* says;
  std::vector<Known> learnt;
  Condition condition;
  std::optional<Version> refused_with;
};

}  // namespace

TEST_F(Rule_3_2_3, AMismatchIsAnsweredFromTheRecordOnlyIfItIsProven) {
  const View own = view(0, 0, 0);
  const View other_variant = view(0, 0, 1);
  const View other_viewer = view(0, 1, 0);
  const View other_target = view(1, 0, 0);
  const Version old = version(1);
  const Version now_current = version(2);
  Condition with_none_match = if_match({old});
  with_none_match.if_none_match = IfNoneMatch{false, {version(9)}};
  const std::vector<Mismatch> table{
      {"its variant moved on", {{own, old}, {own, now_current}}, if_match({old}), now_current},
      {"a variant that is not the writer's moved on",
       {{other_variant, old}, {other_variant, now_current}},
       if_match({old}),
       now_current},
      {"the tag was never seen", {{own, now_current}}, if_match({old}), std::nullopt},
      {"the tag's own variant is not known to have moved on",
       {{other_variant, old}, {own, now_current}},
       if_match({old}),
       std::nullopt},
      {"another variant still has it",
       {{own, old}, {own, now_current}, {other_variant, old}},
       if_match({old}),
       std::nullopt},
      {"it was handed out to somebody else",
       {{other_viewer, old}, {other_viewer, now_current}},
       if_match({old}),
       std::nullopt},
      {"it was handed out for another target",
       {{other_target, old}, {other_target, now_current}},
       if_match({old}),
       std::nullopt},
      {"one of two tags is unknown",
       {{own, old}, {own, now_current}},
       if_match({old, version(9)}),
       std::nullopt},
      {"one of two tags is current",
       {{own, old}, {own, now_current}},
       if_match({old, now_current}),
       std::nullopt},
      {"all of two tags moved on",
       {{own, old}, {own, version(3)}, {own, now_current}},
       if_match({version(3), old}),
       now_current},
      {"any version", {{own, old}, {own, now_current}}, if_match_any(), std::nullopt},
      {"no tag that can match", {{own, old}, {own, now_current}}, if_match({}), std::nullopt},
      {"create only", {{own, now_current}}, create_only(), std::nullopt},
      {"with If-None-Match", {{own, old}, {own, now_current}}, with_none_match, std::nullopt},
  };
  for (const Check check : {Check::confirm, Check::recorded}) {
    for (const Mismatch& row : table) {
      Engine fresh(small());
      const Resource resource = at("/a");
      for (const Known& known : row.learnt) {
        fresh.learn({resource, known.who, known.shown, 1, fresh.epoch()}, false);
      }
      WriteRequest write = guarded(resource, row.condition);
      write.check = check;
      Actions out;
      fresh.submit(1, write, now, out);
      ASSERT_EQ(out.size(), 1U) << row.says;
      EXPECT_EQ(out[0].from_record, row.refused_with.has_value()) << row.says;
      if (!row.refused_with) continue;
      EXPECT_EQ(out[0].refusal, Refusal::stale) << row.says;
      EXPECT_EQ(out[0].current, row.refused_with) << row.says;
      EXPECT_EQ(fresh.counts().gates_busy, 0U);

      write.needs_current = true;
      fresh.submit(2, write, now, out);
      EXPECT_EQ(out[1].what, Do::probe) << "the refusal must carry the representation";
    }
  }
}

TEST_F(Rule_3_2_3, AMismatchIsNotAnsweredFromAnEntryThatIsNoLongerValid) {
  learn_now(at("/a"), view(0), version(1));
  learn_now(at("/a"), view(0), version(2));
  send_now(1, observed("/a"));
  settled(1);
  submit(2, put("/a", version(1)));
  EXPECT_TRUE(probes(2, true));
}

TEST_F(Rule_3_2_3, WhereTheGateIsNotFreeItIsProbedFirstAndOnlyAMatchQueues) {
  send_now(1, serialised("/a"));
  submit(2, put("/a", version(1)));
  EXPECT_TRUE(probes(2, false));
  EXPECT_TRUE(act(2)->first_probe);
  submit(3, put("/a", version(1)));
  probed(2, sees(version(2)));
  EXPECT_EQ(refused(2), Refusal::stale);
  EXPECT_EQ(act(2)->current, version(2));
  probed(3, sees(version(1)));
  EXPECT_EQ(does(3), Do::wait);
}

TEST_F(Rule_3_2_3, InTheGateTheDecisionIsAlwaysMadeAnew) {
  send_now(1, serialised("/a"));
  submit(2, put("/a", version(1)));
  probed(2, sees(version(1)));
  settled(1);
  EXPECT_TRUE(probes(2, true));
  EXPECT_TRUE(act(2)->first_probe);
  probed(2, sees(version(2)));
  EXPECT_EQ(refused(2), Refusal::stale);
}

TEST_F(Rule_3_2_3, AScoutThatFindsTheGateFreeTakesItAndProbesAgain) {
  send_now(1, serialised("/a"));
  submit(2, put("/a", version(1)));
  settled(1);
  probed(2, sees(version(1)));
  EXPECT_TRUE(probes(2, true));
}

TEST_F(Rule_3_2_3, ARecordedMatchQueuesWithoutAScoutAndIsLookedAtAgainInTheGate) {
  submit(1, serialised("/a"));  // holds the gate, nothing is unsettled yet
  learn_now(at("/a"), view(0), version(1));
  WriteRequest write = put("/a", version(1));
  write.check = Check::recorded;
  submit(2, write);
  EXPECT_EQ(does(2), Do::wait);
  submit(3, write);
  EXPECT_EQ(does(3), Do::wait);
  leave(1);
  EXPECT_EQ(does(2), Do::connect);
  connected(2);
  settled(2);
  EXPECT_TRUE(probes(3, true));
}

TEST_F(Rule_3_2_3, TheRecordMayRefuseInTheGateToo) {
  submit(1, serialised("/a"));
  learn_now(at("/a"), view(0), version(1));
  WriteRequest write = put("/a", version(1));
  write.check = Check::recorded;
  submit(2, write);
  learn_now(at("/a"), view(0), version(2));
  leave(1);
  EXPECT_EQ(refused(2), Refusal::stale);
  EXPECT_TRUE(act(2)->from_record);
  EXPECT_EQ(engine.counts().requests, 0U);
}

TEST_F(Rule_3_2_3, WhatOnlyAProbeSawKeepsAMismatchFromTheRecordOnlyWhileItIsValid) {
  const View other = view(0, 0, 1);
  learn_now(at("/a"), view(0), version(1));
  engine.learn({at("/a"), other, version(1), 2, engine.epoch(), Shown::to_us}, false);
  learn_now(at("/a"), view(0), version(2));
  submit(1, put("/a", version(1)));
  EXPECT_TRUE(probes(1, true)) << "it is what is there now, under another variant";
  leave(1);
  send_now(2, observed("/a"));
  settled(2);
  learn_now(at("/a"), view(0), version(2));
  submit(3, put("/a", version(1)));
  EXPECT_EQ(refused(3), Refusal::stale);
  EXPECT_TRUE(act(3)->from_record);
}

TEST_F(Rule_3_2_3, WhatOnlyAProbeSawIsNoTagThatMovedOnAndGivesNoHint) {
  engine.learn({at("/a"), view(0), version(1), 2, engine.epoch(), Shown::to_us}, false);
  const std::vector<Version> sent{version(1)};
  EXPECT_TRUE(engine.hints(view(0).target, sent).empty());
  learn_now(at("/a"), view(0), version(2));
  submit(1, put("/a", version(1)));
  EXPECT_TRUE(probes(1, true));
}

TEST_F(Rule_3_2_3, AProbeThatTaughtTheRecordTheMismatchIsTheLastOne) {
  learn_now(at("/a"), view(0), version(1));
  send_now(1, observed("/a"));
  settled(1);
  submit(2, put("/a", version(1)));
  ASSERT_TRUE(probes(2, true));
  learn_now(at("/a"), view(0), version(2));
  probed(2, sees(version(2)), Engine::Candidates::more);
  EXPECT_EQ(refused(2), Refusal::stale);
  EXPECT_EQ(act(2)->current, version(2));
  EXPECT_EQ(engine.counts().gates_busy, 0U);
}

TEST_F(Rule_3_2_3, CandidatesAreTriedInTurnAndAnyMatchIsAMatch) {
  submit(1, put("/a", version(1)));
  probed(1, sees(version(8)), Engine::Candidates::more);
  EXPECT_TRUE(probes(1, true));
  EXPECT_FALSE(act(1)->first_probe);
  probed(1, sees(version(1)), Engine::Candidates::more);
  EXPECT_EQ(does(1), Do::connect);
}

TEST_F(Rule_3_2_3, AMismatchNamesWhatTheFirstCandidateShowed) {
  submit(1, put("/a", version(1)));
  probed(1, sees(Sight::undecidable), Engine::Candidates::more);
  probed(1, sees(version(8)), Engine::Candidates::more);
  probed(1, sees(version(9)));
  EXPECT_EQ(refused(1), Refusal::stale);
  EXPECT_EQ(act(1)->current, version(8));
  EXPECT_FALSE(act(1)->from_record);
}

TEST_F(Rule_3_2_3, TagsOfIfNoneMatchAreComparedWithEveryCandidate) {
  WriteRequest write = post("/a");
  write.condition = if_none_match({version(2)});
  submit(1, write);
  ASSERT_TRUE(probes(1, true));
  probed(1, sees(version(1)), Engine::Candidates::more);
  EXPECT_TRUE(probes(1, true));
  probed(1, sees(version(2)));
  EXPECT_EQ(refused(1), Refusal::exists);
  submit(2, write);
  probed(2, sees(version(1)), Engine::Candidates::more);
  probed(2, sees(Sight::undecidable));
  EXPECT_EQ(does(2), Do::connect);
}

}  // namespace ifmatch::guard::testing
