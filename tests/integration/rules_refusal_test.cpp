// tests/RULES.md, section 3.5: a refused write never reached the API. One test for every way in
// which a write can be refused, each followed by a write that is let through, so that one which was
// merely late would be seen.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";
const std::string some_tag(unknown_tag);
const std::string host = "Host: orders.example\r\n";

struct Scene {
  explicit Scene(ProxyConfig config) : api(std::move(config)) { api.store.put(path, "{}"); }
  ~Scene() { hold->release(); }

  GuardedStore api;
  std::shared_ptr<Hold> hold = std::make_shared<Hold>();
  std::vector<RawClient> others;  // whose requests are still under way
};

struct Refusal {
  std::string name;
  std::string request;  // its octets
  int status;
  std::string type;
  std::function<void(ProxyConfig&)> configure = [](ProxyConfig&) {};
  std::function<void(Scene&)> prepare = [](Scene&) {};

  friend void PrintTo(const Refusal& param, std::ostream* out) { *out << param.name; }
};

std::string write(std::string method, std::string target, std::string fields,
                  std::string body = "[]") {
  return method + " " + target + " HTTP/1.1\r\n" + host + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string put(std::string fields) {
  return write("PUT", std::string(path), std::move(fields));
}

const std::string any = "If-Match: *\r\n";

std::function<void(ProxyConfig&)> defaults(std::string text) {
  return [text](ProxyConfig& config) { config.defaults = text; };
}

std::function<void(ProxyConfig&)> routes(std::string text) {
  return [text](ProxyConfig& config) { config.routes = text; };
}

std::function<void(Scene&)> reads_answer(Reply reply) {
  return [reply](Scene& scene) { answer_reads_with(scene.api, reply); };
}

// A write to the same path is at the API and stays there.
void occupy(Scene& scene) {
  Reply held = status_only(200);
  held.hold = scene.hold;
  answer_first_write_with(scene.api, held);
  scene.others.push_back(begin_put(scene.api, path, "*", "[1]"));
  ASSERT_TRUE(scene.hold->wait_until_held());
}

void occupy_and_queue(Scene& scene) {
  occupy(scene);
  const std::size_t reads = scene.api.upstream.count("GET");
  scene.others.push_back(begin_put(scene.api, path, "*", "[2]"));
  ASSERT_TRUE(scene.api.upstream.wait_for("GET", reads + 1));
  ASSERT_TRUE(scene.others.back().stays_silent(watched));
}

void lose_one(Scene& scene) {
  Reply lost;
  lost.mishap = Mishap::close_unanswered;
  answer_first_write_with(scene.api, lost);
  expect_problem(scene.api.put(path, "*", "[1]"), 502, "outcome-unknown");
}

std::vector<Refusal> refusals_by_condition() {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  return {
      {"Stale", put("If-Match: " + some_tag + "\r\n"), 412, "stale-version"},
      {"StaleAs409", put("If-Match: " + some_tag + "\r\n"), 409, "stale-version",
       defaults("on_stale: 409")},
      {"Weak", put("If-Match: W/" + some_tag + "\r\n"), 412, "stale-version"},
      {"AbsentForPut", write("PUT", "/orders/absent", any), 412, "stale-version"},
      {"Missing", put(""), 412, "precondition-missing"},
      {"MissingAs428", put(""), 428, "precondition-missing", defaults("on_missing: 428")},
      {"MissingAs409", put(""), 409, "precondition-missing", defaults("on_missing: 409")},
      {"MissingAs403", put(""), 403, "precondition-missing", defaults("on_missing: 403")},
      {"MissingPatch", write("PATCH", std::string(path), ""), 412, "precondition-missing"},
      {"MissingDelete", write("DELETE", std::string(path), ""), 412, "precondition-missing"},
      {"OnlyADate", put("If-Unmodified-Since: Tue, 15 Nov 1994 12:45:26 GMT\r\n"), 412,
       "precondition-missing"},
      {"ConditionInATrailer",
       "PUT /orders/42 HTTP/1.1\r\n" + host + chunked +
           "Trailer: If-Match\r\n\r\n2\r\n[]\r\n0\r\nIf-Match: *\r\n\r\n",
       412, "precondition-missing"},
      {"WildcardRefused", put(any), 412, "precondition-missing", defaults("wildcard: refuse")},
      {"Exists", put("If-None-Match: *\r\n"), 412, "already-exists"},
      {"Malformed", put("If-Match: abc\r\n"), 400, "bad-condition"},
      {"MalformedSecondLine", put("If-Match: " + some_tag + "\r\nIf-Match: abc\r\n"), 400,
       "bad-condition"},
      {"MalformedIfNoneMatch", put(any + "If-None-Match: abc\r\n"), 400, "bad-condition"},
      {"MalformedOnPost", write("POST", "/orders", "If-Match: abc\r\n"), 400, "bad-condition"},
      {"StalePost", write("POST", std::string(path), "If-Match: " + some_tag + "\r\n"), 412,
       "stale-version"},
  };
}

std::vector<Refusal> refusals_by_form() {
  const std::string large(2000, 'x');
  const auto limits = [](std::string text) {
    return [text](ProxyConfig& config) { config.listener = text; };
  };
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string half = "PUT /orders/42 HTTP/1.1\r\n" + host + any;
  return {
      {"AmbiguousPath", write("PUT", "/orders/x/%2e%2e/42", any), 400, "ambiguous-path"},
      {"AmbiguousSlash", write("PUT", "/orders%2F42", any), 400, "ambiguous-path"},
      {"AmbiguousBesideAGuardedRoute", write("PUT", "/ORDERS/42", ""), 400, "ambiguous-path",
       routes("  - { name: order, match: { path: \"/orders/{id}\" }, upstream: api }\n"
              "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n")},
      {"AmbiguousMethod", put(any + "X-HTTP-Method-Override: DELETE\r\n"), 400, "ambiguous-method"},
      {"OverriddenWithoutCondition",
       write("POST", std::string(path), "X-HTTP-Method-Override: PUT\r\n"), 412,
       "precondition-missing"},
      {"TooLarge", write("PUT", std::string(path), any, large), 413, "body-too-large",
       defaults("max_body: 1KiB")},
      {"TooLargeInChunks", half + chunked + "\r\n7d0\r\n" + large + "\r\n0\r\n\r\n", 413,
       "body-too-large", defaults("max_body: 1KiB")},
      {"FieldsTooLarge", put(any + "X-Large: " + large + "\r\n"), 431, "fields-too-large",
       limits("limits: { header_bytes: 1KiB }")},
      {"TargetTooLong", write("PUT", std::string(path) + "?" + large, any), 414, "target-too-long",
       limits("limits: { target_bytes: 1KiB }")},
      {"BodyTimeOut", half + "Content-Length: 10\r\n\r\n[", 408, "request-timeout",
       limits("timeouts: { body: 200ms }")},
      {"NoRoute", write("PUT", "/people/7", any), 404, "no-route",
       routes("  - { name: order, match: { path: \"/orders/**\" }, upstream: api }\n")},
      {"BadFraming", half + chunked + "Content-Length: 2\r\n\r\n2\r\n[]\r\n0\r\n\r\n", 400,
       "bad-request"},
      {"BrokenChunk", half + chunked + "\r\nxyz\r\n[]\r\n0\r\n\r\n", 400, "bad-request"},
      {"NominatedCondition", put(any + "Connection: If-Match\r\n"), 400, "bad-condition"},
      {"NominatedHost", put(any + "Connection: Host\r\n"), 400, "bad-request"},
      {"PartialPut", put(any + "Content-Range: bytes 0-1/2\r\n"), 400, "bad-request"},
      {"Trace", "TRACE /orders/42 HTTP/1.1\r\n" + host + "\r\n", 405, "method-not-allowed"},
      {"Expectation", put(any + "Expect: miracles\r\n"), 417, "expectation-failed"},
      {"Version", "PUT /orders/42 HTTP/2.0\r\n" + host + any + "\r\n", 505,
       "version-not-supported"},
  };
}

std::vector<Refusal> refusals_by_moment() {
  Reply cut_off;
  cut_off.body = std::string(100, 'x');
  cut_off.mishap = Mishap::truncate;
  cut_off.truncate_after = 60;
  const auto short_wait = [](ProxyConfig& config) {
    config.upstream = "timeouts: { connect: 2s, response: 300ms }";
    config.defaults = "in_doubt: 20s";
  };
  const auto gone = [](Scene& scene) { scene.api.upstream.stop(); };
  return {
      {"WaitOver", put(any), 503, "resource-busy", defaults("gate: { wait: 200ms, queue: 4 }"),
       occupy},
      {"QueueFull", put(any), 503, "resource-busy", defaults("gate: { wait: 10s, queue: 1 }"),
       occupy_and_queue},
      {"InDoubt", put(any), 503, "outcome-unknown", defaults("in_doubt: 20s"), lose_one},
      {"UnguardedInDoubt", write("POST", std::string(path), ""), 503, "outcome-unknown",
       defaults("in_doubt: 20s"), lose_one},
      {"ProbeFailed", put(any), 502, "version-unknown", [](ProxyConfig&) {},
       reads_answer(status_only(500))},
      {"ProbeCutOff", put(any), 502, "version-unknown", [](ProxyConfig&) {}, reads_answer(cut_off)},
      {"ProbeTooSlow", put(any), 504, "version-unknown", short_wait,
       [](Scene& scene) {
         Reply held;
         held.hold = scene.hold;
         answer_reads_with(scene.api, held);
       }},
      {"Unreachable", put(any), 502, "upstream-unreachable", [](ProxyConfig&) {}, gone},
      {"UnreachableForPost", write("POST", "/orders", ""), 502, "upstream-unreachable",
       [](ProxyConfig&) {}, gone},
  };
}

class ARefusedWrite : public ::testing::TestWithParam<Refusal> {};

TEST_P(ARefusedWrite, NeverReachedTheApi) {
  const Refusal& refusal = GetParam();
  ProxyConfig config;
  refusal.configure(config);
  Scene scene(config);
  ASSERT_NO_FATAL_FAILURE(refusal.prepare(scene));
  GuardedStore& api = scene.api;
  const std::size_t before = api.upstream.writes();
  const auto content = api.store.get(path);

  RawClient client = RawClient::connect(api.proxy.port());
  static_cast<void>(client.try_send(refusal.request));
  const Response refused = client.read_response();
  expect_problem(refused, refusal.status, refusal.type);
  if (refusal.status == 503) {
    EXPECT_TRUE(refused.has("Retry-After"));
  }

  EXPECT_EQ(api.upstream.writes(), before);
  if (refusal.type != "upstream-unreachable") {
    EXPECT_EQ(api.request("POST", "/orders/marker", {}, "{}").status, 201);
    EXPECT_EQ(api.upstream.writes(), before + 1);
    EXPECT_EQ(api.upstream.requests("POST").back().target, "/orders/marker");
  }
  EXPECT_EQ(api.store.get(path), content);
}

const auto name_of = [](const auto& test) { return test.param.name; };

INSTANTIATE_TEST_SUITE_P(ByItsCondition, ARefusedWrite,
                         ::testing::ValuesIn(refusals_by_condition()), name_of);
INSTANTIATE_TEST_SUITE_P(ByItsForm, ARefusedWrite, ::testing::ValuesIn(refusals_by_form()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(ByTheMoment, ARefusedWrite, ::testing::ValuesIn(refusals_by_moment()),
                         name_of);

}  // namespace
}  // namespace ifmatch::support
