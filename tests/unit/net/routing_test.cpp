// Which way a request takes: read, write, pass, or none, by its route, its method, what that method
// is disguised as, and the host that it names.
#include "proxy/net/routing.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/loader.hpp"
#include "proxy/http/framing.hpp"

namespace ifmatch::net {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Site> site_with(const std::string& routes) {
  const std::string text =
      "version: 1\nlisteners:\n  - { name: public, address: \"127.0.0.1:0\" }\n"
      "upstreams:\n  api: { url: \"http://127.0.0.1:3000\" }\n"
      "  based: { url: \"http://127.0.0.1:3000/base\" }\nstate_dir: none\nroutes:\n" +
      routes;
  config::LoadResult loaded = config::load({{{"t.yaml", text}}, {}, {}});
  if (!loaded.config) throw std::runtime_error(loaded.diagnostics.at(0).code);
  return std::make_unique<Site>(std::move(*loaded.config), plugins::builtin_plugins());
}

struct Taken {
  std::string way;  // "read", "write", "observe", "pass", or the name of the problem
  std::string route;
  std::string folded;
};

std::string name_of(http::Problem problem) {
  switch (problem) {
    case http::Problem::ambiguous_method: return "ambiguous-method";
    case http::Problem::ambiguous_path: return "ambiguous-path";
    case http::Problem::no_route: return "no-route";
    default: return "another problem";
  }
}

std::string name_of(Way way) {
  switch (way) {
    case Way::read: return "read";
    case Way::write: return "write";
    case Way::observe: return "observe";
    case Way::pass: break;
  }
  return "pass";
}

Taken take(const Site& site, std::string_view method, std::string_view target,
           const Lines& fields = {}, std::string_view host = "api.example.org") {
  http::RequestHead head;
  head.method = method;
  head.target = target;
  head.fields.add("Host", host);
  for (const auto& [name, value] : fields) head.fields.add(name, value);
  const http::Checked<http::Target> parsed = http::parse_target(method, target, host);
  if (parsed.has_error()) return {.way = "refused before", .route = {}, .folded = {}};
  const Routing routing = route_request(site, head, *parsed);
  return {.way = routing.problem ? name_of(routing.problem->problem) : name_of(routing.way),
          .route = routing.route == nullptr ? "" : routing.route->config->name,
          .folded = routing.folded};
}

constexpr std::string_view around_orders =
    "  - { name: special, match: { path: \"/orders/special\" }, upstream: api, mode: bypass }\n"
    "  - { name: orders, match: { path: \"/orders/{id}\" }, upstream: api }\n"
    "  - { name: actions, match: { path: \"/orders/{id}/**\" }, upstream: api, mode: bypass }\n"
    "  - { name: list, match: { path: \"/orders\" }, upstream: api, mode: bypass }\n"
    "  - { name: files, match: { path: \"/files/**\" }, upstream: api, mode: bypass }\n";

TEST(ARequest, TakesTheWayOfItsMethodAndItsRoute) {
  const auto site = site_with(std::string(around_orders));
  const struct {
    std::string_view method;
    std::string_view target;
    std::string_view way;
    std::string_view route;
  } cases[] = {
      {"GET", "/orders/1", "read", "orders"},
      {"HEAD", "/orders/1?a=b", "read", "orders"},
      {"OPTIONS", "/orders/1", "pass", "orders"},
      {"PUT", "/orders/1", "write", "orders"},
      {"POST", "/orders/1", "write", "orders"},
      {"DELETE", "/orders/1", "write", "orders"},
      {"PROPPATCH", "/orders/1", "write", "orders"},
      {"GET", "/orders", "pass", "list"},
      {"GET", "/orders/1/lines", "pass", "actions"},
      {"GET", "/files/1", "pass", "files"},
      // Above and below a guarded pattern a write holds gates, elsewhere none.
      {"POST", "/orders", "write", "list"},
      {"POST", "/orders/1/cancel", "write", "actions"},
      {"PUT", "/files/1", "pass", "files"},
      {"POST", "/files/1/orders/1", "pass", "files"},
      // What matches nothing goes nowhere.
      {"GET", "/nowhere", "no-route", ""},
      {"PUT", "/nowhere", "no-route", ""},
      {"GET", "/ORDERS/1", "no-route", ""},
  };
  for (const auto& test : cases) {
    const Taken taken = take(*site, test.method, test.target);
    EXPECT_EQ(taken.way, test.way) << test.method << " " << test.target;
    EXPECT_EQ(taken.route, test.route) << test.method << " " << test.target;
  }
}

TEST(ARequest, OfAnObservedRouteIsObservedWhereverThatLies) {
  const auto site = site_with(
      "  - { name: orders, match: { path: \"/orders/{id}\" }, upstream: api }\n"
      "  - { name: lines, match: { path: \"/orders/{id}/**\" }, upstream: api, mode: observe }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: observe }\n");
  const struct {
    std::string_view method;
    std::string_view target;
    std::string_view way;
  } cases[] = {
      {"GET", "/files/1", "observe"},
      {"HEAD", "/files/1", "observe"},
      {"OPTIONS", "/files/1", "pass"},
      {"PUT", "/files/1", "observe"},
      {"POST", "/orders", "observe"},  // above what is guarded, and below it
      {"PUT", "/orders/1/lines/2", "observe"},
      {"put", "/files/1", "observe"},
      {"PUT", "/Orders/1", "ambiguous-path"},
      {"GET", "/Orders/1", "observe"},
      {"PUT", "/orders/1", "write"},
  };
  for (const auto& test : cases) {
    const Taken taken = take(*site, test.method, test.target);
    EXPECT_EQ(taken.way, test.way) << test.method << " " << test.target;
    if (taken.way == "observe") {
      EXPECT_NE(taken.folded, "") << test.target;
    }
  }
  const Lines disguise{{"X-HTTP-Method-Override", "DELETE"}};
  EXPECT_EQ(take(*site, "GET", "/files/1", disguise).way, "observe");
  EXPECT_EQ(take(*site, "GET", "/orders/1/lines/2", disguise).way, "ambiguous-method");
  // What is read need not have a name.
  std::string deep;
  for (int segment = 0; segment < 40; ++segment) deep += "/a";
  EXPECT_EQ(take(*site, "GET", deep).way, "pass");
}

TEST(ARequest, IsNamedByItsFoldedPathWithTheBaseOfTheUpstream) {
  const auto site = site_with(
      "  - { name: based, match: { path: \"/b/**\" }, upstream: based }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api }\n");
  EXPECT_EQ(take(*site, "PUT", "/b/Orders/1").folded, "/base/b/orders/1");
  EXPECT_EQ(take(*site, "PUT", "/Orders/1;v=2?q").folded, "/orders/1");
  EXPECT_EQ(take(*site, "GET", "/Orders/%41").folded, "/orders/a");
}

TEST(AWrite, ThatALaxerApiMightTakeForAGuardedOneIsAmbiguous) {
  const auto site = site_with(
      "  - { name: orders, match: { path: \"/orders/{id}\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n");
  for (const std::string_view target : {"/Orders/1", "/orders/1/", "/ORDERS/1", "/orders;a/1"}) {
    EXPECT_EQ(take(*site, "PUT", target).way, "ambiguous-path") << target;
    EXPECT_EQ(take(*site, "GET", target).way, "pass") << target;
  }
  EXPECT_EQ(take(*site, "PUT", "/order/1").way, "pass");
}

TEST(AWrite, ThatALaxerApiMightTakeForOneOfAnotherRouteIsHeldToTheTermsOfBothOrAmbiguous) {
  const std::string rest = "  - { name: rest, match: { path: \"/**\" }, upstream: api";
  const std::string order = "  - { name: order, match: { path: \"/orders/{id}\" }, upstream: api";
  // The terms of the order that the catch-all does not have.
  const struct {
    std::string of_order;
    std::string of_rest;
  } others[] = {
      {"", ", on_missing: allow"},
      {"", ", guard: [PATCH]"},
      {"", ", check: recorded"},
      {"", ", doubtful: [504]"},
      {"", ", in_doubt: 1s"},
      {", wildcard: refuse", ""},
      {", serialize: [POST]", ""},
      {", resource: \"order:{id}\"", ""},
      {", vary: [X-Tenant]", ""},
  };
  for (const auto& [of_order, of_rest] : others) {
    const auto site = site_with(order + of_order + " }\n" + rest + of_rest + " }\n");
    for (const std::string_view target : {"/Orders/1", "/orders/1/", "/ORDERS/1", "/orders;a/1"}) {
      EXPECT_EQ(take(*site, "PUT", target).way, "ambiguous-path") << target << of_order << of_rest;
      EXPECT_EQ(take(*site, "GET", target).way, "read") << target;
    }
    EXPECT_EQ(take(*site, "PUT", "/orders/1").route, "order");
    EXPECT_EQ(take(*site, "PUT", "/files/1").route, "rest");
  }
  // Where both ask for the same it does not matter which of them it is taken for.
  for (const std::string same : {"", ", resource: \"all\", serialize: [POST]"}) {
    const auto site = site_with(order + same + " }\n" + rest + same + " }\n");
    EXPECT_EQ(take(*site, "PUT", "/Orders/1").route, "rest") << same;
    EXPECT_EQ(take(*site, "PUT", "/Orders/1").way, "write") << same;
  }
}

TEST(AWrite, ThatMatchesNoRouteIsToldWhereItsPathIsAmbiguous) {
  const auto site =
      site_with("  - { name: orders, match: { path: \"/orders/{id}\" }, upstream: api }\n");
  EXPECT_EQ(take(*site, "PUT", "/Orders/1").way, "ambiguous-path");
  EXPECT_EQ(take(*site, "GET", "/Orders/1").way, "no-route");
}

TEST(ADisguisedMethod, OfASafeRequestIsAmbiguousWhereItCouldDoHarm) {
  const auto site = site_with(std::string(around_orders));
  const std::vector<Lines> disguises = {{{"X-HTTP-Method-Override", "DELETE"}},
                                        {{"X-HTTP-Method", "put"}},
                                        {{"X-Method-Override", "PATCH"}},
                                        {{"x-http-method-override", "DELETE"},
                                         {"X-HTTP-Method", "PUT"}}};
  for (const Lines& fields : disguises) {
    for (const std::string_view method : {"GET", "HEAD", "OPTIONS"}) {
      for (const std::string_view target :
           {"/orders/1", "/orders/special", "/orders", "/orders/1/lines"}) {
        EXPECT_EQ(take(*site, method, target, fields).way, "ambiguous-method")
            << method << " " << target;
      }
      EXPECT_EQ(take(*site, method, "/files/1", fields).way, "pass");
    }
  }
  EXPECT_EQ(take(*site, "GET", "/orders/1?_method=DELETE").way, "ambiguous-method");
  EXPECT_EQ(take(*site, "GET", "/orders/1?a=b&_method=DELETE").way, "ambiguous-method");
  EXPECT_EQ(take(*site, "GET", "/files/1?_method=DELETE").way, "pass");
}

TEST(ADisguisedMethod, OfAWriteTakesTheWayOfTheWrite) {
  const auto site = site_with(std::string(around_orders));
  const Lines fields = {{"X-HTTP-Method-Override", "DELETE"}};
  EXPECT_EQ(take(*site, "POST", "/orders/1", fields).way, "write");
}

TEST(ADisguisedMethod, InLowerCaseIsAmbiguousWhereItsApiMightTakeItForAGuardedOne) {
  const auto site = site_with(std::string(around_orders));
  for (const std::string_view method : {"put", "Patch", "dELETE", "get", "options"}) {
    EXPECT_EQ(take(*site, method, "/orders/1").way, "ambiguous-method") << method;
    EXPECT_EQ(take(*site, method, "/files/1").way, "pass") << method;
  }
  EXPECT_EQ(take(*site, "BREW", "/orders/1").way, "write");
  // To an API that takes it for MOVE, this writes to a guarded resource.
  const Lines destination = {{"Destination", "http://api.example.org/orders/1"}};
  EXPECT_EQ(take(*site, "move", "/files/1", destination).way, "write");
}

TEST(AHost, SelectsTheRouteWithoutRegardToCasePortAndDot) {
  const auto site = site_with(
      "  - { name: orders, match: { path: \"/orders/{id}\", host: api.example.org }, "
      "upstream: api }\n"
      "  - { name: other, match: { path: \"/**\", host: other.example.org }, upstream: api, "
      "mode: bypass }\n");
  for (const std::string_view host :
       {"api.example.org", "API.Example.ORG", "api.example.org:8080", "api.example.org."}) {
    EXPECT_EQ(take(*site, "PUT", "/orders/1", {}, host).route, "orders") << host;
  }
  EXPECT_EQ(take(*site, "GET", "/orders/1", {}, "third.example.org").way, "no-route");
}

TEST(AHost, ThatAnyoneMayChooseIsNoWayAroundTheGuard) {
  const std::string guarded =
      "  - { name: orders, match: { path: \"/orders/{id}\", host: api.example.org }, "
      "upstream: api }\n";
  for (const std::string open :
       {"", ", host: \"*\"", ", host: \"*.example.org\""}) {
    const auto site = site_with(guarded + "  - { name: rest, match: { path: \"/**\"" + open +
                                " }, upstream: api, mode: bypass }\n");
    EXPECT_EQ(take(*site, "PUT", "/orders/1", {}, "other.example.org").way, "ambiguous-path")
        << open;
    EXPECT_EQ(take(*site, "GET", "/orders/1", {}, "other.example.org").way, "pass") << open;
    EXPECT_EQ(take(*site, "PUT", "/files/1", {}, "other.example.org").way, "pass") << open;
  }
}

TEST(AHost, ThatIsNamedByItsOwnBypassRouteIsTheOperatorsChoice) {
  const auto site = site_with(
      "  - { name: orders, match: { path: \"/orders/{id}\", host: api.example.org }, "
      "upstream: api }\n"
      "  - { name: other, match: { path: \"/**\", host: other.example.org }, upstream: api, "
      "mode: bypass }\n");
  // It is let through, and still held apart from the guarded writes of the same path.
  EXPECT_EQ(take(*site, "PUT", "/orders/1", {}, "other.example.org").way, "write");
  EXPECT_EQ(take(*site, "PUT", "/orders/1", {}, "other.example.org").route, "other");
}

}  // namespace
}  // namespace ifmatch::net
