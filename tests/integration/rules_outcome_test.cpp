// tests/RULES.md, section 3.4, each row of its table, the quarantine and the unclean start, as seen
// from outside.
#include <gtest/gtest.h>

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";

void expect_in_doubt(const Response& refused) {
  expect_problem(refused, 503, "outcome-unknown");
  EXPECT_TRUE(refused.has("Retry-After"));
  EXPECT_NE(refused.field("Cache-Control").find("no-store"), std::string::npos);
}

// First row: answers of the API itself

class Rule_3_4_Settled : public ::testing::TestWithParam<int> {};

TEST_P(Rule_3_4_Settled, TheNextWriterIsLetInAndTheNextCheckProbes) {
  GuardedStore api(with("check: recorded, in_doubt: 10s"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  answer_first_write_with(api, status_only(GetParam()));
  EXPECT_EQ(api.put(path, tag, "[1]").status, GetParam());
  EXPECT_EQ(api.upstream.count("GET"), 1U);
  EXPECT_EQ(api.put(path, tag, "[2]").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 2U) << "the entry is void";
  EXPECT_EQ(api.store.get(path), "[2]");
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_4_Settled,
                         ::testing::Values(200, 201, 204, 303, 400, 404, 409, 412, 422, 429, 500,
                                           501, 505, 519),
                         ::testing::PrintToStringParamName());

TEST(Rule_3_4_Answers, A202ToAnUnguardedWriteIsAnAnswerLikeAnyOther) {
  GuardedStore api(with("in_doubt: 10s"));
  api.store.put("/orders", "[]");
  answer_first_write_with(api, status_only(202));
  EXPECT_EQ(api.request("POST", "/orders", {}, "{}").status, 202);
  EXPECT_EQ(api.put("/orders", "*", "[1]").status, 200);
}

TEST(Rule_3_4_Answers, WhatIsDoubtfulIsTheOperatorsChoice) {
  GuardedStore api(with("in_doubt: 10s, doubtful: [500]"));
  api.store.put(path, "{}");
  answer_first_write_with(api, status_only(503));
  EXPECT_EQ(api.put(path, "*", "[1]").status, 503);
  EXPECT_EQ(api.put(path, "*", "[2]").status, 200);
  answer_first_write_with(api, status_only(500));
  EXPECT_GE(api.put(path, "*", "[3]").status, 500);
  expect_in_doubt(api.put(path, "*", "[4]"));
}

// Second row: nothing was sent

TEST(Rule_3_4_NothingSent, LeavesNothingInDoubt) {
  ProxyConfig config = on_one_thread("in_doubt: 10s");
  config.upstream_url = "http://127.0.0.1:" + std::to_string(free_port());
  ProxyProcess proxy = ProxyProcess::start(config);
  for (int count = 0; count < 2; ++count) {
    expect_problem(request_once(proxy.port(), "POST", "/orders", {}, "{}"), 502,
                   "upstream-unreachable");
    expect_problem(request_once(proxy.port(), "PUT", "/orders", {{"If-Match", "*"}}, "{}"), 502,
                   "upstream-unreachable");
  }
}

// Third row: in doubt

struct DoubtCase {
  std::string name;
  Reply reply;
  int status;        // what its own client gets ..
  std::string type;  // .. and, where the answer is ours, of what type

  friend void PrintTo(const DoubtCase& param, std::ostream* out) { *out << param.name; }
};

DoubtCase answered(int status) {
  return {"Answered" + std::to_string(status), status_only(status), status, ""};
}

DoubtCase broken(std::string name, Mishap mishap, std::size_t after = 0) {
  Reply reply;
  reply.body = std::string(100, 'x');
  reply.mishap = mishap;
  reply.truncate_after = after;
  return {std::move(name), reply, 502, "outcome-unknown"};
}

DoubtCase malformed() {
  Reply reply;
  reply.verbatim = "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n{}";
  return {"Malformed", reply, 502, "outcome-unknown"};
}

DoubtCase too_slow() {
  Reply reply;
  reply.hold = std::make_shared<Hold>();  // which nobody ever releases
  return {"TooSlow", reply, 504, "outcome-unknown"};
}

class Rule_3_4_InDoubt : public ::testing::TestWithParam<DoubtCase> {
 protected:
  static ProxyConfig config(std::string defaults) {
    ProxyConfig config = with(std::move(defaults));
    config.upstream = "timeouts: { connect: 2s, response: 700ms }";
    return config;
  }
  void expect_answer(const Response& response) {
    EXPECT_EQ(response.status, GetParam().status) << response.body;
    if (!GetParam().type.empty()) expect_problem(response, GetParam().status, GetParam().type);
  }
};

TEST_P(Rule_3_4_InDoubt, KeepsTheNextWriterOutAndLetsCompatibleOnesPass) {
  GuardedStore api(config("in_doubt: 20s"));
  api.store.put("/orders", "[]");
  for (const std::string_view order : {"/orders/42", "/orders/43"}) api.store.put(order, "{}");
  answer_first_write_with(api, GetParam().reply);
  expect_answer(api.put(path, "*", "[1]"));

  expect_in_doubt(api.put(path, "*", "[2]"));
  expect_in_doubt(api.request("DELETE", path, {{"If-Match", "*"}}));
  expect_in_doubt(api.request("POST", path, {}, "{}"));
  expect_in_doubt(api.put("/orders/42/items", "*", "{}"));
  expect_in_doubt(api.put("/orders", "*", "[]"));
  EXPECT_EQ(api.upstream.writes(), 1U);

  EXPECT_EQ(api.request("GET", path).status, 200);
  EXPECT_EQ(api.put("/orders/43", "*", "[3]").status, 200);
  EXPECT_EQ(api.request("POST", "/orders", {}, "{}").status, 201);
}

TEST_P(Rule_3_4_InDoubt, EndsAndLeavesNoEntryValid) {
  GuardedStore api(config("check: recorded, in_doubt: 300ms"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  answer_first_write_with(api, GetParam().reply);
  expect_answer(api.put(path, tag, "[1]"));
  // What is read during the quarantine decides nothing after it.
  EXPECT_EQ(api.read_tag(path), tag);
  std::size_t reads = 0;
  EXPECT_TRUE(eventually([&] {
    reads = api.upstream.count("GET");
    const Response next = api.put(path, tag, "[2]");
    if (next.status == 200) return true;
    expect_in_doubt(next);
    return false;
  }));
  EXPECT_EQ(api.upstream.count("GET"), reads + 1) << "it must have been probed";
  EXPECT_EQ(api.store.get(path), "[2]");
  EXPECT_EQ(api.upstream.writes(), 2U);
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_4_InDoubt,
                         ::testing::Values(answered(202), answered(502), answered(503),
                                           answered(504), answered(520), answered(599), too_slow(),
                                           broken("ClosedUnanswered", Mishap::close_unanswered),
                                           broken("ResetUnanswered", Mishap::reset_unanswered),
                                           broken("CutOffInTheHead", Mishap::truncate, 20),
                                           broken("CutOffInTheBody", Mishap::truncate, 100),
                                           malformed()),
                         [](const auto& test) { return test.param.name; });

TEST(Rule_3_4_Quarantine, ASharedWriteKeepsExclusiveOnesOutAndSharedOnesPass) {
  GuardedStore api(with("in_doubt: 10s"));
  api.store.put("/orders", "[]");
  answer_first_write_with(api, broken("", Mishap::close_unanswered).reply);
  expect_problem(api.request("POST", "/orders", {}, "{}"), 502, "outcome-unknown");
  expect_in_doubt(api.put("/orders", "*", "[1]"));
  EXPECT_EQ(api.request("POST", "/orders", {}, "{}").status, 201);
  EXPECT_EQ(api.request("PUT", "/orders/new", {{"If-None-Match", "*"}}, "{}").status, 201);
}

TEST(Rule_3_4_Quarantine, WhoeverWaitsIsToldAtOnce) {
  GuardedStore api(with("in_doubt: 20s, gate: { wait: 20s, queue: 8 }"));
  api.store.put(path, "{}");
  const auto hold = std::make_shared<Hold>();
  Reply lost;
  lost.hold = hold;
  lost.mishap = Mishap::reset_unanswered;
  answer_first_write_with(api, lost);
  RawClient writer = begin_put(api, path, "*", "[1]");
  ASSERT_TRUE(hold->wait_until_held());
  RawClient exclusive = begin_put(api, path, "*", "[2]");
  RawClient shared = begin(api, "POST", path, {}, "{}");
  EXPECT_TRUE(exclusive.stays_silent(watched));
  EXPECT_TRUE(shared.stays_silent(watched));
  hold->release();
  const auto began = Clock::now();
  expect_in_doubt(exclusive.read_response());
  expect_in_doubt(shared.read_response());
  EXPECT_LT(Clock::now() - began, Milliseconds{10'000});
  expect_problem(writer.read_response(), 502, "outcome-unknown");
  EXPECT_EQ(api.upstream.writes(), 1U);
}

TEST(Rule_3_4_Quarantine, ATimedOutWriteLosesItsConnection) {
  ProxyConfig config = on_one_thread("in_doubt: 10s");
  config.upstream = "timeouts: { connect: 2s, response: 300ms }";
  GuardedStore api(config);
  api.store.put(path, "{}");
  answer_first_write_with(api, too_slow().reply);
  expect_problem(api.put(path, "*", "[1]"), 504, "outcome-unknown");
  const int used = api.upstream.requests("PUT").at(0).connection;
  EXPECT_EQ(api.request("GET", path).status, 200);
  EXPECT_NE(api.upstream.requests("GET").back().connection, used);
}

TEST(Rule_3_4_Quarantine, CountsFromTheEndOfTheDoubtfulAnswer) {
  GuardedStore api(with("in_doubt: 1s"));
  api.store.put(path, "{}");
  answer_first_write_with(api, status_only(503));
  EXPECT_EQ(api.put(path, "*", "[1]").status, 503);
  const auto answered_at = Clock::now();
  EXPECT_TRUE(eventually([&] { return api.put(path, "*", "[2]").status == 200; }));
  // The answer took a moment to reach us.
  EXPECT_GE(Clock::now() - answered_at, Milliseconds{900});
}

TEST(Rule_3_4_Quarantine, LastsAsLongAsTheResponseTimeOutByDefault) {
  ProxyConfig config;
  config.upstream = "timeouts: { connect: 2s, response: 1s }";
  GuardedStore api(config);
  api.store.put(path, "{}");
  answer_first_write_with(api, status_only(503));
  EXPECT_EQ(api.put(path, "*", "[1]").status, 503);
  const auto began = Clock::now();
  EXPECT_TRUE(eventually([&] { return api.put(path, "*", "[2]").status == 200; }));
  EXPECT_GE(Clock::now() - began, Milliseconds{900});
  EXPECT_LT(Clock::now() - began, Milliseconds{5'000});
}

// Beside a guarded route a bypass route takes part, too.
class Rule_3_4_Bypass : public ::testing::Test {
 protected:
  static ProxyConfig config() {
    ProxyConfig config = with("in_doubt: 10s");
    config.routes =
        "  - { name: order, match: { path: \"/orders/{id}\" }, upstream: api }\n"
        "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
    return config;
  }
  void expect_doubt_after(const Reply& reply) {
    api.store.put(path, "{}");
    answer_first_write_with(api, reply);
    EXPECT_GE(api.request("PUT", "/orders/42/items", {}, "{}").status, 502);
    expect_in_doubt(api.put(path, "*", "[1]"));
    EXPECT_EQ(api.upstream.writes(), 1U);
  }

  GuardedStore api{config()};
};

TEST_F(Rule_3_4_Bypass, AWriteBelowAGuardedPatternThatIsLostIsInDoubt) {
  expect_doubt_after(broken("", Mishap::close_unanswered).reply);
}

TEST_F(Rule_3_4_Bypass, AWriteBelowAGuardedPatternThatAGatewayAnsweredIsInDoubt) {
  expect_doubt_after(status_only(504));
}

// Unclean start

class Rule_3_4_Start : public ::testing::Test {
 protected:
  Rule_3_4_Start() { store.put(path, "{}"); }

  ProxyConfig config(const std::string& in_doubt) const {
    ProxyConfig config = with("in_doubt: " + in_doubt);
    config.upstream_url = upstream.url();
    config.state_dir = "\"" + folder.path().string() + "\"";
    return config;
  }
  ProxyProcess start(const std::string& in_doubt) const {
    return ProxyProcess::start(config(in_doubt));
  }
  // Its address belongs to somebody else already.
  void expect_failing_start() const {
    const Socket taken = Socket::listen();
    const std::string address = "127.0.0.1:" + std::to_string(taken.local_port());
    TemporaryFolder own;
    const Finished failed =
        run_to_end({ifmatch_binary(), "run", "-c",
                    own.write("ifmatch.yaml", config("20s").yaml()), "--listen", address});
    EXPECT_EQ(failed.status, (ExitStatus{.code = 1}));
    EXPECT_NE(failed.errors.find(address), std::string::npos) << failed.errors;
  }
  static Response put(const ProxyProcess& proxy, std::string_view body) {
    return request_once(proxy.port(), "PUT", path, {{"If-Match", "*"}}, body);
  }
  static void kill(ProxyProcess& proxy) {
    proxy.process().signal(SIGKILL);
    EXPECT_TRUE(proxy.process().wait());
  }

  TemporaryFolder folder;
  DocumentStore store;
  ScriptedUpstream upstream{store.behaviour()};
};

TEST_F(Rule_3_4_Start, AfterAKillEveryWriteIsRefusedForAWhileAndReadsGoOn) {
  {
    ProxyProcess first = start("2s");
    EXPECT_EQ(put(first, "[1]").status, 200);
    kill(first);
  }
  ProxyProcess second = start("2s");
  const auto began = Clock::now();
  expect_in_doubt(put(second, "[2]"));
  expect_in_doubt(request_once(second.port(), "POST", "/people", {}, "{}"));
  expect_in_doubt(request_once(second.port(), "DELETE", path, {{"If-Match", "*"}}));
  EXPECT_EQ(request_once(second.port(), "GET", path).status, 200);
  EXPECT_EQ(upstream.writes(), 1U);
  EXPECT_TRUE(eventually([&] { return put(second, "[2]").status == 200; }));
  EXPECT_GE(Clock::now() - began, Milliseconds{1'500});
  EXPECT_EQ(store.get(path), "[2]");
}

TEST_F(Rule_3_4_Start, AKillDuringThatQuarantineBeginsAnother) {
  {
    ProxyProcess first = start("5s");
    kill(first);
  }
  {
    ProxyProcess second = start("5s");
    expect_in_doubt(put(second, "[1]"));
    kill(second);
  }
  ProxyProcess third = start("5s");
  expect_in_doubt(put(third, "[1]"));
}

TEST_F(Rule_3_4_Start, AfterACleanStopNothingIsInDoubt) {
  {
    ProxyProcess first = start("20s");
    EXPECT_EQ(put(first, "[1]").status, 200);
    EXPECT_EQ(first.stop(), ExitStatus{}) << first.process().transcript();
  }
  ProxyProcess second = start("20s");
  EXPECT_EQ(put(second, "[2]").status, 200);
}

TEST_F(Rule_3_4_Start, AStopDuringAQuarantineIsNoCleanOne) {
  {
    ProxyProcess first = start("20s");
    upstream.behave([inner = store.behaviour()](const Request& request) {
      return is_read(request) ? inner(request) : status_only(504);
    });
    EXPECT_EQ(put(first, "[1]").status, 504);
    upstream.behave(store.behaviour());
    EXPECT_EQ(first.stop(), ExitStatus{}) << first.process().transcript();
  }
  ProxyProcess second = start("20s");
  expect_in_doubt(put(second, "[2]"));
}

TEST_F(Rule_3_4_Start, AStopDuringTheQuarantineOfAnUncleanStartIsNoCleanOne) {
  {
    ProxyProcess first = start("20s");
    kill(first);
  }
  {
    ProxyProcess second = start("20s");
    expect_in_doubt(put(second, "[1]"));
    EXPECT_EQ(second.stop(), ExitStatus{}) << second.process().transcript();
  }
  ProxyProcess third = start("20s");
  expect_in_doubt(put(third, "[1]"));
}

TEST_F(Rule_3_4_Start, AfterOneThatFoundItsPortTakenNothingIsInDoubt) {
  expect_failing_start();
  ProxyProcess next = start("20s");
  EXPECT_EQ(put(next, "[1]").status, 200);
}

TEST_F(Rule_3_4_Start, OneThatFoundItsPortTakenClearsNoUncleanEnd) {
  {
    ProxyProcess first = start("20s");
    kill(first);
  }
  expect_failing_start();
  ProxyProcess next = start("20s");
  expect_in_doubt(put(next, "[1]"));
}

TEST_F(Rule_3_4_Start, ASecondInstanceThatSpellsTheOriginOtherwiseRefusesToStart) {
  ProxyProcess first = start("20s");
  for (const std::string host : {"localhost", "LOCALHOST", "127.0.0.2"}) {
    ProxyConfig other = config("20s");
    other.upstream_url = "http://" + host + ":" + std::to_string(upstream.port());
    TemporaryFolder own;
    const Finished second =
        run_to_end({ifmatch_binary(), "run", "-c", own.write("ifmatch.yaml", other.yaml())});
    EXPECT_EQ(second.status, (ExitStatus{.code = 1})) << host;
    EXPECT_EQ(second.errors.find("ready:"), std::string::npos) << host << second.errors;
  }
  EXPECT_EQ(put(first, "[1]").status, 200);
}

TEST_F(Rule_3_4_Start, ASecondInstanceBeforeTheSameOriginRefusesToStart) {
  ProxyProcess first = start("300ms");
  ProxyConfig config;
  config.upstream_url = upstream.url();
  config.state_dir = "\"" + folder.path().string() + "\"";
  TemporaryFolder own;
  const Finished second =
      run_to_end({ifmatch_binary(), "run", "-c", own.write("ifmatch.yaml", config.yaml())});
  EXPECT_EQ(second.status, (ExitStatus{.code = 1}));
  EXPECT_NE(second.errors.find(upstream.url()), std::string::npos) << second.errors;
  EXPECT_EQ(second.errors.find("ready:"), std::string::npos) << second.errors;
  // The first one is not disturbed, and its clean end is still one.
  EXPECT_EQ(put(first, "[1]").status, 200);
  EXPECT_EQ(first.stop(), ExitStatus{}) << first.process().transcript();
  ProxyProcess third = start("20s");
  EXPECT_EQ(put(third, "[2]").status, 200);
}

TEST_F(Rule_3_4_Start, AnotherOriginIsNoConcernOfItsMark) {
  ProxyProcess first = start("20s");
  kill(first);
  ScriptedUpstream elsewhere(store.behaviour());
  ProxyConfig config = with("in_doubt: 20s");
  config.upstream_url = elsewhere.url();
  config.state_dir = "\"" + folder.path().string() + "\"";
  ProxyProcess second = ProxyProcess::start(config);
  EXPECT_EQ(put(second, "[1]").status, 200);
}

}  // namespace
}  // namespace ifmatch::support
