// A new configuration while requests are under way: what it changes, what survives it, and that no
// guarded write begins beside one that was forwarded under other rules.
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

class Reload : public ::testing::Test {
 protected:
  // The routes of a configuration in front of the store.
  [[nodiscard]] ProxyConfig with_routes(std::string routes) const {
    ProxyConfig config;
    config.upstream_url = server.upstream.url();
    config.routes = std::move(routes);
    return config;
  }
  [[nodiscard]] ProxyProcess& proxy() { return server.proxy; }

  GuardedStore server;
};

constexpr const char* everything =
    "  - { name: everything, match: { path: \"/**\" }, upstream: api }\n";

TEST_F(Reload, AddsARouteAndRemovesIt) {
  server.store.put("/a", "1");
  server.store.put("/docs/a", "1");
  ASSERT_TRUE(proxy().reload(with_routes(
      "  - { name: docs, match: { path: \"/docs/**\" }, upstream: api, mode: bypass }\n")));
  EXPECT_EQ(server.request("GET", "/a").status, 404);
  const Response passed = server.request("GET", "/docs/a");
  EXPECT_EQ(passed.status, 200);
  EXPECT_FALSE(passed.has("ETag"));
  ASSERT_TRUE(proxy().reload(with_routes(everything)));
  EXPECT_TRUE(is_our_tag(server.read_tag("/a")));
  EXPECT_TRUE(is_our_tag(server.read_tag("/docs/a")));
}

TEST_F(Reload, OfABrokenFileIsRefusedAndSaysWhy) {
  server.store.put("/a", "1");
  ProxyConfig broken = with_routes(everything);
  broken.defaults = "on_mising: 428";
  EXPECT_FALSE(proxy().reload(broken));
  EXPECT_TRUE(proxy().process().wait_for_line("did you mean 'on_missing'?"));
  EXPECT_TRUE(is_our_tag(server.read_tag("/a")));
  EXPECT_EQ(server.request("PUT", "/a", {}, "2").status, 412) << "the old rule";
  broken.defaults = "on_missing: 428";
  EXPECT_TRUE(proxy().reload(broken));
  EXPECT_EQ(server.request("PUT", "/a", {}, "2").status, 428);
}

TEST_F(Reload, ThatCannotListenIsRefused) {
  const ScriptedUpstream occupied([](const Request&) { return Reply{}; });
  ProxyConfig config = with_routes(everything);
  std::string text = config.yaml();
  const std::string more = "  - { name: more, address: \"127.0.0.1:" +
                           std::to_string(occupied.port()) + "\" }\n";
  text.insert(text.find("upstreams:"), more);
  EXPECT_FALSE(proxy().reload(text));
  EXPECT_TRUE(proxy().process().wait_for_line("cannot listen on 127.0.0.1:"));
  EXPECT_TRUE(proxy().reload(config)) << "it still serves, and may be told better";
}

TEST_F(Reload, NamesWhatMustWaitForTheNextStart) {
  ProxyConfig config = with_routes(everything);
  config.more = "threads: 7\nstore: { max_resources: 5000 }\n";
  ASSERT_TRUE(proxy().reload(config));
  EXPECT_TRUE(proxy().process().wait_for_line("threads: takes effect at the next start"));
  EXPECT_TRUE(
      proxy().process().wait_for_line("store.max_resources: takes effect at the next start"));
  ASSERT_TRUE(proxy().reload(config));
  EXPECT_TRUE(proxy().process().wait_for_line("threads: takes", Deadline{}, 1)) << "it still must";
  ASSERT_TRUE(proxy().reload(with_routes(everything)));
  const std::string errors = proxy().process().errors();
  const auto in_force = errors.rfind("is in force");
  EXPECT_EQ(errors.find("takes effect", in_force), std::string::npos) << errors;
}

TEST_F(Reload, LeadsToAnotherUpstream) {
  server.store.put("/a", "old");
  DocumentStore other;
  other.put("/a", "new");
  const ScriptedUpstream moved(other.behaviour());
  RawClient client = RawClient::connect(proxy().port());
  EXPECT_EQ(client.request("GET", "/a").body, "old");
  ASSERT_TRUE(server.upstream.wait_for_open_connections(1));
  ProxyConfig config = with_routes(everything);
  config.upstream_url = moved.url();
  ASSERT_TRUE(proxy().reload(config));
  EXPECT_EQ(client.request("GET", "/a").body, "new") << "on the connection of before";
  EXPECT_TRUE(server.upstream.wait_for_open_connections(0)) << "idle ones are closed";
}

TEST_F(Reload, KeepsNoConnectionToAnUpstreamThatIsUsedNoLonger) {
  server.store.put("/a", "1");
  const auto hold = std::make_shared<Hold>();
  const auto longer = std::make_shared<Hold>();
  server.upstream.behave([=, inner = server.store.behaviour()](const Request& request) {
    Reply reply = inner(request);
    reply.hold = request.has("X-Longer") ? longer : hold;
    return reply;
  });
  ProxyConfig config = with_routes(everything);
  config.more = "threads: 1\n";
  ProxyProcess alone = ProxyProcess::start(config);
  // Two, of which the second keeps all that the first has used.
  RawClient first = RawClient::connect(alone.port());
  first.send(first.compose("GET", "/a"));
  RawClient second = RawClient::connect(alone.port());
  second.send(second.compose("GET", "/a", {{"X-Longer", "yes"}}));
  ASSERT_TRUE(server.upstream.wait_for("GET", 2));
  const ScriptedUpstream moved(server.store.behaviour());
  config.upstream_url = moved.url();
  ASSERT_TRUE(alone.reload(config));
  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_TRUE(server.upstream.wait_for_open_connections(1));
  longer->release();
  EXPECT_EQ(second.read_response().status, 200);
  EXPECT_TRUE(server.upstream.wait_for_open_connections(0));
}

TEST_F(Reload, KeepsTheConnectionsToAnUpstreamThatIsTheSame) {
  server.store.put("/a", "1");
  RawClient client = RawClient::connect(proxy().port());
  EXPECT_EQ(client.request("GET", "/a").status, 200);
  ProxyConfig config = with_routes(everything);
  config.defaults = "on_missing: 428";
  ASSERT_TRUE(proxy().reload(config));
  EXPECT_EQ(client.request("GET", "/a").status, 200);
  EXPECT_EQ(server.upstream.connections_accepted(), 1);
}

TEST_F(Reload, KeepsWhatIsRecordedWhereNothingBindsOtherwise) {
  server.store.put("/a", "1");
  const std::string recorded =
      "  - { name: all, match: { path: \"/**\" }, upstream: api, check: recorded }\n";
  ASSERT_TRUE(proxy().reload(with_routes(recorded)));
  const std::string tag = server.read_tag("/a");
  ProxyConfig louder = with_routes(recorded);
  louder.listener = "timeouts: { idle: 20s }";
  ASSERT_TRUE(proxy().reload(louder));
  server.upstream.forget();
  EXPECT_EQ(server.put("/a", tag, "2").status, 200);
  EXPECT_EQ(server.upstream.count("GET"), 0U) << "no probe was needed";
}

TEST_F(Reload, VoidsEveryTagWithTheSecret) {
  server.store.put("/a", "1");
  const std::string recorded =
      "  - { name: all, match: { path: \"/**\" }, upstream: api, check: recorded }\n";
  ASSERT_TRUE(proxy().reload(with_routes(recorded)));
  const std::string old_tag = server.read_tag("/a");
  ProxyConfig secret = with_routes(recorded);
  secret.more = "etag_secret_file: " + proxy().folder().write("secret", "0123456789abcdef0123") +
                "\n";
  ASSERT_TRUE(proxy().reload(secret));
  EXPECT_EQ(server.put("/a", old_tag, "2").status, 412);
  const std::string tag = server.read_tag("/a");
  EXPECT_NE(tag, old_tag);
  EXPECT_EQ(server.put("/a", tag, "2").status, 200);
  EXPECT_EQ(server.put("/a", tag, "3").status, 412);
}

// A client whose write is held at the API, on a thread of its own.
class WriteUnderWay {
 public:
  WriteUnderWay(GuardedStore& server, std::string target, Fields fields)
      : client_(RawClient::connect(server.proxy.port())) {
    client_.send(client_.compose("PUT", target, fields, "held"));
  }
  [[nodiscard]] int status() { return client_.read_response().status; }

 private:
  RawClient client_;
};

// DESIGN 3.3.5: what is forwarded under the old configuration is settled first.
TEST_F(Reload, LetsAGuardedWriteBeginOnlyWhenUnguardedOnesAreSettled) {
  server.store.put("/a", "1");
  ASSERT_TRUE(proxy().reload(with_routes(
      "  - { name: all, match: { path: \"/**\" }, upstream: api, mode: bypass }\n")));
  const auto hold = std::make_shared<Hold>();
  server.hold_writes(hold);
  WriteUnderWay unguarded(server, "/a", {});
  ASSERT_TRUE(server.upstream.wait_for("PUT", 1));
  ASSERT_TRUE(proxy().reload(with_routes(everything)));
  const std::string tag = server.read_tag("/a");
  RawClient guarded = RawClient::connect(proxy().port());
  guarded.send(guarded.compose("PUT", "/a", {{"If-Match", tag}}, "late"));
  EXPECT_TRUE(guarded.stays_silent(Milliseconds(300)));
  EXPECT_EQ(server.upstream.count("PUT"), 1U) << "it has not begun";
  hold->release();
  EXPECT_EQ(unguarded.status(), 200);
  EXPECT_EQ(guarded.read_response().status, 412) << "its tag is what the older write replaced";
}

TEST_F(Reload, LetsAGuardedWriteBeginOnlyWhenThoseOfOtherNamesAreSettled) {
  server.store.put("/a", "1");
  server.store.put("/b", "1");
  const std::string tag_a = server.read_tag("/a");
  const std::string tag_b = server.read_tag("/b");
  const auto hold = std::make_shared<Hold>();
  server.hold_writes(hold);
  WriteUnderWay older(server, "/a", {{"If-Match", tag_a}});
  ASSERT_TRUE(server.upstream.wait_for("PUT", 1));
  // From now on /a and /b are one.
  ASSERT_TRUE(proxy().reload(with_routes(
      "  - { name: all, match: { path: \"/{x}\" }, upstream: api, resource: \"both\" }\n")));
  RawClient newer = RawClient::connect(proxy().port());
  newer.send(newer.compose("PUT", "/b", {{"If-Match", tag_b}}, "late"));
  EXPECT_TRUE(newer.stays_silent(Milliseconds(300)));
  EXPECT_EQ(server.upstream.count("PUT"), 1U);
  hold->release();
  EXPECT_EQ(older.status(), 200);
  EXPECT_EQ(newer.read_response().status, 200);
}

TEST_F(Reload, LetsAGuardedWriteBeginOnlyWhenThoseToTheOldUpstreamAreSettled) {
  server.store.put("/a", "1");
  const std::string tag = server.read_tag("/a");
  const auto hold = std::make_shared<Hold>();
  server.hold_writes(hold);
  WriteUnderWay older(server, "/a", {{"If-Match", tag}});
  ASSERT_TRUE(server.upstream.wait_for("PUT", 1));
  // Another way to the same documents.
  const ScriptedUpstream other_way(server.store.behaviour());
  ProxyConfig config = with_routes(everything);
  config.upstream_url = other_way.url();
  ASSERT_TRUE(proxy().reload(config));
  RawClient newer = RawClient::connect(proxy().port());
  newer.send(newer.compose("PUT", "/a", {{"If-Match", tag}}, "late"));
  EXPECT_TRUE(newer.stays_silent(Milliseconds(300)));
  EXPECT_EQ(other_way.count("PUT"), 0U);
  hold->release();
  EXPECT_EQ(older.status(), 200);
  EXPECT_EQ(newer.read_response().status, 412);
}

// The older one has been decided: what comes in between would be overwritten by it.
TEST_F(Reload, LetsAnUnguardedWriteBeginOnlyWhenGuardedOnesToTheOldUpstreamAreSettled) {
  server.store.put("/a", "1");
  const std::string tag = server.read_tag("/a");
  const auto hold = std::make_shared<Hold>();
  server.hold_writes(hold);
  WriteUnderWay older(server, "/a", {{"If-Match", tag}});
  ASSERT_TRUE(server.upstream.wait_for("PUT", 1));
  const ScriptedUpstream other_way(server.store.behaviour());
  ProxyConfig config = with_routes(everything);
  config.upstream_url = other_way.url();
  ASSERT_TRUE(proxy().reload(config));
  RawClient newer = RawClient::connect(proxy().port());
  newer.send(newer.compose("POST", "/a", {}, "more"));
  EXPECT_TRUE(newer.stays_silent(Milliseconds(300)));
  EXPECT_EQ(other_way.writes(), 0U);
  hold->release();
  EXPECT_EQ(older.status(), 200);
  EXPECT_EQ(newer.read_response().status / 100, 2);
}

// What a killed instance has sent may land whatever the API is called meanwhile.
TEST_F(Reload, TakesTheQuarantineOfAnUncleanEndAlongToAnotherUpstream) {
  const TemporaryFolder marks;
  server.store.put("/a", "1");
  const ScriptedUpstream other_way(server.store.behaviour());
  ProxyConfig config = with_routes(everything);
  config.upstream_url = server.upstream.url();
  config.state_dir = marks.path();
  config.defaults = "in_doubt: 1h, gate: { wait: 300ms }";
  {
    ProxyProcess killed = ProxyProcess::start(config);
    killed.process().signal(SIGKILL);
    ASSERT_TRUE(killed.process().wait());
  }
  ProxyProcess next = ProxyProcess::start(config);
  config.upstream_url = other_way.url();
  ASSERT_TRUE(next.reload(config));
  const Response refused = request_once(next.port(), "PUT", "/a", {{"If-Match", "*"}}, "2");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(other_way.writes(), 0U);
  EXPECT_EQ(request_once(next.port(), "GET", "/a").status, 200);
}

// A write of which the last octets have not been sent.
class WriteComingIn {
 public:
  WriteComingIn(const GuardedStore& server, const Fields& fields)
      : client_(RawClient::connect(server.proxy.port())) {
    const std::string whole = client_.compose("PUT", "/a", fields, "0123456789");
    constexpr std::size_t missing = 5;
    rest_ = whole.substr(whole.size() - missing);
    client_.send(whole.substr(0, whole.size() - missing));
  }
  [[nodiscard]] Response finish() {
    client_.send(rest_);
    return client_.read_response();
  }

 private:
  RawClient client_;
  std::string rest_;
};

TEST_F(Reload, BeginsAnewWithARequestThatWasStillComingIn) {
  server.store.put("/a", "1");
  WriteComingIn write(server, {{"If-Match", server.read_tag("/a")}});
  ASSERT_TRUE(proxy().reload(with_routes(
      "  - { name: all, match: { path: \"/{x}\" }, upstream: api, resource: \"one\" }\n")));
  EXPECT_EQ(write.finish().status, 200);
  EXPECT_EQ(server.store.get("/a"), "0123456789");
  EXPECT_EQ(server.upstream.count("PUT"), 1U);
}

TEST_F(Reload, DecidesARequestThatWasStillComingInByTheNewRules) {
  server.store.put("/a", "1");
  ASSERT_TRUE(proxy().reload(with_routes(
      "  - { name: all, match: { path: \"/**\" }, upstream: api, on_missing: allow }\n")));
  WriteComingIn write(server, {});
  ASSERT_TRUE(proxy().reload(with_routes(everything)));
  expect_problem(write.finish(), 412, "precondition-missing");
  EXPECT_EQ(server.upstream.writes(), 0U);
}

TEST_F(Reload, SendsARequestThatWasStillComingInWhereNothingIsGuardedAnyMore) {
  for (const char* mode : {"bypass", "observe"}) {
    server.store.put("/a", "1");
    server.upstream.forget();
    ASSERT_TRUE(proxy().reload(with_routes(everything)));
    WriteComingIn write(server, {{"If-Match", server.read_tag("/a")}});
    ASSERT_TRUE(proxy().reload(with_routes(
        "  - { name: all, match: { path: \"/**\" }, upstream: api, mode: " + std::string(mode) +
        " }\n")));
    EXPECT_EQ(write.finish().status, 200) << mode;
    EXPECT_EQ(server.store.get("/a"), "0123456789") << mode;
    ASSERT_EQ(server.upstream.writes(), 1U) << mode;
    const bool observes = mode == std::string("observe");
    EXPECT_EQ(server.upstream.requests("PUT").front().has("If-Match"), !observes)
        << "an API that is observed does not know our tags";
  }
}

TEST_F(Reload, AddsAListenerAndRemovesIt) {
  server.store.put("/a", "1");
  const std::string one = with_routes(everything).yaml();
  std::string two = one;
  two.insert(two.find("upstreams:"), "  - { name: second, address: \"127.0.0.1:0\" }\n");
  ASSERT_TRUE(proxy().reload(two));
  const auto line = proxy().process().wait_for_line(" listening on 127.0.0.1:", Deadline{}, 1);
  ASSERT_TRUE(line);
  const auto port = static_cast<std::uint16_t>(std::stoul(line->substr(line->rfind(':') + 1)));
  ASSERT_NE(port, proxy().port());
  RawClient idle = RawClient::connect(port);
  EXPECT_EQ(idle.request("GET", "/a").status, 200);
  RawClient kept = RawClient::connect(proxy().port());
  EXPECT_EQ(kept.request("GET", "/a").status, 200);
  ASSERT_TRUE(proxy().reload(one));
  EXPECT_TRUE(idle.expect_closed());
  EXPECT_ANY_THROW(static_cast<void>(RawClient::connect(port)));
  EXPECT_EQ(kept.request("GET", "/a").status, 200);
}

TEST_F(Reload, AppliesNewLimitsToTheNextRequestOfAConnection) {
  server.store.put("/a", "1");
  RawClient client = RawClient::connect(proxy().port());
  const std::string longer = "/a?" + std::string(200, 'x');
  EXPECT_EQ(client.request("GET", longer).status, 200);
  ProxyConfig config = with_routes(everything);
  config.listener = "limits: { target_bytes: 100B }";
  ASSERT_TRUE(proxy().reload(config));
  EXPECT_EQ(client.request("GET", longer).status, 414);
}

// A client that is kept may be a proxy that is no longer to be believed.
TEST_F(Reload, JudgesAnewWhomAConnectionSpeaksFor) {
  ProxyConfig config = with_routes(everything);
  config.more = "trusted_proxies: [127.0.0.1]\n";
  ASSERT_TRUE(proxy().reload(config));
  RawClient client = RawClient::connect(proxy().port());
  const Fields claim{{"X-Forwarded-For", "192.0.2.7"}};
  static_cast<void>(client.request("GET", "/a", claim));
  EXPECT_EQ(server.upstream.requests("GET").back().field("X-Forwarded-For"),
            "192.0.2.7, 127.0.0.1");
  ASSERT_TRUE(proxy().reload(with_routes(everything)));
  static_cast<void>(client.request("GET", "/a", claim));
  EXPECT_EQ(server.upstream.requests("GET").back().field("X-Forwarded-For"), "127.0.0.1");
}

TEST_F(Reload, MakesRoomForMoreConnections) {
  const pid_t process = proxy().process().pid();
  rlimit limit{};
  ASSERT_EQ(::prlimit(process, RLIMIT_NOFILE, nullptr, &limit), 0);
  limit.rlim_cur = 100;
  ASSERT_EQ(::prlimit(process, RLIMIT_NOFILE, &limit, nullptr), 0);
  ProxyConfig config = with_routes(everything);
  config.listener = "max_connections: 150";
  config.upstream = "max_connections: 50";
  ASSERT_TRUE(proxy().reload(config));
  ASSERT_EQ(::prlimit(process, RLIMIT_NOFILE, nullptr, &limit), 0);
  EXPECT_GE(limit.rlim_cur, 200U);
}

// Every origin that a configuration used had a mark; none is left behind by those that followed.
TEST_F(Reload, ReleasesTheMarkOfAnOriginThatIsNoLongerUsed) {
  TemporaryFolder marks;
  server.store.put("/a", "1");
  const ScriptedUpstream other(server.store.behaviour());
  ProxyConfig config = with_routes(everything);
  config.state_dir = marks.path();
  ProxyProcess marked = ProxyProcess::start(config);
  EXPECT_EQ(request_once(marked.port(), "GET", "/a").status, 200);
  config.upstream_url = other.url();
  ASSERT_TRUE(marked.reload(config));
  EXPECT_TRUE(marked.process().wait_for_line("no route leads there any more"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(marks.path()), {}), 1);
  EXPECT_EQ(marked.stop(), (ExitStatus{0, 0}));
  EXPECT_TRUE(std::filesystem::is_empty(marks.path()));
}

}  // namespace
}  // namespace ifmatch::support
