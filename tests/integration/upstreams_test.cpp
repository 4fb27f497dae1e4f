// Several places of one upstream: which of them a request goes to, what happens when one of them
// dies, keeps silent or comes back, and that all of them are one state with one set of gates.
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <thread>

#include "tests/integration/rules.hpp"
#include "tests/support/silent_place.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/people/7";

std::string list_of(const std::vector<std::string>& urls) {
  std::string list;
  for (const std::string& url : urls) list += (list.empty() ? "\"" : ", \"") + url + "\"";
  return "[" + list + "]";
}

// Two servers before one store, as an API with two instances and one database.
class Upstreams : public testing::Test {
 protected:
  Upstreams() { store.put(std::string(path), "[0]"); }

  static std::string yaml(const std::vector<std::string>& urls, const std::string& keys,
                          const std::string& more = "threads: 1\n") {
    return "version: 1\nlisteners: [{ address: \"127.0.0.1:0\" }]\n"
           "upstreams:\n  api: { urls: " + list_of(urls) + ", " + keys + " }\n"
           "routes: [{ name: everything, match: { path: \"/**\" }, upstream: api }]\n"
           "state_dir: none\n" + more;
  }
  static ProxyProcess start(const std::vector<std::string>& urls,
                            const std::string& keys = "timeouts: { connect: 1s, response: 5s }",
                            const std::string& more = "threads: 1\n") {
    return ProxyProcess::start(yaml(urls, keys, more));
  }
  static Response get(const ProxyProcess& proxy) {
    return request_once(proxy.port(), "GET", path);
  }
  // Reads, and writes what it was told to on top.
  static int write(const ProxyProcess& proxy, const std::string& content) {
    const std::string tag = get(proxy).tag();
    return request_once(proxy.port(), "PUT", path, {{"If-Match", tag}}, content).status;
  }

  DocumentStore store;
  ScriptedUpstream a{store.behaviour()};
  ScriptedUpstream b{store.behaviour()};
};

TEST_F(Upstreams, TakeTurns) {
  const ProxyProcess proxy = start({a.url(), b.url()});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(a.count("GET"), 5U);
  EXPECT_EQ(b.count("GET"), 5U);
}

TEST_F(Upstreams, AreNamedInTheAccessLogByTheOneThatAnswered) {
  ProxyProcess proxy = start({a.url(), b.url()}, "timeouts: { connect: 1s, response: 5s }",
                             "threads: 1\naccess_log: stdout\n");
  std::size_t lines = 0;
  const auto named = [&] {
    const auto line = proxy.process().wait_for_line("\"method\"", Deadline{}, lines++);
    return json_member(line.value_or(""), "upstream");
  };
  for (int i = 0; i < 4; ++i) {
    const std::size_t before = a.count("GET");
    EXPECT_EQ(get(proxy).status, 200);
    EXPECT_EQ("http://" + named(), a.count("GET") > before ? a.url() : b.url());
  }
  for (int i = 0; i < 4; ++i) {
    const std::string tag = get(proxy).tag();
    (void)named();
    const std::size_t before = a.writes();
    EXPECT_EQ(request_once(proxy.port(), "PUT", path, {{"If-Match", tag}},
                           "[" + std::to_string(i) + "]").status, 200);
    EXPECT_EQ("http://" + named(), a.writes() > before ? a.url() : b.url());
  }
}

TEST_F(Upstreams, AWriteGoesWhereItsProbeWent) {
  const ProxyProcess proxy = start({a.url(), b.url()});
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(write(proxy, "[" + std::to_string(i) + "]"), 200);
  EXPECT_EQ(a.writes() + b.writes(), 4U);
  for (const ScriptedUpstream* one : {&a, &b}) {
    const std::vector<Request> requests = one->requests();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (requests[i].method != "PUT") continue;
      ASSERT_GT(i, 0U);
      EXPECT_EQ(requests[i - 1].method, "GET");
      EXPECT_EQ(requests[i - 1].connection, requests[i].connection);
    }
  }
}

TEST_F(Upstreams, LeastConnectionsPrefersTheFreeOne) {
  const auto hold = std::make_shared<Hold>();
  const auto slow = [inner = store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (request.has("X-Slow")) reply.hold = hold;
    return reply;
  };
  a.behave(slow);
  b.behave(slow);
  const ProxyProcess proxy = start({a.url(), b.url()}, "balance: least_connections");
  RawClient client = RawClient::connect(proxy.port());
  client.send(client.compose("GET", path, {{"X-Slow", "yes"}}));
  ASSERT_TRUE(hold->wait_until_held());
  const bool a_is_busy = a.count("GET") == 1;
  for (int i = 0; i < 6; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(a.count("GET"), a_is_busy ? 1U : 6U);
  EXPECT_EQ(b.count("GET"), a_is_busy ? 6U : 1U);
  hold->release();
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(Upstreams, NoRequestFailsWhenOneOfThemDies) {
  const ProxyProcess proxy = start({a.url(), b.url()});
  // Connections to both are open and idle when it happens.
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(write(proxy, "[" + std::to_string(i) + "]"), 200);
  a.stop();
  for (int i = 5; i <= 20; ++i) EXPECT_EQ(write(proxy, "[" + std::to_string(i) + "]"), 200);
  EXPECT_EQ(store.get(std::string(path)), "[20]");
}

TEST_F(Upstreams, AreTriedAgainAfterARest) {
  const std::uint16_t port = free_port();
  const ProxyProcess proxy = start({"http://127.0.0.1:" + std::to_string(port), b.url()});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(b.count("GET"), 4U);
  ScriptedUpstream late(store.behaviour(), {.port = port});
  EXPECT_TRUE(eventually([&] { return get(proxy).status == 200 && late.count("GET") > 0; }));
}

TEST_F(Upstreams, OneThatRefusedIsLeftAloneForAWhile) {
  const std::uint16_t port = free_port();
  const ProxyProcess proxy = start({"http://127.0.0.1:" + std::to_string(port), b.url()});
  EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(get(proxy).status, 200);
  // It is back within its rest: nobody is to find out yet.
  ScriptedUpstream back(store.behaviour(), {.port = port});
  EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(back.connections_accepted(), 0);
}

TEST_F(Upstreams, ASilentOneCostsAPartOfTheTimeAndOnlyOnce) {
  const SilentPlace silent;
  const ProxyProcess proxy = start({silent.url(), b.url()});
  const auto began = Clock::now();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(write(proxy, "[1]"), 200);
  const auto took = Clock::now() - began;
  EXPECT_GE(took, Milliseconds{400}) << "it was tried";
  EXPECT_LT(took, Milliseconds{1'500});
}

TEST_F(Upstreams, WhereNoneIsReachableTheAnswerComesInTime) {
  const SilentPlace silent;
  const ProxyProcess proxy =
      start({silent.url(), "http://127.0.0.1:" + std::to_string(free_port())});
  for (int i = 0; i < 2; ++i) {
    const auto began = Clock::now();
    expect_problem(get(proxy), 504, "upstream-timeout");
    EXPECT_LT(Clock::now() - began, Milliseconds{3'000});
  }
  // It is never taken for granted that it still is so.
  expect_problem(request_once(proxy.port(), "PUT", path, {{"If-Match", "*"}}, "[1]"), 504,
                 "upstream-timeout");
}

TEST_F(Upstreams, AReadThatNobodyAnsweredIsAskedElsewhere) {
  a.behave([](const Request&) {
    Reply reply;
    reply.mishap = Mishap::close_unanswered;
    return reply;
  });
  const ProxyProcess proxy = start({a.url(), b.url()});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(write(proxy, "[1]"), 200);
  EXPECT_GE(a.count("GET"), 1U);
}

TEST_F(Upstreams, AWriteThatNobodyAnsweredGoesNowhereElse) {
  const auto closing = [inner = store.behaviour()](const Request& request) {
    if (is_read(request)) return inner(request);
    Reply reply;
    reply.mishap = Mishap::close_unanswered;
    return reply;
  };
  a.behave(closing);
  b.behave(closing);
  const ProxyProcess proxy = start({a.url(), b.url()});
  EXPECT_EQ(write(proxy, "[1]"), 502);
  EXPECT_EQ(a.writes() + b.writes(), 1U);
  EXPECT_EQ(write(proxy, "[2]"), 503) << "which place it went to makes no difference to the doubt";
  EXPECT_EQ(a.writes() + b.writes(), 1U);
}

TEST_F(Upstreams, AnAnswerOf5xxIsNoReasonToAvoidAPlace) {
  a.behave([](const Request&) { return status_only(500); });
  const ProxyProcess proxy = start({a.url(), b.url()});
  for (int i = 0; i < 8; ++i) (void)get(proxy);
  EXPECT_EQ(a.count("GET"), 4U);
}

TEST_F(Upstreams, ThatShareAPlaceShareTheirGates) {
  const auto hold = std::make_shared<Hold>();
  const auto held = [inner = store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (request.method == "PUT") reply.hold = hold;
    return reply;
  };
  a.behave(held);
  const ProxyProcess proxy = ProxyProcess::start(
      "version: 1\nlisteners: [{ address: \"127.0.0.1:0\" }]\n"
      "upstreams:\n  one: { urls: [\"" + a.url() + "\"] }\n"
      "  two: { urls: [\"" + b.url() + "\", \"" + a.url() + "\"] }\n"
      "  three: { url: \"" + b.url() + "\" }\n"
      "routes:\n"
      "  - { name: one, match: { path: \"/**\", host: one.test }, upstream: one }\n"
      "  - { name: three, match: { path: \"/**\", host: three.test }, upstream: three }\n"
      "  - { name: two, match: { path: \"/**\" }, upstream: two }\n"
      "state_dir: none\n");
  const Fields first_fields = {{"Host", "one.test"}, {"If-Match", "*"}};
  const Fields second_fields = {{"Host", "three.test"}, {"If-Match", "*"}};
  RawClient first = RawClient::connect(proxy.port());
  first.send(first.compose("PUT", path, first_fields, "[1]"));
  ASSERT_TRUE(hold->wait_until_held());
  // They have no place in common, but both have one in common with a third.
  RawClient second = RawClient::connect(proxy.port());
  second.send(second.compose("PUT", path, second_fields, "[2]"));
  EXPECT_TRUE(second.stays_silent(watched));
  EXPECT_EQ(b.writes(), 0U);
  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_EQ(second.read_response().status, 200);
  EXPECT_EQ(store.get(std::string(path)), "[2]");
}

TEST_F(Upstreams, LeaveAMarkForEachPlace) {
  const TemporaryFolder folder;
  const auto with_marks = [&](const std::vector<std::string>& urls) {
    std::string text = yaml(urls, "max_waiting: 1");
    text.replace(text.find("state_dir: none"), 15, "state_dir: \"" + folder.path().string() + "\"");
    return text;
  };
  const TemporaryFolder own;
  const auto second = [&] {
    return run_to_end({ifmatch_binary(), "run", "-c",
                       own.write("ifmatch.yaml", with_marks({b.url()}))});
  };
  {
    ProxyProcess first = ProxyProcess::start(with_marks({a.url(), b.url()}));
    const Finished refused = second();
    EXPECT_EQ(refused.status, (ExitStatus{.code = 1}));
    EXPECT_NE(refused.errors.find(b.url()), std::string::npos) << refused.errors;
    first.process().signal(SIGKILL);
    EXPECT_TRUE(first.process().wait());
  }
  ProxyProcess third = ProxyProcess::start(with_marks({b.url()}));
  EXPECT_EQ(request_once(third.port(), "PUT", path, {{"If-Match", "*"}}, "[1]").status, 503)
      << "the killed one may have written";
}

// A server that answers GETs of /health as it is told to.
ScriptedUpstream::Behaviour with_health(ScriptedUpstream::Behaviour inner,
                                        std::shared_ptr<std::atomic<int>> status) {
  return [inner = std::move(inner), status](const Request& request) {
    return request.target == "/health" ? status_only(*status) : inner(request);
  };
}

std::size_t reads_at(const ScriptedUpstream& upstream) {
  std::size_t count = 0;
  for (const Request& request : upstream.requests("GET")) count += request.target == path ? 1 : 0;
  return count;
}

TEST_F(Upstreams, AreAvoidedWhileTheirChecksFailAndUsedAgainAfterwards) {
  auto status = std::make_shared<std::atomic<int>>(503);
  a.behave(with_health(store.behaviour(), status));
  b.behave(with_health(store.behaviour(), std::make_shared<std::atomic<int>>(204)));
  ProxyProcess proxy = start(
      {a.url(), b.url()},
      "health_check: { path: /health, interval: 20ms, unhealthy_after: 2, healthy_after: 2 }");
  EXPECT_TRUE(proxy.process().wait_for_line("is unhealthy: the status 503"));
  const std::size_t before = reads_at(a);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(write(proxy, "[1]"), 200);
  EXPECT_EQ(reads_at(a), before);
  EXPECT_EQ(a.writes(), 0U);
  *status = 200;
  EXPECT_TRUE(proxy.process().wait_for_line("is healthy"));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(reads_at(a), before + 2);
}

TEST_F(Upstreams, AreUsedAllTheSameWhenNoneIsHealthy) {
  auto status = std::make_shared<std::atomic<int>>(503);
  a.behave(with_health(store.behaviour(), status));
  b.behave(with_health(store.behaviour(), status));
  ProxyProcess proxy =
      start({a.url(), b.url()}, "health_check: { path: /health, interval: 20ms }");
  EXPECT_TRUE(proxy.process().wait_for_line("is unhealthy", Deadline{}, 1));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(reads_at(a), 2U);
}

TEST_F(Upstreams, ACheckThatIsNotAnsweredInTimeHasFailed) {
  const auto hold = std::make_shared<Hold>();
  a.behave([inner = store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (request.target == "/health") reply.hold = hold;
    return reply;
  });
  b.behave(with_health(store.behaviour(), std::make_shared<std::atomic<int>>(200)));
  ProxyProcess proxy = start(
      {a.url(), b.url()},
      "health_check: { path: /health, interval: 10ms, timeout: 50ms, unhealthy_after: 1 }");
  EXPECT_TRUE(proxy.process().wait_for_line("is unhealthy: no answer in time"));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(reads_at(a), 0U);
  hold->release();
}

TEST_F(Upstreams, ACheckThatIsAnsweredInPartHasFailed) {
  a.behave([inner = store.behaviour()](const Request& request) {
    if (request.target != "/health") return inner(request);
    return Reply{.verbatim = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwell", .close_after = true};
  });
  ProxyProcess proxy =
      start({a.url()}, "health_check: { path: /health, interval: 10ms, unhealthy_after: 1 }");
  EXPECT_TRUE(proxy.process().wait_for_line("is unhealthy: half an answer"));
}

TEST_F(Upstreams, AreAskedByChecksAsAPlainClientWould) {
  auto status = std::make_shared<std::atomic<int>>(200);
  a.behave(with_health(store.behaviour(), status));
  ProxyProcess proxy = start({a.url() + "/base"}, "health_check: { path: \"/health\" }");
  ASSERT_TRUE(a.wait_for("GET", 1));
  const Request check = a.requests("GET").front();
  EXPECT_EQ(check.target, "/health");
  EXPECT_EQ("http://" + check.field("Host"), a.url());
  EXPECT_EQ(check.field("Connection"), "close");
}

// Requests that are within the API at the same time.
class Crowd {
 public:
  ScriptedUpstream::Behaviour around(ScriptedUpstream::Behaviour inner, Milliseconds stay) {
    return [this, inner = std::move(inner), stay](const Request& request) {
      const int now = ++inside_;
      int most = most_;
      while (now > most && !most_.compare_exchange_weak(most, now)) {
      }
      Reply reply;
      reply.delay = stay;
      reply.later = [this, answer = inner(request)] {
        --inside_;
        return answer;
      };
      return reply;
    };
  }
  [[nodiscard]] int most() const { return most_; }

 private:
  std::atomic<int> inside_ = 0;
  std::atomic<int> most_ = 0;
};

TEST_F(Upstreams, TheLimitOfConnectionsHoldsOverAllThreadsAndNobodyStarves) {
  Crowd crowd;
  a.behave(crowd.around(store.behaviour(), Milliseconds{5}));
  const ProxyProcess proxy =
      start({a.url()}, "max_connections: 2, timeouts: { connect: 20s }", "threads: 4\n");
  std::vector<std::thread> clients;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&] {
      RawClient client = RawClient::connect(proxy.port());
      for (int round = 0; round < 5; ++round) {
        if (client.request("GET", path).status == 200) ++answered;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered, 80);
  EXPECT_EQ(crowd.most(), 2);
}

TEST_F(Upstreams, AnAttemptThatFailedCountsAsNoConnection) {
  const std::uint16_t port = free_port();
  const ProxyProcess proxy = start({"http://127.0.0.1:" + std::to_string(port)},
                                   "max_connections: 1, timeouts: { connect: 1s }");
  for (int i = 0; i < 3; ++i) expect_problem(get(proxy), 502, "upstream-unreachable");
  ScriptedUpstream late(store.behaviour(), {.port = port});
  EXPECT_EQ(get(proxy).status, 200);
}

TEST_F(Upstreams, AnIdleConnectionOfAnotherThreadMakesRoom) {
  const ProxyProcess proxy =
      start({a.url()}, "max_connections: 1, timeouts: { connect: 20s }", "threads: 4\n");
  const auto began = Clock::now();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_LT(Clock::now() - began, Milliseconds{5'000});
  EXPECT_TRUE(a.wait_for_open_connections(1));
}

TEST_F(Upstreams, ThoseWhoWaitAreBoundedInNumberAndTime) {
  const auto hold = std::make_shared<Hold>();
  a.behave([inner = store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    reply.hold = hold;
    return reply;
  });
  const ProxyProcess proxy = start(
      {a.url()}, "max_connections: 1, max_waiting: 1, timeouts: { connect: 500ms }");
  RawClient served = RawClient::connect(proxy.port());
  served.send(served.compose("GET", path));
  ASSERT_TRUE(hold->wait_until_held());
  RawClient waiting = RawClient::connect(proxy.port());
  waiting.send(waiting.compose("GET", path));
  // Of the two one waits and the other finds no room to: which is which, nobody can tell.
  const auto began = Clock::now();
  const Response third = get(proxy);
  const Response second = waiting.read_response();
  for (const Response& response : {second, third}) {
    expect_problem(response, 503, "resource-busy");
    EXPECT_TRUE(response.has("Retry-After"));
  }
  EXPECT_LT(Clock::now() - began, Milliseconds{2'000});
  EXPECT_EQ(a.count("GET"), 1U);
  hold->release();
  EXPECT_EQ(served.read_response().status, 200);
  EXPECT_EQ(get(proxy).status, 200);
}

TEST(UnixUpstream, GetsGuardedWrites) {
  const TemporaryFolder folder;
  DocumentStore store;
  store.put("/v1/people/7", "[0]");
  ScriptedUpstream upstream(store.behaviour(), {.socket = (folder.path() / "api.sock").string()});
  ProxyConfig config;
  config.upstream_url = upstream.url() + ":/v1";
  const ProxyProcess proxy = ProxyProcess::start(config);
  const Response read = request_once(proxy.port(), "GET", path);
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(request_once(proxy.port(), "PUT", path, {{"If-Match", read.tag()}}, "[1]").status, 200);
  EXPECT_EQ(request_once(proxy.port(), "PUT", path, {{"If-Match", read.tag()}}, "[2]").status, 412);
  EXPECT_EQ(store.get("/v1/people/7"), "[1]");
  EXPECT_EQ(upstream.writes(), 1U);
}

TEST(UnixUpstream, ThatIsNotThereIsUnreachable) {
  const TemporaryFolder folder;
  ProxyConfig config;
  config.upstream_url = "unix:" + (folder.path() / "none.sock").string();
  const ProxyProcess proxy = ProxyProcess::start(config);
  expect_problem(request_once(proxy.port(), "GET", path), 502, "upstream-unreachable");
  DocumentStore store;
  store.put(std::string(path), "[0]");
  ScriptedUpstream upstream(store.behaviour(), {.socket = (folder.path() / "none.sock").string()});
  EXPECT_EQ(request_once(proxy.port(), "GET", path).status, 200);
}

}  // namespace
}  // namespace ifmatch::support
