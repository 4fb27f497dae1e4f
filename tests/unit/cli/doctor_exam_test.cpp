// What the doctor makes of answers, by tables: who changed what on the way, and what helps.
#include "proxy/cli/doctor_exam.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ifmatch::cli {
namespace {

const std::string tag = "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
const std::string other = "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"";
const std::string sent = "\"im1-CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC\"";

using Lines = std::vector<std::pair<std::string, std::string>>;

Answered answer(int status, const Lines& fields, std::string content = "{}") {
  Answered made;
  made.head.status = status;
  for (const auto& [name, value] : fields) made.head.fields.add(name, value);
  made.size = content.size();
  made.content = std::move(content);
  return made;
}

Answered tagged(const std::string& etag, Lines more = {}) {
  more.insert(more.end(), {{"Via", "1.1 ifmatch"}, {"Content-Type", "application/json"}});
  if (!etag.empty()) more.emplace_back("ETag", etag);
  return answer(200, more);
}

Answered problem(int status, const std::string& type, const std::string& sent_tag = sent) {
  std::string escaped = sent_tag;
  for (std::size_t at = 0; (at = escaped.find('"', at)) != std::string::npos; at += 2) {
    escaped.insert(at, "\\");
  }
  return answer(status, {{"Content-Type", "application/problem+json"}},
                R"({"type":"urn:ifmatch:problem:)" + type + R"(","sent":[")" + escaped + "\"]}");
}

// Everything as it should be.
Examined healthy() {
  Examined seen;
  seen.plain = seen.again = tagged(tag);
  seen.coded = tagged(tag, {{"Content-Encoding", "gzip"}});
  seen.plain_conditional = seen.coded_conditional = answer(304, {{"ETag", tag}}, "");
  seen.write = problem(412, "stale-version");
  seen.write_method = "PUT";
  seen.write_tag = sent;
  return seen;
}

// Codes of everything that is not good.
std::vector<std::string> complaints(const Examined& seen,
                                    const std::optional<Expected>& expected = std::nullopt) {
  std::vector<std::string> codes;
  for (const Finding& finding : examine(seen, expected)) {
    if (finding.level != Level::good) codes.emplace_back(finding.code);
    if (finding.level == Level::problem) {
      EXPECT_NE(finding.remedy, "") << finding.code;
    }
    EXPECT_NE(finding.text, "") << finding.code;
  }
  return codes;
}

using Codes = std::vector<std::string>;

TEST(Doctor, FindsNothingWhereAllIsWell) {
  const std::vector<Finding> findings = examine(healthy(), std::nullopt);
  EXPECT_EQ(complaints(healthy()), Codes{});
  EXPECT_EQ(health_of(findings), Health::healthy);
  EXPECT_GE(findings.size(), 5U);
}

TEST(Doctor, TellsWhatBecameOfTheTag) {
  const struct {
    const char* name;
    Answered plain;
    Codes expected;
  } cases[] = {
      {"weak", tagged("W/" + tag), {"weakened"}},
      {"suffixed", tagged(tag.substr(0, 37) + "-gzip\""), {"suffixed"}},
      {"both", tagged("W/" + tag.substr(0, 37) + ";gzip\""), {"suffixed"}},
      {"unquoted", tagged(tag.substr(1, 36)), {"unquoted"}},
      {"of another", tagged("\"5f3-61\""), {"foreign"}},
      {"no tag at all", tagged("nonsense"), {"foreign"}},
      {"stripped", tagged(""), {"stripped"}},
      {"renamed", tagged("", {{"X-ETag", tag}}), {"renamed"}},
      {"twice", tagged(tag, {{"ETag", "\"1\""}}), {"repeated"}},
      {"ifmatch is not there", answer(200, {}), {"missing"}},
      {"nor here", answer(200, {{"ETag", "\"1\""}}), {"foreign"}},
  };
  for (const auto& test : cases) {
    Examined seen = healthy();
    seen.plain = seen.again = seen.coded = test.plain;
    EXPECT_EQ(complaints(seen), test.expected) << test.name;
  }
}

TEST(Doctor, TellsWhatCompressionDoesToTheTag) {
  const Lines gzip{{"Content-Encoding", "gzip"}};
  const struct {
    const char* name;
    Answered coded;
    Codes expected;
  } cases[] = {
      {"kept", tagged(tag, gzip), {}},
      {"not compressed", tagged(tag), {}},
      {"weakened", tagged("W/" + tag, gzip), {"weakened"}},
      {"suffixed", tagged(tag.substr(0, 37) + "-gzip\"", gzip), {"suffixed"}},
      {"stripped", tagged("", gzip), {"stripped"}},
      {"renamed", tagged("", {{"Content-Encoding", "gzip"}, {"Old-ETag", tag}}), {"renamed"}},
      {"refused", answer(406, {}), {"compressed"}},
  };
  for (const auto& test : cases) {
    Examined seen = healthy();
    seen.coded = test.coded;
    EXPECT_EQ(complaints(seen), test.expected) << test.name;
  }
}

TEST(Doctor, AllowsForWhatTheConfigurationAccepts) {
  Examined seen = healthy();
  seen.coded = tagged("W/" + tag, {{"Content-Encoding", "gzip"}});
  const Expected accepting{
      .route = "order", .max_body = 100, .accepts_rewritten = true, .tag = tag};
  EXPECT_EQ(complaints(seen, accepting), Codes{"weakened"});
  EXPECT_EQ(health_of(examine(seen, accepting)), Health::healthy);
}

TEST(Doctor, TellsWhetherConditionsArriveWithReads) {
  Examined seen = healthy();
  seen.plain_conditional = tagged(tag);
  EXPECT_EQ(complaints(seen), Codes{"condition-dropped"});
  seen.plain_conditional = tagged(other);
  EXPECT_EQ(complaints(seen), Codes{"changed"});
  seen.plain_conditional = answer(403, {});
  EXPECT_EQ(complaints(seen), Codes{"condition"});
}

TEST(Doctor, TellsWhetherIfMatchArrives) {
  const struct {
    const char* name;
    Answered write;
    Codes expected;
  } cases[] = {
      {"refused", problem(412, "stale-version"), {}},
      {"refused with the other status", problem(409, "stale-version"), {}},
      {"changed", problem(412, "stale-version", "W/" + sent.substr(0, 4)), {"if-match-changed"}},
      {"status changed", problem(200, "stale-version"), {"status-changed"}},
      {"dropped", problem(412, "precondition-missing"), {"if-match-dropped"}},
      {"broken", problem(400, "bad-condition"), {"if-match-changed"}},
      {"let through", answer(200, {{"Via", "1.1 ifmatch"}}), {"if-match-dropped"}},
      {"unknown to the API", answer(405, {{"Via", "1.1 ifmatch"}}), {"if-match-dropped"}},
      {"not there for the API", answer(404, {{"Via", "1.1 ifmatch"}}), {"if-match-dropped"}},
      {"gone for the API", answer(410, {{"Via", "1.1 ifmatch"}}), {"if-match-dropped"}},
      {"not there before ifmatch", answer(404, {{"Server", "nginx"}}), {"no-answer"}},
      {"by another", answer(412, {{"Server", "nginx"}}), {"foreign-412"}},
      {"refused before ifmatch", answer(405, {{"Server", "nginx"}}), {"no-answer"}},
      {"not allowed", answer(401, {}), {"no-answer"}},
      {"busy", problem(503, "resource-busy"), {"no-answer"}},
  };
  for (const auto& test : cases) {
    Examined seen = healthy();
    seen.write = test.write;
    EXPECT_EQ(complaints(seen), test.expected) << test.name;
  }
  Examined seen = healthy();
  seen.write.reset();
  EXPECT_EQ(complaints(seen), Codes{"no-write"});
}

TEST(Doctor, ComparesTwoReads) {
  Examined seen = healthy();
  seen.again->content = "[]";
  EXPECT_EQ(complaints(seen), Codes{"content-changed"});
  seen.again = tagged(other);
  EXPECT_EQ(complaints(seen), Codes{"two-tags"});
  seen.again->content = "[]";
  EXPECT_EQ(complaints(seen), Codes{"unstable"});
}

TEST(Doctor, NoticesACacheThatAnswersInPlaceOfTheApi) {
  Examined seen = healthy();
  seen.plain->head.fields.add("Age", "12");
  EXPECT_EQ(complaints(seen), Codes{"cached"});
}

TEST(Doctor, FollowsTheConfiguration) {
  Expected expected{.route = "order", .max_body = 100, .tag = tag};
  EXPECT_EQ(complaints(healthy(), expected), Codes{});
  expected.tag = other;
  EXPECT_EQ(complaints(healthy(), expected), Codes{"content-changed"});
  expected = {.route = "order", .mode = config::Mode::bypass, .tag = {}};
  EXPECT_EQ(complaints(healthy(), expected), Codes{"bypass"});
  EXPECT_EQ(complaints(healthy(), Expected{}), Codes{"no-route"});
  expected.mode = config::Mode::observe;
  Examined seen = healthy();
  seen.write.reset();
  seen.plain_conditional = tagged(tag);
  EXPECT_EQ(complaints(seen, expected), Codes{"observe"});
  expected = {.route = "order", .max_body = 1, .tag = {}};
  seen = healthy();
  seen.plain = seen.again = seen.coded = tagged("");
  EXPECT_EQ(complaints(seen, expected), Codes{"too-large"});
}

TEST(Doctor, SaysNothingOfTagsWhereThereIsNothingToRead) {
  for (const auto& [status, code] : std::vector<std::pair<int, std::string>>{
           {401, "unauthorised"}, {302, "redirect"}, {404, "no-content"}, {500, "no-content"}}) {
    Examined seen;
    seen.plain = answer(status, {{"Location", "/else"}});
    EXPECT_EQ(complaints(seen), Codes{code}) << status;
  }
  Examined seen;
  seen.plain = problem(404, "no-route");
  EXPECT_EQ(complaints(seen), Codes{"refused"});
}

TEST(Doctor, NamesWhoItProbablyWas) {
  const std::vector<std::pair<Lines, std::string>> cases{
      {{{"Server", "nginx/1.22.1"}}, "gzip off"},
      {{{"Server", "Apache/2.4.57"}}, "DeflateAlterETag"},
      {{{"Server", "Caddy"}}, "encode"},
      {{{"Server", "cloudflare"}}, "Cloudflare"},
      {{{"CF-Ray", "1"}}, "Cloudflare"},
      {{}, "without compressing"},
  };
  for (const auto& [fields, expected] : cases) {
    Examined seen = healthy();
    Lines more = fields;
    more.emplace_back("Content-Encoding", "gzip");
    seen.coded = tagged("W/" + tag, more);
    EXPECT_NE(as_text(examine(seen, std::nullopt)).find(expected), std::string::npos) << expected;
  }
}

TEST(Doctor, PrintsALineForEachFindingAndNothingThatATerminalObeys) {
  Examined seen = healthy();
  seen.plain = seen.again = tagged("\"\x1b[2J\"");
  const std::vector<Finding> findings = examine(seen, std::nullopt);
  const std::string text = as_text(findings);
  EXPECT_EQ(std::ranges::count(text, '\n'), static_cast<std::ptrdiff_t>(findings.size()));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  const std::string json = as_json("http://a/\"b", findings);
  EXPECT_TRUE(json.starts_with(R"({"url":"http://a/\"b","healthy":false,"findings":[{"level":")"))
      << json;
  EXPECT_EQ(json.find('\x1b'), std::string::npos);
  EXPECT_EQ(as_json("u", {}), "{\"url\":\"u\",\"healthy\":true,\"findings\":[]}\n");
}

}  // namespace
}  // namespace ifmatch::cli
