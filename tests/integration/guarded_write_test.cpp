// What a client sees of a guarded resource when nothing goes wrong but the other writer: tags, the
// conditions of RFC 9110, refusals, and what reaches the API and what does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";

TEST(GuardedRead, HandsOutAStrongTagOfOurOwn) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const Response read = api.request("GET", path);
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.body, R"({"total":10})");
  EXPECT_TRUE(is_our_tag(read.tag())) << read.tag();
}

TEST(GuardedRead, GivesEqualTagsForEqualContentOnly) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const std::string first = api.read_tag(path);
  api.store.put(path, R"({"total":11})");
  const std::string second = api.read_tag(path);
  api.store.put(path, R"({"total":10})");
  EXPECT_NE(first, second);
  EXPECT_EQ(api.read_tag(path), first);
}

TEST(GuardedRead, IsAnsweredWith304WhereTheTagIsCurrent) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  for (const std::string& known : {tag, "W/" + tag, "\"other\", " + tag, std::string("*")}) {
    const Response read = api.request("GET", path, {{"If-None-Match", known}});
    EXPECT_EQ(read.status, 304) << known;
    EXPECT_EQ(read.tag(), tag);
    EXPECT_EQ(read.body, "");
  }
  EXPECT_EQ(api.request("GET", path, {{"If-None-Match", "\"other\""}}).status, 200);
  for (const Request& request : api.upstream.requests()) {
    EXPECT_FALSE(request.has("If-None-Match"));
  }
}

TEST(GuardedRead, OfTheHeadCarriesTheTagOfTheGet) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const Response get = api.request("GET", path);
  const Response head = api.request("HEAD", path);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.tag(), get.tag());
  EXPECT_EQ(head.body, "");
}

TEST(GuardedRead, GoesUpstreamWithoutRange) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const Response read = api.request("GET", path, {{"Range", "bytes=0-3"}});
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.body, R"({"total":10})");
  EXPECT_FALSE(api.upstream.requests("GET").at(0).has("Range"));
}

TEST(GuardedRead, KeepsTheValidatorsOfTheUpstreamToItself) {
  DocumentStore::Options options;
  options.fields = {{"ETag", "W/\"7\""},
                    {"Last-Modified", "Tue, 15 Nov 1994 12:45:26 GMT"},
                    {"Accept-Ranges", "bytes"}};
  GuardedStore api(ProxyConfig{}, options);
  api.store.put(path, "{}");
  const Response read = api.request("GET", path);
  EXPECT_EQ(count_fields(read.fields, "ETag"), 1U);
  EXPECT_TRUE(is_our_tag(read.tag())) << read.tag();
  EXPECT_FALSE(read.has("Last-Modified"));
  EXPECT_FALSE(read.has("Accept-Ranges"));

  const Response write = api.put(path, read.tag(), R"({"total":1})");
  EXPECT_EQ(write.status, 200);
  EXPECT_TRUE(write.tag().empty() || is_our_tag(write.tag())) << write.tag();
  EXPECT_FALSE(write.has("Last-Modified"));
  EXPECT_FALSE(write.has("Accept-Ranges"));
}

TEST(GuardedRead, LargerThanTheLimitStreamsWithoutATagAndHeadStillHasOne) {
  ProxyConfig config;
  config.defaults = "max_body: 64KiB";
  GuardedStore api(config);
  const std::string large(1024 * 1024, 'x');
  api.store.put(path, large);
  const Response get = api.request("GET", path);
  EXPECT_EQ(get.status, 200);
  EXPECT_TRUE(get.body == large);
  EXPECT_FALSE(get.has("ETag"));

  const std::string tag = api.request("HEAD", path).tag();
  EXPECT_TRUE(is_our_tag(tag)) << tag;
  EXPECT_EQ(api.put(path, tag, "{}").status, 200);
}

TEST(GuardedWrite, WithTheCurrentTagPasses) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  EXPECT_EQ(api.put(path, api.read_tag(path), R"({"total":12})").status, 200);
  EXPECT_EQ(api.store.get(path), R"({"total":12})");

  const std::string tag = api.read_tag(path);
  EXPECT_EQ(api.request("PATCH", path, {{"If-Match", tag}}, R"({"total":13})").status, 200);
  EXPECT_EQ(api.request("DELETE", path, {{"If-Match", api.read_tag(path)}}).status, 204);
  EXPECT_EQ(api.store.get(path), std::nullopt);
}

TEST(GuardedWrite, WithAStaleTagIsRefusedAndNeverReachesTheApi) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);
  EXPECT_EQ(api.put(path, tag, R"({"total":12})").status, 200);

  const Response refused = api.put(path, tag, R"({"total":11})");
  expect_problem(refused, 412, "stale-version");
  EXPECT_EQ(json_member(refused.body, "title"), "The resource changed since you read it");
  EXPECT_NE(json_member(refused.body, "detail"), "");
  EXPECT_EQ(json_member(refused.body, "route"), "everything");
  EXPECT_TRUE(json_member(refused.body, "instance").starts_with("urn:uuid:"));
  EXPECT_NE(refused.body.find("\"sent\""), std::string::npos);
  EXPECT_NE(refused.body.find(escaped(tag)), std::string::npos) << refused.body;
  EXPECT_NE(refused.field("Cache-Control").find("no-store"), std::string::npos);

  EXPECT_EQ(api.upstream.count("PUT"), 1U);
  EXPECT_EQ(api.store.get(path), R"({"total":12})");
}

TEST(GuardedWrite, RefusedAfterAProbeNamesTheCurrentTag) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const std::string stale = api.read_tag(path);
  // Somebody writes to the API directly, so that only a probe can tell.
  api.store.put(path, R"({"total":11})");
  const Response refused = api.put(path, stale, R"({"total":12})");
  expect_problem(refused, 412, "stale-version");
  const std::string current = api.read_tag(path);
  EXPECT_EQ(refused.tag(), current);
  EXPECT_EQ(json_member(refused.body, "current"), escaped(current));
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, AsksForTheRepresentationAndGetsItWithTheRefusal) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const std::string stale = api.read_tag(path);
  api.store.put(path, R"({"total":11})");
  const Response refused =
      api.request("PUT", path, {{"If-Match", stale}, {"Prefer", "return=representation"}}, "{}");
  EXPECT_EQ(refused.status, 412);
  EXPECT_EQ(refused.body, R"({"total":11})");
  EXPECT_EQ(refused.field("Content-Type"), "application/json");
  EXPECT_EQ(refused.field("Preference-Applied"), "return=representation");
  EXPECT_TRUE(refused.has("Content-Location"));
  EXPECT_EQ(refused.tag(), api.read_tag(path));
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, IsRefusedWithTagAndContentOfOneAnswer) {
  // What is there has three forms, one of which is refused; a writer of one form is shown one.
  GuardedStore api;
  api.upstream.behave([](const Request& request) {
    const std::string accept = request.field("Accept");
    Reply reply;
    reply.body = "plain";
    if (accept.find("json") != std::string::npos) reply.body = R"({"form":"json"})";
    if (accept.find("csv") != std::string::npos) reply.status = 406;
    return reply;
  });
  const std::string plain = api.request("GET", path).tag();
  const std::string json = api.request("GET", path, {{"Accept", "application/json"}}).tag();
  ASSERT_NE(plain, json);
  for (const std::string type : {"text/csv", "application/json", "text/plain"}) {
    const Response refused = api.request("PUT", path,
                                         {{"If-Match", "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
                                          {"Prefer", "return=representation"},
                                          {"Content-Type", type}},
                                         "{}");
    EXPECT_EQ(refused.status, 412) << type;
    if (!refused.has("Preference-Applied")) {
      expect_problem(refused, 412, "stale-version");
      EXPECT_EQ(type, "text/csv");
      continue;
    }
    EXPECT_TRUE(refused.body == "plain" || refused.body == R"({"form":"json"})") << refused.body;
    EXPECT_EQ(refused.tag(), refused.body == "plain" ? plain : json) << type;
  }
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, WithoutAPreconditionIsRefused) {
  GuardedStore api;
  api.store.put(path, "{}");
  for (const std::string_view method : {"PUT", "PATCH", "DELETE"}) {
    expect_problem(api.request(method, path, {}, "{}"), 412, "precondition-missing");
  }
  EXPECT_EQ(api.upstream.requests().size(), 0U);
}

TEST(GuardedWrite, WithoutAPreconditionGetsTheConfiguredStatus) {
  ProxyConfig config;
  config.defaults = "on_missing: 428";
  GuardedStore api(config);
  api.store.put(path, "{}");
  expect_problem(api.request("PUT", path, {}, "{}"), 428, "precondition-missing");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, WithAMalformedConditionIsABadRequest) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  for (const std::string& malformed :
       {std::string("abc"), std::string("\"abc"), "*, " + tag, tag + " " + tag,
        std::string("w/\"abc\""), tag + ", abc", std::string("\"a\"b\"")}) {
    expect_problem(api.put(path, malformed, "{}"), 400, "bad-condition");
  }
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, WithAWildcardPassesWhereTheResourceExists) {
  GuardedStore api;
  api.store.put(path, "{}");
  EXPECT_EQ(api.put(path, "*", R"({"total":1})").status, 200);
  expect_problem(api.put("/orders/absent", "*", "{}"), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
}

TEST(GuardedWrite, NeverMatchesAWeakTag) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  expect_problem(api.put(path, "W/" + tag, R"({"total":1})"), 412, "stale-version");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, TakesSeveralFieldLinesAsOneList) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const Fields fields = {{"If-Match", "\"one\""}, {"if-match", "\"two\", " + tag}};
  EXPECT_EQ(api.request("PUT", path, fields, R"({"total":1})").status, 200);
  expect_problem(api.request("PUT", path, fields, R"({"total":2})"), 412, "stale-version");
}

TEST(GuardedWrite, ToAnAbsentResourceNeverMatchesATag) {
  GuardedStore api;
  expect_problem(api.put(path, "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "{}"), 412,
                 "stale-version");
  EXPECT_EQ(api.request("DELETE", path, {{"If-Match", "\"any\""}}).status, 404);
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, CreatesOnlyWhereNothingIs) {
  GuardedStore api;
  const Fields create = {{"If-None-Match", "*"}};
  EXPECT_EQ(api.request("PUT", path, create, R"({"total":1})").status, 201);
  EXPECT_FALSE(api.upstream.requests("PUT").at(0).has("If-None-Match"));

  expect_problem(api.request("PUT", path, create, R"({"total":2})"), 412, "already-exists");
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
  EXPECT_EQ(api.store.get(path), R"({"total":1})");
}

TEST(GuardedWrite, ReachesTheApiWithoutConditionsAndTrailers) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const Fields fields = {{"If-Match", tag},
                         {"If-None-Match", "\"other\""},
                         {"Transfer-Encoding", "chunked"},
                         {"X-Kept", "yes"}};
  EXPECT_EQ(api.request("PUT", path, fields, "4\r\n{  }\r\n0\r\nX-Trailer: no\r\n\r\n").status,
            200);
  const Request forwarded = api.upstream.requests("PUT").at(0);
  EXPECT_EQ(forwarded.body, "{  }");
  EXPECT_EQ(forwarded.field("X-Kept"), "yes");
  for (const std::string_view dropped :
       {"If-Match", "If-None-Match", "If-Unmodified-Since", "X-Trailer"}) {
    EXPECT_FALSE(forwarded.has(dropped)) << dropped;
  }
  EXPECT_TRUE(forwarded.trailers.empty());
}

TEST(GuardedWrite, TakesNoConditionFromATrailer) {
  GuardedStore api;
  api.store.put(path, "{}");
  const Response refused = api.request("PUT", path, {{"Transfer-Encoding", "chunked"}},
                                       "2\r\n{}\r\n0\r\nIf-Match: *\r\n\r\n");
  expect_problem(refused, 412, "precondition-missing");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, LargerThanTheLimitIsRefused) {
  ProxyConfig config;
  config.defaults = "max_body: 1KiB";
  GuardedStore api(config);
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const std::string large(2048, 'x');
  expect_problem(api.put(path, tag, large), 413, "body-too-large");
  const Response chunked =
      api.request("PUT", path, {{"If-Match", tag}, {"Transfer-Encoding", "chunked"}},
                  "800\r\n" + large + "\r\n0\r\n\r\n");
  expect_problem(chunked, 413, "body-too-large");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, PassesForPostToACollectionWithoutACondition) {
  GuardedStore api;
  const Response created = api.request("POST", "/orders", {}, R"({"total":1})");
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(api.store.get(created.field("Location")), R"({"total":1})");
}

TEST(GuardedWrite, IsRecognisedBehindAMethodOverride) {
  GuardedStore api;
  api.store.put(path, "{}");
  for (const std::string name : {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}) {
    expect_problem(api.request("POST", path, {{name, "PUT"}}, "{}"), 412, "precondition-missing");
    expect_problem(api.request("PUT", path, {{name, "PATCH"}, {"If-Match", "*"}}, "{}"), 400,
                   "ambiguous-method");
  }
  expect_problem(api.request("POST", std::string(path) + "?_method=DELETE", {}, "{}"), 412,
                 "precondition-missing");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(GuardedWrite, WithExpectContinueGetsTheGoAheadOrTheRefusal) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);

  RawClient writer = RawClient::connect(api.proxy.port());
  const Fields fields = {{"If-Match", tag}, {"Expect", "100-continue"}, {"Content-Length", "2"}};
  writer.send(writer.compose("PUT", path, fields));
  EXPECT_EQ(writer.read_interim(), 100);
  writer.send("[]");
  EXPECT_EQ(writer.read_response().status, 200);
  EXPECT_FALSE(api.upstream.requests("PUT").at(0).has("Expect"));

  RawClient refused = RawClient::connect(api.proxy.port());
  refused.send(refused.compose("PUT", path, {{"Expect", "100-continue"}, {"Content-Length", "2"}}));
  const Response answer = refused.read_response();
  expect_problem(answer, 412, "precondition-missing");
  EXPECT_TRUE(answer.interim.empty());
}

TEST(GuardedWrite, IsWonByExactlyOneOfManyWithTheSameTag) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  constexpr std::size_t writers = 16;
  std::vector<int> statuses(writers);
  {
    std::vector<std::jthread> threads;
    for (std::size_t writer = 0; writer < writers; ++writer) {
      threads.emplace_back([&api, &tag, &status = statuses[writer], writer] {
        status = api.put(path, tag, "{\"writer\":" + std::to_string(writer) + "}").status;
      });
    }
    // All have been found to be current before the first one's change is there.
    EXPECT_TRUE(api.upstream.wait_for("GET", 1 + writers));
    hold->release();
  }
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 200), 1);
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 412), writers - 1);
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
}

}  // namespace
}  // namespace ifmatch::support
