// The desk of an origin over a reload: who is turned away, who is waited for, and who may begin.
#include "proxy/net/guard_desk.hpp"

#include <gtest/gtest.h>

namespace ifmatch::net {
namespace {

using std::chrono::hours;

class ADesk : public ::testing::Test {
 protected:
  static guard::WriteRequest write() {
    guard::WriteRequest write;
    write.resource.paths = {"/a"};
    write.gate_wait = hours(1);
    write.in_doubt = hours(1);
    return write;
  }
  // Whether a write that is submitted now goes on at once.
  [[nodiscard]] bool a_write_may_begin(guard::Hold hold = guard::Hold::exclusive) {
    guard::WriteRequest request = write();
    request.hold = hold;
    Obligation duty(desk, io.get_executor());
    EXPECT_EQ(duty.submit(request, desk.terms()), Submitted::yes);
    const bool answered = duty.answered();
    duty.leave();
    return answered;
  }
  // The same of a read that waits for writers.
  [[nodiscard]] bool a_read_may_begin() {
    Obligation duty(desk, io.get_executor());
    EXPECT_EQ(duty.submit_read({.resource = write().resource, .gate_wait = hours(1)},
                               desk.terms()),
              Submitted::yes);
    const bool answered = duty.answered();
    duty.leave();
    return answered;
  }

  // What the engine has said at once.
  [[nodiscard]] guard::Do next(Obligation& duty) {
    Task<std::optional<guard::Action>> said = duty.next(client);
    EXPECT_TRUE(said.await_ready());
    const std::optional<guard::Action> action = said.await_resume();
    return action ? action->what : guard::Do::wait;
  }

  asio::io_context io;
  Sweeper sweeper;
  Connection client{Socket(io.get_executor()), sweeper};
  GuardDesk desk{"http://127.0.0.1:3000", {}};
};

TEST_F(ADesk, TurnsAwayWhatIsSubmittedUnderOldTerms) {
  const Terms old = desk.terms();
  const Terms present = desk.reconfigured(Clock::now());
  EXPECT_NE(old, present);
  EXPECT_EQ(desk.terms(), present);
  Obligation duty(desk, io.get_executor());
  EXPECT_EQ(duty.submit(write(), old), Submitted::superseded);
  EXPECT_EQ(duty.submit_read({.resource = write().resource}, old), Submitted::superseded);
  EXPECT_FALSE(desk.has_unsettled(Clock::now()));
  Passage passage(desk, hours(1));
  EXPECT_EQ(passage.enter(old), Submitted::superseded);
  EXPECT_EQ(passage.enter(present), Submitted::yes);
}

TEST_F(ADesk, RecordsNothingThatWasReadUnderOldTerms) {
  const Terms old = desk.terms();
  static_cast<void>(desk.reconfigured(Clock::now()));
  const std::vector<std::string> path{"/a"};
  const guard::Lesson lesson{.resource = {path, {}}, .view = {}, .since = desk.epoch()};
  static_cast<void>(desk.learn(old, lesson, true));
  EXPECT_EQ(desk.ask([](guard::Engine& engine) { return engine.counts().entries; }), 0U);
  static_cast<void>(desk.learn(desk.terms(), lesson, true));
  EXPECT_EQ(desk.ask([](guard::Engine& engine) { return engine.counts().entries; }), 1U);
}

TEST_F(ADesk, LetsNobodyWaitForPassagesOfTheSameTerms) {
  Passage passage(desk, hours(1));
  ASSERT_EQ(passage.enter(desk.terms()), Submitted::yes);
  passage.sending();
  EXPECT_TRUE(a_write_may_begin());
  EXPECT_TRUE(desk.has_unsettled(Clock::now()));
}

TEST_F(ADesk, WaitsForPassagesOfOldTermsUntilTheyAreSettled) {
  std::optional<Passage> passage(std::in_place, desk, hours(1));
  std::optional<Passage> another(std::in_place, desk, hours(1));
  ASSERT_EQ(passage->enter(desk.terms()), Submitted::yes);
  ASSERT_EQ(another->enter(desk.terms()), Submitted::yes);
  passage->sending();
  static_cast<void>(desk.reconfigured(Clock::now()));
  EXPECT_FALSE(a_write_may_begin());
  passage->settled();
  passage.reset();
  EXPECT_FALSE(a_write_may_begin()) << "there are two";
  another.reset();
  EXPECT_TRUE(a_write_may_begin()) << "the other never sent anything";
}

// What is older than a stand-in decides and sends as if it were not there.
TEST_F(ADesk, LetsWhatIsOlderThanAStandInGoOn) {
  std::optional<Passage> passage(std::in_place, desk, hours(1));
  ASSERT_EQ(passage->enter(desk.terms()), Submitted::yes);
  passage->sending();
  guard::WriteRequest conditional = write();
  conditional.condition = guard::Condition{.if_match = guard::IfMatch{.any = true}};
  Obligation older(desk, io.get_executor());
  ASSERT_EQ(older.submit(conditional, desk.terms()), Submitted::yes);
  EXPECT_EQ(next(older), guard::Do::probe);
  static_cast<void>(desk.reconfigured(Clock::now()));
  older.probed({.sight = guard::Sight::version}, desk.epoch(),
               guard::Engine::Candidates::exhausted);
  EXPECT_EQ(next(older), guard::Do::connect);
  older.connected();
  EXPECT_EQ(next(older), guard::Do::send);
  older.sending();
  older.settled();
  EXPECT_FALSE(a_write_may_begin());
}

TEST_F(ADesk, HoldsAPassageInDoubtThatIsForgotten) {
  {
    Passage forgotten(desk, hours(1));
    ASSERT_EQ(forgotten.enter(desk.terms()), Submitted::yes);
    forgotten.sending();
    static_cast<void>(desk.reconfigured(Clock::now()));
  }
  EXPECT_FALSE(a_write_may_begin());
  desk.tick(Clock::now() + hours(2));
  EXPECT_TRUE(a_write_may_begin());
}

TEST_F(ADesk, RemembersThePassagesThatWereInDoubtBeforeItTurned) {
  {
    Passage forgotten(desk, hours(1));
    ASSERT_EQ(forgotten.enter(desk.terms()), Submitted::yes);
    forgotten.sending();
  }
  EXPECT_TRUE(a_write_may_begin());
  static_cast<void>(desk.reconfigured(Clock::now()));
  EXPECT_FALSE(a_write_may_begin());
  desk.tick(Clock::now() + hours(2));
  EXPECT_TRUE(a_write_may_begin());
}

TEST_F(ADesk, WaitsForWhatAStandInStandsFor) {
  const Instant now = Clock::now();
  static_cast<void>(desk.reconfigured(now));
  const std::uint64_t before = desk.generation();
  const guard::RequestId stand_in = desk.stand_in(now);
  EXPECT_FALSE(a_write_may_begin());
  EXPECT_FALSE(desk.has_older_than(before)) << "it would be waited for in a circle";
  EXPECT_TRUE(desk.has_older_than(desk.generation()));
  desk.stand_in_gone(stand_in, now);
  EXPECT_TRUE(a_write_may_begin());
}

// What is older at another desk may be a guarded write that has been decided already.
TEST_F(ADesk, HoldsBackSharedWritesAndReadsBehindWhatIsOlderElsewhere) {
  const Instant now = Clock::now();
  static_cast<void>(desk.reconfigured(now));
  const guard::RequestId stand_in = desk.stand_in(now);
  EXPECT_FALSE(a_write_may_begin(guard::Hold::shared));
  EXPECT_FALSE(a_read_may_begin());
  EXPECT_TRUE(a_write_may_begin(guard::Hold::none)) << "what is only watched waits for nobody";
  desk.stand_in_gone(stand_in, now);
  EXPECT_TRUE(a_write_may_begin(guard::Hold::shared));
  EXPECT_TRUE(a_read_may_begin());
}

TEST_F(ADesk, HoldsBackReadsBehindAPassageOfOldTermsButNotSharedWrites) {
  std::optional<Passage> passage(std::in_place, desk, hours(1));
  ASSERT_EQ(passage->enter(desk.terms()), Submitted::yes);
  passage->sending();
  static_cast<void>(desk.reconfigured(Clock::now()));
  EXPECT_FALSE(a_read_may_begin()) << "it would be a dirty read";
  EXPECT_TRUE(a_write_may_begin(guard::Hold::shared));
  passage.reset();
  EXPECT_FALSE(a_read_may_begin()) << "its outcome is unknown";
  desk.tick(Clock::now() + hours(2));
  EXPECT_TRUE(a_read_may_begin());
}

// Whoever waits for this desk waits for that, too.
TEST_F(ADesk, HasSomethingOlderWhileItSitsOutAnUncleanEnd) {
  const Instant now = Clock::now();
  desk.ask([now](guard::Engine& engine) { engine.quarantine_everything(now + hours(1)); });
  EXPECT_TRUE(desk.has_older_than(desk.generation()));
  desk.tick(now + hours(2));
  EXPECT_FALSE(desk.has_older_than(desk.generation()));
}

}  // namespace
}  // namespace ifmatch::net
