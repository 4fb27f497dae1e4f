// tests/RULES.md, sections 3.2.1 to 3.2.4, what decides whether a write is forwarded, as seen from
// outside: preconditions, the moment at which the gate is asked for, probes and the record.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";
const std::string long_ago = "Tue, 15 Nov 1994 12:45:26 GMT";
const std::string other(unknown_tag);

// 3.2.1

TEST(Rule_3_2_1, PreconditionsAreParsedFirstAndDecideInTheirOrder) {
  GuardedStore api(with("on_missing: 428"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  struct Case {
    Fields fields;
    int status;
    std::string type;
  };
  const std::vector<Case> refused = {
      {{}, 428, "precondition-missing"},
      {{{"If-Match", "abc"}}, 400, "bad-condition"},
      {{{"If-Match", "\"abc"}}, 400, "bad-condition"},
      {{{"If-Match", "*, " + tag}}, 400, "bad-condition"},
      {{{"If-Match", tag}, {"If-Match", "*"}}, 400, "bad-condition"},
      {{{"If-Match", "*"}, {"If-Match", "*"}}, 400, "bad-condition"},
      {{{"If-Match", tag}, {"If-None-Match", "abc"}}, 400, "bad-condition"},
      {{{"If-Match", "W/" + tag}}, 412, "stale-version"},
      {{{"If-Match", "W/" + tag + ", " + other}}, 412, "stale-version"},
      {{{"If-Match", other}, {"If-Unmodified-Since", "Fri, 15 Nov 2999 12:45:26 GMT"}},
       412,
       "stale-version"},
      {{{"If-Unmodified-Since", long_ago}}, 428, "precondition-missing"},
      {{{"If-None-Match", other}}, 428, "precondition-missing"},
      {{{"If-Modified-Since", long_ago}}, 428, "precondition-missing"},
      {{{"If-None-Match", "*"}}, 412, "already-exists"},
  };
  for (std::size_t index = 0; index < refused.size(); ++index) {
    SCOPED_TRACE("case " + std::to_string(index));
    const auto& [fields, status, type] = refused[index];
    expect_problem(api.request("PUT", path, fields, "[]"), status, type);
  }
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(Rule_3_2_1, ATagInAnyFieldLineIsEnoughAndDecidesBeforeADate) {
  GuardedStore api;
  api.store.put(path, "{}");
  for (int round = 0; round < 2; ++round) {
    const std::string tag = api.read_tag(path);
    const std::vector<Fields> all = {
        {{"If-Match", other}, {"X-Between", "1"}, {"IF-MATCH", tag}},
        {{"If-Match", tag}, {"If-Unmodified-Since", long_ago}},
    };
    const Fields& fields = all.at(static_cast<std::size_t>(round));
    const std::string body = "{\"round\":" + std::to_string(round) + "}";
    EXPECT_EQ(api.request("PUT", path, fields, body).status, 200) << round;
    EXPECT_EQ(api.store.get(path), body);
  }
}

TEST(Rule_3_2_1, IfNoneMatchWithTagsIsEvaluatedThoughItIsNoPrecondition) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const Response refused =
      api.request("PUT", path, {{"If-Match", tag}, {"If-None-Match", tag}}, "[]");
  EXPECT_EQ(refused.status, 412) << refused.body;
  EXPECT_EQ(api.upstream.writes(), 0U);
  EXPECT_EQ(api.request("PUT", path, {{"If-Match", tag}, {"If-None-Match", other}}, "[]").status,
            200);
}

TEST(Rule_3_2_1, WithoutAPreconditionItIsRefusedAtOnce) {
  GuardedStore api;
  api.store.put(path, "{}");
  RawClient writer = begin(api, "PUT", path, {{"Content-Length", "100000"}}, "[");
  expect_problem(writer.read_response(), 412, "precondition-missing");
  EXPECT_TRUE(api.upstream.requests().empty());
}

TEST(Rule_3_2_1, APutThatCreatesSaysSo) {
  GuardedStore api;
  expect_problem(api.put(path, other, "{}"), 412, "stale-version");
  expect_problem(api.put(path, "*", "{}"), 412, "stale-version");
  EXPECT_EQ(api.upstream.writes(), 0U);
  EXPECT_EQ(api.request("PUT", path, {{"If-None-Match", "*"}}, "{}").status, 201);
  EXPECT_EQ(api.store.get(path), "{}");
}

// 3.2.2

TEST(Rule_3_2_2, WhoHasNotSentTheWholeBodyHoldsNothingAndAsksNothing) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  RawClient slow =
      begin(api, "PUT", path, {{"If-Match", tag}, {"Content-Length", "12"}}, R"({"total")");
  EXPECT_EQ(api.put(path, tag, R"({"total":11})").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 2U) << "the slow one must not have been probed for";
  slow.send(":12}");
  expect_problem(slow.read_response(), 412, "stale-version");
  EXPECT_EQ(api.store.get(path), R"({"total":11})");
}

TEST(Rule_3_2_2, AWaiterHoldsNoUpstreamConnection) {
  ProxyConfig config = on_one_thread();
  config.upstream = "timeouts: { connect: 2s, response: 10s }, max_connections: 2";
  GuardedStore api(config);
  api.store.put(path, "{}");
  api.store.put("/orders/43", "{}");
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient writer = begin_put(api, path, "*", "[0]");
  ASSERT_TRUE(hold->wait_until_held());
  std::vector<RawClient> waiting;
  for (int number = 1; number <= 4; ++number) {
    const std::size_t reads = api.upstream.count("GET");
    waiting.push_back(begin_put(api, path, "*", "[" + std::to_string(number) + "]"));
    ASSERT_TRUE(api.upstream.wait_for("GET", reads + 1));
    EXPECT_TRUE(waiting.back().stays_silent(watched));
  }
  EXPECT_EQ(api.request("GET", "/orders/43").status, 200) << "the second connection is free";
  EXPECT_EQ(api.upstream.writes(), 1U);
  hold->release();
  EXPECT_EQ(writer.read_response().status, 200);
  for (RawClient& waiter : waiting) EXPECT_EQ(waiter.read_response().status, 200);
}

TEST(Rule_3_2_2, ExpectIsAnsweredAfterTheCheapChecks) {
  GuardedStore api(with("max_body: 1KiB"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  struct Case {
    Fields fields;
    int status;
    std::string type;
  };
  const std::vector<Case> refused = {
      {{{"Content-Length", "2"}}, 412, "precondition-missing"},
      {{{"Content-Length", "2"}, {"If-Match", "abc"}}, 400, "bad-condition"},
      {{{"Content-Length", "2000"}, {"If-Match", tag}}, 413, "body-too-large"},
  };
  for (Case expected : refused) {
    expected.fields.emplace_back("Expect", "100-continue");
    RawClient writer = begin(api, "PUT", path, expected.fields);
    const Response answer = writer.read_response();
    expect_problem(answer, expected.status, expected.type);
    EXPECT_TRUE(answer.interim.empty()) << expected.type;
  }
  EXPECT_EQ(api.upstream.requests().size(), 1U);

  RawClient writer = begin(
      api, "PUT", path, {{"If-Match", tag}, {"Expect", "100-continue"}, {"Content-Length", "2"}});
  EXPECT_EQ(writer.read_interim(), 100);
  EXPECT_EQ(api.upstream.requests().size(), 1U) << "the gate is asked for after the body";
  writer.send("[]");
  EXPECT_EQ(writer.read_response().status, 200);
}

// 3.2.3, the record

const Fields alice = {{"Authorization", "Basic YWxpY2U6YQ=="}};
const Fields bob = {{"Authorization", "Basic Ym9iOmI="}};

Fields with_field(Fields fields, std::string name, std::string value) {
  fields.emplace_back(std::move(name), std::move(value));
  return fields;
}

class Rule_3_2_3_Record : public ::testing::TestWithParam<std::string> {
 protected:
  GuardedStore api{with("check: " + GetParam())};
};

TEST_P(Rule_3_2_3_Record, RefusesWhatTheSameReaderHasSeenToMoveOn) {
  api.store.put(path, "{}");
  const std::string before = api.request("GET", path, alice).tag();
  api.store.put(path, R"({"total":1})");
  const std::string after = api.request("GET", path, alice).tag();
  ASSERT_NE(before, after);
  const std::size_t asked = api.upstream.requests().size();
  const Response refused = api.request("PUT", path, with_field(alice, "If-Match", before), "[]");
  expect_problem(refused, 412, "stale-version");
  EXPECT_EQ(refused.tag(), after) << "which this writer's own read has shown";
  EXPECT_EQ(api.upstream.requests().size(), asked) << "answered without asking the API";
}

TEST_P(Rule_3_2_3_Record, RefusesNothingByWhatOthersHaveSeen) {
  api.store.put(path, "{}");
  const std::string before = api.request("GET", path, alice).tag();
  api.store.put(path, R"({"total":1})");
  const std::string after = api.request("GET", path, bob).tag();
  ASSERT_NE(before, after);
  api.store.put(path, "{}");
  // Alice's tag is current again; what Bob has seen must not tell otherwise.
  EXPECT_EQ(api.request("PUT", path, with_field(alice, "If-Match", before), "[]").status, 200);
}

TEST_P(Rule_3_2_3_Record, RefusesNothingByAnotherVariant) {
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    if (!is_read(request)) return inner(request);
    Reply reply;
    reply.fields = {{"Vary", "Accept-Language"}, {"Content-Type", "text/plain"}};
    reply.body = request.field("Accept-Language") == "de" ? "Bestellung" : "order";
    return reply;
  });
  const std::string english = api.request("GET", path, {{"Accept-Language", "en"}}).tag();
  const std::string german = api.request("GET", path, {{"Accept-Language", "de"}}).tag();
  ASSERT_NE(english, german);
  EXPECT_EQ(api.request("PUT", path, {{"If-Match", english}}, "a").status, 201);
  EXPECT_EQ(api.request("PUT", path, {{"If-Match", german}}, "b").status, 200);
}

INSTANTIATE_TEST_SUITE_P(, Rule_3_2_3_Record, ::testing::Values("confirm", "recorded"),
                         [](const auto& test) { return test.param; });

TEST(Rule_3_2_3, AMatchMustBeConfirmedByAProbe) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  api.store.put(path, "[]");  // around us: the record still says that the tag is current
  expect_problem(put_plain(api, path, tag, R"({"total":1})"), 412, "stale-version");
  EXPECT_EQ(api.upstream.count("GET"), 2U);
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(Rule_3_2_3, RecordedTakesAMatchOfTheOwnTargetCredentialsAndVaryFieldsForEnough) {
  GuardedStore api(with("check: recorded, vary: [X-Tenant]"));
  struct Case {
    std::string target;
    Fields fields;
    std::size_t probes;
  };
  const std::string target = std::string(path) + "?view=full";
  const Fields reader = with_field(alice, "X-Tenant", "one");
  const std::vector<Case> cases = {
      {target, reader, 0},
      {std::string(path), reader, 1},
      {target, with_field(bob, "X-Tenant", "one"), 1},
      {target, {{"X-Tenant", "one"}}, 1},
      {target, with_field(alice, "X-Tenant", "two"), 1},
  };
  for (std::size_t index = 0; index < cases.size(); ++index) {
    const Case& writer = cases[index];
    api.store.put(path, "{\"case\":" + std::to_string(index) + "}");
    const Response read = api.request("GET", target, reader);
    const std::size_t reads = api.upstream.count("GET");
    const Fields fields = with_field(writer.fields, "If-Match", read.tag());
    EXPECT_EQ(api.request("PUT", writer.target, fields, "[]").status, 200) << index;
    // Without the reader's credentials the tag may have been another's: one more is allowed.
    const std::size_t probes = api.upstream.count("GET") - reads;
    EXPECT_EQ(probes, writer.probes) << index;
  }
}

TEST(Rule_3_2_3, RefusingNeedsNoGate) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  RawClient writer = begin_put(api, path, tag, "[]");
  ASSERT_TRUE(hold->wait_until_held());
  expect_problem(api.put(path, other, "[1]"), 412, "stale-version");
  expect_problem(api.request("PUT", path, {{"If-None-Match", "*"}}, "[1]"), 412, "already-exists");
  EXPECT_EQ(api.upstream.writes(), 1U);
  hold->release();
  EXPECT_EQ(writer.read_response().status, 200);
}

TEST(Rule_3_2_3, AProbeHashesWhatIsTooLargeToKeep) {
  GuardedStore api(with("max_body: 1KiB"));
  api.store.put(path, std::string(300 * 1024, 'x'));
  const std::string tag = api.request("HEAD", path).tag();
  ASSERT_TRUE(is_our_tag(tag)) << tag;
  const Response stale =
      api.request("PUT", path, {{"If-Match", other}, {"Prefer", "return=representation"}}, "{}");
  expect_problem(stale, 412, "stale-version");
  EXPECT_EQ(stale.tag(), tag);
  EXPECT_EQ(api.put(path, tag, "{}").status, 200);
}

// 3.2.3, what a probe says

TEST(Rule_3_2_3_Probe, GoesToTheTargetOfTheWriteWithTheFieldsOfTheWriter) {
  GuardedStore api;
  api.store.put(path, "{}");
  const std::string target = std::string(path) + "?view=full&x=%2F";
  const Fields fields = {{"If-Match", "*"},
                         {"Authorization", "Basic YWxpY2U6YQ=="},
                         {"Cookie", "session=7"},
                         {"X-Tenant", "one"},
                         {"Cache-Control", "max-age=60"},
                         {"Accept-Encoding", "gzip"},
                         {"Content-Type", "text/plain"},
                         {"Content-Language", "en"},
                         {"Prefer", "return=minimal"},
                         {"Idempotency-Key", "17"},
                         {"If-None-Match", other},
                         {"Accept", "text/plain"}};
  EXPECT_EQ(api.request("PUT", target, fields, "[]").status, 200);
  ASSERT_EQ(api.upstream.requests().size(), 2U);
  const Request probe = api.upstream.requests().front();
  EXPECT_EQ(probe.method, "GET");
  EXPECT_EQ(probe.target, target);
  EXPECT_EQ(probe.field("Authorization"), "Basic YWxpY2U6YQ==");
  EXPECT_EQ(probe.field("Cookie"), "session=7");
  EXPECT_EQ(probe.field("X-Tenant"), "one");
  EXPECT_EQ(count_fields(probe.fields, "Cache-Control"), 1U);
  EXPECT_EQ(probe.field("Cache-Control"), "no-cache");
  EXPECT_EQ(probe.field("Accept-Encoding"), "identity");
  EXPECT_EQ(probe.body_bytes, 0U);
  for (const std::string_view dropped :
       {"If-Match", "If-None-Match", "Content-Type", "Content-Language", "Content-Length", "Prefer",
        "Idempotency-Key"}) {
    EXPECT_FALSE(probe.has(dropped)) << dropped;
  }
}

std::vector<std::string> accepts_of(const std::vector<Request>& requests) {
  std::vector<std::string> accepts;
  for (const Request& request : requests) accepts.push_back(request.field("Accept"));
  return accepts;
}

// An API that answers with the media type that was asked for.
void negotiate(GuardedStore& api) {
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    if (!is_read(request)) return inner(request);
    Reply reply;
    reply.fields = {{"Vary", "Accept"}, {"Content-Type", request.field("Accept")}};
    reply.body = "as " + request.field("Accept");
    return reply;
  });
}

using Accepts = std::vector<std::string>;

TEST(Rule_3_2_3_Probe, TriesTheHintThenTheOwnThenTheContentTypeThenTheConfigured) {
  GuardedStore api(with("probe: { headers: { Accept: a/configured } }"));
  negotiate(api);
  const std::string tag = api.request("GET", path, {{"Accept", "a/hint"}}).tag();
  // A write to it makes the entry void, the hint stays.
  const Fields shown = {{"If-Match", tag}, {"Accept", "a/own"}, {"Content-Type", "a/sent"}};
  api.upstream.forget();
  EXPECT_EQ(api.request("PUT", path, shown, "{}").status, 201);
  EXPECT_EQ(accepts_of(api.upstream.requests("GET")), (Accepts{"a/hint"}));

  // The hinted variant is another one now, so all are tried; each differs, and none matches.
  api.upstream.behave([](const Request& request) {
    Reply reply;
    reply.fields = {{"Vary", "Accept"}, {"Content-Type", request.field("Accept")}};
    reply.body = "changed";
    return reply;
  });
  api.upstream.forget();
  expect_problem(api.request("PUT", path, shown, "{}"), 412, "stale-version");
  EXPECT_EQ(accepts_of(api.upstream.requests()),
            (Accepts{"a/hint", "a/own", "a/sent", "a/configured"}));

  api.upstream.forget();
  const Fields alike = {{"If-Match", tag}, {"Accept", "a/hint"}, {"Content-Type", "a/configured"}};
  expect_problem(api.request("PUT", path, alike, "{}"), 412, "stale-version");
  EXPECT_EQ(accepts_of(api.upstream.requests()), (Accepts{"a/hint", "a/configured"}))
      << "different ones only";

  // PATCH has a Content-Type that says nothing of the representation.
  api.upstream.forget();
  expect_problem(api.request("PATCH", path, shown, "{}"), 412, "stale-version");
  EXPECT_EQ(accepts_of(api.upstream.requests()), (Accepts{"a/hint", "a/own", "a/configured"}));
}

TEST(Rule_3_2_3_Probe, AnyMatchIsAMatch) {
  for (const std::string accept : {"a/own", "a/sent", "a/configured"}) {
    // Two instances give equal tags, and the second has no hint of the first one's.
    GuardedStore first;
    negotiate(first);
    const std::string tag = first.request("GET", path, {{"Accept", accept}}).tag();
    GuardedStore second(with("probe: { headers: { Accept: a/configured } }"));
    negotiate(second);
    const Fields fields = {{"If-Match", tag}, {"Accept", "a/own"}, {"Content-Type", "a/sent"}};
    EXPECT_EQ(second.request("PUT", path, fields, "{}").status, 201) << accept;
    EXPECT_EQ(accepts_of(second.upstream.requests("GET")).back(), accept);
  }
}

TEST(Rule_3_2_3_Probe, SendsConfiguredFieldsThatSelectNothing) {
  GuardedStore api(with("probe: { headers: { X-Signature: unsigned } }"));
  api.store.put(path, "{}");
  EXPECT_EQ(api.put(path, "*", "[]").status, 200);
  EXPECT_EQ(api.upstream.requests("GET").at(0).field("X-Signature"), "unsigned");
  EXPECT_FALSE(api.upstream.requests("PUT").at(0).has("X-Signature"));
}

TEST(Rule_3_2_3_Probe, GoesWithoutCredentialsOnlyWhereTheTagWasHandedOutWithoutAny) {
  GuardedStore api;
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    if (!is_read(request)) return inner(request);
    Reply reply;
    reply.fields = {{"Content-Type", "text/plain"}, {"Vary", "Authorization"}};
    reply.body = request.has("Authorization") ? "private" : "public";
    return reply;
  });
  const std::string tag = api.read_tag(path);
  api.upstream.forget();
  EXPECT_EQ(api.request("PUT", path, with_field(alice, "If-Match", tag), "a").status, 201);
  const std::vector<Request> seen = api.upstream.requests();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_TRUE(seen[0].has("Authorization")) << "the writer's own credentials come first";
  EXPECT_FALSE(seen[1].has("Authorization"));
  EXPECT_EQ(seen[2].method, "PUT");
  EXPECT_TRUE(seen[2].has("Authorization"));

  // Nobody without credentials was ever given this one.
  api.upstream.forget();
  expect_problem(api.request("PUT", path, with_field(alice, "If-Match", other), "a"), 412,
                 "stale-version");
  for (const Request& request : api.upstream.requests()) {
    EXPECT_TRUE(request.has("Authorization"));
  }
}

// 3.2.4

struct ProbeCase {
  int answered;
  std::string method;
  Fields condition;
  int status;        // what the client gets
  std::string type;  // "": the probe's answer itself, "written": the answer to the write

  friend void PrintTo(const ProbeCase& param, std::ostream* out) {
    *out << param.method << " whose probe is answered with " << param.answered;
  }
};

class Rule_3_2_4_Answered : public ::testing::TestWithParam<ProbeCase> {};

TEST_P(Rule_3_2_4_Answered, AProbeThatIsNoFull200DecidesAsTheRuleSays) {
  const ProbeCase& expected = GetParam();
  GuardedStore api;
  Reply reply = status_only(expected.answered);
  reply.fields = {{"WWW-Authenticate", "Basic realm=\"orders\""}, {"Location", "/elsewhere"}};
  if (expected.answered != 204 && expected.answered != 304) reply.body = "from the API";
  answer_reads_with(api, reply);
  const Response answer = api.request(expected.method, path, expected.condition, "{}");
  if (expected.type == "written") {
    EXPECT_EQ(answer.status, expected.status) << answer.body;
    EXPECT_EQ(api.upstream.writes(), 1U);
    return;
  }
  EXPECT_EQ(api.upstream.writes(), 0U);
  if (expected.type.empty()) {
    EXPECT_EQ(answer.status, expected.status);
    EXPECT_EQ(answer.body, "from the API");
    EXPECT_EQ(answer.field("WWW-Authenticate"), "Basic realm=\"orders\"");
    EXPECT_EQ(answer.field("Location"), "/elsewhere");
  } else {
    expect_problem(answer, expected.status, expected.type);
  }
}

const Fields a_tag = {{"If-Match", other}};
const Fields anything = {{"If-Match", "*"}};
const Fields nothing = {{"If-None-Match", "*"}};

INSTANTIATE_TEST_SUITE_P(
    , Rule_3_2_4_Answered,
    ::testing::Values(
        ProbeCase{401, "PUT", a_tag, 401, ""}, ProbeCase{403, "PUT", a_tag, 403, ""},
        ProbeCase{429, "PATCH", anything, 429, ""}, ProbeCase{301, "PUT", a_tag, 301, ""},
        ProbeCase{302, "DELETE", anything, 302, ""}, ProbeCase{307, "PUT", nothing, 307, ""},
        ProbeCase{308, "PUT", anything, 308, ""},
        ProbeCase{404, "PUT", a_tag, 412, "stale-version"},
        ProbeCase{410, "PUT", a_tag, 412, "stale-version"},
        ProbeCase{404, "PUT", anything, 412, "stale-version"},
        ProbeCase{404, "PUT", nothing, 201, "written"},
        ProbeCase{410, "PUT", nothing, 201, "written"},
        ProbeCase{404, "POST", nothing, 201, "written"}, ProbeCase{404, "DELETE", a_tag, 404, ""},
        ProbeCase{410, "PATCH", a_tag, 410, ""}, ProbeCase{404, "POST", anything, 404, ""},
        ProbeCase{204, "PUT", a_tag, 502, "version-unknown"},
        ProbeCase{206, "PUT", anything, 502, "version-unknown"},
        ProbeCase{203, "PUT", anything, 502, "version-unknown"},
        ProbeCase{304, "PUT", anything, 502, "version-unknown"},
        ProbeCase{400, "PUT", anything, 502, "version-unknown"},
        ProbeCase{405, "PUT", nothing, 502, "version-unknown"},
        ProbeCase{500, "PUT", nothing, 502, "version-unknown"},
        ProbeCase{503, "DELETE", anything, 502, "version-unknown"}),
    [](const auto& test) {
      const ProbeCase& param = test.param;
      const std::string& value = param.condition.front().second;
      const std::string what = param.condition == nothing ? "Nothing"
                               : value == "*"             ? "Any"
                                                          : "Tag";
      return param.method + what + "_" + std::to_string(param.answered);
    });

TEST(Rule_3_2_4, AProbeThatIsCutOffDecidesNothing) {
  for (const Mishap mishap :
       {Mishap::close_unanswered, Mishap::reset_unanswered, Mishap::truncate}) {
    GuardedStore api;
    Reply reply;
    reply.body = std::string(1000, 'x');
    reply.mishap = mishap;
    reply.truncate_after = 500;
    answer_reads_with(api, reply);
    const Response refused = api.put(path, "*", "{}");
    expect_problem(refused, 502, "version-unknown");
    EXPECT_EQ(api.upstream.writes(), 0U);
  }
}

TEST(Rule_3_2_4, AProbeThatTakesTooLongDecidesNothing) {
  ProxyConfig config;
  config.upstream = "timeouts: { connect: 2s, response: 300ms }";
  GuardedStore api(config);
  const auto hold = std::make_shared<Hold>();
  Reply never_comes;
  never_comes.hold = hold;
  answer_reads_with(api, never_comes);
  expect_problem(api.put(path, "*", "{}"), 504, "version-unknown");
  hold->release();

  // Nor does one that trickles in: its time is bounded as a whole.
  Reply trickles;
  trickles.body = std::string(40, 'x');
  trickles.piece_bytes = 8;
  trickles.pause = Milliseconds{100};
  answer_reads_with(api, trickles);
  expect_problem(api.put(path, "*", "{}"), 504, "version-unknown");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

}  // namespace
}  // namespace ifmatch::support
