// Ways around the guard that are closed: requests that an API might take for a guarded write though
// their method, or the route that their Host selects, says otherwise.
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

struct Disguise {
  std::string name;
  std::string query;
  Fields fields;
};

std::vector<Disguise> disguises() {
  return {
      {"XHttpMethodOverride", "", {{"X-HTTP-Method-Override", "DELETE"}}},
      {"XHttpMethod", "", {{"X-HTTP-Method", "PUT"}}},
      {"XMethodOverride", "", {{"X-Method-Override", "PATCH"}}},
      {"Query", "?_method=DELETE", {}},
  };
}

// /orders/{id} is guarded. Bypass routes lie at it, above it, below it, and elsewhere.
ProxyConfig around_orders() {
  ProxyConfig config;
  config.routes =
      "  - { name: one, match: { path: \"/orders/special\" }, upstream: api, mode: bypass }\n"
      "  - { name: orders, match: { path: \"/orders/{id}\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  return config;
}

class DisguisedMethod : public ::testing::TestWithParam<Disguise> {};

TEST_P(DisguisedMethod, OfASafeRequestIsRefusedAtAboveAndBelowAGuardedPattern) {
  const GuardedStore api(around_orders());
  const auto& [name, query, fields] = GetParam();
  for (const std::string path :
       {"/orders/1", "/orders/special", "/orders", "/", "/orders/1/lines"}) {
    for (const std::string_view method : {"GET", "HEAD", "OPTIONS"}) {
      const Response refused = api.request(method, path + query, fields);
      if (method == "HEAD") {
        EXPECT_EQ(refused.status, 400) << path;
      } else {
        expect_problem(refused, 400, "ambiguous-method");
      }
    }
  }
  EXPECT_EQ(api.upstream.requests().size(), 0U);
}

TEST_P(DisguisedMethod, OfASafeRequestPassesElsewhere) {
  GuardedStore api(around_orders());
  api.store.put("/files/1", "content");
  const auto& [name, query, fields] = GetParam();
  EXPECT_EQ(api.request("GET", "/files/1" + query, fields).body, "content");
  EXPECT_EQ(api.upstream.requests("GET").at(0).target, "/files/1" + query);
}

INSTANTIATE_TEST_SUITE_P(, DisguisedMethod, ::testing::ValuesIn(disguises()),
                         [](const auto& test) { return test.param.name; });

// Only one host's orders are guarded; `other` is the host of the bypass route behind it.
ProxyConfig guarded_host(const std::string& other) {
  ProxyConfig config;
  config.routes =
      "  - { name: orders, match: { path: \"/orders/{id}\", host: api.example.org }, "
      "upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\"" +
      (other.empty() ? "" : ", host: \"" + other + "\"") + " }, upstream: api, mode: bypass }\n";
  return config;
}

Response put_to_host(const GuardedStore& api, const std::string& host) {
  return api.request("PUT", "/orders/1", {{"Host", host}}, "{}");
}

TEST(GuardedHost, IsNotLeftThroughACatchAllOfEveryHost) {
  for (const std::string any : {"", "*"}) {
    const GuardedStore api(guarded_host(any));
    expect_problem(put_to_host(api, "api.example.org"), 412, "precondition-missing");
    expect_problem(put_to_host(api, "API.example.org.:80"), 412, "precondition-missing");
    expect_problem(put_to_host(api, "other.example.org"), 400, "ambiguous-path");
    expect_problem(put_to_host(api, "127.0.0.1"), 400, "ambiguous-path");
    EXPECT_EQ(api.upstream.writes(), 0U);
    // Elsewhere every host may write.
    const Fields host = {{"Host", "other.example.org"}};
    EXPECT_EQ(api.request("PUT", "/files/1", host, "{}").status, 201);
  }
}

TEST(GuardedHost, LeavesTheRouteOfAnotherHostAlone) {
  const GuardedStore api(guarded_host("other.example.org"));
  expect_problem(put_to_host(api, "api.example.org"), 412, "precondition-missing");
  EXPECT_EQ(put_to_host(api, "other.example.org").status, 201);
  EXPECT_EQ(api.upstream.writes(), 1U);
}

TEST(OneOrigin, SpelledInTwoWaysHasOneGuard) {
  DocumentStore store;
  store.put("/orders/1", "[1]");
  const auto hold = std::make_shared<Hold>();
  ScriptedUpstream upstream([inner = store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (request.body == "[2]") reply.hold = hold;
    return reply;
  });
  const std::string port = std::to_string(upstream.port());
  ProxyProcess proxy = ProxyProcess::start(
      "version: 1\n"
      "listeners:\n"
      "  - { name: public, address: \"127.0.0.1:0\" }\n"
      "upstreams:\n"
      "  number: { url: \"http://127.0.0.1:" + port + "\" }\n"
      "  word: { url: \"http://localhost:" + port + "\" }\n"
      "routes:\n"
      "  - { name: a, match: { path: \"/**\", host: a.example.org }, upstream: number }\n"
      "  - { name: b, match: { path: \"/**\", host: b.example.org }, upstream: word }\n"
      "state_dir: none\n");
  const auto begin_put_to = [&proxy](const std::string& host, std::string_view body) {
    RawClient client = RawClient::connect(proxy.port());
    client.send(client.compose("PUT", "/orders/1", {{"Host", host}, {"If-Match", "*"}}, body));
    return client;
  };
  RawClient first = begin_put_to("a.example.org", "[2]");
  ASSERT_TRUE(hold->wait_until_held());
  RawClient second = begin_put_to("b.example.org", "[3]");
  EXPECT_TRUE(second.stays_silent(watched));
  EXPECT_EQ(upstream.writes(), 1U);
  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_EQ(second.read_response().status, 200);
  EXPECT_EQ(store.get("/orders/1"), "[3]");
}

// /g is guarded, everything else is not.
ProxyConfig beside_a_bypass_route() {
  ProxyConfig config;
  config.routes =
      "  - { name: guarded, match: { path: \"/g/**\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  return config;
}

struct Transfer {
  std::string name;
  std::string method;
  std::string source;

  friend void PrintTo(const Transfer& transfer, std::ostream* out) { *out << transfer.name; }
};

std::vector<Transfer> transfers() {
  return {
      {"MoveFromABypassRoute", "MOVE", "/x/a"},
      {"MoveFromAGuardedRoute", "MOVE", "/g/2"},
      {"CopyFromABypassRoute", "COPY", "/x/a"},
      {"CopyFromAGuardedRoute", "COPY", "/g/2"},
  };
}

class Destination : public ::testing::TestWithParam<Transfer> {
 protected:
  RawClient begin_transfer(const std::string& destination) const {
    return begin(api, GetParam().method, GetParam().source, {{"Destination", destination}});
  }

  GuardedStore api{beside_a_bypass_route()};
};

TEST_P(Destination, IsNotWrittenBesideAGuardedWrite) {
  const std::string origin = "http://127.0.0.1:" + std::to_string(api.proxy.port());
  api.store.put("/g/1", "[1]");
  for (const std::string& destination : {origin + "/g/1", std::string("/g/1")}) {
    const auto hold = std::make_shared<Hold>();
    api.hold_writes(hold);
    api.upstream.forget();
    RawClient put = begin_put(api, "/g/1", "*", "[2]");
    ASSERT_TRUE(hold->wait_until_held());
    RawClient transfer = begin_transfer(destination);
    EXPECT_TRUE(transfer.stays_silent(watched)) << destination;
    EXPECT_EQ(api.upstream.writes(), 1U) << destination;
    hold->release();
    EXPECT_EQ(put.read_response().status, 200);
    // The store knows no such method; that it was asked is enough.
    EXPECT_EQ(transfer.read_response().status, 405);
    EXPECT_EQ(api.upstream.requests(GetParam().method).at(0).field("Destination"), destination);
  }
}

TEST_P(Destination, ThatIsFreeIsWrittenBesideAGuardedWrite) {
  api.store.put("/g/1", "[1]");
  const auto hold = std::make_shared<Hold>();
  api.upstream.behave([inner = api.store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (request.method == "PUT") reply.hold = hold;
    return reply;
  });
  RawClient put = begin_put(api, "/g/1", "*", "[2]");
  ASSERT_TRUE(hold->wait_until_held());
  EXPECT_EQ(begin_transfer("/g/3").read_response().status, 405);
  hold->release();
  EXPECT_EQ(put.read_response().status, 200);
}

TEST_P(Destination, ThatIsMissingRepeatedOrUnclearIsRefused) {
  const auto& [name, method, source] = GetParam();
  expect_problem(api.request(method, source), 400, "bad-request");
  expect_problem(api.request(method, source, {{"Destination", "/y/1"}, {"Destination", "/g/1"}}),
                 400, "bad-request");
  for (const std::string unclear : {"/y/../g/1", "/g/./1", "http://api.test/y/%2e%2e/g/1"}) {
    expect_problem(api.request(method, source, {{"Destination", unclear}}), 400,
                   "ambiguous-path");
  }
  EXPECT_EQ(api.upstream.requests().size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(, Destination, ::testing::ValuesIn(transfers()),
                         [](const auto& test) { return test.param.name; });

TEST(AnotherPath, NamedInAFieldNeverReachesTheApi) {
  GuardedStore api(beside_a_bypass_route());
  for (const std::string_view path : {"/g/1", "/x/1"}) api.store.put(path, "[1]");
  const Fields fields = {{"X-Original-URL", "/g/1"},
                         {"x-rewrite-url", "/g/1"},
                         {"X_Original_URL", "/g/1"},
                         {"X_REWRITE_URL", "/g/1"},
                         {"If-Match", "*"},
                         {"X-Original", "kept"}};
  for (const std::string path : {"/g/1", "/x/1"}) {
    for (const std::string_view method : {"GET", "PUT", "POST"}) {
      EXPECT_LT(api.request(method, path, fields, method == "GET" ? "" : "[2]").status, 300)
          << method << " " << path;
    }
  }
  // Probes included.
  ASSERT_GE(api.upstream.requests().size(), 6U);
  for (const Request& request : api.upstream.requests()) {
    EXPECT_FALSE(request.has("X-Original-URL")) << request.method << " " << request.target;
    EXPECT_FALSE(request.has("X-Rewrite-URL")) << request.method << " " << request.target;
    // To CGI and its heirs these are the same.
    EXPECT_FALSE(request.has("X_Original_URL")) << request.method << " " << request.target;
    EXPECT_FALSE(request.has("X_Rewrite_URL")) << request.method << " " << request.target;
  }
  EXPECT_EQ(api.upstream.requests("PUT").at(0).field("X-Original"), "kept");
}

}  // namespace
}  // namespace ifmatch::support
