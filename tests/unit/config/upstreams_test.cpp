// Upstreams: one place or several, and what is said about them.
#include <gtest/gtest.h>

#include "config/show.hpp"
#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

using Findings = std::vector<std::string>;

// The upstream's keys begin at line 4, column 5.
std::string with_upstream(const std::string& keys) {
  return "version: 1\nupstreams:\n  api:\n" + keys +
         "routes:\n  - { name: order, match: { path: \"/**\" }, upstream: api }\n";
}

TEST(Upstreams, HaveOnePlaceOrSeveral) {
  const LoadResult one = load_text(with_upstream("    url: http://a:81/base\n"));
  ASSERT_TRUE(one.config) << told(one);
  ASSERT_EQ(one.config->upstreams[0].urls.size(), 1U);
  EXPECT_EQ(one.config->upstreams[0].urls[0].host, "a");
  EXPECT_EQ(one.config->upstreams[0].balance, Balance::round_robin);
  EXPECT_EQ(one.config->upstreams[0].max_waiting, 1024U);

  const LoadResult several = load_text(with_upstream(
      "    urls: [\"http://a:81/base\", \"http://b/base/\", \"unix:/run/c.sock:/base\"]\n"
      "    balance: least_connections\n    max_waiting: 0\n"));
  ASSERT_TRUE(several.config) << told(several);
  const Upstream& upstream = several.config->upstreams[0];
  ASSERT_EQ(upstream.urls.size(), 3U);
  EXPECT_EQ(upstream.urls[0].port, 81);
  EXPECT_EQ(upstream.urls[1].host, "b");
  EXPECT_EQ(upstream.urls[2].socket, "/run/c.sock");
  EXPECT_EQ(upstream.base_path, "/base");
  EXPECT_EQ(upstream.balance, Balance::least_connections);
  EXPECT_EQ(upstream.max_waiting, 0U);
}

TEST(Upstreams, AreRefusedWhereTheirPlacesAreNoOneState) {
  const std::pair<const char*, Findings> cases[] = {
      {"    url: http://a\n    urls: [\"http://b\"]\n", {"5:11 E312"}},
      {"    balance: round_robin\n", {"3:3 E103"}},
      {"    urls: []\n", {"4:11 E103"}},
      {"    urls: http://a\n", {"4:11 E201"}},
      {"    urls:\n", {"4:5 E201"}},
      {"    urls: [\"http://a\", [\"http://b\"]]\n", {"4:24 E201"}},
      {"    urls: [\"http://a/v1\", \"http://b/v2\"]\n", {"4:27 E313"}},
      {"    urls: [\"http://a/v1\", \"unix:/b\"]\n", {"4:27 E313"}},
      {"    urls: [\"http://a\", \"http://A:80/\"]\n", {"4:24 E302"}},
      {"    urls: [\"unix:/a\", \"unix:/a\"]\n", {"4:23 E302"}},
      {"    urls: [\"http://a\", \"ftp://b\"]\n", {"4:24 E207"}},
      {"    url: http://a\n    balance: random\n", {"5:14 E205"}},
      {"    url: http://a\n    max_waiting: 1000001\n", {"5:18 E204"}},
  };
  for (const auto& [keys, expected] : cases) {
    const LoadResult result = load_text(with_upstream(keys));
    EXPECT_EQ(findings(result), expected) << keys << told(result);
    EXPECT_FALSE(result.config) << keys;
  }
}

TEST(Upstreams, AreCheckedWhereTheyAreToldHow) {
  const LoadResult result = load_text(with_upstream(
      "    url: http://a/base\n    health_check: { path: \"/up?deep=1\", interval: 1s, timeout: 300ms,\n"
      "      unhealthy_after: 5, healthy_after: 4, status: [204, \"300-302\"] }\n"));
  ASSERT_TRUE(result.config) << told(result);
  const HealthCheck& check = result.config->upstreams[0].health_check.value();
  EXPECT_EQ(check.path, "/up?deep=1");
  EXPECT_EQ(check.interval, Milliseconds(1'000));
  EXPECT_EQ(check.timeout, Milliseconds(300));
  EXPECT_EQ(check.unhealthy_after, 5U);
  EXPECT_EQ(check.healthy_after, 4U);
  EXPECT_EQ(check.status, (std::vector<StatusRange>{{204, 204}, {300, 302}}));
  EXPECT_EQ(show(*load_text(show(*result.config)).config), show(*result.config));

  const LoadResult brief = load_text(with_upstream("    url: http://a\n    health_check: { path: /x }\n"));
  ASSERT_TRUE(brief.config) << told(brief);
  EXPECT_EQ(brief.config->upstreams[0].health_check->interval, Milliseconds(5'000));
  EXPECT_EQ(brief.config->upstreams[0].health_check->unhealthy_after, 3U);
  EXPECT_FALSE(load_text(with_upstream("    url: http://a\n    health_check: null\n"))
                   .config.value()
                   .upstreams[0]
                   .health_check);
}

TEST(Upstreams, AreNotCheckedInAWayThatSaysNothing) {
  const std::pair<const char*, Findings> cases[] = {
      {"{}", {"5:19 E103"}},
      {"{ path: health }", {"5:27 E205"}},
      {"{ path: \"/a b\" }", {"5:27 E205"}},
      {"{ path: /a, interval: 0s }", {"5:41 E204"}},
      {"{ path: /a, unhealthy_after: 0 }", {"5:48 E204"}},
      {"{ path: /a, status: [] }", {"5:39 E204"}},
      {"{ path: /a, status: [100] }", {"5:40 E204"}},
      {"{ path: /a, status: [\"299-200\"] }", {"5:40 E204"}},
      {"{ path: /a, method: POST }", {"5:31 E101"}},
      {"/health", {"5:19 E201"}},
  };
  for (const auto& [check, expected] : cases) {
    const LoadResult result =
        load_text(with_upstream("    url: http://a\n    health_check: " + std::string(check) + "\n"));
    EXPECT_EQ(findings(result), expected) << check << told(result);
  }
}

TEST(Upstreams, HaveABoundedNumberOfPlaces) {
  const auto places = [](int count) {
    std::string keys = "    urls:\n";
    for (int i = 0; i < count; ++i) keys += "      - http://a" + std::to_string(i) + "\n";
    return load_text(with_upstream(keys));
  };
  EXPECT_TRUE(places(64).config) << told(places(64));
  EXPECT_EQ(findings(places(65)), (Findings{"5:7 E204"}));
}

TEST(Upstreams, AreShownAsTheyCanBeReadBack) {
  const LoadResult first = load_text(with_upstream(
      "    urls: [\"http://a/x\", \"unix:/b:/x\"]\n    balance: least_connections\n"
      "    max_waiting: 7\n"));
  ASSERT_TRUE(first.config) << told(first);
  const std::string shown = show(*first.config);
  EXPECT_NE(shown.find("    urls: [\"http://a/x\", \"unix:/b:/x\"]\n"), std::string::npos) << shown;
  const LoadResult second = load_text(shown);
  ASSERT_TRUE(second.config) << told(second);
  EXPECT_EQ(show(*second.config), shown);
  EXPECT_EQ(second.config->upstreams[0].balance, Balance::least_connections);
}

TEST(Upstreams, AFlagReplacesWhicheverOfTheTwoKeysTheFileHas) {
  Overrides upstream_flag;
  upstream_flag.upstream = "http://flag";
  Overrides set_one;
  set_one.set = {"upstreams.api.url=http://flag"};
  Overrides set_several;
  set_several.set = {"upstreams.api.urls=[\"http://flag\"]"};
  for (const Overrides& overrides : {upstream_flag, set_one, set_several}) {
    for (const char* keys :
         {"    urls: [\"http://a\", \"http://b\"]\n", "    url: http://a\n"}) {
      const LoadResult result = load_text(with_upstream(keys), {}, overrides);
      ASSERT_TRUE(result.config) << told(result);
      ASSERT_EQ(result.config->upstreams[0].urls.size(), 1U);
      EXPECT_EQ(result.config->upstreams[0].urls[0].host, "flag");
    }
  }
}

}  // namespace
}  // namespace ifmatch::config
