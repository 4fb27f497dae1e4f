// Mode observe: what goes through it comes out as it went in, nothing waits, and what is counted on
// the side is what happened.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";

ProxyConfig in_mode(const std::string& mode, const std::string& more = "") {
  return with("mode: " + mode + (more.empty() ? "" : ", " + more));
}

// What reaches the API, and what reaches the client

struct Asked {
  const char* method;
  const char* target;
  Fields fields;
  const char* body;
};

std::vector<Asked> asked() {
  return {
      {"GET", "/a?x=1", {{"Accept-Encoding", "gzip, br"}, {"Accept", "text/html"}}, ""},
      {"GET", "/a", {{"If-None-Match", "\"7\", W/\"8\""}, {"Cache-Control", "max-age=0"}}, ""},
      {"GET", "/a", {{"Range", "bytes=0-1"}, {"If-Range", "\"7\""}}, ""},
      {"GET", "/a", {{"If-Modified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"}}, ""},
      {"GET", "/a", {{"If-Match", "\"7\""}}, ""},
      {"HEAD", "/a", {{"If-None-Match", "*"}}, ""},
      {"OPTIONS", "/a", {}, ""},
      {"PUT", "/a", {{"If-Match", "\"7\", W/\"8\""}, {"Content-Type", "a/b"}}, "body"},
      {"PUT", "/a", {{"If-Match", "not a tag"}}, "body"},
      {"PUT", "/a", {{"If-Unmodified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"}}, "body"},
      {"PUT", "/a", {{"If-None-Match", "*"}}, "body"},
      {"PUT", "/a", {{"If-Match", "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""}}, "body"},
      {"PUT", "/a", {{"Transfer-Encoding", "chunked"}}, "4\r\nbody\r\n0\r\n\r\n"},
      {"PATCH", "/a", {{"Prefer", "return=representation"}}, "{}"},
      {"DELETE", "/a", {}, ""},
      {"POST", "/a", {{"X-HTTP-Method-Override", "PUT"}}, "x"},
      {"put", "/a", {}, "x"},
      {"PROPPATCH", "/a", {}, "<x/>"},
  };
}

Response ask(std::uint16_t port, const Asked& asked) {
  RawClient client = RawClient::connect(port);
  // With a trace of its own: one that the program begins is another for each request.
  Fields fields{{"Host", "api.test"},
                {"User-Agent", "test/1"},
                {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}};
  fields.insert(fields.end(), asked.fields.begin(), asked.fields.end());
  client.send(client.compose(asked.method, asked.target, fields, asked.body));
  return client.read_response(asked.method == std::string_view("HEAD")
                                  ? RawClient::Body::none
                                  : RawClient::Body::as_framed);
}

std::string told(const Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + ": " + value + "\n";
  return text;
}

TEST(Observe, PassesEveryRequestOnAsBypassDoes) {
  ScriptedUpstream upstream([](const Request&) { return Reply{}; });
  ProxyConfig config = in_mode("bypass");
  config.upstream_url = upstream.url();
  ProxyProcess bypass = ProxyProcess::start(config);
  ProxyProcess observe = ProxyProcess::start(config.yaml(), {"--set", "defaults.mode=observe"});
  for (const Asked& one : asked()) {
    upstream.forget();
    ask(bypass.port(), one);
    ask(observe.port(), one);
    const std::vector<Request> seen = upstream.requests();
    ASSERT_EQ(seen.size(), 2U) << one.method;
    EXPECT_EQ(seen[1].method + " " + seen[1].target, seen[0].method + " " + seen[0].target);
    EXPECT_EQ(told(seen[1].fields), told(seen[0].fields)) << one.method;
    EXPECT_EQ(seen[1].body, seen[0].body) << one.method;
  }
}

std::vector<Reply> replies() {
  const Fields validators{{"ETag", "W/\"7\""},
                          {"Last-Modified", "Sat, 29 Oct 1994 19:43:31 GMT"},
                          {"Accept-Ranges", "bytes"},
                          {"Date", "Sun, 06 Nov 1994 08:49:37 GMT"}};
  const Fields plain{{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"},
                     {"Access-Control-Allow-Origin", "*"},
                     {"Content-Encoding", "gzip"},
                     {"Vary", "Accept-Encoding"}};
  std::vector<Reply> all;
  for (const Framing framing : {Framing::content_length, Framing::chunked, Framing::until_close}) {
    for (const Fields& fields : {validators, plain}) {
      for (const int status : {200, 206, 404, 500}) {
        Reply reply;
        reply.status = status;
        reply.fields = fields;
        reply.body = "some content";
        reply.framing = framing;
        reply.close_after = framing == Framing::until_close;
        all.push_back(reply);
      }
    }
  }
  for (const int status : {204, 304}) {
    Reply reply;
    reply.status = status;
    reply.fields = validators;
    reply.framing = Framing::none;
    all.push_back(reply);
  }
  return all;
}

TEST(Observe, PassesEveryAnswerOnAsBypassDoesButForAnAddedTag) {
  ScriptedUpstream upstream([](const Request&) { return Reply{}; });
  ProxyConfig config = in_mode("bypass");
  config.upstream_url = upstream.url();
  ProxyProcess bypass = ProxyProcess::start(config);
  ProxyProcess observe = ProxyProcess::start(config.yaml(), {"--set", "defaults.mode=observe"});
  int tags = 0;
  for (const Reply& reply : replies()) {
    upstream.behave([&reply](const Request&) { return reply; });
    for (const Asked& one : {Asked{"GET", "/a", {}, ""}, Asked{"HEAD", "/a", {}, ""},
                             Asked{"PUT", "/a", {}, "x"}}) {
      const Response expected = ask(bypass.port(), one);
      Response seen = ask(observe.port(), one);
      const bool tagged = one.method == std::string_view("GET") && reply.status == 200 &&
                          !find_field(reply.fields, "ETag");
      EXPECT_EQ(is_our_tag(seen.tag()), tagged) << one.method << " " << seen.tag();
      if (tagged) {
        ++tags;
        std::erase_if(seen.fields, [](const auto& field) { return field.first == "ETag"; });
      }
      EXPECT_EQ(seen.status, expected.status);
      EXPECT_EQ(told(seen.fields), told(expected.fields)) << one.method << " " << reply.status;
      EXPECT_EQ(seen.body, expected.body);
      EXPECT_EQ(seen.truncated, expected.truncated);
    }
  }
  EXPECT_EQ(tags, 3);  // one for each framing
}

TEST(Observe, AddsTheTagThatEnforceWouldAdd) {
  GuardedStore enforce;
  GuardedStore observe(in_mode("observe"));
  for (GuardedStore* api : {&enforce, &observe}) api->store.put(path, R"({"total":10})");
  EXPECT_EQ(observe.read_tag(path), enforce.read_tag(path));
  observe.store.put(path, R"({"total":11})");
  EXPECT_NE(observe.read_tag(path), enforce.read_tag(path));
}

TEST(Observe, ExposesTheTagToPagesOnlyWhereToldTo) {
  DocumentStore::Options options;
  options.fields = {{"Access-Control-Allow-Origin", "https://shop.test"}};
  GuardedStore silent(in_mode("observe"), options);
  silent.store.put(path, "{}");
  EXPECT_FALSE(silent.request("GET", path).has("Access-Control-Expose-Headers"));
  GuardedStore told_to(in_mode("observe", "cors: { expose_etag: always }"), options);
  told_to.store.put(path, "{}");
  EXPECT_EQ(told_to.request("GET", path).field("Access-Control-Expose-Headers"), "ETag");
}

TEST(Observe, LeavesOutOnlyTheTagsThatItHandedOutItself) {
  GuardedStore api(in_mode("observe"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const std::string weak = "W/" + tag;
  const std::string unknown = "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
  const auto arrives = [&](const std::string& sent) {
    api.upstream.forget();
    EXPECT_EQ(api.put(path, sent, "{}").status, 200) << sent;
    return api.upstream.requests("PUT").at(0).field("If-Match");
  };
  EXPECT_EQ(arrives(tag), "");
  EXPECT_EQ(arrives(weak), "");
  EXPECT_EQ(arrives(unknown), unknown);
  EXPECT_EQ(arrives("\"7\""), "\"7\"");
  EXPECT_EQ(arrives(tag + ", \"7\""), tag + ", \"7\"");
  EXPECT_EQ(arrives(tag + ", " + unknown), tag + ", " + unknown);
  EXPECT_EQ(arrives("*"), "*");
}

TEST(Observe, LeavesATagOfTheApiToTheApi) {
  DocumentStore::Options options;
  // As another ifmatch behind this one would.
  GuardedStore behind;
  behind.store.put(path, "{}");
  ProxyConfig config = in_mode("observe");
  config.upstream_url = "http://127.0.0.1:" + std::to_string(behind.proxy.port());
  ProxyProcess before = ProxyProcess::start(config);
  const std::string tag = request_once(before.port(), "GET", path).tag();
  EXPECT_EQ(tag, behind.read_tag(path));
  EXPECT_EQ(request_once(before.port(), "PUT", path, {{"If-Match", tag}}, "[1]").status, 200);
  expect_problem(request_once(before.port(), "PUT", path, {{"If-Match", tag}}, "[2]"), 412,
                 "stale-version");
}

// Nothing waits

TEST(Observe, HoldsNoWriteBackForAnother) {
  GuardedStore api(in_mode("observe"));
  const auto hold = std::make_shared<Hold>();
  api.hold_writes(hold);
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 3; ++writer) {
    writers.emplace_back([&api] { EXPECT_LT(api.request("PUT", path, {}, "{}").status, 300); });
  }
  EXPECT_TRUE(api.upstream.wait_for("PUT", 3));
  hold->release();
  for (std::thread& writer : writers) writer.join();
}

TEST(Observe, HoldsNoWriteBackForADoubt) {
  GuardedStore api(in_mode("observe", "in_doubt: 1h"));
  answer_first_write_with(api, status_only(503));
  EXPECT_EQ(api.request("PUT", path, {}, "{}").status, 503);
  EXPECT_EQ(api.request("PUT", path, {}, "{}").status, 201);
  EXPECT_EQ(api.request("DELETE", path).status, 204);
}

TEST(Observe, NeverProbes) {
  GuardedStore api(in_mode("observe"));
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  EXPECT_EQ(api.put(path, tag, "[1]").status, 200);
  EXPECT_EQ(api.put(path, tag, "[2]").status, 200);
  EXPECT_EQ(api.request("PUT", path, {}, "[3]").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 1U);
}

// The API goes on only once somebody has seen what it sent first.
Response read_and_release(const GuardedStore& api, Hold& seen, std::string& content) {
  RawClient client = RawClient::connect(api.proxy.port());
  client.send(client.compose("GET", path));
  return client.read_response_into(
      [&](std::string_view piece) {
        content += piece;
        seen.release();
      },
      patience);
}

// A stream whose second half comes only once somebody has seen the first.
TEST(Observe, LetsAStreamPassAtOnce) {
  for (const std::string type : {"text/event-stream", "application/x-ndjson"}) {
    GuardedStore api(in_mode("observe"));
    const auto seen = std::make_shared<Hold>();
    api.upstream.behave([type, seen](const Request&) {
      Reply reply;
      reply.verbatim = "HTTP/1.1 200 OK\r\nContent-Type: " + type +
                       "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
      reply.afterwards = seen;
      reply.postscript = "3\r\ntwo\r\n0\r\n\r\n";
      return reply;
    });
    std::string content;
    const Response answer = read_and_release(api, *seen, content);
    EXPECT_EQ(answer.status, 200) << type;
    EXPECT_EQ(content, "onetwo") << type;
    EXPECT_EQ(answer.tag(), "") << type;
  }
}

TEST(Observe, LetsContentOfKnownLengthPassThoughItsEndIsLate) {
  GuardedStore api(in_mode("observe"));
  const auto seen = std::make_shared<Hold>();
  api.upstream.behave([seen](const Request&) {
    Reply reply;
    reply.verbatim = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none";
    reply.afterwards = seen;
    reply.postscript = "two";
    return reply;
  });
  std::string content;
  const Response answer = read_and_release(api, *seen, content);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(content, "onetwo");
  EXPECT_EQ(answer.tag(), "");
}

TEST(Observe, TagsWhatIsAsLargeAsMaxBodyAndPassesLargerOnesOn) {
  GuardedStore api(in_mode("observe", "max_body: 1KiB"));
  for (const std::size_t size : {1024U, 1025U}) {
    for (const Framing framing : {Framing::content_length, Framing::chunked}) {
      api.upstream.behave([size, framing](const Request&) {
        Reply reply;
        reply.framing = framing;
        reply.body = std::string(size, 'x');
        return reply;
      });
      const Response answer = api.request("GET", path);
      EXPECT_EQ(is_our_tag(answer.tag()), size == 1024U) << size;
      EXPECT_EQ(answer.body.size(), size);
    }
  }
  // A write of any size streams.
  EXPECT_EQ(api.request("PUT", path, {}, std::string(100'000, 'x')).status, 200);
  EXPECT_EQ(api.upstream.requests("PUT").at(0).body.size(), 100'000U);
}

// Beside an enforced route

ProxyConfig orders_enforced_items_observed() {
  ProxyConfig config = with("check: recorded, in_doubt: 1h");
  config.routes =
      "  - { name: items, match: { path: \"/orders/{id}/items/**\" }, upstream: api, "
      "mode: observe }\n"
      "  - { name: order, match: { path: \"/orders/{id}\" }, upstream: api }\n";
  return config;
}

TEST(ObservedWrite, VoidsWhatIsRecordedAboveIt) {
  GuardedStore api(orders_enforced_items_observed());
  api.store.put(path, "{}");
  std::string tag = api.read_tag(path);
  EXPECT_EQ(api.put(path, tag, "[1]").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 1U) << "the record is enough";
  tag = api.read_tag(path);
  EXPECT_EQ(api.request("PUT", "/orders/42/items/1", {}, "{}").status, 201);
  EXPECT_EQ(api.put(path, tag, "[2]").status, 200);
  EXPECT_EQ(api.upstream.count("GET"), 3U) << "it had to be probed";
}

TEST(ObservedWrite, WhileItIsUnderWayNothingIsSentOnWhatWasLearntBesideIt) {
  GuardedStore api(orders_enforced_items_observed());
  api.store.put(path, "{}");
  const auto hold = std::make_shared<Hold>();
  api.upstream.behave([inner = api.store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (request.target.find("/items/") != std::string::npos) reply.hold = hold;
    return reply;
  });
  std::thread writer(
      [&api] { EXPECT_EQ(api.request("PUT", "/orders/42/items/1", {}, "{}").status, 201); });
  EXPECT_TRUE(api.upstream.wait_for("PUT", 1));
  const std::string tag = api.read_tag(path);
  expect_problem(api.put(path, tag, "[1]"), 503, "resource-busy");
  EXPECT_EQ(api.upstream.writes(), 1U);
  hold->release();
  writer.join();
  EXPECT_EQ(api.put(path, tag, "[1]").status, 200);
}

TEST(ObservedWrite, DoesNotWaitForAGuardedOne) {
  GuardedStore api(orders_enforced_items_observed());
  api.store.put(path, "{}");
  const std::string tag = api.read_tag(path);
  const auto hold = std::make_shared<Hold>();
  api.upstream.behave([inner = api.store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (request.method == "PUT" && request.target == path) reply.hold = hold;
    return reply;
  });
  std::thread writer([&] { EXPECT_EQ(api.put(path, tag, "[1]").status, 200); });
  EXPECT_TRUE(hold->wait_until_held());
  EXPECT_EQ(api.request("PUT", "/orders/42/items/1", {}, "{}").status, 201);
  hold->release();
  writer.join();
}

TEST(ObservedWrite, MayNotBeTakenForAGuardedOne) {
  GuardedStore api(orders_enforced_items_observed());
  expect_problem(api.request("PUT", "/orders/42/items/../../42", {}, "{}"), 400, "ambiguous-path");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(Observe, IsChosenByFlagAndVariable) {
  ScriptedUpstream upstream([](const Request&) { return Reply{}; });
  const std::vector<std::string> run{"run", "--listen", "127.0.0.1:0", "--upstream", upstream.url()};
  std::vector<std::string> with_flag = run;
  with_flag.insert(with_flag.end(), {"--mode", "observe"});
  ProxyProcess flag = ProxyProcess::start_with(with_flag);
  EXPECT_EQ(request_once(flag.port(), "PUT", path, {}, "x").status, 200);
  EXPECT_EQ(flag.stop(), ExitStatus{});
  ProxyProcess variable = ProxyProcess::start_with(run, {{"IFMATCH_MODE", "observe"}});
  EXPECT_EQ(request_once(variable.port(), "PUT", path, {}, "x").status, 200);
  EXPECT_EQ(variable.stop(), ExitStatus{});
  EXPECT_EQ(upstream.writes(), 2U);
}

TEST(Observe, IsExplained) {
  TemporaryFolder folder;
  ProxyConfig config = in_mode("observe");
  config.upstream_url = "http://127.0.0.1:1";
  const std::string file = folder.write("ifmatch.yaml", config.yaml());
  const Finished put =
      run_to_end({ifmatch_binary(), "explain", "-c", file, "PUT", std::string(path)});
  EXPECT_EQ(put.status, ExitStatus{}) << put.errors;
  EXPECT_NE(put.output.find("mode observe"), std::string::npos) << put.output;
  EXPECT_NE(put.output.find("would refuse it: 412"), std::string::npos) << put.output;
  EXPECT_NE(put.output.find("without waiting"), std::string::npos) << put.output;
}

}  // namespace
}  // namespace ifmatch::support
