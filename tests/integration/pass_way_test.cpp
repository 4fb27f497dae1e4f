// The pass way streams in both directions at once: an API that answers before it has read the whole
// request, clients that send on regardless, and answers without content.
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::size_t announced = 5000;
constexpr std::size_t sent_at_first = 100;

// Nothing lingers on the pass way longer than so: two seconds, and what a loaded machine adds.
constexpr Milliseconds cut_within{5'000};

// One thread, so that all requests share one pool. /orders/{id} is guarded, all else is not.
ProxyConfig guarded_orders() {
  ProxyConfig config = on_one_thread();
  config.routes =
      "  - { name: orders, match: { path: \"/orders/{id}\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  return config;
}

// An API that refuses uploads to /early from their header section alone.
class EarlyApi {
 public:
  explicit EarlyApi(Reply early) {
    ScriptedUpstream::Options options;
    options.early = [early = std::move(early)](const Request& request) {
      return request.target == "/early" ? std::optional<Reply>(early) : std::nullopt;
    };
    upstream = std::make_unique<ScriptedUpstream>([](const Request&) { return Reply{}; }, options);
    ProxyConfig config = guarded_orders();
    config.upstream_url = upstream->url();
    proxy = std::make_unique<ProxyProcess>(ProxyProcess::start(config));
  }
  EarlyApi(const EarlyApi&) = delete;
  ~EarlyApi() {
    EXPECT_TRUE(proxy->process().running());
    if (::testing::Test::HasFailure()) std::cerr << proxy->process().transcript() << "\n";
  }

  // An upload that is answered while most of its content is missing.
  RawClient begin_upload() const {
    RawClient client = RawClient::connect(proxy->port());
    client.send(client.compose("POST", "/early", {{"Content-Length", std::to_string(announced)}},
                               std::string(sent_at_first, 'A')));
    return client;
  }
  Response request(std::string_view method, std::string_view target,
                   std::string_view body = {}) const {
    return request_once(proxy->port(), method, target, {}, body);
  }

  std::unique_ptr<ScriptedUpstream> upstream;
  std::unique_ptr<ProxyProcess> proxy;
};

class AnEarlyAnswer : public ::testing::TestWithParam<bool> {
 protected:
  static Reply early() {
    Reply reply = status_only(413);
    reply.reads_on = GetParam();
    return reply;
  }
};

TEST_P(AnEarlyAnswer, ReachesTheClientAndEndsItsConnection) {
  const EarlyApi api(early());
  RawClient client = api.begin_upload();
  const Response answer = client.read_response();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.field("Connection"), "close");
  EXPECT_TRUE(client.expect_closed());
  EXPECT_EQ(api.request("GET", "/orders/1").status, 200);
}

TEST_P(AnEarlyAnswer, LeavesNoConnectionThatSwallowsTheNextRequest) {
  const EarlyApi api(early());
  RawClient client = api.begin_upload();
  EXPECT_EQ(client.read_response().status, 413);

  // The first one is a read and the second one an upload: both arrive as they were sent.
  EXPECT_EQ(api.request("GET", "/orders/1").status, 200);
  EXPECT_EQ(api.request("POST", "/files", "content").status, 200);
  ASSERT_EQ(api.upstream->count("GET"), 1U);
  EXPECT_EQ(api.upstream->requests("GET").at(0).target, "/orders/1");
  ASSERT_EQ(api.upstream->count("POST"), 2U);
  const Request second = api.upstream->requests("POST").at(1);
  EXPECT_EQ(second.target, "/files");
  EXPECT_EQ(second.body, "content");
  EXPECT_NE(second.connection, api.upstream->requests("POST").at(0).connection);
}

TEST_P(AnEarlyAnswer, OpensNoWayAroundTheGuard) {
  const EarlyApi api(early());
  EXPECT_EQ(api.request("POST", "/files", std::string(4000, 'B')).status, 200);
  const std::size_t head_bytes = api.upstream->requests("POST").at(0).head_bytes;
  const std::string write = "PUT /orders/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nEVIL";

  RawClient client = api.begin_upload();
  EXPECT_EQ(client.read_response().status, 413);
  // Head and filling are together as long as what the first upload still owes: whoever took them
  // for that would take the rest for a request.
  const std::size_t owed = announced - sent_at_first;
  ASSERT_GT(owed, head_bytes);
  const std::string content = std::string(owed - head_bytes, 'B') + write;
  EXPECT_EQ(api.request("POST", "/files", content).status, 200);

  expect_problem(api.request("PUT", "/orders/1", "EVIL"), 412, "precondition-missing");
  EXPECT_EQ(api.upstream->count("PUT"), 0U);
  EXPECT_EQ(api.upstream->requests("POST").back().body, content);
}

TEST_P(AnEarlyAnswer, ToAClientThatGoesAwayHarmsNobodyElse) {
  const EarlyApi api(early());
  for (int round = 0; round < 20; ++round) {
    RawClient client = api.begin_upload();
    if (round % 2 == 0) {
      EXPECT_EQ(client.read_response().status, 413);
    }
    client.reset();
  }
  EXPECT_EQ(api.request("GET", "/orders/1").status, 200);
}

INSTANTIATE_TEST_SUITE_P(, AnEarlyAnswer, ::testing::Bool(), [](const auto& test) {
  return test.param ? "OfAnApiThatKeepsItsConnection" : "OfAnApiThatCloses";
});

// Sends chunks without end and tells how long the peer took them.
Milliseconds flood(RawClient& client) {
  const auto begin = Clock::now();
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  const Deadline limit;
  while (!limit.expired() && client.try_send(chunk)) {
  }
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - begin);
}

TEST(AnUploadWithoutEnd, IsCutSoonAfterItsAnswer) {
  Reply early;
  early.reads_on = true;
  const EarlyApi api(early);
  RawClient client = RawClient::connect(api.proxy->port());
  client.send(client.compose("POST", "/early", {{"Transfer-Encoding", "chunked"}}));
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_LT(flood(client), cut_within);
}

TEST(AnUploadWithoutEnd, IsCutSoonAfterItsRefusal) {
  ProxyConfig config;
  config.routes = "  - { name: orders, match: { path: \"/orders/{id}\" }, upstream: api }\n";
  const GuardedStore api(config);
  RawClient client = begin(api, "POST", "/nowhere", {{"Transfer-Encoding", "chunked"}});
  expect_problem(client.read_response(), 404, "no-route");
  EXPECT_LT(flood(client), cut_within);
  EXPECT_EQ(api.upstream.requests().size(), 0U);
}

TEST(BypassedHead, KeepsTheLengthThatTheUpstreamTold) {
  GuardedStore api(guarded_orders());
  Reply reply;
  reply.fields = {{"Content-Length", "1234"}, {"Content-Type", "text/plain"}};
  api.upstream.behave([reply](const Request&) { return reply; });
  RawClient client = RawClient::connect(api.proxy.port());
  const Response answer = client.request("HEAD", "/files");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("Content-Length"), "1234");
  EXPECT_FALSE(answer.has("Transfer-Encoding"));
  // Nothing of that length follows, so the connection goes on.
  EXPECT_EQ(client.request("HEAD", "/files").field("Content-Length"), "1234");
}

}  // namespace
}  // namespace ifmatch::support
