// tests/RULES.md, section 3.3, the rules of gates, as seen from outside: who waits for whom, in
// which order, for how long, and who is told that it is busy.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";

// Writes need no condition here, so that nothing but gates decides when they reach the API.
ProxyConfig without_conditions(std::string more = {}) {
  return with("on_missing: allow" + (more.empty() ? "" : ", " + more));
}

// One write is held at the API; whether another one gets there, too, is what these tests ask.
class Gates {
 public:
  explicit Gates(ProxyConfig config = without_conditions())
      : api(std::move(config)), hold(std::make_shared<Hold>()) {
    api.hold_writes(hold);
  }
  ~Gates() { hold->release(); }

  RawClient& hold_at_api(std::string_view method, std::string_view target) {
    const std::size_t writes = api.upstream.writes();
    clients.push_back(begin(api, method, target, {}, "{}"));
    EXPECT_TRUE(eventually([&] { return api.upstream.writes() == writes + 1; })) << target;
    return clients.back();
  }
  // Sends it and expects that it reaches the API while all others are still there.
  void expect_beside(std::string_view method, std::string_view target) {
    const std::size_t writes = api.upstream.writes();
    clients.push_back(begin(api, method, target, {}, "{}"));
    EXPECT_TRUE(eventually([&] { return api.upstream.writes() == writes + 1; }, Deadline(soon)))
        << method << " " << target << " must not wait";
  }
  void expect_waits(std::string_view method, std::string_view target) {
    const std::size_t writes = api.upstream.writes();
    clients.push_back(begin(api, method, target, {}, "{}"));
    EXPECT_TRUE(clients.back().stays_silent(watched)) << method << " " << target;
    EXPECT_EQ(api.upstream.writes(), writes) << method << " " << target << " must wait";
  }
  // Every one of them is answered by the API in the end.
  void let_go() {
    hold->release();
    for (RawClient& client : clients) EXPECT_LT(client.read_response().status, 412);
    EXPECT_EQ(api.upstream.writes(), clients.size());
  }

  GuardedStore api;
  std::shared_ptr<Hold> hold;
  std::vector<RawClient> clients;

 private:
  static constexpr Milliseconds soon{3'000};
};

// 3.3.1

TEST(Rule_3_3_1, AGuardedWriteExcludesEveryWriteOfItsPathAndBelow) {
  Gates gates;
  gates.hold_at_api("PUT", "/orders");
  gates.expect_waits("PUT", "/orders");
  gates.expect_waits("POST", "/orders");
  gates.expect_waits("PUT", "/orders/42");
  gates.expect_waits("POST", "/orders/42/items");
  gates.expect_beside("PUT", "/people/7");
  gates.let_go();
}

TEST(Rule_3_3_1, AGuardedWriteExcludesGuardedOnesAboveItAndNoSiblings) {
  Gates gates;
  gates.hold_at_api("DELETE", "/orders/42");
  gates.expect_waits("PUT", "/orders");
  gates.expect_beside("PUT", "/people/42");
  gates.let_go();
}

TEST(Rule_3_3_1, SiblingsAndTheirCollectionsCreationsRunSideBySide) {
  Gates gates;
  gates.hold_at_api("PUT", "/orders/42");
  gates.expect_beside("PUT", "/orders/43");
  gates.expect_beside("POST", "/orders");
  gates.let_go();
}

TEST(Rule_3_3_1, CreationsRunSideBySideButNeverBesideAReplacement) {
  Gates gates;
  gates.hold_at_api("POST", "/orders");
  gates.expect_beside("POST", "/orders");
  gates.expect_beside("POST", "/orders/42");
  gates.expect_waits("PUT", "/orders/42");
  gates.expect_waits("PUT", "/orders");
  gates.let_go();
}

TEST(Rule_3_3_1, SpellingsOfOnePathAreOneGate) {
  Gates gates;
  gates.hold_at_api("PUT", "/Orders/a%20b?view=full");
  gates.expect_waits("PUT", "/orders/A%20B");
  gates.expect_waits("PUT", "/orders/a%20b;v=1");
  gates.let_go();
}

TEST(Rule_3_3_1, SerializedMethodsHoldExclusivelyWithoutACondition) {
  Gates gates(with("serialize: [POST]"));
  gates.hold_at_api("POST", "/orders");
  gates.expect_waits("POST", "/orders");
  gates.expect_waits("POST", "/orders/42");
  gates.expect_beside("POST", "/people");
  gates.let_go();
}

ProxyConfig with_routes(std::string routes) {
  ProxyConfig config = without_conditions();
  config.routes = std::move(routes);
  return config;
}

TEST(Rule_3_3_1, AResourceThatIsAPathIsHeldAsTheOwnPathIs) {
  Gates gates(
      with_routes("  - { name: shop, match: { path: \"/shop/{id}\" }, upstream: api, "
                  "resource: \"/orders/{id}\" }\n"
                  "  - { name: everything, match: { path: \"/**\" }, upstream: api }\n"));
  gates.hold_at_api("PUT", "/shop/42");
  gates.expect_waits("PUT", "/orders/42");
  gates.expect_waits("POST", "/orders/42/items");
  gates.expect_waits("PUT", "/shop/42");
  gates.expect_beside("PUT", "/orders/43");
  gates.expect_waits("PUT", "/orders");
  gates.let_go();
}

TEST(Rule_3_3_1, AResourceThatIsANameCoversTheRoutesThatBearIt) {
  Gates gates(
      with_routes("  - { name: shop, match: { path: \"/shop/{id}\" }, upstream: api, "
                  "resource: \"order:{id}\" }\n"
                  "  - { name: stock, match: { path: \"/stock/{id}\" }, upstream: api, "
                  "resource: [\"order:{id}\"] }\n"
                  "  - { name: everything, match: { path: \"/**\" }, upstream: api }\n"));
  gates.hold_at_api("PUT", "/shop/42");
  gates.expect_waits("PUT", "/stock/42");
  gates.expect_waits("POST", "/stock/42");
  gates.expect_beside("PUT", "/stock/43");
  gates.expect_beside("PUT", "/orders/42");
  gates.let_go();
}

TEST(Rule_3_3_1, OthersHoldANameShared) {
  Gates gates(
      with_routes("  - { name: shop, match: { path: \"/shop/{id}\" }, upstream: api, "
                  "resource: \"order:{id}\" }\n"
                  "  - { name: stock, match: { path: \"/stock/{id}\" }, upstream: api, "
                  "resource: \"order:{id}\" }\n"));
  gates.hold_at_api("POST", "/shop/42");
  gates.expect_beside("POST", "/stock/42");
  gates.expect_waits("PUT", "/stock/42");
  gates.let_go();
}

TEST(Rule_3_3_1, TwoResourcesNamedInOppositeOrderNeverWaitForEachOther) {
  Gates gates(with_routes(
      "  - { name: ab, match: { path: \"/ab\" }, upstream: api, resource: [\"/a\", \"/b\"] }\n"
      "  - { name: ba, match: { path: \"/ba\" }, upstream: api, resource: [\"/b\", \"/a\"] }\n"));
  gates.hold->release();
  for (int round = 0; round < 50; ++round) {
    RawClient one = begin(gates.api, "PUT", "/ab", {}, "{}");
    RawClient two = begin(gates.api, "PUT", "/ba", {}, "{}");
    EXPECT_LT(one.read_response().status, 300);
    EXPECT_LT(two.read_response().status, 300);
  }
}

TEST(Rule_3_3_1, WritesOfABypassRouteNearAGuardedPatternHoldShared) {
  Gates gates(
      with_routes("  - { name: order, match: { path: \"/orders/{id}\" }, upstream: api }\n"
                  "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n"));
  gates.hold_at_api("PUT", "/orders/42");
  gates.expect_waits("PUT", "/orders/42/items");
  gates.expect_beside("POST", "/orders");
  gates.expect_beside("PUT", "/orders/43/items");
  gates.expect_beside("PUT", "/people/7");
  gates.let_go();
}

// 3.3.2

TEST(Rule_3_3_2, SharedAndExclusiveTurnsAlternateAndExclusiveOnesArriveInOrder) {
  Gates gates;
  gates.hold_at_api("PUT", path);
  gates.expect_waits("PATCH", path);
  gates.expect_waits("DELETE", path);
  gates.expect_waits("POST", path);
  gates.expect_waits("POST", path);
  gates.let_go();
  std::string order;
  for (const Request& write : gates.api.upstream.requests()) order += write.method + " ";
  EXPECT_EQ(order, "PUT POST POST PATCH DELETE ");
}

TEST(Rule_3_3_2, TheNumberOfWaitersIsBounded) {
  Gates gates(without_conditions("gate: { wait: 10s, queue: 2 }"));
  gates.hold_at_api("PUT", path);
  gates.expect_waits("PUT", path);
  gates.expect_waits("PUT", path);
  const Response refused = gates.api.request("PUT", path, {}, "{}");
  expect_problem(refused, 503, "resource-busy");
  EXPECT_TRUE(refused.has("Retry-After"));
  EXPECT_NE(refused.field("Cache-Control").find("no-store"), std::string::npos);
  // Shared ones are counted apart.
  gates.expect_waits("POST", path);
  gates.expect_waits("POST", path);
  expect_problem(gates.api.request("POST", path, {}, "{}"), 503, "resource-busy");
  gates.let_go();
}

TEST(Rule_3_3_2, TheWaitingTimeIsBounded) {
  Gates gates(without_conditions("gate: { wait: 300ms, queue: 8 }"));
  gates.hold_at_api("PUT", path);
  for (const std::string_view method : {"PUT", "POST"}) {
    const auto began = Clock::now();
    const Response refused = gates.api.request(method, path, {}, "{}");
    expect_problem(refused, 503, "resource-busy");
    EXPECT_TRUE(refused.has("Retry-After"));
    EXPECT_GE(Clock::now() - began, Milliseconds{300});
  }
  gates.let_go();
}

TEST(Rule_3_3_2, TheWaitingTimeIsOneForAllGatesOfARequest) {
  ProxyConfig config = with_routes(
      "  - { name: shop, match: { path: \"/shop/{id}\" }, upstream: api, "
      "resource: \"order:{id}\" }\n"
      "  - { name: stock, match: { path: \"/stock/{id}\" }, upstream: api, "
      "resource: \"order:{id}\" }\n"
      "  - { name: everything, match: { path: \"/**\" }, upstream: api }\n");
  config.defaults = "on_missing: allow, gate: { wait: 2s, queue: 8 }";
  Gates gates(config);
  const auto name_hold = std::make_shared<Hold>();
  gates.api.upstream.behave([name_hold, path_hold = gates.hold](const Request& request) {
    Reply reply;
    reply.hold = request.target == "/shop/42" ? name_hold : path_hold;
    return reply;
  });
  RawClient& has_name = gates.hold_at_api("PUT", "/shop/42");
  RawClient has_path = begin(gates.api, "PUT", "/stock/42/items", {}, "{}");
  ASSERT_TRUE(gates.api.upstream.wait_for("PUT", 2));
  // It waits for the name, gets it, and has only the rest of its time for the path.
  const auto began = Clock::now();
  RawClient waits = begin(gates.api, "PUT", "/stock/42", {}, "{}");
  EXPECT_TRUE(waits.stays_silent(Milliseconds{1'300}));
  name_hold->release();
  EXPECT_EQ(has_name.read_response().status, 200);
  expect_problem(waits.read_response(), 503, "resource-busy");
  EXPECT_GE(Clock::now() - began, Milliseconds{2'000});
  EXPECT_LT(Clock::now() - began, Milliseconds{3'200}) << "not two seconds for each gate";
  gates.hold->release();
  EXPECT_EQ(has_path.read_response().status, 200);
}

// 3.3.3

TEST(Rule_3_3_3, TimeAloneOpensNoGate) {
  Gates gates(without_conditions("gate: { wait: 100ms, queue: 8 }, in_doubt: 50ms"));
  RawClient& writer = gates.hold_at_api("PUT", path);
  for (int count = 0; count < 5; ++count) {
    expect_problem(gates.api.request("PUT", path, {}, "[]"), 503, "resource-busy");
  }
  EXPECT_EQ(gates.api.upstream.writes(), 1U);
  gates.hold->release();
  EXPECT_EQ(writer.read_response().status, 201);
  EXPECT_EQ(gates.api.request("PUT", path, {}, "[]").status, 200);
}

TEST(Rule_3_3_3, NorDoesTheClientThatLeaves) {
  Gates gates(without_conditions("gate: { wait: 100ms, queue: 8 }, in_doubt: 50ms"));
  gates.hold_at_api("PUT", path).reset();
  for (int count = 0; count < 5; ++count) {
    expect_problem(gates.api.request("PUT", path, {}, "[]"), 503, "resource-busy");
  }
  gates.hold->release();
  EXPECT_TRUE(eventually([&] { return gates.api.request("PUT", path, {}, "[]").status == 200; }));
}

// 3.3.4

TEST(Rule_3_3_4, AWaiterThatLeavesFreesItsPlace) {
  Gates gates(without_conditions("gate: { wait: 10s, queue: 1 }"));
  gates.hold_at_api("PUT", path);
  RawClient leaves = begin(gates.api, "PUT", path, {}, "[\"left\"]");
  EXPECT_TRUE(leaves.stays_silent(watched));
  expect_problem(gates.api.request("PUT", path, {}, "[]"), 503, "resource-busy");
  leaves.reset();
  EXPECT_TRUE(eventually([&] {
    RawClient next = begin(gates.api, "PUT", path, {}, "[\"next\"]");
    if (!next.stays_silent(watched)) return false;
    gates.clients.push_back(std::move(next));
    return true;
  }));
  gates.let_go();
  EXPECT_EQ(gates.api.store.get(path), "[\"next\"]");
}

TEST(Rule_3_3_4, AWaiterThatLeavesFreesTheGatesThatItHolds) {
  Gates gates(
      with_routes("  - { name: shop, match: { path: \"/shop/{id}\" }, upstream: api, "
                  "resource: \"order:{id}\" }\n"
                  "  - { name: stock, match: { path: \"/stock/{id}\" }, upstream: api, "
                  "resource: \"order:{id}\" }\n"
                  "  - { name: everything, match: { path: \"/**\" }, upstream: api }\n"));
  gates.hold_at_api("PUT", "/shop/42/items");
  // It has the name and waits for its path.
  RawClient leaves = begin(gates.api, "PUT", "/shop/42", {}, "{}");
  EXPECT_TRUE(leaves.stays_silent(watched));
  gates.expect_waits("PUT", "/stock/42");
  leaves.reset();
  EXPECT_TRUE(gates.api.upstream.wait_for("PUT", 2)) << "the name is free again";
  gates.let_go();
}

TEST(Rule_3_3_4, AWaiterThatGivesUpFreesTheGatesThatItHolds) {
  ProxyConfig config = with_routes(
      "  - { name: shop, match: { path: \"/shop/{id}\" }, upstream: api, "
      "resource: \"order:{id}\", gate: { wait: 4s, queue: 8 } }\n"
      "  - { name: stock, match: { path: \"/stock/{id}\" }, upstream: api, "
      "resource: \"order:{id}\" }\n"
      "  - { name: everything, match: { path: \"/**\" }, upstream: api }\n");
  Gates gates(config);
  gates.hold_at_api("PUT", "/shop/42/items");
  RawClient gives_up = begin(gates.api, "PUT", "/shop/42", {}, "{}");
  // It has the name by then, and waits at its path.
  ASSERT_TRUE(gives_up.stays_silent(watched));
  gates.expect_waits("PUT", "/stock/42");
  expect_problem(gives_up.read_response(), 503, "resource-busy");
  EXPECT_TRUE(gates.api.upstream.wait_for("PUT", 2)) << "the name is free again";
  gates.let_go();
}

}  // namespace
}  // namespace ifmatch::support
