// The limits of the whole process, the silence of a tunnel, and who may have one.
#include <gtest/gtest.h>

#include "config/show.hpp"
#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

using Findings = std::vector<std::string>;

TEST(Limits, HaveDefaultsAndCanBeSet) {
  const LoadResult plain = load_text(with_route(""));
  ASSERT_TRUE(plain.config) << told(plain);
  EXPECT_EQ(plain.config->limits.buffered_bodies, 1024 * mib);
  EXPECT_EQ(plain.config->listeners.at(0).timeouts.tunnel, std::chrono::hours(1));
  EXPECT_TRUE(plain.config->routes.at(0).upgrade.empty());

  const LoadResult set = load_text(with_route(
      "    mode: bypass\n    upgrade: [websocket]\nlimits: { buffered_bodies: 64MiB }\n"
      "listeners: [{ address: \"127.0.0.1:0\", timeouts: { tunnel: 90s } }]\n"));
  ASSERT_TRUE(set.config) << told(set);
  EXPECT_TRUE(set.diagnostics.empty()) << told(set);
  EXPECT_EQ(set.config->limits.buffered_bodies, 64 * mib);
  EXPECT_EQ(set.config->listeners.at(0).timeouts.tunnel, std::chrono::seconds(90));
  EXPECT_EQ(set.config->routes.at(0).upgrade, (std::vector<std::string>{"websocket"}));

  // And what is shown says the same.
  const std::string shown = show(*set.config);
  const LoadResult again = load_text(shown);
  ASSERT_TRUE(again.config) << told(again) << shown;
  EXPECT_EQ(show(*again.config), shown);
  EXPECT_EQ(again.config->limits.buffered_bodies, 64 * mib);
  EXPECT_EQ(again.config->routes.at(0).upgrade, set.config->routes.at(0).upgrade);
}

TEST(Limits, OutOfTheirRangesAreRefused) {
  for (const auto& [text, found] : std::vector<std::pair<std::string, std::string>>{
           {"limits: { buffered_bodies: 1023KiB }\n", "9:28 E204"},
           {"limits: { buffered_bodies: 2048GiB }\n", "9:28 E204"},
           {"limits: { buffered_bodies: 64 }\n", "9:28 E203"},
           {"limits: { buffered_body: 64MiB }\n", "9:11 E101"},
           {"listeners: [{ timeouts: { tunnel: 0s } }]\n", "9:35 E204"},
           {"listeners: [{ timeouts: { tunnel: 1 } }]\n", "9:35 E203"}}) {
    const LoadResult result = load_text(with_route(text));
    EXPECT_EQ(findings(result), (Findings{found})) << told(result);
  }
}

TEST(Limits, ThatHoldNoContentThatARouteAllowsAreWarnedOf) {
  const LoadResult result =
      load_text(with_route("    max_body: 32MiB\nlimits: { buffered_bodies: 16MiB }\n"));
  EXPECT_EQ(findings(result), (Findings{"10:28 W312"})) << told(result);
  EXPECT_TRUE(result.config);
}

TEST(AnUpgrade, ToAnythingButWebSocketIsRefused) {
  for (const auto& [list, found] : std::vector<std::pair<std::string, Findings>>{
           {"[h2c]", {"10:15 E205"}},
           {"[websocket, h2c]", {"10:26 E205"}},
           {"[WebSocket]", {"10:15 E205"}},
           {"[websocket, websocket]", {"10:26 E302"}},
           {"[]", {}}}) {
    const LoadResult result =
        load_text(with_route("    mode: bypass\n    upgrade: " + list + "\n"));
    EXPECT_EQ(findings(result), found) << list << told(result);
  }
}

// What flows in a tunnel nobody can guard.
TEST(AnUpgrade, OfAnEnforcedRouteIsRefused) {
  EXPECT_EQ(findings(load_text(with_route("    upgrade: [websocket]\n"))),
            (Findings{"9:14 E215"}));
  const std::string inherited = "    upgrade: [websocket]\ndefaults: { mode: bypass }\n";
  EXPECT_EQ(findings(load_text(with_route(inherited))), Findings{});
  EXPECT_EQ(findings(load_text(with_route("    upgrade: []\n"))), Findings{});
  // It is said of one route, and nothing that others inherit.
  EXPECT_EQ(findings(load_text(with_route("defaults: { upgrade: [websocket], mode: bypass }\n"))),
            (Findings{"9:13 E101"}));
}

}  // namespace
}  // namespace ifmatch::config
