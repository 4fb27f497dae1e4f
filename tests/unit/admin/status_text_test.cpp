// `ifmatch status` for a person: what it makes of the pages of the API, and of what is none.
#include "proxy/cli/status_text.hpp"

#include <gtest/gtest.h>

namespace ifmatch::cli {
namespace {

constexpr std::string_view routes =
    R"({"routes":[{"name":"order","mode":"enforce","requests":12,
        "decisions":{"pass":3,"stale":2,"missing":0,"busy":0}}]})";
constexpr std::string_view upstreams =
    R"({"upstreams":[{"name":"api","url":"http://a","connections":{"idle":2,"active":1},
        "waiting":0,"answers":10,"mean_seconds":0.0125}]})";

std::string status_page(std::string_view busy) {
  return R"({"version":"1.2","commit":"abc","pid":7,"phase":"serving","ready":true,
    "uptime_seconds":7500,"listeners":["127.0.0.1:8080"],"client_connections":4,"requests":12,
    "records":5,"gates_busy":0,"body_bytes_held":0,
    "configuration":{"loaded_at":"2024-05-01T12:00:00.000Z","reloads_applied":1,
      "reloads_refused":1,"last_reload":{"at":"T","applied":false,"text":"x"}},
    "decisions":{"pass":3,"stale":2,"missing":0,"busy":)" + std::string(busy) + "}}";
}

TEST(StatusText, ShowsWhatRunsAndWhatWasDecided) {
  const auto text =
      status_text({.status = status_page("0"), .routes = routes, .upstreams = upstreams, .observe = "{}"});
  ASSERT_TRUE(text.has_value());
  for (const char* const part :
       {"ifmatch 1.2 (abc), pid 7, serving for 2 h 5 min, ready\n", "listening on 127.0.0.1:8080\n",
        "THE LAST RELOAD WAS REFUSED at T", "4 connections, 12 requests, 5 records",
        "ROUTE  MODE     REQUESTS  PASS  STALE  MISSING\n",
        "order  enforce        12     3      2        0\n", "12.5 ms"}) {
    EXPECT_NE(text->find(part), std::string::npos) << part << "\n" << *text;
  }
  EXPECT_EQ(text->find("BUSY"), std::string::npos);
}

TEST(StatusText, ShowsRareDecisionsOnceTheyHappened) {
  const auto text =
      status_text({.status = status_page("1"), .routes = routes, .upstreams = upstreams, .observe = "{}"});
  ASSERT_TRUE(text.has_value());
  EXPECT_NE(text->find("MISSING  BUSY\n"), std::string::npos) << *text;
}

TEST(StatusText, ShowsWhatWasObserved) {
  constexpr std::string_view observed =
      R"({"routes":[{"route":"order","writes":9,"with_condition":4,"would_be_refused":{"total":5},
          "lost":2}],"clients":[]})";
  const auto text = status_text({.status = status_page("0"), .routes = routes,
                                 .upstreams = upstreams, .observe = observed});
  ASSERT_TRUE(text.has_value());
  EXPECT_NE(text->find("OBSERVED ROUTE  WRITES  WITH CONDITION  WOULD BE REFUSED  LOST UPDATES\n"
                       "order                9               4                 5             2\n"),
            std::string::npos)
      << *text;
  EXPECT_EQ(text->find("OBSERVED CLIENT"), std::string::npos);
}

TEST(StatusJson, HasEveryPage) {
  const auto text = status_json({.status = R"({"version":"1","phase":"serving"})",
                                 .routes = R"({"routes":[{"name":"a\u009b"}]})",
                                 .upstreams = R"({"upstreams":[]})",
                                 .observe = R"({"routes":[],"clients":[{"lost":2}]})"});
  EXPECT_EQ(text, "{\n  \"version\": \"1\",\n  \"phase\": \"serving\",\n"
                  "  \"routes\": [\n    {\n      \"name\": \"a\\u009b\"\n    }\n  ],\n"
                  "  \"upstreams\": [],\n"
                  "  \"observe\": {\n    \"routes\": [],\n    \"clients\": [\n      {\n"
                  "        \"lost\": 2\n      }\n    ]\n  }\n}\n");
  EXPECT_FALSE(status_json({.status = "{}", .routes = "{}", .upstreams = "{}", .observe = "{}"}));
}

TEST(StatusText, NeverMovesTheCursor) {
  const std::string forged =
      R"({"routes":[{"name":"a\u001b[2Jb\r\u009b2J\u00e9","mode":"x","requests":1}]})";
  const auto text =
      status_text({.status = status_page("0"), .routes = forged, .upstreams = upstreams, .observe = "{}"});
  ASSERT_TRUE(text.has_value());
  EXPECT_EQ(text->find('\x1b'), std::string::npos);
  EXPECT_EQ(text->find('\r'), std::string::npos);
  EXPECT_EQ(text->find("\xC2\x9B"), std::string::npos);
  EXPECT_NE(text->find("\xC3\xA9"), std::string::npos) << "a letter is a letter";
}

TEST(StatusText, KnowsWhatIsNotIfmatch) {
  for (const char* const other : {"", "<html>", "[]", "{}", "null", "{\"version\":"}) {
    EXPECT_FALSE(
        status_text({.status = other, .routes = routes, .upstreams = upstreams, .observe = "{}"}).has_value())
        << other;
  }
}

TEST(StatusText, SurvivesPagesOfOtherShapes) {
  for (const char* const odd : {"{}", R"({"routes":7})", R"({"routes":[7,{},{"decisions":[]}]})"}) {
    EXPECT_TRUE(
        status_text({.status = R"({"version":1})", .routes = odd, .upstreams = "{}", .observe = odd}).has_value())
        << odd;
  }
}

}  // namespace
}  // namespace ifmatch::cli
