// What happens to a guarded resource when something goes wrong: lost answers, clients that leave,
// slow senders, full queues, an API that will not be asked.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";

// Applies the first write and ends the connection without an answer.
void lose_first_answer(GuardedStore& api) {
  auto lost = std::make_shared<std::atomic<bool>>(false);
  api.upstream.behave([inner = api.store.behaviour(), lost](const Request& request) {
    Reply reply = inner(request);
    if (request.method == "PUT" && !lost->exchange(true)) {
      reply.later = [apply = reply.later] {
        static_cast<void>(apply());
        Reply none;
        none.mishap = Mishap::close_unanswered;
        return none;
      };
    }
    return reply;
  });
}

TEST(WriteInDoubt, KeepsOthersOutUntilItsQuarantineIsOver) {
  ProxyConfig config;
  config.defaults = "in_doubt: 2s";
  GuardedStore api(config);
  api.store.put(path, R"({"total":10})");
  lose_first_answer(api);

  const Response lost = api.put(path, api.read_tag(path), R"({"total":12})");
  expect_problem(lost, 502, "outcome-unknown");

  // The next writer has read what is there now, and must wait all the same.
  const std::string tag = api.read_tag(path);
  const Response refused = api.put(path, tag, R"({"total":13})");
  expect_problem(refused, 503, "outcome-unknown");
  EXPECT_TRUE(refused.has("Retry-After"));
  EXPECT_EQ(api.upstream.count("PUT"), 1U);

  EXPECT_TRUE(eventually([&] { return api.put(path, tag, R"({"total":13})").status == 200; }));
  EXPECT_EQ(api.upstream.count("PUT"), 2U);
  EXPECT_EQ(api.store.get(path), R"({"total":13})");
}

TEST(WriteInDoubt, LeavesOtherResourcesAlone) {
  ProxyConfig config;
  config.defaults = "in_doubt: 10s";
  GuardedStore api(config);
  api.store.put(path, "{}");
  api.store.put("/orders/43", "{}");
  lose_first_answer(api);
  EXPECT_EQ(api.put(path, api.read_tag(path), R"({"total":1})").status, 502);
  EXPECT_EQ(api.put("/orders/43", api.read_tag("/orders/43"), R"({"total":1})").status, 200);
}

TEST(WriteInDoubt, IsWhatATimeOutLeavesBehind) {
  ProxyConfig config;
  config.upstream = "timeouts: { connect: 2s, response: 300ms }";
  config.defaults = "in_doubt: 10s";
  GuardedStore api(config);
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  expect_problem(api.put(path, tag, R"({"total":1})"), 504, "outcome-unknown");
  expect_problem(api.put(path, tag, R"({"total":2})"), 503, "outcome-unknown");
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
  hold->release();
}

TEST(WriteInDoubt, IsWhatABadGatewayBehindUsLeavesBehind) {
  ProxyConfig config;
  config.defaults = "in_doubt: 10s";
  GuardedStore api(config);
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    Reply reply = inner(request);
    if (request.method == "PUT") {
      reply = Reply{};
      reply.status = 503;
    }
    return reply;
  });
  EXPECT_GE(api.put(path, tag, R"({"total":1})").status, 502);
  expect_problem(api.put(path, tag, R"({"total":2})"), 503, "outcome-unknown");
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
}

TEST(WriteWhoseClientLeft, GoesOnAndItsOutcomeDecides) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);

  RawClient leaves = RawClient::connect(api.proxy.port());
  leaves.send(leaves.compose("PUT", path, {{"If-Match", tag}}, R"({"total":12})"));
  ASSERT_TRUE(api.upstream.wait_for("PUT", 1));
  leaves.reset();

  // The next one's tag is still current when it asks, so it waits for the outcome.
  const std::size_t reads = api.upstream.count("GET");
  RawClient waits = RawClient::connect(api.proxy.port());
  waits.send(waits.compose("PUT", path, {{"If-Match", tag}}, R"({"total":11})"));
  ASSERT_TRUE(api.upstream.wait_for("GET", reads + 1));
  EXPECT_TRUE(waits.stays_silent(Milliseconds{100}));
  hold->release();

  expect_problem(waits.read_response(), 412, "stale-version");
  EXPECT_EQ(api.store.get(path), R"({"total":12})");
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
}

TEST(WriteWhoseClientLeft, BeforeItsBodyWasCompleteNeverReachesTheApi) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  RawClient leaves = RawClient::connect(api.proxy.port());
  leaves.send(leaves.compose("PUT", path, {{"If-Match", tag}, {"Content-Length", "100"}}, "{"));
  leaves.reset();
  EXPECT_EQ(api.put(path, tag, R"({"total":1})").status, 200);
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
}

TEST(SlowSender, NeverHoldsTheResource) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  RawClient slow = RawClient::connect(api.proxy.port());
  slow.send(slow.compose("PUT", path, {{"If-Match", tag}, {"Content-Length", "13"}}, "{\"tot"));
  EXPECT_EQ(api.put(path, tag, R"({"total":1})").status, 200);
  slow.send("al\":99}}");
  expect_problem(slow.read_response(), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
}

TEST(WriteQueue, IsBounded) {
  ProxyConfig config;
  config.defaults = "gate: { wait: 10s, queue: 1 }";
  GuardedStore api(config);
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);

  RawClient first = RawClient::connect(api.proxy.port());
  first.send(first.compose("PUT", path, {{"If-Match", tag}}, R"({"total":1})"));
  ASSERT_TRUE(api.upstream.wait_for("PUT", 1));
  const std::size_t reads = api.upstream.count("GET");
  RawClient second = RawClient::connect(api.proxy.port());
  second.send(second.compose("PUT", path, {{"If-Match", tag}}, R"({"total":2})"));
  ASSERT_TRUE(api.upstream.wait_for("GET", reads + 1));
  EXPECT_TRUE(second.stays_silent(Milliseconds{100}));

  const Response third = api.put(path, tag, R"({"total":3})");
  expect_problem(third, 503, "resource-busy");
  EXPECT_TRUE(third.has("Retry-After"));

  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
  expect_problem(second.read_response(), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
}

TEST(WriteQueue, IsLeftWhenTheWaitIsOver) {
  ProxyConfig config;
  config.defaults = "gate: { wait: 200ms, queue: 8 }";
  GuardedStore api(config);
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient first = RawClient::connect(api.proxy.port());
  first.send(first.compose("PUT", path, {{"If-Match", tag}}, R"({"total":1})"));
  ASSERT_TRUE(api.upstream.wait_for("PUT", 1));
  const Response second = api.put(path, tag, R"({"total":2})");
  expect_problem(second, 503, "resource-busy");
  EXPECT_TRUE(second.has("Retry-After"));
  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
}

TEST(Probe, ThatIsUnauthorizedIsRelayedAndNothingIsWritten) {
  GuardedStore api;
  api.store.put(path, "{}");
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    if (request.has("Authorization")) return inner(request);
    Reply reply;
    reply.status = 401;
    reply.fields = {{"WWW-Authenticate", "Basic realm=\"orders\""}};
    return reply;
  });
  const std::pair<std::string, std::string> credentials = {"Authorization", "Basic YTpi"};
  const std::string tag = api.request("GET", path, {credentials}).tag();
  const Response refused = api.put(path, tag, R"({"total":1})");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.field("WWW-Authenticate"), "Basic realm=\"orders\"");
  EXPECT_EQ(api.upstream.writes(), 0U);

  const Fields fields = {{"If-Match", tag}, credentials};
  EXPECT_EQ(api.request("PUT", path, fields, R"({"total":1})").status, 200);
}

TEST(Probe, ThatFailsDecidesNothing) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  api.upstream.behave([](const Request&) {
    Reply reply;
    reply.status = 500;
    return reply;
  });
  expect_problem(api.put(path, tag, R"({"total":1})"), 502, "version-unknown");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(Probe, FindsAnApiThatIsGone) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  api.upstream.stop();
  const Response refused = api.put(path, tag, R"({"total":1})");
  EXPECT_EQ(refused.status, 502) << refused.body;
  EXPECT_EQ(refused.field("Content-Type"), "application/problem+json");
}

}  // namespace
}  // namespace ifmatch::support
