// Routes: first match wins, on canonical paths; and what lies at, above or below a guarded pattern.
#include "proxy/http/route.hpp"

#include <gtest/gtest.h>

#include "proxy/http/target.hpp"
#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

Pattern pattern_of(std::string_view text) {
  std::string error;
  std::optional<Pattern> pattern = Pattern::compile(text, error);
  EXPECT_TRUE(pattern) << text << ": " << error;
  return pattern.value_or(Pattern());
}

// "no", or the captures joined by '|' after "yes".
std::string match(std::string_view pattern, std::string_view path) {
  Captures captures;
  if (!pattern_of(pattern).matches(path, captures)) return "no";
  std::string text = "yes";
  for (std::size_t i = 0; i < captures.size; ++i) text += "|" + std::string(captures.values[i]);
  return text;
}

TEST(Patterns, MatchWholePathsSegmentBySegment) {
  const struct {
    std::string_view pattern;
    std::string_view path;
    std::string_view match;
  } cases[] = {
      {"/", "/", "yes"},
      {"/", "/a", "no"},
      {"/a", "/a", "yes"},
      {"/a", "/a/", "no"},
      {"/a", "/A", "no"},
      {"/a", "/ab", "no"},
      {"/a", "/a/b", "no"},
      {"/a/", "/a/", "yes"},
      {"/a/", "/a", "no"},
      {"/%61", "/a", "yes"},
      {"/{x}", "/a", "yes|a"},
      {"/{x}", "/", "no"},
      {"/{x}", "/a/", "no"},
      {"/{x}/", "/a/", "yes|a"},
      {"/v1/orders/{id}", "/v1/orders/42", "yes|42"},
      {"/v1/orders/{id}", "/v1/orders/", "no"},
      {"/v1/orders/{id}", "/v1/orders", "no"},
      {"/v1/orders/{id}", "/v1/orders/4/items", "no"},
      {"/v1/orders/{id}", "/v1/orders/%C3%84", "yes|%C3%84"},
      {"/{a}/x/{b}", "/1/x/2", "yes|1|2"},
      {"/{a}/x/{b}", "/1/y/2", "no"},
      {"/docs/**", "/docs", "yes"},
      {"/docs/**", "/docs/", "yes"},
      {"/docs/**", "/docs/a/b/", "yes"},
      {"/docs/**", "/docsa", "no"},
      {"/docs/**", "/", "no"},
      {"/**", "/", "yes"},
      {"/**", "/a/b", "yes"},
      {"/**", "*", "no"},
      {"/{a}/**", "/1/2/3", "yes|1"},
      {"/{a}/**", "/", "no"},
  };
  for (const auto& [pattern, path, expected] : cases) {
    EXPECT_EQ(match(pattern, path), expected) << pattern << ' ' << path;
  }
}

TEST(Patterns, AreRefusedWhenMalformed) {
  for (const std::string_view text :
       {"", "a", "//", "/a//b", "/**/a", "/a**", "/*", "/{}", "/{a b}", "/{a}{b}", "/a{b}",
        "/{a", "/a}", "/{a}/{a}", "/..", "/a b", "/a%2Fb", "/%zz", "/a?b", "/;x"}) {
    std::string error;
    EXPECT_FALSE(Pattern::compile(text, error)) << text;
    EXPECT_FALSE(error.empty()) << text;
  }
  std::string many;
  for (std::size_t i = 0; i <= captures_max; ++i) many += "/{x" + std::to_string(i) + "}";
  std::string error;
  EXPECT_FALSE(Pattern::compile(many, error));
}

TEST(Patterns, FoldWithTheirBasePath) {
  Captures captures;
  const Pattern folded = pattern_of("/V1/Orders/{id}/").folded("/Api");
  EXPECT_TRUE(folded.matches("/api/v1/orders/42", captures));
  EXPECT_EQ(captures.values[0], "42");
  EXPECT_FALSE(folded.matches("/v1/orders/42", captures));
}

TEST(Patterns, MatchFoldedWhateverTheyMatchPlain) {
  for (const std::string_view text : {"/v1/Orders/{id}", "/a%3Fb/{x}/c", "/**", "/A.b/{x}/", "/"}) {
    const Pattern pattern = pattern_of(text);
    const Pattern folded = pattern.folded("/Base");
    for (const std::string_view path :
         {"/v1/Orders/4%3F2", "/v1/Orders/X;a=b", "/a%3Fb/+/c", "/A.b/%20y/", "/",
          "/v1/Orders/a."}) {
      Captures captures;
      if (!pattern.matches(path, captures)) continue;
      EXPECT_TRUE(folded.matches(*folded_path("/Base", path), captures)) << text << ' ' << path;
    }
  }
}

RouteTable table_of(std::initializer_list<RouteSpec> specs) {
  std::string error;
  std::optional<RouteTable> table = RouteTable::compile({specs.begin(), specs.size()}, error);
  EXPECT_TRUE(table) << error;
  return table ? std::move(*table) : RouteTable();
}

RouteSpec guarded(std::string_view path, std::string_view host = "*") {
  return {.path = path, .host = host, .origin = 0, .base_path = "", .guarded = true};
}
RouteSpec bypass(std::string_view path, std::string_view host = "*") {
  return {.path = path, .host = host, .origin = 0, .base_path = "", .guarded = false};
}

TEST(Routes, TheFirstMatchWins) {
  const RouteTable table = table_of({guarded("/v1/orders/{id}"), bypass("/v1/orders/special"),
                                     bypass("/{x}/orders/{y}/items"), guarded("/v1/**"),
                                     bypass("/**")});
  const auto route = [&table](std::string_view path) -> int {
    const auto match = table.match("h", path);
    return match ? static_cast<int>(*match) : -1;
  };
  EXPECT_EQ(route("/v1/orders/42"), 0);
  EXPECT_EQ(route("/v1/orders/special"), 0);
  EXPECT_EQ(route("/v1/orders/42/items"), 2);
  EXPECT_EQ(route("/v2/orders/42/items"), 2);
  EXPECT_EQ(route("/v1/orders/"), 3);
  EXPECT_EQ(route("/v1"), 3);
  EXPECT_EQ(route("/"), 4);
  EXPECT_EQ(route("/V1/orders/42"), 4);
  EXPECT_EQ(route("*"), -1);
}

TEST(Routes, MayAskForAHost) {
  const RouteTable table = table_of({guarded("/**", "api.example.org"),
                                     guarded("/**", "*.example.org"), guarded("/a", "*")});
  EXPECT_EQ(table.match("api.example.org", "/a"), 0U);
  EXPECT_EQ(table.match("www.example.org", "/a"), 1U);
  EXPECT_EQ(table.match("a.b.example.org", "/a"), 1U);
  EXPECT_EQ(table.match("example.org", "/a"), 2U);
  EXPECT_EQ(table.match("evilexample.org", "/a"), 2U);
  EXPECT_EQ(table.match("", "/a"), 2U);
  EXPECT_FALSE(table.match("other", "/b"));
}

TEST(Routes, AreRefusedWhenMalformed) {
  std::string error;
  const RouteSpec bad_path[] = {guarded("a")};
  EXPECT_FALSE(RouteTable::compile(bad_path, error));
  for (const std::string_view host : {"", "a b", "*x", "*.", "a/b"}) {
    const RouteSpec bad_host[] = {guarded("/a", host)};
    EXPECT_FALSE(RouteTable::compile(bad_host, error)) << host;
  }
}

TEST(Routes, OverlapWhatIsAtAboveAndBelowGuardedPatterns) {
  const auto overlaps = [](std::string_view pattern, std::string_view base_path,
                           std::string_view folded) {
    return table_of({{.path = pattern, .host = "*", .origin = 0, .base_path = base_path,
                      .guarded = true}})
        .overlaps_guarded(0, folded);
  };
  for (const std::string_view path : {"/", "/v1", "/v1/orders", "/v1/orders/42",
                                      "/v1/orders/42/items/3"}) {
    EXPECT_TRUE(overlaps("/v1/Orders/{id}", "", path)) << path;
  }
  for (const std::string_view path : {"/v2", "/v1/customers", "/v1/customers/42", "/orders/42"}) {
    EXPECT_FALSE(overlaps("/v1/Orders/{id}", "", path)) << path;
  }
  EXPECT_TRUE(overlaps("/**", "", "/anything/at/all"));
  EXPECT_TRUE(overlaps("/docs/**", "/api", "/api"));
  EXPECT_FALSE(overlaps("/docs/**", "/api", "/docs"));
}

TEST(Routes, TellWhichUnsafeRequestsTouchGuardedOnes) {
  const RouteTable table = table_of({guarded("/v1/orders/{id}"), bypass("/**"),
                                     {.path = "/things/{x}", .host = "*", .origin = 1,
                                      .base_path = "/api", .guarded = true}});
  EXPECT_TRUE(table.overlaps_guarded(0, "/v1/orders"));
  EXPECT_TRUE(table.overlaps_guarded(0, "/v1/orders/4/items"));
  EXPECT_TRUE(table.overlaps_guarded(0, "/"));
  EXPECT_FALSE(table.overlaps_guarded(0, "/v1/customers"));
  EXPECT_FALSE(table.overlaps_guarded(0, "/api/things/3"));
  EXPECT_TRUE(table.overlaps_guarded(1, "/api/things/3"));
  EXPECT_FALSE(table.overlaps_guarded(1, "/v1/orders/3"));
  EXPECT_FALSE(table.overlaps_guarded(2, "/"));
}

TEST(Routes, SeeThroughOtherSpellingsOfGuardedPaths) {
  const RouteTable table = table_of({bypass("/v1/orders/export"), guarded("/v1/orders/{id}"),
                                     bypass("/**")});
  const auto reaches = [&table](std::string_view path) {
    return table.reaches_guarded(0, "h", *folded_path("", *canonical_path(path)));
  };
  for (const std::string_view path : {"/V1/orders/42", "/v1/orders/42/", "/v1;x/orders/42",
                                      "/v1/orders%20/42", "/v1/order%2573/42"}) {
    EXPECT_EQ(table.match("h", *canonical_path(path)), 2U) << path;
    EXPECT_TRUE(reaches(path)) << path;
  }
  EXPECT_FALSE(reaches("/v1/orders/export")) << "the operator said so, before the guarded route";
  EXPECT_FALSE(reaches("/v1/orders/42/items"));
  EXPECT_FALSE(reaches("/other"));
}

TEST(Routes, SeeThroughBasePathsOfTheSameUpstream) {
  const RouteTable table = table_of(
      {{.path = "/v1/{id}", .host = "*", .origin = 0, .base_path = "/api", .guarded = true},
       bypass("/api/**")});
  EXPECT_TRUE(table.reaches_guarded(0, "h", "/api/v1/42"));
  EXPECT_FALSE(table.reaches_guarded(0, "h", "/api/v2/42"));
  EXPECT_FALSE(table.reaches_guarded(1, "h", "/api/v1/42"));
}

}  // namespace
}  // namespace ifmatch::http
