// DESIGN 3.3: who holds which gate in which mode, whose turn it is, and what bounds the waiting.
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

}  // namespace ifmatch::guard::testing
