// tests/RULES.md, sections 3.2.5 to 3.2.10, how a write is sent and settled, as seen from outside:
// what is void after it, that it goes out once, on which connection, and how its answer is read.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";
const std::string other(unknown_tag);

// 3.2.5

// Answers one request on a connection that it accepted itself.
class OneConnection {
 public:
  explicit OneConnection(Socket& listener) : socket_(listener.accept().value()) {}

  std::string answer(std::string_view octets) {
    const std::string line = request();
    static_cast<void>(socket_.send_all(octets));
    return line;
  }
  std::string request() {
    const auto head = reader_.read_head(Deadline{});
    return head ? head->start_line : std::string();
  }
  void send(std::string_view octets) { static_cast<void>(socket_.send_all(octets)); }
  void close() { socket_.close(); }

 private:
  Socket socket_;
  MessageReader reader_{socket_};
};

TEST(Rule_3_2_5, AConnectionIsObtainedBeforeTheWriteCountsAsSent) {
  Socket listener = Socket::listen();
  ProxyConfig config = on_one_thread("in_doubt: 10s");
  config.upstream_url = "http://127.0.0.1:" + std::to_string(listener.local_port());
  ProxyProcess proxy = ProxyProcess::start(config);
  RawClient client = RawClient::connect(proxy.port());
  client.send(client.compose("PUT", path, {{"If-Match", "*"}}, "{}"));
  OneConnection connection(listener);
  EXPECT_EQ(connection.request(), "GET /orders/42 HTTP/1.1");
  // The probe finds the resource, and nobody listens any more when the write wants a connection.
  listener.close();
  connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
  connection.close();
  expect_problem(client.read_response(), 502, "upstream-unreachable");
  // Nothing happened, so nothing is in doubt.
  expect_problem(client.request("PUT", path, {{"If-Match", "*"}}, "{}"), 502,
                 "upstream-unreachable");
}

TEST(Rule_3_2_5, AWriteGoesOutOnlyOnWhatIsStillValid) {
  // Two writers have read the same version. Both are found current, one after the other is let in.
  GuardedStore api(with("check: recorded"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient first = begin_put(api, path, tag, "[1]");
  ASSERT_TRUE(hold->wait_until_held());
  RawClient second = begin_put(api, path, tag, "[2]");
  EXPECT_TRUE(second.stays_silent(watched));
  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
  expect_problem(second.read_response(), 412, "stale-version");
  EXPECT_EQ(api.upstream.writes(), 1U);
}

// 3.2.6, on `recorded` routes, where a void entry shows by the probe that follows

class Rule_3_2_6 : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string_view document :
         {"/orders", "/orders/42", "/orders/42/items", "/people"}) {
      api.store.put(document, "\"" + std::string(document) + "\"");
      tags[std::string(document)] = api.read_tag(document);
    }
  }
  // How many probes it took to find that the tag of the beginning still holds.
  std::size_t probes_for(const std::string& target) {
    const std::size_t reads = api.upstream.count("GET");
    const Response written = api.put(target, tags.at(target), "\"rewritten\"");
    EXPECT_EQ(written.status, 200) << target << ": " << written.body;
    return api.upstream.count("GET") - reads;
  }

  GuardedStore api{with("check: recorded")};
  std::map<std::string, std::string> tags;
};

TEST_F(Rule_3_2_6, AnExclusiveWriteVoidsWhatIsBelowIt) {
  ASSERT_EQ(api.put("/orders", tags["/orders"], "[]").status, 200);
  EXPECT_EQ(probes_for("/orders/42/items"), 1U);
}

TEST_F(Rule_3_2_6, AnExclusiveWriteVoidsWhatIsAboveIt) {
  ASSERT_EQ(api.put("/orders/42/items", tags["/orders/42/items"], "[]").status, 200);
  EXPECT_EQ(probes_for("/orders"), 1U);
}

TEST_F(Rule_3_2_6, AnExclusiveWriteVoidsItsOwnPath) {
  ASSERT_EQ(api.put(path, tags["/orders/42"], "[]").status, 200);
  tags["/orders/42"] = api.request("HEAD", path).tag();
  EXPECT_EQ(probes_for("/orders/42"), 0U) << "what was read since is valid";
  const std::size_t reads = api.upstream.count("GET");
  expect_problem(put_plain(api, path, tags["/orders/42"], "[]"), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("GET"), reads + 1);
}

TEST_F(Rule_3_2_6, ACreationVoidsItsOwnPathAndWhatIsAboveIt) {
  ASSERT_EQ(api.request("POST", path, {}, "{}").status, 201);
  EXPECT_EQ(probes_for("/orders/42"), 1U);
  ASSERT_EQ(api.request("POST", "/orders/43", {}, "{}").status, 201);
  EXPECT_EQ(probes_for("/orders"), 1U);
}

TEST_F(Rule_3_2_6, ACreationVoidsNothingBelowAndNothingBeside) {
  ASSERT_EQ(api.request("POST", "/orders", {}, "{}").status, 201);
  EXPECT_EQ(probes_for("/orders/42/items"), 0U);
  EXPECT_EQ(probes_for("/people"), 0U);
}

TEST_F(Rule_3_2_6, AnEntryIsVoidHoweverTheApiAnswered) {
  answer_first_write_with(api, status_only(500));
  ASSERT_EQ(api.put(path, tags["/orders/42"], "[]").status, 500);
  EXPECT_EQ(probes_for("/orders/42"), 1U);
}

TEST_F(Rule_3_2_6, WhatWasDeletedIsStaleAfterwards) {
  ASSERT_EQ(api.request("DELETE", path, {{"If-Match", tags["/orders/42"]}}).status, 204);
  expect_problem(api.put(path, tags["/orders/42"], "[]"), 412, "stale-version");
  EXPECT_EQ(api.request("DELETE", path, {{"If-Match", tags["/orders/42"]}}).status, 404);
  EXPECT_EQ(api.upstream.writes(), 1U);
}

// 3.2.7

class Rule_3_2_7 : public ::testing::TestWithParam<std::string> {};

TEST_P(Rule_3_2_7, AWriteIsForwardedOnceWhateverBecomesOfIt) {
  for (const Mishap mishap :
       {Mishap::close_unanswered, Mishap::reset_unanswered, Mishap::truncate}) {
    GuardedStore api(on_one_thread("in_doubt: 10s, check: " + GetParam()));
    api.store.put(path, "{}");
    RawClient client = RawClient::connect(api.proxy.port());
    Reply lost;
    lost.mishap = mishap;
    lost.truncate_after = 10;
    answer_writes_with(api, lost);
    // The connection was used before, as one that an upstream may close at any time.
    const std::string tag = client.request("GET", path).tag();
    expect_problem(client.request("PUT", path, {{"If-Match", tag}}, "[]"), 502, "outcome-unknown");
    EXPECT_EQ(api.upstream.writes(), 1U);
    expect_problem(api.request("POST", "/people", {}, "{}"), 502, "outcome-unknown");
    EXPECT_EQ(api.upstream.writes(), 2U);
  }
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_2_7, ::testing::Values("confirm", "recorded"),
                         [](const auto& test) { return test.param; });

TEST(Rule_3_2_7_Forwarded, WritesCarryNoPrecondition) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const std::string date = "Tue, 15 Nov 1994 12:45:26 GMT";
  const Fields fields = {{"If-Match", "\"x\""},          {"if-match", tag},
                         {"If-None-Match", "\"other\""}, {"If-Unmodified-Since", date},
                         {"If-Modified-Since", date},    {"If-Range", tag},
                         {"Content-Type", "text/plain"}};
  EXPECT_EQ(api.request("PUT", path, fields, "[]").status, 200);
  EXPECT_EQ(api.request("PUT", "/orders/new", {{"If-None-Match", "*"}}, "[]").status, 201);
  ASSERT_EQ(api.upstream.count("PUT"), 2U);
  for (const Request& write : api.upstream.requests("PUT")) {
    for (const std::string_view dropped :
         {"If-Match", "If-None-Match", "If-Unmodified-Since", "If-Modified-Since", "If-Range"}) {
      EXPECT_FALSE(write.has(dropped)) << dropped;
    }
  }
  EXPECT_EQ(api.upstream.requests("PUT").at(0).field("Content-Type"), "text/plain");
}

// 3.2.8

TEST(Rule_3_2_8, AWriteGoesOnWhenItsClientLeavesAndItsOutcomeCounts) {
  GuardedStore api(with("check: recorded"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient leaves = begin_put(api, path, tag, "[1]");
  ASSERT_TRUE(hold->wait_until_held());
  leaves.reset();
  RawClient waits = begin_put(api, path, "*", "[2]");
  EXPECT_TRUE(waits.stays_silent(watched)) << "the gate stays shut until the outcome is known";
  hold->release();
  EXPECT_EQ(waits.read_response().status, 200);
  const std::vector<AppliedWrite> applied = api.store.applied(path);
  ASSERT_EQ(applied.size(), 2U);
  EXPECT_EQ(applied[0].body, "[1]");
  EXPECT_EQ(applied[1].body, "[2]");
}

TEST(Rule_3_2_8, AnAnswerIsReadAtThePaceOfTheApiAndNotOfTheClient) {
  GuardedStore api(with("gate: { wait: 300ms, queue: 8 }"));
  api.store.put(path, "{}");
  const std::string large(6 * 1024 * 1024, 'x');
  Reply reply;
  reply.body = large;
  answer_first_write_with(api, reply);
  RawClient never_reads = begin_put(api, path, "*", "[1]");
  ASSERT_TRUE(api.upstream.wait_for("PUT", 1));
  EXPECT_TRUE(eventually([&] { return api.put(path, "*", "[2]").status == 200; }));
  const Response answer = never_reads.read_response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body == large);
}

TEST(Rule_3_2_8, TheResponseTimeOutIsATotal) {
  ProxyConfig config = with("in_doubt: 10s");
  config.upstream = "timeouts: { connect: 2s, response: 400ms }";
  // Each silence is short; together they are too long.
  std::string interim;
  for (int count = 0; count < 20; ++count) interim += "HTTP/1.1 102 Processing\r\n\r\n";
  Reply processing;
  processing.verbatim = interim + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  processing.piece_bytes = interim.size() / 20;
  processing.pause = Milliseconds{100};
  Reply trickling;
  trickling.verbatim = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + std::string(40, 'x');
  trickling.piece_bytes = 4;
  trickling.pause = Milliseconds{100};
  for (const Reply& reply : {processing, trickling}) {
    GuardedStore api(config);
    api.store.put(path, "{}");
    answer_writes_with(api, reply);
    expect_problem(api.put(path, "*", "[1]"), 504, "outcome-unknown");
    expect_problem(api.put(path, "*", "[2]"), 503, "outcome-unknown");
    EXPECT_EQ(api.upstream.writes(), 1U);
  }
}

class Rule_3_2_8_TooLarge : public ::testing::TestWithParam<Framing> {};

TEST_P(Rule_3_2_8_TooLarge, TheClientIsToldThatTheWriteWasApplied) {
  GuardedStore api(with("max_body: 1KiB"));
  api.store.put(path, "{}");
  Reply reply;
  reply.framing = GetParam();
  reply.generated_bytes = 300 * 1024;
  answer_first_write_with(api, reply);
  const Response answer = api.put(path, "*", "[1]");
  expect_problem(answer, 502, "body-too-large");
  EXPECT_NE(answer.body.find("the write took place"), std::string::npos) << answer.body;
  EXPECT_FALSE(answer.has("ETag"));
  EXPECT_EQ(api.put(path, "*", "[2]").status, 200) << "it is settled, not in doubt";
}

TEST_P(Rule_3_2_8_TooLarge, AnErrorOfTheApiIsNotTakenForAWriteThatWasApplied) {
  for (const int status : {400, 404, 409, 500}) {
    GuardedStore api(with("max_body: 1KiB"));
    api.store.put(path, "{}");
    Reply reply = status_only(status);
    reply.framing = GetParam();
    reply.generated_bytes = 300 * 1024;
    answer_first_write_with(api, reply);
    const Response answer = api.put(path, "*", "[1]");
    expect_problem(answer, 502, "body-too-large");
    EXPECT_EQ(answer.body.find("the write took place"), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find(std::to_string(status)), std::string::npos) << answer.body;
    EXPECT_EQ(api.put(path, "*", "[2]").status, 200) << "it is settled, not in doubt";
  }
}

TEST_P(Rule_3_2_8_TooLarge, ADoubtfulAnswerLeavesTheOutcomeUnknown) {
  for (const int status : {202, 503}) {
    GuardedStore api(with("max_body: 1KiB"));
    api.store.put(path, "{}");
    Reply reply = status_only(status);
    reply.framing = GetParam();
    reply.generated_bytes = 300 * 1024;
    answer_first_write_with(api, reply);
    expect_problem(api.put(path, "*", "[1]"), 502, "outcome-unknown");
    expect_problem(api.put(path, "*", "[2]"), 503, "outcome-unknown");
    EXPECT_EQ(api.upstream.writes(), 1U);
  }
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_2_8_TooLarge,
                         ::testing::Values(Framing::content_length, Framing::chunked),
                         [](const auto& test) {
                           return test.param == Framing::chunked ? "Chunked" : "WithLength";
                         });

// 3.2.9

struct ReuseCase {
  std::string name;
  Fields fields;
  int connections;

  friend void PrintTo(const ReuseCase& param, std::ostream* out) { *out << param.name; }
};

class Rule_3_2_9_Reuse : public ::testing::TestWithParam<ReuseCase> {};

TEST_P(Rule_3_2_9_Reuse, OfAConnectionIsAsTheUpstreamSaid) {
  DocumentStore::Options options;
  options.fields = GetParam().fields;
  GuardedStore api(on_one_thread(), options);
  api.store.put(path, "{}");
  RawClient client = RawClient::connect(api.proxy.port());
  // The upstream of the tests goes on serving whatever it says.
  for (int count = 0; count < 3; ++count) EXPECT_EQ(client.request("GET", path).status, 200);
  EXPECT_EQ(api.upstream.connections_accepted(), GetParam().connections);
}

INSTANTIATE_TEST_SUITE_P(
    , Rule_3_2_9_Reuse,
    ::testing::Values(ReuseCase{"Silent", {}, 1},
                      ReuseCase{"Long", {{"Keep-Alive", "timeout=60, max=100"}}, 1},
                      ReuseCase{"Short", {{"Keep-Alive", "timeout=1"}}, 3},
                      ReuseCase{"Zero", {{"Keep-Alive", "max=5, timeout=0"}}, 3},
                      ReuseCase{"Close", {{"Connection", "close"}}, 3},
                      ReuseCase{"CloseInAList", {{"Connection", "foo, Close"}}, 3}),
    [](const auto& test) { return test.param.name; });

TEST(Rule_3_2_9, AConnectionThatTheUpstreamSaysItClosesCarriesNoWrite) {
  DocumentStore::Options options;
  options.fields = {{"Connection", "close"}};
  GuardedStore api(on_one_thread(), options);
  api.store.put(path, "{}");
  EXPECT_EQ(api.put(path, "*", "[]").status, 200);
  const std::vector<Request> seen = api.upstream.requests();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[0].connection, seen[1].connection);
}

TEST(Rule_3_2_9, AConfirmedWriteGoesOutOnTheConnectionOfItsProbe) {
  GuardedStore api(on_one_thread());
  constexpr int writers = 4;
  constexpr int writes = 25;
  const auto path_of = [](int writer) { return "/orders/" + std::to_string(writer); };
  for (int writer = 0; writer < writers; ++writer) api.store.put(path_of(writer), "{}");
  {
    std::vector<std::jthread> threads;
    for (int writer = 0; writer < writers; ++writer) {
      threads.emplace_back([&api, target = path_of(writer)] {
        RawClient client = RawClient::connect(api.proxy.port());
        for (int count = 0; count < writes; ++count) {
          const std::string body = std::to_string(count);
          EXPECT_EQ(client.request("PUT", target, {{"If-Match", "*"}}, body).status, 200);
        }
      });
    }
  }
  std::map<int, Request> last;  // by connection
  int compared = 0;
  for (const Request& request : api.upstream.requests()) {
    if (request.method == "PUT") {
      ++compared;
      EXPECT_EQ(last[request.connection].method, "GET");
      EXPECT_EQ(last[request.connection].target, request.target);
    }
    last[request.connection] = request;
  }
  EXPECT_EQ(compared, writers * writes);
}

TEST(Rule_3_2_9, AnUnprobedWriteTakesNoConnectionThatHasBeenIdle) {
  GuardedStore api(on_one_thread("check: recorded"));
  api.store.put(path, "{}");
  RawClient client = RawClient::connect(api.proxy.port());
  std::string tag = client.request("GET", path).tag();
  EXPECT_EQ(client.request("PUT", path, {{"If-Match", tag}}, "[1]").status, 200);
  EXPECT_EQ(api.upstream.requests("PUT").at(0).connection, 1) << "one of a moment ago will do";

  tag = client.request("GET", path).tag();
  // Nothing can happen in this time but that the connection ages.
  EXPECT_TRUE(client.stays_silent(Milliseconds{1'100}));
  EXPECT_EQ(client.request("PUT", path, {{"If-Match", tag}}, "[2]").status, 200);
  EXPECT_EQ(api.upstream.requests("PUT").at(1).connection, 2);
}

TEST(Rule_3_2_9, AnUnprobedWriteTakesNoConnectionThatTheUpstreamHasClosed) {
  DocumentStore store;
  ScriptedUpstream::Options options;
  options.idle_timeout = Milliseconds{50};
  ScriptedUpstream upstream(store.behaviour(), options);
  ProxyConfig config = on_one_thread("check: recorded, in_doubt: 10s");
  config.upstream_url = upstream.url();
  ProxyProcess proxy = ProxyProcess::start(config);
  store.put(path, "{}");
  RawClient client = RawClient::connect(proxy.port());
  for (int round = 1; round <= 10; ++round) {
    const std::string tag = client.request("GET", path).tag();
    ASSERT_TRUE(upstream.wait_for_open_connections(0));
    const std::string body = "[" + std::to_string(round) + "]";
    EXPECT_EQ(client.request("PUT", path, {{"If-Match", tag}}, body).status, 200) << round;
  }
  EXPECT_EQ(upstream.count("PUT"), 10U);
}

TEST(Rule_3_2_9, AConnectionWithOctetsBehindItsAnswerIsNotUsedAgain) {
  GuardedStore api(on_one_thread());
  Reply reply;
  reply.verbatim =
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  answer_reads_with(api, reply);
  EXPECT_EQ(api.put(path, "*", "[]").status, 201);
  const std::vector<Request> seen = api.upstream.requests();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[0].connection, seen[1].connection);
}

// 3.2.10

struct ConditionCase {
  std::string name;
  Fields condition;
  int status;
  std::string type;
};

class Rule_3_2_10 : public ::testing::TestWithParam<std::string> {};

TEST_P(Rule_3_2_10, ACarriedConditionIsDecidedWhateverTheMethod) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::vector<ConditionCase> cases = {
      {"stale", {{"If-Match", other}}, 412, "stale-version"},
      {"malformed", {{"If-Match", "abc"}}, 400, "bad-condition"},
      {"date",
       {{"If-Unmodified-Since", "Tue, 15 Nov 1994 12:45:26 GMT"}},
       412,
       "precondition-missing"},
      {"create", {{"If-None-Match", "*"}}, 412, "already-exists"},
  };
  for (const ConditionCase& expected : cases) {
    SCOPED_TRACE(expected.name);
    expect_problem(api.request(GetParam(), path, expected.condition, "{}"), expected.status,
                   expected.type);
  }
  EXPECT_EQ(api.upstream.writes(), 0U);
  EXPECT_LT(api.request(GetParam(), path, {{"If-Match", api.read_tag(path)}}, "{}").status, 409);
  EXPECT_LT(api.request(GetParam(), path, {}, "{}").status, 409) << "none is required";
  EXPECT_EQ(api.upstream.writes(), 2U);
}

TEST_P(Rule_3_2_10, ACarriedConditionTakesTheGateExclusively) {
  GuardedStore api;
  api.store.put(path, "{}");
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient conditional = begin(api, GetParam(), path, {{"If-Match", "*"}}, "{}");
  ASSERT_TRUE(hold->wait_until_held());
  RawClient plain = begin(api, GetParam(), path, {}, "{}");
  EXPECT_TRUE(plain.stays_silent(watched));
  EXPECT_EQ(api.upstream.writes(), 1U);
  hold->release();
  EXPECT_LT(conditional.read_response().status, 409);
  EXPECT_LT(plain.read_response().status, 409);
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_2_10, ::testing::Values("POST", "PROPPATCH", "BREW"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace ifmatch::support
