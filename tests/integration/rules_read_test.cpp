// tests/RULES.md, section 3.1, the rules of reads, and `reads: wait` of section 3.6, as seen from
// outside.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";

Fields foreign_validators(std::string etag) {
  return {{"ETag", std::move(etag)},
          {"Last-Modified", "Tue, 15 Nov 1994 12:45:26 GMT"},
          {"Accept-Ranges", "bytes"}};
}

// 3.1.1

class Rule_3_1_1 : public ::testing::TestWithParam<std::string> {};

TEST_P(Rule_3_1_1, GoesUpstreamWithoutConditionsAndRangeAndAsksForIdentity) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  api.upstream.forget();
  const Fields fields = {{"If-Match", tag},
                         {"If-None-Match", "\"other\""},
                         {"If-Modified-Since", "Tue, 15 Nov 1994 12:45:26 GMT"},
                         {"If-Unmodified-Since", "Tue, 15 Nov 1994 12:45:26 GMT"},
                         {"If-Range", tag},
                         {"Range", "bytes=0-0"},
                         {"Accept-Encoding", "gzip, br"},
                         {"X-Kept", "yes"}};
  EXPECT_EQ(api.request(GetParam(), path, fields).status, 200);
  ASSERT_EQ(api.upstream.requests().size(), 1U);
  const Request asked = api.upstream.requests().front();
  for (const std::string_view dropped : {"If-Match", "If-None-Match", "If-Modified-Since",
                                         "If-Unmodified-Since", "If-Range", "Range"}) {
    EXPECT_FALSE(asked.has(dropped)) << dropped;
  }
  EXPECT_EQ(count_fields(asked.fields, "Accept-Encoding"), 1U);
  EXPECT_EQ(asked.field("Accept-Encoding"), "identity");
  EXPECT_EQ(asked.field("X-Kept"), "yes");
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_1_1, ::testing::Values("GET", "HEAD"),
                         [](const auto& test) { return test.param; });

struct AnswerCase {
  std::string method;
  int status;

  friend void PrintTo(const AnswerCase& param, std::ostream* out) {
    *out << param.method << " " << param.status;
  }
};

class Rule_3_1_1_Answers : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(Rule_3_1_1_Answers, CarryNoValidatorOfTheUpstream) {
  const auto& [method, status] = GetParam();
  for (const std::string foreign : {"\"7\"", "W/\"7\""}) {
    GuardedStore api;
    api.store.put(path, "{}");
    const std::string tag = api.read_tag(path);
    api.upstream.behave([=, inner = api.store.behaviour()](const Request& request) {
      const std::string meant = method == "HEAD" ? "GET" : method;
      Reply reply;
      if (request.method == meant) {
        reply.status = status;
        reply.body = status == 204 ? "" : "[]";
      } else {
        reply = inner(request).later();
      }
      const Fields validators = foreign_validators(foreign);
      reply.fields.insert(reply.fields.end(), validators.begin(), validators.end());
      return reply;
    });
    Fields fields;
    if (method == "PUT" || method == "PATCH" || method == "DELETE") fields = {{"If-Match", tag}};
    const Response answer = api.request(method, path, fields, method == "PUT" ? "[]" : "");
    EXPECT_EQ(answer.status, status);
    EXPECT_LE(count_fields(answer.fields, "ETag"), 1U);
    EXPECT_TRUE(!answer.has("ETag") || is_our_tag(answer.tag())) << answer.tag();
    EXPECT_FALSE(answer.has("Last-Modified"));
    EXPECT_FALSE(answer.has("Accept-Ranges"));
  }
}

INSTANTIATE_TEST_SUITE_P(
    , Rule_3_1_1_Answers,
    ::testing::Values(AnswerCase{"GET", 200}, AnswerCase{"GET", 203}, AnswerCase{"GET", 301},
                      AnswerCase{"GET", 404}, AnswerCase{"GET", 500}, AnswerCase{"HEAD", 200},
                      AnswerCase{"HEAD", 404}, AnswerCase{"OPTIONS", 200}, AnswerCase{"PUT", 200},
                      AnswerCase{"PUT", 201}, AnswerCase{"PUT", 204}, AnswerCase{"PUT", 409},
                      AnswerCase{"PUT", 412}, AnswerCase{"PUT", 500}, AnswerCase{"PUT", 503},
                      AnswerCase{"PATCH", 200}, AnswerCase{"DELETE", 204},
                      AnswerCase{"DELETE", 404}, AnswerCase{"POST", 201}, AnswerCase{"POST", 500}),
    [](const auto& test) { return test.param.method + "_" + std::to_string(test.param.status); });

TEST(Rule_3_1_1_Probes, ThatAreRelayedCarryNoValidatorOfTheUpstream) {
  for (const int status : {401, 403, 404, 429}) {
    GuardedStore api;
    Reply reply = status_only(status);
    reply.fields = foreign_validators("\"7\"");
    answer_reads_with(api, reply);
    const Response answer = api.request("DELETE", path, {{"If-Match", std::string(unknown_tag)}});
    EXPECT_EQ(answer.status, status);
    EXPECT_FALSE(answer.has("ETag"));
    EXPECT_FALSE(answer.has("Last-Modified"));
    EXPECT_FALSE(answer.has("Accept-Ranges"));
  }
}

// 3.1.2

Reply document(std::string type, std::string body) {
  Reply reply;
  reply.fields = {{"Content-Type", std::move(type)}};
  reply.body = std::move(body);
  return reply;
}

TEST(Rule_3_1_2, TheTagTellsBodiesAndTypesApartAndNothingElse) {
  GuardedStore api;
  const auto tag_of = [&api](Reply reply) {
    answer_reads_with(api, std::move(reply));
    return api.read_tag(path);
  };
  const std::string first = tag_of(document("application/json", "{}"));
  EXPECT_TRUE(is_our_tag(first)) << first;
  EXPECT_NE(tag_of(document("application/json", "{ }")), first);
  EXPECT_NE(tag_of(document("text/plain", "{}")), first);
  EXPECT_NE(tag_of(document("application/json", "")), first);

  Reply other_fields = document("application/json", "{}");
  other_fields.fields.emplace_back("X-Request-Id", "17");
  other_fields.fields.emplace_back("ETag", "\"other\"");
  other_fields.framing = Framing::chunked;
  EXPECT_EQ(tag_of(other_fields), first);
}

TEST(Rule_3_1_2, OnlyAFull200GetsATag) {
  GuardedStore api;
  for (const int status : {201, 202, 203, 206, 300, 404, 410, 500, 503}) {
    Reply reply = document("application/json", "{}");
    reply.status = status;
    if (status == 206) reply.fields.emplace_back("Content-Range", "bytes 0-1/9");
    answer_reads_with(api, reply);
    const Response read = api.request("GET", path);
    EXPECT_EQ(read.status, status);
    EXPECT_FALSE(read.has("ETag")) << status;
  }
}

class Rule_3_1_2_Truncated : public ::testing::TestWithParam<Framing> {};

TEST_P(Rule_3_1_2_Truncated, IsABadGatewayWithoutATagAndIsNotRecorded) {
  GuardedStore api(with("check: recorded"));
  Reply reply = document("application/json", std::string(4096, 'x'));
  reply.framing = GetParam();
  reply.mishap = Mishap::truncate;
  reply.truncate_after = 1024;
  answer_reads_with(api, reply);
  const Response read = api.request("GET", path);
  expect_problem(read, 502, "upstream-unreachable");
  EXPECT_FALSE(read.has("ETag"));

  // Had the part been taken for a version, the record would let this pass without a look.
  answer_reads_with(api, document("application/json", std::string(2048, 'y')));
  const std::size_t reads = api.upstream.count("GET");
  expect_problem(put_plain(api, path, unknown_tag, "{}"), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("GET"), reads + 1);
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_1_2_Truncated,
                         ::testing::Values(Framing::content_length, Framing::chunked),
                         [](const auto& test) {
                           return test.param == Framing::chunked ? "Chunked" : "WithLength";
                         });

TEST(Rule_3_1_2, ATruncatedAnswerThatStreamsEndsTheConnectionOfTheClient) {
  GuardedStore api(with("max_body: 1KiB"));
  Reply reply = document("application/json", std::string(256 * 1024, 'x'));
  reply.mishap = Mishap::truncate;
  reply.truncate_after = 128 * 1024;
  answer_reads_with(api, reply);
  // The reset may overtake what was sent before it, the header section included.
  try {
    const Response read = api.request("GET", path);
    EXPECT_TRUE(read.truncated || read.status == 502) << read.status;
    EXPECT_FALSE(read.has("ETag"));
  } catch (const SupportError&) {
  }
  EXPECT_EQ(api.upstream.count("GET"), 1U);
}

// 3.1.3, on `recorded` routes, where what was learnt decides without a probe

TEST(Rule_3_1_3, WhatAReadLearntIsRecorded) {
  GuardedStore api(with("check: recorded"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  EXPECT_EQ(api.put(path, tag, R"({"total":1})").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 1U);
}

TEST(Rule_3_1_3, ProbesTeachLikeReads) {
  GuardedStore api(with("check: recorded"));
  api.store.put(path, "{}");
  const Response refused = put_plain(api, path, unknown_tag, R"({"total":1})");
  expect_problem(refused, 412, "stale-version");
  EXPECT_EQ(api.put(path, refused.tag(), R"({"total":1})").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 1U);
}

TEST(Rule_3_1_3, AProbeThatBeganBesideAWriteAndEndedAfterItTeachesNothing) {
  GuardedStore api(with("check: recorded"));
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);
  const auto applied = std::make_shared<Hold>();
  const auto told = std::make_shared<Hold>();
  api.upstream.behave([inner = api.store.behaviour(), applied, told](const Request& request) {
    Reply reply = inner(request);
    if (!is_read(request)) reply.hold = applied;
    if (!is_read(request) || !request.has("X-Slow")) return reply;
    reply = reply.later();
    reply.hold = told;
    return reply;
  });
  RawClient writer = begin_put(api, path, tag, R"({"total":11})");
  ASSERT_TRUE(applied->wait_until_held());
  // The gate is taken, so it is probed ahead.
  RawClient loser = begin(api, "PUT", path,
                          {{"If-Match", std::string(unknown_tag)}, {"X-Slow", "1"}}, "[]");
  ASSERT_TRUE(told->wait_until_held());
  applied->release();
  ASSERT_EQ(writer.read_response().status, 200);
  told->release();
  expect_problem(loser.read_response(), 412, "stale-version");

  const std::size_t reads = api.upstream.count("GET");
  expect_problem(put_plain(api, path, tag, R"({"total":12})"), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("GET"), reads + 1) << "the record must not have decided";
  EXPECT_EQ(api.store.get(path), R"({"total":11})");
}

TEST(Rule_3_1_3, AReadThatBeganBeforeAWriteAndEndedAfterItTeachesNothing) {
  GuardedStore api(with("check: recorded"));
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  hold_slow_reads(api, hold);
  RawClient slow = begin(api, "GET", path, {{"X-Slow", "1"}});
  ASSERT_TRUE(hold->wait_until_held());
  ASSERT_EQ(api.put(path, tag, R"({"total":11})").status, 200);
  hold->release();
  // The tag tells the truth about the bytes, old as they are.
  const Response read = slow.read_response();
  EXPECT_EQ(read.body, R"({"total":10})");
  EXPECT_EQ(read.tag(), tag);

  const std::size_t reads = api.upstream.count("GET");
  expect_problem(put_plain(api, path, tag, R"({"total":12})"), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("GET"), reads + 1) << "the record must not have decided";
  EXPECT_EQ(api.store.get(path), R"({"total":11})");
}

TEST(Rule_3_1_3, AReadThatBeganWhileAWriteWasOutTeachesNothing) {
  GuardedStore api(with("check: recorded"));
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient writer = begin_put(api, path, tag, R"({"total":11})");
  ASSERT_TRUE(hold->wait_until_held());
  EXPECT_EQ(api.read_tag(path), tag);
  hold->release();
  ASSERT_EQ(writer.read_response().status, 200);

  const std::size_t reads = api.upstream.count("GET");
  expect_problem(put_plain(api, path, tag, R"({"total":12})"), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("GET"), reads + 1) << "the record must not have decided";
  EXPECT_EQ(api.store.get(path), R"({"total":11})");
}

TEST(Rule_3_1_3, VaryOnEverythingIsNeverRecorded) {
  DocumentStore::Options options;
  options.fields = {{"Vary", "*"}};
  GuardedStore api(with("check: recorded"), options);
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  EXPECT_TRUE(is_our_tag(tag)) << tag;
  EXPECT_EQ(api.put(path, tag, R"({"total":1})").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 2U) << "the write must have been probed";
}

TEST(Rule_3_1_3, ReadsOfRecordedRoutesAskPastCaches) {
  GuardedStore recorded(with("check: recorded"));
  recorded.store.put(path, "{}");
  for (const std::string_view method : {"GET", "HEAD"}) {
    EXPECT_EQ(recorded.request(method, path, {{"Cache-Control", "max-age=60"}}).status, 200);
  }
  ASSERT_EQ(recorded.upstream.count("GET"), 2U);
  for (const Request& asked : recorded.upstream.requests("GET")) {
    EXPECT_EQ(count_fields(asked.fields, "Cache-Control"), 1U);
    EXPECT_EQ(asked.field("Cache-Control"), "no-cache");
  }
  GuardedStore confirmed;
  confirmed.store.put(path, "{}");
  EXPECT_EQ(confirmed.request("GET", path, {{"Cache-Control", "max-age=60"}}).status, 200);
  EXPECT_EQ(confirmed.upstream.requests("GET").at(0).field("Cache-Control"), "max-age=60");
}

TEST(Rule_3_1_3, AnAnswerFromACacheIsNotRecorded) {
  DocumentStore::Options options;
  options.fields = {{"Age", "0"}};
  GuardedStore api(with("check: recorded"), options);
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  EXPECT_EQ(api.put(path, tag, R"({"total":1})").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 2U) << "the write must have been probed";
}

// 3.1.4

TEST(Rule_3_1_4, ConditionsAreEvaluatedInTheOrderOfTheStandard) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const std::string other(unknown_tag);
  const std::string long_ago = "Tue, 15 Nov 1994 12:45:26 GMT";
  const std::string far_ahead = "Fri, 15 Nov 2999 12:45:26 GMT";
  struct Case {
    Fields fields;
    int status;
  };
  const std::vector<Case> cases = {
      {{{"If-Match", tag}}, 200},
      {{{"If-Match", "*"}}, 200},
      {{{"If-Match", other}}, 412},
      {{{"If-Match", "W/" + tag}}, 412},
      // `If-Match` comes first, whatever `If-None-Match` says ..
      {{{"If-Match", other}, {"If-None-Match", tag}}, 412},
      {{{"If-Match", other}, {"If-None-Match", other}}, 412},
      // .. and where it holds the other one is looked at.
      {{{"If-Match", tag}, {"If-None-Match", tag}}, 304},
      {{{"If-Match", tag}, {"If-None-Match", other}}, 200},
      {{{"If-None-Match", "W/" + tag}}, 304},
      {{{"If-None-Match", "*"}}, 304},
      {{{"If-None-Match", other + ", " + tag}}, 304},
      // Tags decide before dates; and we handed out no date that could be meant.
      {{{"If-None-Match", other}, {"If-Modified-Since", far_ahead}}, 200},
      {{{"If-None-Match", tag}, {"If-Modified-Since", long_ago}}, 304},
      {{{"If-Match", tag}, {"If-Unmodified-Since", long_ago}}, 200},
      {{{"If-Unmodified-Since", long_ago}}, 200},
      {{{"If-Modified-Since", far_ahead}}, 200},
      {{{"If-Match", "abc"}}, 400},
      {{{"If-None-Match", "*, " + tag}}, 400},
  };
  for (const std::string method : {"GET", "HEAD"}) {
    for (std::size_t index = 0; index < cases.size(); ++index) {
      const Response read = api.request(method, path, cases[index].fields);
      EXPECT_EQ(read.status, cases[index].status) << method << " of case " << index;
      if (read.status < 400) {
        EXPECT_EQ(read.tag(), tag);
      }
    }
  }
}

TEST(Rule_3_1_4, A304CarriesTheFieldsOfTheStandardAndNoContent) {
  const Fields selected = {{"Cache-Control", "max-age=60"},
                           {"Content-Location", "/orders/42.json"},
                           {"Date", "Tue, 15 Nov 2022 12:45:26 GMT"},
                           {"Expires", "Tue, 15 Nov 2022 13:45:26 GMT"},
                           {"Vary", "Accept-Language"}};
  DocumentStore::Options options;
  options.fields = selected;
  const Fields validators = foreign_validators("\"7\"");
  options.fields.insert(options.fields.end(), validators.begin(), validators.end());
  GuardedStore api(ProxyConfig{}, options);
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);

  RawClient client = RawClient::connect(api.proxy.port());
  client.send(client.compose("GET", path, {{"If-None-Match", tag}}));
  const Response read = client.read_response();
  EXPECT_EQ(read.status, 304);
  EXPECT_EQ(read.tag(), tag);
  for (const auto& [name, value] : selected) {
    EXPECT_EQ(count_fields(read.fields, name), 1U) << name;
    EXPECT_EQ(read.field(name), value) << name;
  }
  EXPECT_FALSE(read.has("Last-Modified"));
  // The connection is still in step, so nothing followed the header section.
  EXPECT_EQ(client.request("GET", path).status, 200);
}

TEST(Rule_3_1_4, A304HasADateAlsoWhereTheUpstreamSentNone) {
  GuardedStore api;
  api.store.put(path, "{}");
  const Response read = api.request("GET", path, {{"If-None-Match", api.read_tag(path)}});
  EXPECT_EQ(read.status, 304);
  EXPECT_EQ(count_fields(read.fields, "Date"), 1U);
}

// 3.1.5

class Rule_3_1_5 : public ::testing::TestWithParam<Framing> {};

TEST_P(Rule_3_1_5, HeadIsAnsweredFromAGetAndHasItsTag) {
  GuardedStore api;
  Reply reply = document("application/json", R"({"total":10})");
  reply.framing = GetParam();
  answer_reads_with(api, reply);
  const Response get = api.request("GET", path);
  EXPECT_TRUE(is_our_tag(get.tag())) << get.tag();
  RawClient client = RawClient::connect(api.proxy.port());
  const Response head = client.request("HEAD", path);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.tag(), get.tag());
  EXPECT_EQ(head.field("Content-Type"), "application/json");
  EXPECT_EQ(head.field("Content-Length"), get.field("Content-Length"));
  EXPECT_EQ(client.request("GET", path).tag(), get.tag()) << "the connection stays in step";
  EXPECT_EQ(api.upstream.count("HEAD"), 0U);
  EXPECT_EQ(api.upstream.count("GET"), 3U);
}

TEST_P(Rule_3_1_5, HeadHasATagWhereGetIsTooLargeToCarryOne) {
  GuardedStore api(with("max_body: 4KiB"));
  Reply reply = document("application/json", std::string(300 * 1024, 'x'));
  reply.framing = GetParam();
  answer_reads_with(api, reply);
  const Response get = api.request("GET", path);
  EXPECT_EQ(get.status, 200);
  EXPECT_TRUE(get.body == reply.body);
  EXPECT_FALSE(get.truncated);
  EXPECT_FALSE(get.has("ETag"));
  const Response head = api.request("HEAD", path);
  EXPECT_EQ(head.status, 200);
  EXPECT_TRUE(is_our_tag(head.tag())) << head.tag();
  // It is the tag of these very bytes: a write that names it passes.
  EXPECT_EQ(api.put(path, head.tag(), "{}").status, 201);
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_1_5, ::testing::Values(Framing::content_length, Framing::chunked),
                         [](const auto& test) {
                           return test.param == Framing::chunked ? "Chunked" : "WithLength";
                         });

// 3.6, `reads: wait`: no dirty reads through us

TEST(Rule_3_6_ReadsWait, UntilTheWriteIsSettled) {
  GuardedStore api(with("reads: wait"));
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient writer = begin_put(api, path, tag, R"({"total":11})");
  ASSERT_TRUE(hold->wait_until_held());
  const std::size_t reads = api.upstream.count("GET");
  RawClient reader = begin(api, "GET", path);
  EXPECT_TRUE(reader.stays_silent(watched));
  EXPECT_EQ(api.upstream.count("GET"), reads);
  hold->release();
  EXPECT_EQ(writer.read_response().status, 200);
  EXPECT_EQ(reader.read_response().body, R"({"total":11})");
}

TEST(Rule_3_6_ReadsWait, AndWritesWaitForThem) {
  GuardedStore api(with("reads: wait"));
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  hold_slow_reads(api, hold);
  // Two readers do not hinder each other.
  RawClient first = begin(api, "GET", path, {{"X-Slow", "1"}});
  RawClient second = begin(api, "GET", path, {{"X-Slow", "1"}});
  ASSERT_TRUE(api.upstream.wait_for("GET", 3));
  RawClient writer = begin_put(api, path, tag, R"({"total":11})");
  EXPECT_TRUE(writer.stays_silent(watched));
  EXPECT_EQ(api.upstream.writes(), 0U);
  hold->release();
  EXPECT_EQ(first.read_response().body, R"({"total":10})");
  EXPECT_EQ(second.read_response().body, R"({"total":10})");
  EXPECT_EQ(writer.read_response().status, 200);
}

TEST(Rule_3_6_ReadsWait, ForAnyWriterOfTheirOwnPathButForExclusiveOnesAbove) {
  GuardedStore api(with("reads: wait"));
  api.store.put("/orders", "[]");
  api.store.put(path, "{}");
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient creation = begin(api, "POST", "/orders", {}, "{}");
  ASSERT_TRUE(hold->wait_until_held());
  EXPECT_EQ(api.request("GET", path).status, 200) << "a creation above hinders no read";
  RawClient collection = begin(api, "GET", "/orders");
  EXPECT_TRUE(collection.stays_silent(watched));
  hold->release();
  EXPECT_EQ(creation.read_response().status, 201);
  EXPECT_EQ(collection.read_response().status, 200);

  const auto replacement_hold = std::make_shared<Hold>();
  api.hold_writes(replacement_hold);
  RawClient replacement = begin_put(api, "/orders", "*", "[1]");
  ASSERT_TRUE(replacement_hold->wait_until_held());
  RawClient below = begin(api, "GET", path);
  EXPECT_TRUE(below.stays_silent(watched));
  replacement_hold->release();
  EXPECT_EQ(replacement.read_response().status, 200);
  EXPECT_EQ(below.read_response().status, 200);
}

TEST(Rule_3_6_ReadsWait, AndAreToldOfAWriteInDoubt) {
  GuardedStore api(with("reads: wait, in_doubt: 400ms"));
  api.store.put(path, "{}");
  Reply lost;
  lost.mishap = Mishap::close_unanswered;
  answer_first_write_with(api, lost);
  expect_problem(api.put(path, api.read_tag(path), "[]"), 502, "outcome-unknown");
  const Response read = api.request("GET", path);
  expect_problem(read, 503, "outcome-unknown");
  EXPECT_TRUE(read.has("Retry-After"));
  EXPECT_TRUE(eventually([&] { return api.request("GET", path).status == 200; }));
}

TEST(Rule_3_6_ReadsPass, WhileAWriteIsOut) {
  GuardedStore api;
  api.store.put(path, R"({"total":10})");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient writer = begin_put(api, path, tag, R"({"total":11})");
  ASSERT_TRUE(hold->wait_until_held());
  EXPECT_EQ(api.request("GET", path).body, R"({"total":10})");
  hold->release();
  EXPECT_EQ(writer.read_response().status, 200);
}

}  // namespace
}  // namespace ifmatch::support
