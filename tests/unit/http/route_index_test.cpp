// The tree of routes against a plain scan of them, in the second reading of patterns that the
// fuzzers have: random tables and random paths out of few segments, so that many patterns share
// beginnings, overlap and shadow each other.
#include <gtest/gtest.h>

#include <random>

#include "proxy/http/route.hpp"
#include "proxy/http/target.hpp"
#include "tests/fuzz/plain_paths.hpp"

namespace ifmatch::http {
namespace {

namespace plain = fuzz::plain;

constexpr unsigned seed = 20261125;

struct Route {
  std::string path;
  std::string host;
  std::string base_path;
  std::size_t origin = 0;
  bool guarded = false;
};

class Random {
 public:
  std::size_t below(std::size_t bound) { return engine_() % bound; }

  std::string one_of(std::initializer_list<std::string_view> texts) {
    return std::string(texts.begin()[below(texts.size())]);
  }

  std::string pattern() {
    std::string text;
    const std::size_t segments = below(5);
    for (std::size_t i = 0; i < segments; ++i) {
      const bool capture = below(3) == 0;
      text += capture ? "/{x" + std::to_string(i) + "}" : "/" + one_of({"a", "A", "b", "c%3Fd"});
    }
    if (text.empty()) return one_of({"/", "/**"});
    return text + one_of({"", "", "/", "/**"});
  }

  std::string path() {
    std::string text;
    const std::size_t segments = below(6);
    for (std::size_t i = 0; i < segments; ++i) {
      text += "/" + one_of({"a", "A", "a", "b", "c", "c%3Fd", "api"});
    }
    return text.empty() || below(4) == 0 ? text + "/" : text;
  }

  std::string host() {
    return one_of({"a.org", "A.ORG", "b.a.org", "c.b.a.org", "org", "other", "x.org", ""});
  }

  std::vector<Route> routes() {
    std::vector<Route> routes(1 + below(below(4) == 0 ? 60 : 6));
    for (Route& route : routes) {
      route = {.path = pattern(),
               .host = one_of({"*", "*", "*", "a.org", "b.a.org", "*.org", "*.a.org", "*.A.org"}),
               .base_path = one_of({"", "", "/Api", "/a"}),
               .origin = below(2),
               .guarded = below(3) == 0};
    }
    return routes;
  }

 private:
  std::mt19937 engine_{seed};
};

// The same questions, each route asked on its own.
class Scan {
 public:
  explicit Scan(const std::vector<Route>& routes) : routes_(routes) {
    for (const Route& route : routes) {
      patterns_.push_back(plain::pattern_of(route.path));
      folded_.push_back(plain::folded(patterns_.back(), route.base_path));
    }
  }

  std::optional<std::size_t> match(const std::string& host, const std::string& path) const {
    for (std::size_t i = 0; i < routes_.size(); ++i) {
      if (plain::matches(patterns_[i], path) && plain::host_matches(routes_[i].host, host)) {
        return i;
      }
    }
    return std::nullopt;
  }

  bool overlaps_guarded(std::size_t origin, const std::string& folded) const {
    const std::vector<std::string> segments = plain::folded_segments("", folded);
    for (std::size_t i = 0; i < routes_.size(); ++i) {
      const Route& route = routes_[i];
      if (route.guarded && route.origin == origin && plain::overlaps(folded_[i], segments)) {
        return true;
      }
    }
    return false;
  }

  std::optional<std::size_t> read_as(std::size_t origin, const std::string& host,
                                     const std::string& folded) const {
    for (std::size_t i = 0; i < routes_.size(); ++i) {
      const Route& route = routes_[i];
      if (route.origin == origin && plain::matches(folded_[i], folded) &&
          plain::host_matches(route.host, host)) {
        return i;
      }
    }
    return std::nullopt;
  }

  bool reaches_guarded(std::size_t origin, const std::string& host,
                       const std::string& folded) const {
    const std::optional<std::size_t> route = read_as(origin, host, folded);
    return route && routes_[*route].guarded;
  }

  // By one of all the hosts that could make a difference.
  bool reaches_guarded(std::size_t origin, const std::string& folded) const {
    return std::ranges::any_of(routes_, [&](const Route& route) {
      const std::string host =
          route.host.starts_with('*') ? "witness" + route.host.substr(1) : route.host;
      return reaches_guarded(origin, host, folded);
    });
  }

 private:
  const std::vector<Route>& routes_;
  std::vector<plain::Pattern> patterns_;
  std::vector<plain::Pattern> folded_;
};

RouteTable table_of(const std::vector<Route>& routes) {
  std::vector<RouteSpec> specs;
  for (const Route& route : routes) {
    specs.push_back({.path = route.path,
                     .host = route.host,
                     .origin = route.origin,
                     .base_path = route.base_path,
                     .guarded = route.guarded});
  }
  std::string error;
  std::optional<RouteTable> table = RouteTable::compile(specs, error);
  EXPECT_TRUE(table) << error;
  return table ? std::move(*table) : RouteTable();
}

std::string told(const std::vector<Route>& routes) {
  std::string text = "seed " + std::to_string(seed) + "\n";
  for (const Route& route : routes) {
    text += route.path + " host " + route.host + " base '" + route.base_path + "' origin " +
            std::to_string(route.origin) + (route.guarded ? " guarded\n" : "\n");
  }
  return text;
}

TEST(RouteIndex, AnswersLikeAScanOfAllRoutes) {
  Random random;
  std::size_t matched = 0;
  std::size_t overlapped = 0;
  std::size_t reached = 0;
  for (int tables = 0; tables < 250; ++tables) {
    const std::vector<Route> routes = random.routes();
    const RouteTable table = table_of(routes);
    const Scan scan(routes);
    for (int paths = 0; paths < 20; ++paths) {
      const std::string path = random.path();
      const std::string host = random.host();
      const std::string where = path + " at '" + host + "'\n";
      const std::optional<std::size_t> match = table.match(host, path);
      ASSERT_EQ(match, scan.match(host, path)) << where << told(routes);
      matched += match ? 1 : 0;
      const std::string folded = *folded_path(random.one_of({"", "/Api"}), path);
      for (const std::size_t origin : {0U, 1U}) {
        const bool overlaps = scan.overlaps_guarded(origin, folded);
        ASSERT_EQ(table.overlaps_guarded(origin, folded), overlaps) << folded << told(routes);
        ASSERT_EQ(table.read_as(origin, host, folded), scan.read_as(origin, host, folded))
            << folded << where << told(routes);
        const bool reaches = scan.reaches_guarded(origin, host, folded);
        ASSERT_EQ(table.reaches_guarded(origin, host, folded), reaches)
            << folded << where << told(routes);
        ASSERT_EQ(table.reaches_guarded(origin, std::nullopt, folded),
                  scan.reaches_guarded(origin, folded))
            << folded << told(routes);
        overlapped += overlaps ? 1 : 0;
        reached += reaches ? 1 : 0;
      }
    }
  }
  // The tables are neither so sparse nor so dense that one answer would do.
  for (const std::size_t count : {matched, overlapped / 2, reached / 2}) {
    EXPECT_GT(count, 250U);
    EXPECT_LT(count, 4750U);
  }
}

TEST(RouteIndex, HoldsThousandsOfRoutesBelowOneBeginning) {
  std::vector<Route> routes;
  for (int i = 0; i < 3000; ++i) {
    routes.push_back({.path = "/v1/name" + std::to_string(i) + "/{id}", .host = "*"});
    routes.push_back({.path = "/hosts/{id}", .host = "h" + std::to_string(i) + ".example.org"});
    routes.push_back({.path = "/below/{id}", .host = "*.h" + std::to_string(i) + ".org"});
  }
  const RouteTable table = table_of(routes);
  for (const std::size_t i : {0U, 1U, 9U, 10U, 99U, 1234U, 2999U}) {
    const std::string number = std::to_string(i);
    EXPECT_EQ(table.match("h", "/v1/name" + number + "/7"), 3 * i);
    EXPECT_EQ(table.match("H" + number + ".Example.org", "/hosts/7"), 3 * i + 1);
    EXPECT_EQ(table.match("www.h" + number + ".org", "/below/7"), 3 * i + 2);
  }
  EXPECT_FALSE(table.match("h", "/v1/name3000/7"));
  EXPECT_FALSE(table.match("h3000.example.org", "/hosts/7"));
  EXPECT_FALSE(table.match("h0.org", "/below/7"));
}

}  // namespace
}  // namespace ifmatch::http
