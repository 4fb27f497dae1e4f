// What an API or a client does wrong, or does slowly, costs itself and nobody else: answers that
// come twice, never end or come too early, connections that end unannounced, clients that do not
// read or do not send.
#include <gtest/gtest.h>

#include <signal.h>

#include <atomic>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";

// Octets that nobody asked for

TEST(AnAnswerThatComesTwice, IsNeverTakenForTheAnswerToAProbe) {
  GuardedStore api(on_one_thread());
  api.store.put(path, "[1]");
  const auto afterwards = std::make_shared<Hold>();
  const auto finished = std::make_shared<Hold>();
  api.upstream.behave([inner = api.store.behaviour(), afterwards,
                       finished](const Request& request) {
    Reply reply = inner(request);
    if (!request.has("X-Twice")) return reply;
    reply.later = [apply = reply.later, afterwards, finished] {
      Reply twice = apply();
      twice.afterwards = afterwards;
      twice.postscript =
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]";
      twice.finished = finished;
      return twice;
    };
    return reply;
  });
  const std::string tag = api.request("GET", path, {{"X-Twice", "1"}}).tag();
  afterwards->release();
  ASSERT_TRUE(finished->wait());

  // Somebody else writes past us: the second copy would prove that nobody did.
  api.store.put(path, "[2]");
  expect_problem(put_plain(api, path, tag, "[3]"), 412, "stale-version");
  EXPECT_EQ(api.upstream.writes(), 0U);
  EXPECT_EQ(api.request("GET", path).body, "[2]");
}

TEST(AnAnswerThatComesTwice, AtOnceEndsTheConnection) {
  GuardedStore api(on_one_thread());
  api.store.put(path, "[2]");
  const std::string once = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n[1]";
  api.upstream.behave([inner = api.store.behaviour(), once](const Request& request) {
    Reply reply = inner(request);
    if (request.has("X-Twice")) {
      reply = Reply{};
      reply.verbatim = once + once;
    }
    return reply;
  });
  EXPECT_EQ(api.request("GET", path, {{"X-Twice", "1"}}).body, "[1]");
  EXPECT_EQ(api.request("GET", path).body, "[2]");
  const std::vector<Request> reads = api.upstream.requests("GET");
  EXPECT_NE(reads.at(0).connection, reads.at(1).connection);
}

// Answers that never end

struct Flood {
  std::string name;
  std::string begin;
  std::string endless;
  Milliseconds pause{0};
};

void PrintTo(const Flood& flood, std::ostream* out) {
  *out << flood.name;
}

std::vector<Flood> floods() {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string large = "40000\r\n" + std::string(0x40000, 'x') + "\r\n";
  const std::string interim = "HTTP/1.1 102 Processing\r\n\r\n";
  std::string many;
  for (int count = 0; count < 2000; ++count) many += interim;
  return {
      {"InterimAnswers", interim, many},
      {"InterimAnswersNowAndThen", interim, interim, Milliseconds{50}},
      {"Content", head, large},
      {"ContentNowAndThen", head, "1\r\nx\r\n", Milliseconds{50}},
      {"AHeadNowAndThen", "HTTP/1.1 200 OK\r\nX-Name: a", "a", Milliseconds{50}},
  };
}

class AnAnswerWithoutEnd : public ::testing::TestWithParam<Flood> {};

TEST_P(AnAnswerWithoutEnd, ToAWriteIsCutAtTheResponseTimeOut) {
  constexpr Milliseconds response{700};
  // By design half a second; the rest is for a machine that has much else to do.
  constexpr Milliseconds late_at_most{1'500};
  ProxyConfig config = with("in_doubt: 20s");
  config.upstream = "timeouts: { connect: 2s, response: 700ms }";
  GuardedStore api(config);
  api.store.put(path, "[1]");
  Reply reply;
  reply.verbatim = GetParam().begin;
  reply.endless = GetParam().endless;
  reply.pause = GetParam().pause;
  answer_writes_with(api, reply);

  const std::string tag = api.read_tag(path);
  const auto begin = Clock::now();
  expect_problem(put_plain(api, path, tag, "[2]"), 504, "outcome-unknown");
  const auto took = Clock::now() - begin;
  EXPECT_GE(took, response);
  EXPECT_LT(took, response + late_at_most);
  expect_problem(put_plain(api, path, tag, "[3]"), 503, "outcome-unknown");
  // The API has lost its reader, and others go on.
  api.store.put("/orders/43", "[1]");
  EXPECT_EQ(api.request("GET", "/orders/43").body, "[1]");
}

INSTANTIATE_TEST_SUITE_P(, AnAnswerWithoutEnd, ::testing::ValuesIn(floods()),
                         [](const auto& test) { return test.param.name; });

// Answers that come too early

TEST(AnEarlyAnswerToAWrite, IsAnAnswerAlsoWhenTheApiReadsNoMore) {
  const auto afterwards = std::make_shared<Hold>();
  ScriptedUpstream::Options options;
  options.early = [afterwards](const Request& request) -> std::optional<Reply> {
    if (request.method != "PUT") return std::nullopt;
    Reply reply = status_only(413);
    reply.body = "too much";
    reply.afterwards = afterwards;
    return reply;
  };
  ScriptedUpstream upstream([](const Request&) { return Reply{}; }, options);
  ProxyConfig config = with("max_body: 64MiB, in_doubt: 20s");
  config.upstream_url = upstream.url();
  config.upstream = "timeouts: { connect: 2s, response: 1s }";
  ProxyProcess proxy = ProxyProcess::start(config);
  // More than the sockets between the two can hold.
  const std::string large(32 * 1024 * 1024, 'x');
  for (int round = 0; round < 2; ++round) {
    const Response answer =
        request_once(proxy.port(), "PUT", path, {{"If-Match", "*"}}, large);
    EXPECT_EQ(answer.status, 413) << answer.body;
    EXPECT_EQ(answer.body, "too much");
  }
  afterwards->release();
}

// Connections that end unannounced

TEST(AnApiThatClosesUnannounced, GetsEveryGuardedWrite) {
  GuardedStore api(on_one_thread());
  api.store.put(path, "0");
  const auto closes = [](Reply reply) {
    reply.verbatim = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(reply.body.size()) +
                     "\r\n\r\n" + reply.body;
    reply.ends_with_last_octet = true;
    return reply;
  };
  api.upstream.behave([inner = api.store.behaviour(), closes](const Request& request) {
    Reply reply = inner(request);
    reply.later = [apply = reply.later, closes] { return closes(apply()); };
    return reply;
  });
  for (int round = 1; round <= 20; ++round) {
    const Response answer = put_plain(api, path, api.read_tag(path), std::to_string(round));
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
  EXPECT_EQ(api.store.get(path), "20");
  EXPECT_EQ(api.upstream.writes(), 20U);
}

// Clients that do not read

TEST(AClientThatDoesNotRead, ItsRefusalsKeepNoWriterWaiting) {
  GuardedStore api(on_one_thread("reads: wait, gate: { wait: 2s }"));
  api.store.put(path, "[1]");
  const std::string tag = api.read_tag(path);
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    Reply reply = inner(request);
    if (request.has("X-Broken")) {
      reply = Reply{};
      reply.verbatim = "broken\r\n\r\n";
      reply.close_after = true;
    }
    return reply;
  });

  // It sends until nothing is read of it any more, because nobody takes the answers.
  RawClient deaf = RawClient::connect_narrow(api.proxy.port());
  std::string unsent;
  for (int count = 0; count < 20'000; ++count) {
    unsent += deaf.compose("GET", path, {{"X-Broken", "1"}});
  }
  std::size_t reads = 0;
  auto latest = Clock::now();
  const auto deaf_is_full = [&] {
    unsent.erase(0, deaf.send_some(unsent));
    const std::size_t now = api.upstream.count("GET");
    if (now != std::exchange(reads, now)) latest = Clock::now();
    return Clock::now() - latest > 2 * watched;
  };
  // Thousands of requests, which take a program with a sanitizer its time.
  ASSERT_TRUE(eventually(deaf_is_full, Deadline(Milliseconds{45'000})));
  ASSERT_GT(reads, 1U);
  ASSERT_LT(reads, 20'000U);

  EXPECT_EQ(put_plain(api, path, tag, "[2]").status, 200);
}

TEST(AClientThatDoesNotRead, HoldsNoConnectionOnceItsAnswerIsHeldWhole) {
  constexpr std::uint64_t large_bytes = std::uint64_t{7} * 1024 * 1024;
  ProxyConfig config = on_one_thread("max_body: 8MiB");
  config.upstream = "timeouts: { connect: 2s, response: 5s }, max_connections: 2";
  GuardedStore api(config);
  api.store.put(path, "[1]");
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    if (request.target != "/large") return inner(request);
    Reply reply;
    reply.generated_bytes = large_bytes;
    return reply;
  });
  std::vector<RawClient> deaf;
  for (std::size_t count = 1; count <= 2; ++count) {
    deaf.push_back(RawClient::connect_narrow(api.proxy.port()));
    deaf.back().send(deaf.back().compose("GET", "/large"));
    ASSERT_TRUE(api.upstream.wait_for("GET", count));
  }
  const Response read = api.request("GET", path);
  EXPECT_EQ(read.status, 200) << read.body;
  EXPECT_EQ(put_plain(api, path, read.tag(), "[2]").status, 200);
  EXPECT_LE(api.upstream.connections_accepted(), 2);

  // What they did not read yet is there when they do.
  for (RawClient& client : deaf) {
    const Response answer = client.read_response();
    EXPECT_EQ(answer.body.size(), large_bytes);
    EXPECT_TRUE(is_our_tag(answer.tag()));
  }
}

// Clients that do not send

TEST(ClientsThatAnnounceMuchAndSendNothing, KeepNobodyFromWriting) {
  GuardedStore api(on_one_thread());
  api.store.put(path, "[1]");
  std::vector<RawClient> idle;
  for (int count = 0; count < 200; ++count) {
    idle.push_back(begin(api, "PUT", "/orders/" + std::to_string(1000 + count),
                         {{"If-Match", "*"},
                          {"Transfer-Encoding", "chunked"},
                          {"Expect", "100-continue"}}));
    ASSERT_EQ(idle.back().read_interim(), 100);
    // A chunk of most of what is allowed is announced.
    idle.back().send("7f0000\r\n");
  }
  EXPECT_EQ(put_plain(api, path, "*", "[2]").status, 200);
}

TEST(ARefusedRequest, WhoseContentNeverArrivesIsStillToldWhy) {
  ProxyConfig config;
  config.listener = "timeouts: { body: 300ms }";
  const GuardedStore api(config);
  RawClient client = begin(api, "PUT", path, {{"Content-Length", "100"}}, "abc");
  const Response refused = client.read_response();
  expect_problem(refused, 412, "precondition-missing");
  EXPECT_EQ(refused.field("Connection"), "close");
  EXPECT_TRUE(client.expect_closed());
  EXPECT_EQ(api.upstream.requests().size(), 0U);
}

TEST(AStop, DuringAnUnfinishedUploadLeavesNothingInDoubt) {
  TemporaryFolder folder;
  DocumentStore store;
  store.put(path, "[1]");
  ScriptedUpstream upstream(store.behaviour());
  ProxyConfig config = with("in_doubt: 20s");
  config.upstream_url = upstream.url();
  config.upstream = "timeouts: { connect: 100ms, response: 200ms }";
  config.state_dir = "\"" + folder.path().string() + "\"";
  config.more = "shutdown: { drain_timeout: 400ms }\n";
  {
    ProxyProcess first = ProxyProcess::start(config);
    RawClient client = RawClient::connect(first.port());
    client.send(client.compose("PUT", path,
                               {{"If-Match", "*"},
                                {"Content-Length", "10"},
                                {"Expect", "100-continue"}},
                               ""));
    ASSERT_EQ(client.read_interim(), 100);
    client.send("x");
    static_cast<void>(first.stop());
  }
  EXPECT_EQ(upstream.requests().size(), 0U);
  ProxyProcess second = ProxyProcess::start(config);
  EXPECT_EQ(request_once(second.port(), "PUT", path, {{"If-Match", "*"}}, "[2]").status, 200);
}

// Old and hasty clients

TEST(AClientWithoutHost, IsForwardedWithTheAuthorityOfTheUpstream) {
  ProxyConfig config;
  config.routes =
      "  - { name: files, match: { path: \"/files/**\" }, upstream: api, mode: bypass }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api }\n";
  GuardedStore api(config);
  const std::string authority = api.upstream.url().substr(std::string_view("http://").size());
  for (const std::string target : {"/orders/42", "/files/1"}) {
    api.store.put(target, "[1]");
    RawClient client = RawClient::connect(api.proxy.port());
    client.send("GET " + target + " HTTP/1.0\r\n\r\n");
    const Response answer = client.read_response();
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.body, "[1]");
    EXPECT_TRUE(client.expect_closed());
    const Request forwarded = api.upstream.requests().back();
    EXPECT_EQ(forwarded.target, target);
    EXPECT_EQ(count_fields(forwarded.fields, "Host"), 1U);
    EXPECT_EQ(forwarded.field("Host"), authority);
  }
}

TEST(AClientThatPipelines, IsAnsweredInOrderAlsoAfterRefusals) {
  ProxyConfig config;
  config.routes = "  - { name: orders, match: { path: \"/orders/{id}\" }, upstream: api }\n";
  GuardedStore api(config);
  api.store.put("/orders/1", "one");
  api.store.put("/orders/2", "two");
  const std::string tag = api.read_tag("/orders/2");
  RawClient client = RawClient::connect(api.proxy.port());
  client.send(client.compose("GET", "/nowhere") + client.compose("GET", "/orders/1") +
              client.compose("PUT", "/orders/1", {}, "refused, but read") +
              client.compose("PUT", "/orders/1", {{"If-Match", std::string(unknown_tag)}}, "no") +
              client.compose("GET", "/orders/1", {{"X-HTTP-Method-Override", "DELETE"}}) +
              client.compose("PUT", "/orders/2", {{"If-Match", tag}}, "three") +
              client.compose("GET", "/orders/2"));
  expect_problem(client.read_response(), 404, "no-route");
  EXPECT_EQ(client.read_response().body, "one");
  expect_problem(client.read_response(), 412, "precondition-missing");
  expect_problem(client.read_response(), 412, "stale-version");
  expect_problem(client.read_response(), 400, "ambiguous-method");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.read_response().body, "three");
  EXPECT_EQ(api.upstream.writes(), 1U);
  EXPECT_EQ(api.store.get("/orders/1"), "one");
}

}  // namespace
}  // namespace ifmatch::support
