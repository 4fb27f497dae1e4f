// Every call that the proxy makes on a socket fails once, in every way that it can, in every
// scenario: nothing leaks, nothing hangs, each obligation is met exactly once, and the outcome that
// is assumed of a write is never better than what is known of it.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "tests/failure/judge.hpp"

namespace ifmatch::failure {
namespace {

using shim::Effect;
using shim::Fault;
using shim::Operation;
using shim::Side;

std::string told(const Verdict& verdict) {
  std::string text;
  for (const std::string& complaint : verdict.complaints) text += "  " + complaint + "\n";
  return text;
}

class FailurePoints : public testing::TestWithParam<std::size_t> {
 protected:
  // What is observed would be told thousands of times.
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::warn); }

  const Scenario& scenario_ = scenarios()[GetParam()];
};

// Writes that the API gets, those with a doubtful answer included.
std::size_t writes_of(const Scenario& scenario) {
  std::size_t writes = 0;
  for (const Party& party : scenario.parties) {
    for (std::size_t index = 0; index < party.script.size(); ++index) {
      const world::Ask& ask = party.script[index];
      const int status = party.expected[index];
      const bool guarded = world::is_unsafe(ask.method) && !ask.target.starts_with("/free/");
      if (guarded && (status / 100 == 2 || status == 503)) ++writes;
    }
  }
  return writes;
}

TEST_P(FailurePoints, WithoutAFaultAllIsAsExpected) {
  const Verdict verdict = judge(scenario_, {});
  EXPECT_TRUE(verdict.complaints.empty()) << told(verdict);
  // What is judged by was really seen: the calls, and what the engine was told.
  for (const std::size_t side : {0U, 1U}) {
    EXPECT_GT(verdict.counts[side][static_cast<std::size_t>(Operation::read)], 0U);
    EXPECT_GT(verdict.counts[side][static_cast<std::size_t>(Operation::write)], 0U);
  }
  EXPECT_EQ(writes_of(scenario_), verdict.settled + verdict.in_doubt);
}

TEST_P(FailurePoints, OctetByOctetNothingChanges) {
  const Verdict verdict = judge(scenario_, {}, Pieces::octets);
  EXPECT_TRUE(verdict.complaints.empty()) << told(verdict);
}

void fail_every(const Scenario& scenario, Side side) {
  const Verdict undisturbed = judge(scenario, {});
  std::size_t runs = 0;
  std::size_t failed = 0;
  for (std::size_t kind = 0; kind < shim::operation_count; ++kind) {
    const auto operation = static_cast<Operation>(kind);
    for (const Effect effect : effects_of(side, operation)) {
      // A fault may lead to more calls of its kind, but those before it are the same.
      const std::size_t calls = undisturbed.counts[static_cast<std::size_t>(side)][kind];
      for (std::size_t nth = 1; nth <= calls; ++nth) {
        const Verdict verdict = judge(scenario, {side, operation, nth, effect});
        ++runs;
        EXPECT_TRUE(verdict.fired);
        if (verdict.complaints.empty()) continue;
        ADD_FAILURE() << name_of(side) << " " << name_of(operation) << " " << nth << " "
                      << name_of(effect) << ":\n" << told(verdict);
        // What else is wrong is most likely wrong for the same reason.
        if (++failed == 10) return;
      }
    }
  }
  testing::Test::RecordProperty("runs", static_cast<int>(runs));
}

TEST_P(FailurePoints, TheNthCallTowardsTheClientFails) { fail_every(scenario_, Side::client); }

TEST_P(FailurePoints, TheNthCallTowardsTheUpstreamFails) { fail_every(scenario_, Side::upstream); }

// Until the first octet has left nothing can have happened, however the attempt ends: at once, or
// when the time-out has passed.
TEST(FailurePoint, AWriteOfWhichNotOneOctetLeftIsNeverInDoubt) {
  const Scenario scenario{
      .name = "OnePut",
      .parties = {{"a",
                   {{.method = "DELETE", .target = "/confirm/1",
                     .fields = "If-Match: {current}\r\n"}},
                   {204}}},
      .manner = {},
      .warmed_by = {}};
  // The first write is that of the probe.
  for (const Effect effect : {Effect::stall, Effect::timed_out, Effect::reset}) {
    const Verdict verdict = judge(scenario, {Side::upstream, Operation::write, 2, effect});
    EXPECT_TRUE(verdict.fired);
    EXPECT_TRUE(verdict.complaints.empty()) << name_of(effect) << ":\n" << told(verdict);
    EXPECT_EQ(1U, verdict.unsent) << name_of(effect);
    EXPECT_EQ(0U, verdict.in_doubt) << name_of(effect);
  }
}

// An answer that nobody asked for would be taken for that to the next request.
TEST(FailurePoint, AReadThatFailsForWantOfMemoryIsAnsweredWithNothing) {
  world::World world(1);
  world.api.put("/confirm/1", {"text/plain", "one"});
  const std::shared_ptr<shim::Stream> client = world.add_connection();
  world.system.arm({Side::client, Operation::read, 1, Effect::no_memory});
  EXPECT_TRUE(world.run(std::chrono::seconds(10)));
  EXPECT_TRUE(world.system.fired());
  EXPECT_TRUE(client->closed());
  EXPECT_EQ("", client->take());
}

// Octets behind the answer to a write arrive a moment after it: they must not be taken for the
// answer to the probe that looks for the lawful tag.
TEST(FailurePoint, WhatFollowsTheAnswerToAWriteIsNoAnswerToAProbe) {
  world::World world(1);
  world.api.put("/confirm/1", {"text/plain", "one"});
  world.system.dribble(1);
  world.api.manner = [](const shim::StrictMessage& request) {
    world::Manner manner;
    if (request.method() != "PUT") return manner;
    const std::string answer =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n";
    manner.status = 200;  // nothing is changed
    manner.octets = answer + "taken" + answer + "newer";
    return manner;
  };
  const world::Client& writer = world.add_client(
      "a", {{.method = "PUT",
             .target = "/confirm/1",
             .fields = "If-Match: {current}\r\nContent-Type: text/plain\r\n"
                       "Prefer: return=representation\r\n",
             .content = "newer"}});
  ASSERT_TRUE(world.run(std::chrono::seconds(20)));
  ASSERT_TRUE(writer.answered_all());
  EXPECT_EQ(200, writer.answers().front().answer->status());
  EXPECT_EQ("", writer.answers().front().answer->field("etag"));
}

// Silences alone would let it hold what it is sent for hours.
TEST(FailurePoint, AReaderThatTakesALittleNowAndThenIsCut) {
  for (const char* target : {"/confirm/large", "/free/large"}) {
    world::World world(1);
    world.api.put(target, {"text/plain", std::string(20'000, 'x')});
    const std::shared_ptr<shim::Stream> client = world.add_connection();
    client->bound_room(100);
    client->say("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n\r\n");
    std::size_t taken = 0;
    // At this pace it would take a hundred seconds.
    for (int look = 0; look < 40 && !client->closed(); ++look) {
      world.pass(std::chrono::milliseconds(500));
      taken += client->take().size();
    }
    EXPECT_TRUE(client->closed()) << target;
    EXPECT_GT(taken, 500U) << target << ": it was not cut for its silence";
  }
}

TEST(FailurePoint, InterimAnswersThatNobodyTakesAreKeptWithinALimit) {
  world::World world(1);
  world.api.put("/confirm/1", {"text/plain", "one"});
  world.api.manner = [](const shim::StrictMessage&) {
    world::Manner manner;
    for (int count = 0; count < 90; ++count) {
      manner.octets += "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(10'000, 'x') + "\r\n\r\n";
    }
    manner.octets += "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
    return manner;
  };
  const std::shared_ptr<shim::Stream> client = world.add_connection();
  client->bound_room(100);
  client->say("GET /confirm/1 HTTP/1.1\r\nHost: a\r\n\r\n");
  world.pass(std::chrono::milliseconds(500));
  client->bound_room(std::size_t{1} << 20U);
  std::string heard = client->take();
  world.pass(std::chrono::milliseconds(500));
  heard += client->take();
  EXPECT_NE(heard.find("\r\n\r\none"), std::string::npos);
  std::size_t interim = 0;
  for (std::size_t at = 0; (at = heard.find("HTTP/1.1 103", at)) != std::string::npos; ++at) {
    ++interim;
  }
  EXPECT_GE(interim, 1U);
  EXPECT_LT(interim, 10U);
}

INSTANTIATE_TEST_SUITE_P(Every, FailurePoints, testing::Range<std::size_t>(0, scenarios().size()),
                         [](const auto& scenario) { return scenarios()[scenario.param].name; });

}  // namespace
}  // namespace ifmatch::failure
