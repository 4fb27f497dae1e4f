// The access log and the trace context of the real program: one line for each request, whatever
// became of it, with the id under which the API was told of it.
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string traceparent = "00-" + std::string(trace_id) + "-00f067aa0ba902b7-00";

ProxyConfig logging(const std::string& log, const std::string& more = {}) {
  ProxyConfig config;
  config.more = "access_log: " + log + "\n" + more;
  return config;
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The same that GuardedStore is, for tests that end the program themselves.
struct Stage {
  explicit Stage(ProxyConfig config, const std::vector<std::string>& arguments = {})
      : upstream(store.behaviour()), proxy(start(std::move(config), upstream.url(), arguments)) {}

  Response request(std::string_view method, std::string_view target, const Fields& fields = {},
                   std::string_view body = {}) const {
    return request_once(proxy.port(), method, target, fields, body);
  }

  static ProxyProcess start(ProxyConfig config, std::string url,
                            const std::vector<std::string>& arguments) {
    config.upstream_url = std::move(url);
    return ProxyProcess::start(config.yaml(), arguments);
  }

  DocumentStore store;
  ScriptedUpstream upstream;
  ProxyProcess proxy;
};

// The line of the one request for this target.
template <typename Api>
std::string line_of(Api& api, const std::string& target) {
  const auto line = api.proxy.process().wait_for_line("\"target\":\"" + target + "\"");
  EXPECT_TRUE(line) << target;
  return line.value_or("");
}

TEST(TheAccessLog, TellsOfEveryRequestOnce) {
  Stage api(logging("{ path: stdout, format: json }"));
  api.store.put("/orders/1", "old");
  const std::string tag = api.request("GET", "/orders/1").tag();
  EXPECT_EQ(api.request("PUT", "/orders/1?then", {{"If-Match", tag}}, "new").status, 200);
  EXPECT_EQ(api.request("PUT", "/orders/1?again", {{"If-Match", tag}}, "newer").status, 412);
  EXPECT_EQ(api.request("PUT", "/orders/2", {}, "x").status, 412);
  EXPECT_EQ(api.request("GET", "/a//b").status, 400);
  RawClient broken = RawClient::connect(api.proxy.port());
  broken.send("GET /broken HTTP/1.1\r\nHost: a\r\nHost: b\r\nUser-Agent: curious\r\n\r\n");
  EXPECT_EQ(broken.read_response().status, 400);

  const auto has = [](const std::string& line, const std::string& part) {
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  };
  const std::string read = line_of(api, "/orders/1");
  EXPECT_EQ(json_member(read, "client"), "127.0.0.1");
  EXPECT_EQ(json_member(read, "method"), "GET");
  EXPECT_EQ(json_member(read, "route"), "everything");
  EXPECT_EQ(json_member(read, "upstream"), api.upstream.url().substr(7));
  has(read, "\"status\":200");
  const std::string refused = line_of(api, "/orders/1?again");
  EXPECT_EQ(json_member(line_of(api, "/orders/1?then"), "decision"), "pass");
  EXPECT_EQ(json_member(refused, "decision"), "stale");
  EXPECT_EQ(json_member(refused, "problem"), "stale-version");
  EXPECT_EQ(json_member(line_of(api, "/orders/2"), "decision"), "missing");
  EXPECT_EQ(json_member(line_of(api, "/a//b"), "problem"), "ambiguous-path");
  EXPECT_EQ(json_member(line_of(api, "/broken"), "user_agent"), "curious");

  EXPECT_EQ(api.proxy.stop().code, 0);
  const std::string log = api.proxy.process().output();
  EXPECT_EQ(std::ranges::count(log, '\n'), 6) << log;
}

TEST(TheAccessLog, IsOffUnlessAskedFor) {
  for (const std::string& more : {std::string(), std::string("access_log: off\n")}) {
    ProxyConfig config;
    config.more = more;
    Stage api(config);
    EXPECT_EQ(api.request("GET", "/orders/1").status, 404);
    EXPECT_EQ(api.proxy.stop().code, 0);
    EXPECT_EQ(api.proxy.process().output(), "");
  }
}

TEST(TheAccessLog, IsWholeWhenTheProgramHasEnded) {
  const TemporaryFolder folder;
  const std::string path = folder.path().string() + "/access.log";
  Stage api(logging("{ path: \"" + path + "\", format: text }"));
  constexpr int requests = 300;
  RawClient client = RawClient::connect(api.proxy.port());
  for (int i = 0; i < requests; ++i) {
    EXPECT_EQ(client.request("GET", "/" + std::to_string(i)).status, 404);
  }
  EXPECT_EQ(api.proxy.stop().code, 0);
  const std::string log = content(path);
  EXPECT_EQ(std::ranges::count(log, '\n'), requests);
  EXPECT_TRUE(log.starts_with("127.0.0.1 - - [")) << log.substr(0, 200);
  EXPECT_NE(log.find("\"GET /299 HTTP/1.1\" 404"), std::string::npos);
}

TEST(TheAccessLog, IsContinuedInANewFileOnASignal) {
  const TemporaryFolder folder;
  const std::string path = folder.path().string() + "/access.log";
  GuardedStore api(logging("\"" + path + "\""));
  EXPECT_EQ(api.request("GET", "/before").status, 404);
  ASSERT_TRUE(eventually([&] { return content(path).find("/before") != std::string::npos; }));
  ASSERT_EQ(::rename(path.c_str(), (path + ".1").c_str()), 0);
  api.proxy.process().signal(SIGUSR1);
  ASSERT_TRUE(eventually([&] { return ::access(path.c_str(), F_OK) == 0; }));
  EXPECT_EQ(api.request("GET", "/after").status, 404);
  EXPECT_TRUE(eventually([&] { return content(path).find("/after") != std::string::npos; }));
  EXPECT_EQ(content(path + ".1").find("/after"), std::string::npos);
}

TEST(TheAccessLog, IsTurnedOnMovedAndTurnedOffByAReload) {
  const TemporaryFolder folder;
  const std::string path = folder.path().string() + "/access.log";
  // Without an admin server nobody else listens.
  Stage api(logging("off"));
  const auto reload = [&](const std::string& log) {
    ProxyConfig config = logging(log);
    config.upstream_url = api.upstream.url();
    return api.proxy.reload(config);
  };
  RawClient client = RawClient::connect(api.proxy.port());
  EXPECT_EQ(client.request("GET", "/unseen").status, 404);
  ASSERT_TRUE(reload("{ path: \"" + path + "\", format: text }"));
  EXPECT_EQ(client.request("GET", "/first").status, 404);
  EXPECT_TRUE(eventually([&] { return content(path).find("\"GET /first ") != std::string::npos; }));
  ASSERT_TRUE(reload("stdout"));
  EXPECT_EQ(client.request("GET", "/second").status, 404);
  EXPECT_EQ(json_member(line_of(api, "/second"), "method"), "GET");
  EXPECT_FALSE(reload("\"" + folder.path().string() + "/missing/access.log\""));
  EXPECT_TRUE(api.proxy.process().wait_for_line("cannot write the access log"));
  EXPECT_EQ(client.request("GET", "/third").status, 404);
  (void)line_of(api, "/third");
  ASSERT_TRUE(reload("off"));
  EXPECT_EQ(client.request("GET", "/fourth").status, 404);
  EXPECT_EQ(api.proxy.stop().code, 0);
  EXPECT_EQ(std::ranges::count(content(path), '\n'), 1);
  EXPECT_EQ(std::ranges::count(api.proxy.process().output(), '\n'), 2);
}

TEST(TheAccessLog, ThatNobodyReadsStopsNobody) {
  const TemporaryFolder folder;
  const std::string path = folder.path().string() + "/pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const Socket reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK));
  Stage api(logging("\"" + path + "\"", "threads: 1\n"), {"--admin", "127.0.0.1:0"});
  RawClient client = RawClient::connect(api.proxy.port());
  const Fields fields = {{"User-Agent", std::string(250, 'u')}, {"Referer", std::string(250, 'r')}};
  for (int i = 0; i < 4'000; ++i) {
    ASSERT_EQ(client.request("GET", "/" + std::to_string(i), fields).status, 404);
  }
  EXPECT_TRUE(api.proxy.process().wait_for_line("lines of the access log were lost"));
  const std::string metrics = request_once(api.proxy.admin_port(), "GET", "/metrics").body;
  const std::size_t at = metrics.find("\nifmatch_access_log_dropped_total ");
  ASSERT_NE(at, std::string::npos) << metrics;
  EXPECT_NE(metrics.substr(at + 34, 2), "0\n");
  EXPECT_EQ(api.proxy.stop().code, 0);
}

TEST(TheAccessLog, ThatCannotBeOpenedIsToldAtTheStart) {
  const TemporaryFolder folder;
  ProxyConfig config = logging("\"" + folder.path().string() + "/missing/access.log\"");
  config.upstream_url = "http://127.0.0.1:9";
  const Finished finished = run_to_end(
      {ifmatch_binary(), "run", "-c", folder.write("ifmatch.yaml", config.yaml())});
  EXPECT_EQ(finished.status.code, 1);
  EXPECT_NE(finished.errors.find("cannot write the access log"), std::string::npos)
      << finished.errors;
}

TEST(TheAccessLog, NamesTheClientThatIsBelieved) {
  GuardedStore api(logging("stdout", "trusted_proxies: [127.0.0.1]\n"));
  EXPECT_EQ(api.request("GET", "/1", {{"X-Forwarded-For", "203.0.113.9, 192.0.2.7"}}).status, 404);
  EXPECT_EQ(json_member(line_of(api, "/1"), "client"), "192.0.2.7");
  GuardedStore other(logging("stdout"));
  EXPECT_EQ(other.request("GET", "/1", {{"X-Forwarded-For", "192.0.2.7"}}).status, 404);
  EXPECT_EQ(json_member(line_of(other, "/1"), "client"), "127.0.0.1");
}

TEST(ATrace, ThatTheClientBeganGoesOnUnchanged) {
  GuardedStore api(logging("stdout"));
  api.store.put("/1", "old");
  const std::string tag = api.read_tag("/1");
  api.upstream.forget();
  EXPECT_EQ(api.request("PUT", "/1?t", {{"If-Match", tag},
                                        {"Traceparent", traceparent},
                                        {"tracestate", "a=b,c=d"}},
                        "new")
                .status,
            200);
  EXPECT_EQ(json_member(line_of(api, "/1?t"), "trace_id"), trace_id);
  EXPECT_GE(api.upstream.count("GET"), 1U) << "a probe belongs to the same trace";
  for (const Request& request : api.upstream.requests()) {
    EXPECT_EQ(request.field("traceparent"), traceparent) << request.method;
    EXPECT_EQ(request.field("tracestate"), "a=b,c=d") << request.method;
  }
}

TEST(ATrace, IsBegunWhereThereIsNone) {
  GuardedStore api(logging("stdout"));
  int number = 0;
  std::vector<std::string> ids;
  for (const Fields& fields : std::vector<Fields>{
           {},
           {{"traceparent", "ff" + traceparent.substr(2)}, {"tracestate", "a=b"}},
           {{"traceparent", "00-" + std::string(32, '0') + "-00f067aa0ba902b7-01"}},
           {{"traceparent", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"}},
           {{"traceparent", traceparent}, {"traceparent", traceparent}},
           {{"tracestate", "a=b"}}}) {
    const std::string target = "/" + std::to_string(++number);
    EXPECT_EQ(api.request("GET", target, fields).status, 404);
    const Request seen = api.upstream.requests().back();
    const std::string sent = seen.field("traceparent");
    ASSERT_EQ(sent.size(), traceparent.size()) << target;
    EXPECT_NE(sent, traceparent);
    EXPECT_FALSE(seen.has("tracestate")) << target;
    EXPECT_EQ(count_fields(seen.fields, "traceparent"), 1U);
    ids.push_back(sent.substr(3, 32));
    EXPECT_EQ(json_member(line_of(api, target), "trace_id"), ids.back());
  }
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end()) << "each is a trace of its own";
}

TEST(ATrace, IsBegunByNobodyWhereTheyAreOnlyPassed) {
  GuardedStore api(logging("stdout", "trace: pass\n"));
  EXPECT_EQ(api.request("GET", "/1").status, 404);
  EXPECT_FALSE(api.upstream.requests().back().has("traceparent"));
  EXPECT_EQ(api.request("GET", "/2", {{"traceparent", "junk"}, {"tracestate", "a=b"}}).status, 404);
  EXPECT_FALSE(api.upstream.requests().back().has("traceparent"));
  EXPECT_FALSE(api.upstream.requests().back().has("tracestate"));
  EXPECT_EQ(api.request("GET", "/3", {{"traceparent", traceparent}}).status, 404);
  EXPECT_EQ(api.upstream.requests().back().field("traceparent"), traceparent);
  EXPECT_EQ(json_member(line_of(api, "/3"), "trace_id"), trace_id);
}

TEST(ATrace, IsAFieldLikeAnyOtherWhereTheyAreOff) {
  GuardedStore api(logging("stdout", "trace: off\n"));
  EXPECT_EQ(api.request("GET", "/1").status, 404);
  EXPECT_FALSE(api.upstream.requests().back().has("traceparent"));
  EXPECT_EQ(api.request("GET", "/2", {{"traceparent", "junk"}, {"tracestate", "a=b"}}).status, 404);
  EXPECT_EQ(api.upstream.requests().back().field("traceparent"), "junk");
  EXPECT_EQ(api.upstream.requests().back().field("tracestate"), "a=b");
  EXPECT_EQ(line_of(api, "/2").find("trace_id"), std::string::npos);
}

}  // namespace
}  // namespace ifmatch::support
