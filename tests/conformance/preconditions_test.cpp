// The precondition truth table in full: every method with every combination of conditional fields
// on every state of a resource, with both ways to check. What the real program does is compared
// with a reference evaluator that shares no code with it: the status, the type of the problem, and
// whether the write arrived. A refused write never reached the API.
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "tests/conformance/precondition_axes.hpp"
#include "tests/conformance/reference.hpp"
#include "tests/integration/fixture.hpp"

namespace ifmatch::conformance {
namespace {

using support::ProxyConfig;
using support::ProxyProcess;
using support::RawClient;
using support::Reply;
using support::Request;
using support::Response;

constexpr std::string_view old_content = "{\"edition\":\"old\"}";
constexpr std::string_view current_content = "{\"edition\":\"current\"}";
// Differs from every status that a read can get, so that no relayed answer passes for a write's.
constexpr int write_status = 207;

// An API without versions. Paths end in the status that a GET of them gets, where that is another
// than the content decides: "/confirm/17/403".
class Origin {
 public:
  Reply operator()(const Request& request) {
    const std::lock_guard lock(mutex_);
    for (const std::string_view name : {"If-Match", "If-None-Match", "If-Modified-Since",
                                        "If-Unmodified-Since", "If-Range", "Range"}) {
      if (request.has(name)) ++conditions_seen_;
    }
    Reply reply;
    // Its own validators would make other conditions true than ours do, and must count for nothing.
    reply.fields = {{"Content-Type", "application/json"},
                    {"ETag", "\"abc\""},
                    {"Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"}};
    if (request.method != "GET" && request.method != "HEAD") {
      ++writes_;
      if (request.method == "DELETE") {
        contents_.erase(request.target);
      } else if (request.method != "POST") {
        contents_[request.target] = request.body;
      }
      reply.status = write_status;
      return reply;
    }
    const int status = std::stoi(request.target.substr(request.target.rfind('/') + 1));
    const auto found = contents_.find(request.target);
    reply.status = status != 200 ? status : found == contents_.end() ? 404 : 200;
    if (reply.status == 200) reply.body = found->second;
    if (reply.status == 302) reply.fields.emplace_back("Location", "/elsewhere");
    if (reply.status == 206) {
      reply.fields.emplace_back("Content-Range", "bytes 0-1/9");
      reply.body = "{\"";
    }
    return reply;
  }

  void put(const std::string& path, std::string_view content) {
    const std::lock_guard lock(mutex_);
    contents_[path] = content;
  }
  void remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    contents_.erase(path);
  }
  int writes() const {
    const std::lock_guard lock(mutex_);
    return writes_;
  }
  int conditions_seen() const {
    const std::lock_guard lock(mutex_);
    return conditions_seen_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> contents_;
  int writes_ = 0;
  int conditions_seen_ = 0;
};

ProxyConfig guarding(const std::string& url, const std::string& check) {
  ProxyConfig config;
  config.upstream_url = url;
  config.defaults = "check: " + check;
  config.more = "threads: 1\n";
  return config;
}

std::string text_of(const Meaning& meaning) {
  return std::to_string(meaning.status) + (meaning.problem.empty() ? "" : " " + meaning.problem) +
         (meaning.arrives ? ", arrives" : "");
}

std::string text_of(const support::Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += "\n  " + name + ": " + value;
  return text;
}

class TruthTable : public ::testing::TestWithParam<std::string> {
 protected:
  TruthTable()
      : upstream_([this](const Request& request) { return origin_(request); }),
        proxy_(ProxyProcess::start(guarding(upstream_.url(), GetParam()))),
        client_(RawClient::connect(proxy_.port())) {}

  // The tag is a function of the representation, so it is the same wherever that content is.
  std::string tag_of(std::string_view content) {
    origin_.put("/tag/200", content);
    const Response answer = client_.request("GET", "/tag/200");
    EXPECT_EQ(answer.body, content);
    EXPECT_TRUE(support::is_our_tag(answer.tag()));
    return answer.tag();
  }

  void set_up(const State& state, const std::string& path) {
    for (const Event event : state.history) {
      switch (event) {
        case Event::holds_old:
          origin_.put(path, old_content);
          break;
        case Event::holds_current:
          origin_.put(path, current_content);
          break;
        case Event::is_read:
          ASSERT_EQ(client_.request("GET", path).status, 200);
          break;
        case Event::is_written:
          ASSERT_EQ(client_.request("PUT", path, {{"If-Match", "*"}}, current_content).status,
                    write_status);
          break;
        case Event::is_deleted:
          ASSERT_EQ(client_.request("DELETE", path, {{"If-Match", "*"}}).status, write_status);
          break;
        case Event::vanishes:
          origin_.remove(path);
          break;
      }
    }
  }

  // What else an answer must be, whatever it is: no tag, no date and no content may lie.
  static bool check_answer(const Asked& asked, const Response& answer, const Meaning& meaning,
                           const Tags& tags, const Truth& truth) {
    if (answer.has("Last-Modified")) return false;
    const bool reads = asked.method == "GET" || asked.method == "HEAD";
    if (reads && (meaning.status == 200 || meaning.status == 304)) {
      const bool shows = meaning.status == 200 && asked.method == "GET";
      return answer.tag() == tags.current && answer.body == (shows ? current_content : "");
    }
    // A refusal that names the current version names the true one; nothing else names any.
    if (answer.has("ETag") && (meaning.status != 412 || answer.tag() != truth.tag)) return false;
    if (meaning.problem.empty()) return true;
    const bool momentary = meaning.status == 502 || meaning.problem == "stale-version" ||
                           meaning.problem == "already-exists";
    return answer.field("Content-Type") == "application/problem+json" &&
           (!momentary || answer.field("Cache-Control") == "no-store");
  }

  Meaning observe(const Asked& asked, const Response& answer, int writes_before) const {
    Meaning seen;
    seen.status = answer.status;
    constexpr std::string_view prefix = "urn:ifmatch:problem:";
    const std::string type = support::json_member(answer.body, "type");
    if (type.starts_with(prefix)) seen.problem = type.substr(prefix.size());
    // The answer to a HEAD has no content that could name the problem.
    if (asked.method == "HEAD" && answer.field("Content-Type") == "application/problem+json") {
      seen.problem = "(of a HEAD)";
    }
    const int arrived = origin_.writes() - writes_before;
    EXPECT_LE(arrived, 1) << "a write that arrives, arrives once";
    seen.arrives = arrived != 0;
    return seen;
  }

  Origin origin_;
  support::ScriptedUpstream upstream_;
  ProxyProcess proxy_;
  RawClient client_;
};

TEST_P(TruthTable, IsWhatTheStandardAndTheRulesSay) {
  constexpr int wrong_shown_max = 20;
  const bool relies_on_record = GetParam() == "recorded";
  const Tags tags{.current = tag_of(current_content), .old = tag_of(old_content)};
  ASSERT_NE(tags.current, tags.old);
  const std::vector<Combination> columns = combinations(tags);
  const std::vector<State> rows = states();
  std::map<std::string, int> outcomes;
  int cells = 0;
  int wrong = 0;
  for (const State& state : rows) {
    for (const std::string& method : methods()) {
      for (const Combination& combination : columns) {
        const bool looks_at_content = state.status == 200 || state.status == 404;
        const std::string path = "/cell-" + std::to_string(++cells) + "/" +
                                 std::to_string(looks_at_content ? 200 : state.status);
        set_up(state, path);
        if (HasFatalFailure()) return;
        const Asked asked{method, combination.fields};
        const Truth truth{state.status, state.status == 200 ? tags.current : ""};
        std::optional<std::string> recorded;
        if (relies_on_record && state.recorded != State::Recorded::nothing) {
          recorded = state.recorded == State::Recorded::old ? tags.old : tags.current;
        }
        Meaning expected = reference(asked, truth, recorded, write_status);
        const bool has_content = method == "PUT" || method == "PATCH" || method == "POST";
        const int writes_before = origin_.writes();
        const Response answer =
            client_.request(method, path, combination.fields, has_content ? "{}" : "");
        Meaning seen = observe(asked, answer, writes_before);
        ++outcomes[text_of(expected)];
        if (method == "HEAD" && !expected.problem.empty()) expected.problem = "(of a HEAD)";
        if (!check_answer(asked, answer, expected, tags, truth)) seen.problem += " (and untrue)";
        if (seen == expected) continue;
        if (++wrong > wrong_shown_max) continue;
        ADD_FAILURE() << method << " of what " << state.name << ", " << combination.name
                      << text_of(combination.fields) << "\n  should be: " << text_of(expected)
                      << "\n  is: " << text_of(seen) << "\n  " << answer.body;
      }
    }
    upstream_.forget();
  }
  std::cout << cells << " cells: " << rows.size() << " states x " << methods().size()
            << " methods x " << columns.size() << " combinations, check: " << GetParam() << "\n";
  for (const auto& [outcome, count] : outcomes)
    std::cout << "  " << count << "  " << outcome << "\n";
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(origin_.conditions_seen(), 0) << "conditions are ours alone to evaluate";
  EXPECT_TRUE(proxy_.process().running());
  std::set<std::string> kinds;
  for (const auto& [outcome, count] : outcomes) kinds.insert(outcome);
  const std::set<std::string> every = {"200",
                                       "206",
                                       "207, arrives",
                                       "302",
                                       "304",
                                       "400 bad-condition",
                                       "401",
                                       "403",
                                       "404",
                                       "410",
                                       "412 already-exists",
                                       "412 precondition-missing",
                                       "412 stale-version",
                                       "429",
                                       "500",
                                       "502 version-unknown"};
  EXPECT_EQ(kinds, every) << "an outcome that never occurred was not tested";
}

INSTANTIATE_TEST_SUITE_P(Rfc9110_13_2_2, TruthTable, ::testing::Values("confirm", "recorded"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace ifmatch::conformance
