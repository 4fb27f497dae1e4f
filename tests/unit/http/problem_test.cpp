// Answers of our own: each case has its status and type, the JSON is always valid, and a fault of
// the upstream under a write is never called harmless.
#include "proxy/http/problem.hpp"

#include <gtest/gtest.h>

#include <set>

#include "proxy/http/fault.hpp"
#include "proxy/http/message.hpp"
#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::contains;

TEST(Problem, HasTheStatusAndTypeThatClientsRelyOn) {
  const struct {
    Problem problem;
    int status;
    std::string_view type;
  } cases[] = {
      {Problem::stale_version, 412, "stale-version"},
      {Problem::precondition_missing, 412, "precondition-missing"},
      {Problem::already_exists, 412, "already-exists"},
      {Problem::bad_condition, 400, "bad-condition"},
      {Problem::ambiguous_path, 400, "ambiguous-path"},
      {Problem::ambiguous_method, 400, "ambiguous-method"},
      {Problem::resource_busy, 503, "resource-busy"},
      {Problem::outcome_unknown, 503, "outcome-unknown"},
      {Problem::upstream_unreachable, 502, "upstream-unreachable"},
      {Problem::upstream_timeout, 504, "upstream-timeout"},
      {Problem::version_unknown, 502, "version-unknown"},
      {Problem::ledger_unavailable, 503, "ledger-unavailable"},
      {Problem::body_too_large, 413, "body-too-large"},
      {Problem::fields_too_large, 431, "fields-too-large"},
      {Problem::target_too_long, 414, "target-too-long"},
      {Problem::no_route, 404, "no-route"},
      {Problem::bad_request, 400, "bad-request"},
      {Problem::method_not_allowed, 405, "method-not-allowed"},
      {Problem::request_timeout, 408, "request-timeout"},
      {Problem::expectation_failed, 417, "expectation-failed"},
      {Problem::not_implemented, 501, "not-implemented"},
      {Problem::version_not_supported, 505, "version-not-supported"},
  };
  std::set<std::string_view> types;
  for (const auto& [problem, status, type] : cases) {
    const ProblemText& text = text_of(problem);
    EXPECT_EQ(text.status, status) << type;
    EXPECT_EQ(text.type, "urn:ifmatch:problem:" + std::string(type));
    EXPECT_FALSE(text.title.empty());
    EXPECT_FALSE(text.detail.empty());
    EXPECT_NE(reason_phrase(status), "");
    types.insert(text.type);
  }
  EXPECT_EQ(types.size(), std::size(cases));
}

TEST(Problem, TellsTheReaderOfAStaleVersionToBypassCaches) {
  EXPECT_TRUE(contains(text_of(Problem::stale_version).detail, "Cache-Control: no-cache"));
}

TEST(Problem, RendersEveryMember) {
  ProblemDetails details;
  details.problem = Problem::stale_version;
  details.status = 409;
  details.detail = "Why";
  details.sent = {"\"a\"", "W/\"b\""};
  details.current = "\"c\"";
  details.route = "order";
  details.instance = "urn:uuid:1";
  EXPECT_EQ(render(details),
            R"({"type":"urn:ifmatch:problem:stale-version",)"
            R"("title":"The resource changed since you read it","status":409,"detail":"Why",)"
            R"("sent":["\"a\"","W/\"b\""],"current":"\"c\"","route":"order",)"
            R"("instance":"urn:uuid:1"})");
}

TEST(Problem, LeavesOutWhatIsNotKnown) {
  ProblemDetails details;
  details.problem = Problem::no_route;
  const std::string json = render(details);
  for (const std::string_view member : {"sent", "current", "\"route\"", "instance"}) {
    EXPECT_FALSE(contains(json, member)) << member;
  }
  EXPECT_TRUE(contains(json, "\"status\":404"));
}

TEST(Problem, MakesTextFromOutsideSafe) {
  const struct {
    std::string_view text;
    std::string_view json;
  } cases[] = {
      {"plain", R"("plain")"},
      {"a\"b\\c", R"("a\"b\\c")"},
      {std::string_view("\0\n\x1f\x7f", 4), R"("\u0000\u000a\u001f\u007f")"},
      {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\""},
      {"\xC3", R"("\ufffd")"},
      {"\x80x", R"("\ufffdx")"},
      {"\xC0\xAF", R"("\ufffd\ufffd")"},
      {"\xE0\x80\x80", R"("\ufffd\ufffd\ufffd")"},
      {"\xED\xA0\x80", R"("\ufffd\ufffd\ufffd")"},
      {"\xF4\x90\x80\x80", R"("\ufffd\ufffd\ufffd\ufffd")"},
      {"\xF0\x9F\x98", R"("\ufffd\ufffd\ufffd")"},
      {"\xFF", R"("\ufffd")"},
      {"\xC2\x80\xC2\x9B" "31m\xC2\x9F", R"("\u0080\u009b31m\u009f")"},
      {"\xC2\xA0", "\"\xC2\xA0\""},
  };
  for (const auto& [text, json] : cases) {
    std::string out;
    append_json_string(out, text);
    EXPECT_EQ(out, json);
  }
}

TEST(Fault, OfTheUpstreamUnderAWriteLeavesItsOutcomeUnknown) {
  for (const FaultKind kind : {FaultKind::closed, FaultKind::malformed, FaultKind::too_large,
                               FaultKind::exhausted, FaultKind::refused, FaultKind::timeout}) {
    for (const Sent sent : {Sent::some, Sent::all}) {
      for (const Origin origin : {Origin::upstream, Origin::us}) {
        const ProblemDetails details = problem_of({origin, kind, sent, {}}, MethodKind::unsafe);
        EXPECT_EQ(details.problem, Problem::outcome_unknown) << name_of(kind);
        EXPECT_EQ(status_of(details), kind == FaultKind::timeout ? 504 : 502) << name_of(kind);
      }
    }
  }
}

TEST(Fault, WithoutAnyOctetSentIsAnOrdinaryGatewayError) {
  const auto problem = [](FaultKind kind) {
    return problem_of({Origin::upstream, kind, Sent::nothing, {}}, MethodKind::unsafe).problem;
  };
  EXPECT_EQ(problem(FaultKind::refused), Problem::upstream_unreachable);
  EXPECT_EQ(problem(FaultKind::closed), Problem::upstream_unreachable);
  EXPECT_EQ(problem(FaultKind::timeout), Problem::upstream_timeout);
  EXPECT_EQ(problem(FaultKind::exhausted), Problem::resource_busy);
}

TEST(Fault, UnderAReadIsNeverInDoubt) {
  const ProblemDetails details =
      problem_of({Origin::upstream, FaultKind::closed, Sent::all, "It closed."}, MethodKind::read);
  EXPECT_EQ(details.problem, Problem::upstream_unreachable);
  EXPECT_EQ(details.detail, "It closed.");
}

TEST(Fault, OfTheClientClosesItsConnection) {
  const struct {
    FaultKind kind;
    Problem problem;
  } cases[] = {{FaultKind::timeout, Problem::request_timeout},
               {FaultKind::malformed, Problem::bad_request},
               {FaultKind::too_large, Problem::body_too_large},
               {FaultKind::closed, Problem::bad_request}};
  for (const auto& [kind, problem] : cases) {
    const ProblemDetails details = problem_of({Origin::client, kind, Sent::nothing, {}});
    EXPECT_EQ(details.problem, problem);
    EXPECT_EQ(details.afterwards, Afterwards::close);
  }
}

TEST(Fault, OfATooLargeAnswerSaysThatTheWriteWasApplied) {
  EXPECT_EQ(status_of(answer_too_large()), 502);
  EXPECT_TRUE(contains(answer_too_large().detail, "the write took place"));
}

TEST(Message, KindsOfMethods) {
  const struct {
    std::string_view method;
    MethodKind kind;
  } cases[] = {
      {"GET", MethodKind::read},         {"HEAD", MethodKind::read},
      {"OPTIONS", MethodKind::safe},     {"PROPFIND", MethodKind::safe},
      {"REPORT", MethodKind::safe},      {"SEARCH", MethodKind::safe},
      {"QUERY", MethodKind::safe},       {"CONNECT", MethodKind::forbidden},
      {"TRACE", MethodKind::forbidden},  {"PUT", MethodKind::unsafe},
      {"POST", MethodKind::unsafe},      {"PATCH", MethodKind::unsafe},
      {"DELETE", MethodKind::unsafe},    {"PROPPATCH", MethodKind::unsafe},
      {"get", MethodKind::unsafe},       {"", MethodKind::unsafe},
      {"options", MethodKind::unsafe},   {"BREW", MethodKind::unsafe},
  };
  for (const auto& [method, kind] : cases) EXPECT_EQ(kind_of(method), kind) << method;
}

}  // namespace
}  // namespace ifmatch::http
