// Ways around the guard that are closed: requests that an API might take for a guarded write though
// their method, or the route that their Host selects, says otherwise.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ifmatch::support
