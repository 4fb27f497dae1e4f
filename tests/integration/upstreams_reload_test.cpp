// What a reload may change about the places of an upstream: gates go with the places, connections
// and checks with an upstream that stays the same.
#include <gtest/gtest.h>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/people/7";

class UpstreamsReload : public testing::Test {
 protected:
  UpstreamsReload() {
    store.put(std::string(path), "[0]");
    const auto held = [inner = store.behaviour(), hold = hold](const Request& request) {
      Reply reply = inner(request);
      if (!is_read(request) && request.has("X-Slow")) reply.hold = hold;
      return reply;
    };
    a.behave(held);
    b.behave(held);
  }

  // `upstreams` is the inside of a flow mapping; routes go to `api`, and those of other.test to
  // `other` where there is one.
  static std::string yaml(const std::string& upstreams) {
    const bool other = upstreams.find("other:") != std::string::npos;
    return "version: 1\nlisteners: [{ name: public, address: \"127.0.0.1:0\" }]\n"
           "upstreams: { " + upstreams + " }\nroutes:\n" +
           (other ? "  - { name: other, match: { path: \"/**\", host: other.test }, upstream: other }\n"
                  : "") +
           "  - { name: everything, match: { path: \"/**\" }, upstream: api }\n"
           "state_dir: none\nthreads: 2\n";
  }
  static RawClient begin_put(const ProxyProcess& proxy, std::string_view body, Fields fields) {
    RawClient client = RawClient::connect(proxy.port());
    fields.emplace_back("If-Match", "*");
    client.send(client.compose("PUT", path, fields, body));
    return client;
  }

  const std::shared_ptr<Hold> hold = std::make_shared<Hold>();
  DocumentStore store;
  ScriptedUpstream a{store.behaviour()};
  ScriptedUpstream b{store.behaviour()};
};

TEST_F(UpstreamsReload, APlaceThatComesInFrontFindsTheGatesThatAreHeld) {
  ProxyProcess proxy = ProxyProcess::start(yaml("api: { url: \"" + a.url() + "\" }"));
  RawClient first = begin_put(proxy, "[1]", {{"X-Slow", "yes"}});
  ASSERT_TRUE(hold->wait_until_held());
  ASSERT_TRUE(proxy.reload(yaml("api: { urls: [\"" + b.url() + "\", \"" + a.url() + "\"] }")));
  RawClient second = begin_put(proxy, "[2]", {});
  EXPECT_TRUE(second.stays_silent(watched));
  EXPECT_EQ(a.writes() + b.writes(), 1U);
  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_EQ(second.read_response().status, 200);
  EXPECT_EQ(store.get(path), "[2]");
}

TEST_F(UpstreamsReload, PlacesThatPartKeepTheirGuard) {
  ProxyProcess proxy = ProxyProcess::start(
      yaml("api: { urls: [\"" + a.url() + "\", \"" + b.url() + "\"] }"));
  RawClient first = begin_put(proxy, "[1]", {{"X-Slow", "yes"}});
  ASSERT_TRUE(hold->wait_until_held());
  ASSERT_TRUE(proxy.reload(
      yaml("api: { url: \"" + a.url() + "\" }, other: { url: \"" + b.url() + "\" }")));
  RawClient second = begin_put(proxy, "[2]", {{"Host", "other.test"}});
  EXPECT_TRUE(second.stays_silent(watched));
  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_EQ(second.read_response().status, 200);
}

// A guard is not forgotten while a write to its upstream may still land.
TEST_F(UpstreamsReload, AnUpstreamThatComesBackFindsItsQuarantineAgain) {
  // Behind all routes of the other, which therefore does not wait for it when it goes.
  const std::string one =
      "version: 1\nlisteners: [{ name: public, address: \"127.0.0.1:0\" }]\nstate_dir: none\n"
      "upstreams:\n  api: { url: \"" + a.url() + "\" }\n";
  const std::string routes =
      "routes:\n  - { name: api, match: { path: \"/**\", host: api.test }, upstream: api }\n";
  const std::string both =
      one + "  other: { url: \"" + b.url() + "\" }\n" + routes +
      "  - { name: other, match: { path: \"/**\", host: other.test }, upstream: other }\n";
  ProxyProcess proxy = ProxyProcess::start(both);
  b.behave([inner = store.behaviour()](const Request& request) {
    return is_read(request) ? inner(request) : Reply{.mishap = Mishap::close_unanswered};
  });
  const Fields fields{{"Host", "other.test"}};
  expect_problem(begin_put(proxy, "[1]", fields).read_response(), 502, "outcome-unknown");
  b.behave(store.behaviour());
  ASSERT_TRUE(proxy.reload(one + routes));
  EXPECT_FALSE(proxy.process().wait_for_line("no route leads there any more",
                                             Deadline(Milliseconds(2'500))));
  ASSERT_TRUE(proxy.reload(both));
  expect_problem(begin_put(proxy, "[2]", fields).read_response(), 503, "outcome-unknown");
  EXPECT_EQ(b.writes(), 1U);
}

TEST_F(UpstreamsReload, TwoGuardsDoNotBecomeOne) {
  ProxyProcess proxy = ProxyProcess::start(
      yaml("api: { url: \"" + a.url() + "\" }, other: { url: \"" + b.url() + "\" }"));
  EXPECT_FALSE(proxy.reload(yaml("api: { urls: [\"" + a.url() + "\", \"" + b.url() + "\"] }")));
  EXPECT_NE(proxy.process().errors().find("needs a restart"), std::string::npos)
      << proxy.process().errors();
  EXPECT_EQ(request_once(proxy.port(), "GET", path).status, 200);
}

TEST_F(UpstreamsReload, ChecksGoOnAndWhatTheyFoundIsRemembered) {
  a.behave([inner = store.behaviour()](const Request& request) {
    return request.target == "/health" ? status_only(503) : inner(request);
  });
  const std::string upstream =
      "urls: [\"" + a.url() + "\", \"" + b.url() +
      "\"], health_check: { path: /health, interval: 20ms, status: [\"200-499\"] }";
  ProxyProcess proxy = ProxyProcess::start(yaml("api: { " + upstream + " }"));
  EXPECT_TRUE(proxy.process().wait_for_line("is unhealthy"));
  ASSERT_TRUE(proxy.reload(yaml("api: { " + upstream + " }") + "log: { level: debug }\n"));
  a.forget();
  EXPECT_EQ(request_once(proxy.port(), "GET", path).status, 200);
  EXPECT_EQ(request_once(proxy.port(), "GET", path).status, 200);
  EXPECT_TRUE(a.wait_for("GET", 2));
  for (const Request& request : a.requests()) EXPECT_EQ(request.target, "/health");

  // Another upstream of the same name begins anew, and its checks with it.
  ASSERT_TRUE(proxy.reload(yaml("api: { " + upstream + ", max_waiting: 5 }")));
  EXPECT_TRUE(proxy.process().wait_for_line("is unhealthy", Deadline{}, 1));
}

}  // namespace
}  // namespace ifmatch::support
