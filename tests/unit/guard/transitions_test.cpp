// The table at the head of engine.hpp, row by row, and what callers may get wrong or late.
#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

class Transitions : public Guard {};
class Bounds : public Guard {};
class Reads : public Guard {};
// The limits of the program, far above what the octets of long names leave room for.
class Strangers : public Guard {
 protected:
  Strangers() : Guard(EngineLimits{}) {}
};

TEST_F(Transitions, SubmitWithFreeGatesProbesOrConnects) {
  submit(1, put("/a", version(1)));
  EXPECT_TRUE(probes(1, true));
  submit(2, serialised("/b"));
  EXPECT_EQ(does(2), Do::connect);
  submit(3, guarded(at("/c"), Condition{}));  // a condition that names nothing
  EXPECT_EQ(does(3), Do::connect);
}

TEST_F(Transitions, SubmitWithTakenGatesScoutsOrQueues) {
  send_now(1, serialised("/a"));
  submit(2, put("/a", version(1)));
  EXPECT_TRUE(probes(2, false));
  submit(3, serialised("/a"));
  EXPECT_EQ(does(3), Do::wait);
}

TEST_F(Transitions, ScoutingEndsInEveryRefusalOrInTheQueue) {
  send_now(1, serialised("/a"));
  const std::vector<std::pair<Sight, Refusal>> ends{{Sight::absent, Refusal::stale},
                                                    {Sight::relay, Refusal::relayed},
                                                    {Sight::undecidable, Refusal::unverifiable},
                                                    {Sight::version, Refusal::stale}};
  RequestId id = 1;
  for (const auto& [sight, refusal] : ends) {
    submit(++id, put("/a", version(1)));
    probed(id, {sight, version(2)});
    EXPECT_EQ(refused(id), refusal);
  }
  submit(++id, put("/a", version(1)));
  in_doubt(1);
  EXPECT_EQ(act(id), std::nullopt);  // a scout holds and awaits nothing
  probed(id, sees(version(1)));
  EXPECT_EQ(refused(id), Refusal::in_doubt);
}

TEST_F(Transitions, QueuedIsGrantedAndDecidedInTheGate) {
  send_now(1, serialised("/a"));
  submit(2, put("/a", version(1)));
  probed(2, sees(version(1)));
  ASSERT_EQ(does(2), Do::wait);
  submit(3, serialised("/a"));
  settled(1);
  EXPECT_TRUE(probes(2, true));
  probed(2, sees(Sight::absent));
  EXPECT_EQ(refused(2), Refusal::stale);
  EXPECT_EQ(does(3), Do::connect);  // the same event lets the next one in
}

TEST_F(Transitions, LeavingBeforeTheSendFreesEverythingInEveryState) {
  send_now(1, serialised("/a"));
  submit(2, put("/a", version(1)));  // scouting
  submit(3, post("/a"));             // queued
  submit(4, put("/b", version(1)));  // deciding
  submit(5, put("/c", version(1)));
  probed(5, sees(version(1)));  // connecting
  submit_read(6, at("/d"));     // reading
  engine.reconfigured(now);
  submit(7, serialised("/e"));  // held back
  ASSERT_EQ(does(7), Do::wait);
  EXPECT_EQ(engine.counts().requests, 7U);
  for (RequestId id = 2; id <= 7; ++id) {
    leave(id);
    EXPECT_TRUE(actions.empty()) << id;
  }
  EXPECT_EQ(engine.counts().requests, 1U);
  settled(1);
  EXPECT_EQ(engine.counts().gates_busy, 0U);
  EXPECT_EQ(engine.next_deadline(), std::nullopt);
}

TEST_F(Transitions, WhatIsSaidOfARequestThatIsGoneIsIgnored) {
  submit(1, put("/a", version(1)));
  leave(1);
  probed(1, sees(version(1)));
  EXPECT_TRUE(actions.empty());
  connected(1);
  EXPECT_TRUE(actions.empty());
  leave(1);
  EXPECT_TRUE(actions.empty());
}

TEST_F(Transitions, AnOutcomeThatComesAfterItsQuarantineVoidsEverything) {
  send_now(1, serialised("/a"));
  leave(1);
  tick_after(30s);
  learn_now(at("/z"), view(0), version(1));
  submit(2, put("/z", version(1)));
  probed(2, sees(version(1)));
  settled(1);
  EXPECT_EQ(engine.recorded(at("/z"), view(0)), std::nullopt);
  connected(2);
  EXPECT_TRUE(probes(2, true));
}

TEST_F(Transitions, ReportsThatContradictTheTableStopTheProcess) {
  submit(1, put("/a", version(1)));
  Actions out;
  EXPECT_DEATH(engine.connected(1, now, out), "broken invariant");
  EXPECT_DEATH(engine.settled(1, now, out), "broken invariant");
  EXPECT_DEATH(engine.in_doubt(1, now, out), "broken invariant");
  EXPECT_DEATH(engine.unsent(1, now, out), "broken invariant");
  EXPECT_DEATH(engine.submit(1, serialised("/b"), now, out), "broken invariant");
  EXPECT_DEATH(engine.submit(2, WriteRequest{}, now, out), "broken invariant");
  EXPECT_DEATH(engine.probed(1, {}, engine.epoch() + 1, Engine::Candidates::more, now, out),
               "broken invariant");
}

TEST_F(Bounds, WaitingIsSummedOverAllGatesOfARequest) {
  WriteRequest first = serialised("/x");
  first.resource.names = {"n"};
  send_now(1, first);
  send_now(2, serialised("/a"));
  WriteRequest both = serialised("/a");
  both.resource.names = {"n"};
  submit(3, both);
  EXPECT_EQ(does(3), Do::wait);
  EXPECT_EQ(engine.next_deadline(), now + 10s);
  now += 6s;
  settled(1);  // granted the name, now it waits at the path
  EXPECT_EQ(act(3), std::nullopt);
  EXPECT_EQ(engine.next_deadline(), now + 4s);
  tick_after(4s - 1ns);
  EXPECT_TRUE(actions.empty());
  tick_after(1ns);
  EXPECT_EQ(refused(3), Refusal::busy);
  EXPECT_EQ(engine.counts().requests, 1U);
}

TEST_F(Bounds, AWaiterThatGivesUpLetsThoseBehindItPass) {
  send_now(1, post("/a"));
  submit(2, serialised("/a"));
  now += 5s;
  submit(3, post("/a"));
  EXPECT_EQ(does(3), Do::wait);
  tick_after(5s);
  EXPECT_EQ(refused(2), Refusal::busy);
  EXPECT_EQ(does(3), Do::connect);
}

TEST_F(Bounds, ExclusiveAndOtherWaitersAreCountedApart) {
  send_now(1, serialised("/a"));
  const auto limited = [](WriteRequest request) {
    request.gate_queue = 2;
    return request;
  };
  submit(2, limited(serialised("/a")));
  submit(3, limited(serialised("/a")));
  submit(4, limited(serialised("/a")));
  EXPECT_EQ(refused(4), Refusal::busy);
  submit(5, limited(post("/a")));
  submit(6, limited(post("/a/b")));
  EXPECT_EQ(does(6), Do::wait);
  submit(7, limited(post("/a")));
  EXPECT_EQ(refused(7), Refusal::busy);
  submit(8, limited(put("/a", version(1))));
  EXPECT_EQ(refused(8), Refusal::busy) << "checked before scouting, too";
}

TEST_F(Strangers, LongPathsAreForgottenByTheirOctetsAndNoBusyGateIs) {
  constexpr std::size_t key_octets = std::size_t{7} * 1024;
  constexpr std::size_t octets_max = std::size_t{64} * 1024 * 1024;
  constexpr RequestId flood = 2 * octets_max / key_octets;
  constexpr RequestId writer = flood + 1;
  constexpr RequestId next = flood + 2;
  send_now(writer, serialised("/busy"));
  for (RequestId id = 1; id <= flood; ++id) {
    std::string path = "/" + std::to_string(id) + "-";
    path.resize(key_octets, 'x');
    send_now(id, post(path));
    settled(id);
  }
  // Half of them are known still: neither all of them nor none. A few short names come on top.
  EXPECT_LE(engine.counts().nodes, octets_max / key_octets + 10);
  EXPECT_GE(engine.counts().nodes, octets_max / key_octets - 10);

  submit(next, serialised("/busy"));
  EXPECT_EQ(does(next), Do::wait);
  settled(writer);
  EXPECT_EQ(does(next), Do::connect);
}

TEST_F(Bounds, AScoutMayFindTheQueueFullOnItsReturn) {
  send_now(1, serialised("/a"));
  WriteRequest write = put("/a", version(1));
  write.gate_queue = 1;
  submit(2, write);
  submit(3, serialised("/a"));
  probed(2, sees(version(1)));
  EXPECT_EQ(refused(2), Refusal::busy);
}

TEST_F(Bounds, AQueueThatIsFullFurtherOnRefusesAndFreesTheGatesBefore) {
  WriteRequest holds_name = serialised("/x");
  holds_name.resource.names = {"n"};
  send_now(1, holds_name);
  send_now(2, serialised("/a"));
  WriteRequest both = serialised("/a");
  both.resource.names = {"n"};
  both.gate_queue = 1;
  submit(3, both);
  ASSERT_EQ(does(3), Do::wait);
  submit(4, serialised("/a"));  // fills the queue of the path
  WriteRequest behind = serialised("/y");
  behind.resource.names = {"n"};
  submit(5, behind);
  settled(1);
  EXPECT_EQ(refused(3), Refusal::busy);
  EXPECT_EQ(does(5), Do::connect);
}

TEST_F(Bounds, IdleNodesThatSayNothingAreForgottenAtOnce) {
  for (RequestId id = 1; id <= 50; ++id) {
    submit(id, put("/a/" + std::to_string(id), version(1)));
    probed(id, sees(version(2)));
    ASSERT_EQ(refused(id), Refusal::stale);
  }
  EXPECT_EQ(engine.counts().nodes, 0U);
}

TEST_F(Reads, ThatWaitShareAGateAmongThemselvesAgainstAnyWriter) {
  submit_read(1, at("/a"));
  EXPECT_EQ(does(1), Do::connect);
  submit_read(2, at("/a"));
  EXPECT_EQ(does(2), Do::connect);
  submit(3, post("/a"));
  EXPECT_EQ(does(3), Do::wait);
  submit(4, post("/a/b"));  // a creation in it changes what it shows
  EXPECT_EQ(does(4), Do::wait);
  leave(1);
  EXPECT_TRUE(actions.empty());
  leave(2);
  EXPECT_EQ(does(3), Do::connect);
  EXPECT_EQ(does(4), Do::connect);
}

TEST_F(Reads, LetCreationsPassInWhatEnclosesThem) {
  submit_read(1, at("/a/b", {"n"}));
  send_now(2, post("/a"));
  submit(3, serialised("/a"));
  EXPECT_EQ(does(3), Do::wait);
  WriteRequest named = post("/z");
  named.resource.names = {"n"};
  submit(4, named);
  EXPECT_EQ(does(4), Do::wait);
}

TEST_F(Reads, WaitForAWriterAndAreBounded) {
  send_now(1, serialised("/a"));
  submit_read(2, at("/a/b"), 5s);
  EXPECT_EQ(does(2), Do::wait);
  submit_read(3, at("/a/b"), 20s);
  tick_after(5s);
  EXPECT_EQ(refused(2), Refusal::busy);
  settled(1);
  EXPECT_EQ(does(3), Do::connect);
  leave(3);
  EXPECT_EQ(engine.counts().gates_busy, 0U);
}

}  // namespace ifmatch::guard::testing
