// What mode observe is told by the record: it says what it knows, and nothing changes by asking.
#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

class Foresight : public Guard {
 protected:
  Foreseen foresee(const Condition& condition, const View& who = view(0)) {
    return engine.foresee(at("/a"), who, condition);
  }
};

TEST_F(Foresight, SaysNothingOfWhatWasNeverRead) {
  EXPECT_EQ(foresee(if_match({version(1)})), Foreseen::nothing);
  EXPECT_EQ(foresee(if_match_any()), Foreseen::nothing);
  EXPECT_EQ(foresee(create_only()), Foreseen::nothing);
}

TEST_F(Foresight, ComparesWithTheValidEntry) {
  learn_now(at("/a"), view(0), version(1));
  EXPECT_EQ(foresee(if_match({version(1)})), Foreseen::holds);
  EXPECT_EQ(foresee(if_match_any()), Foreseen::holds);
  EXPECT_EQ(foresee(create_only()), Foreseen::exists);
  // Whose tag that is it cannot know.
  EXPECT_EQ(foresee(if_match({version(2)})), Foreseen::nothing);
  learn_now(at("/a"), view(0), version(2));
  EXPECT_EQ(foresee(if_match({version(1)})), Foreseen::differs);
  EXPECT_EQ(foresee(if_match({version(1), version(2)})), Foreseen::holds);
}

TEST_F(Foresight, KeepsVariantsAndViewersApart) {
  learn_now(at("/a"), view(0, 0, 1), version(1));
  learn_now(at("/a"), view(0, 0, 2), version(2));
  EXPECT_EQ(foresee(if_match({version(1)})), Foreseen::holds);
  learn_now(at("/a"), view(0, 1, 1), version(3));
  EXPECT_EQ(foresee(if_match({version(1)}), view(0, 1)), Foreseen::nothing);
}

TEST_F(Foresight, SaysNothingOnceSomethingWasWritten) {
  learn_now(at("/a"), view(0), version(1));
  send_now(1, observed("/a"));
  EXPECT_EQ(foresee(if_match({version(1)})), Foreseen::nothing);
  settled(1);
  EXPECT_EQ(foresee(if_match({version(1)})), Foreseen::nothing);
  EXPECT_EQ(foresee(create_only()), Foreseen::nothing);
}

TEST_F(Foresight, ChangesNothing) {
  learn_now(at("/a"), view(0), version(1));
  const Epoch before = engine.epoch();
  (void)foresee(if_match({version(1)}));
  EXPECT_EQ(engine.epoch(), before);
  EXPECT_EQ(engine.counts().requests, 0U);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), version(1));
}

TEST_F(Foresight, RemembersWhatWasHandedOut) {
  const std::vector<Version> both{version(1), version(2)};
  learn_now(at("/a"), view(0), version(1));
  EXPECT_FALSE(engine.handed_out(view(0).target, both));
  engine.learn({at("/a"), view(0), version(2), 1, engine.epoch(), Shown::to_us}, false);
  EXPECT_FALSE(engine.handed_out(view(0).target, both)) << "nobody was given it";
  learn_now(at("/a"), view(0), version(2));
  EXPECT_TRUE(engine.handed_out(view(0).target, both)) << "also what is superseded";
  EXPECT_FALSE(engine.handed_out(view(1).target, both));
}

}  // namespace ifmatch::guard::testing
