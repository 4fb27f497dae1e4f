// What the admin server shows of a running proxy: numbers that equal what was done, readiness, and
// the changes that it is asked for.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/integration/admin_fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr const char* requests = "ifmatch_requests_total";
constexpr const char* decisions = "ifmatch_decisions_total";

std::string of_request(const std::string& method, int code) {
  return std::string(requests) + "{route=\"everything\",method=\"" + method + "\",code=\"" +
         std::to_string(code) + "\"}";
}

std::string of_decision(const std::string& decision) {
  return std::string(decisions) + "{route=\"everything\",mode=\"enforce\",decision=\"" + decision +
         "\"}";
}

TEST(Metrics, EqualWhatWasDone) {
  AdminStore server;
  server.store.put("/a", "1");
  std::string tag;
  for (int time = 0; time < 5; ++time) tag = server.read_tag("/a");
  EXPECT_EQ(server.request("GET", "/a", {{"If-None-Match", tag}}).status, 304);
  for (int time = 0; time < 3; ++time) EXPECT_EQ(server.request("PUT", "/a", {}, "2").status, 412);
  EXPECT_EQ(server.put("/a", "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "2").status, 412);
  EXPECT_EQ(server.put("/a", "\"other\"", "2").status, 412);
  EXPECT_EQ(server.request("PUT", "/a", {{"If-None-Match", "*"}}, "2").status, 412);
  EXPECT_EQ(server.request("PUT", "/a", {{"If-Match", "x"}}, "2").status, 400);
  EXPECT_EQ(server.put("/a", tag, "2").status / 100, 2);
  EXPECT_EQ(server.put("/a", tag, "3").status, 412);

  EXPECT_TRUE(server.comes_to(of_request("GET", 200), 5));
  EXPECT_TRUE(server.comes_to(of_request("GET", 304), 1));
  EXPECT_TRUE(server.comes_to(of_request("PUT", 412), 7));
  EXPECT_TRUE(server.comes_to(of_request("PUT", 400), 1));
  EXPECT_TRUE(server.comes_to(of_decision("missing"), 3));
  EXPECT_TRUE(server.comes_to(of_decision("stale"), 3));
  EXPECT_TRUE(server.comes_to(of_decision("exists"), 1));
  EXPECT_TRUE(server.comes_to(of_decision("malformed"), 1));
  EXPECT_TRUE(server.comes_to(of_decision("pass"), 1));
  EXPECT_EQ(server.metric(of_decision("busy")), 0);
  EXPECT_EQ(server.metric("ifmatch_probe_window_seconds_count"), 1);
  EXPECT_GE(server.metric("ifmatch_probes_total{route=\"everything\",result=\"version\"}"), 1);
  EXPECT_EQ(server.metric("ifmatch_upstream_seconds_count{upstream=\"api\"}"), 7)
      << "six reads and one write were forwarded";
  EXPECT_GE(server.metric("ifmatch_records"), 1);
  EXPECT_EQ(server.metric("ifmatch_gates_busy"), 0);
}

TEST(Metrics, CountTheRarerDecisionsAsOftenAsTheyWereMade) {
  ProxyConfig config;
  config.defaults = "gate: { wait: 100ms }, in_doubt: 1h";
  AdminStore server(config);
  server.store.put("/a", "1");
  const std::string tag = server.read_tag("/a");
  EXPECT_EQ(server.request("put", "/a", {}, "2").status, 400);
  EXPECT_TRUE(server.comes_to(of_decision("ambiguous"), 1));
  // Somebody is in the way until the time at the gate is over.
  const auto hold = std::make_shared<Hold>();
  server.hold_writes(hold);
  std::thread writer([&] { EXPECT_EQ(server.put("/a", tag, "2").status / 100, 2); });
  ASSERT_TRUE(eventually([&] { return server.metric("ifmatch_gates_busy") > 0; }));
  EXPECT_EQ(server.put("/a", tag, "3").status, 503);
  EXPECT_TRUE(server.comes_to(of_decision("busy"), 1));
  hold->release();
  writer.join();
  // An outcome that nobody can know, and who comes after it.
  const std::string next = server.read_tag("/a");
  server.upstream.behave([inner = server.store.behaviour()](const Request& request) {
    return request.method == "PUT" ? Reply{.status = 503} : inner(request);
  });
  EXPECT_EQ(server.put("/a", next, "4").status, 503);
  for (int time = 0; time < 2; ++time) EXPECT_EQ(server.put("/a", next, "5").status, 503);
  EXPECT_TRUE(server.comes_to(of_decision("in_doubt"), 2));
  // Nobody says which version is current.
  server.upstream.behave([](const Request&) { return Reply{.status = 500}; });
  for (int time = 0; time < 3; ++time) {
    EXPECT_EQ(server.request("PUT", "/b", {{"If-Match", tag}}, "1").status, 502);
  }
  EXPECT_TRUE(server.comes_to(of_decision("unverifiable"), 3));
  EXPECT_TRUE(server.comes_to(
      "ifmatch_probes_total{route=\"everything\",result=\"undecidable\"}", 3));
  EXPECT_EQ(server.metric(of_decision("pass")), 2);
  EXPECT_EQ(server.metric(of_decision("busy")), 1);
  EXPECT_EQ(server.metric(of_decision("ledger")), 0);
  EXPECT_GE(server.metric("ifmatch_gate_wait_seconds_sum"), 0.1);
  EXPECT_GE(server.metric("ifmatch_ledger_seconds_count{op=\"claim\"}"), 1);
}

TEST(Metrics, AreAcceptedByPromtool) {
  AdminStore server;
  server.store.put("/a", "1");
  const std::string tag = server.read_tag("/a");
  EXPECT_EQ(server.put("/a", tag, "2").status / 100, 2);
  EXPECT_EQ(server.request("BREW", "/nothing\"here").status / 100, 4);
  ASSERT_TRUE(server.comes_to(of_decision("pass"), 1));
  const Response metrics = server.admin("GET", "/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_EQ(metrics.field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  Process::Options options;
  options.input = metrics.body;
  const Finished checked = run_to_end({"promtool", "check", "metrics"}, std::move(options));
  EXPECT_EQ(checked.status, (ExitStatus{0, 0})) << checked.output << checked.errors;
  EXPECT_EQ(checked.output + checked.errors, "");
}

TEST(Metrics, GrowOnlyWhileThereIsLoad) {
  AdminStore server;
  server.store.put("/a", "1");
  constexpr int clients = 3;
  constexpr int reads = 200;
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int client = 0; client < clients; ++client) {
    threads.emplace_back([&] {
      RawClient connection = RawClient::connect(server.proxy.port());
      for (int time = 0; time < reads; ++time) {
        if (connection.request("GET", "/a").status != 200) ++failures;
      }
    });
  }
  double seen = 0;
  for (int scrape = 0; scrape < 30; ++scrape) {
    const double value = std::max(0.0, server.metric(of_request("GET", 200)));
    EXPECT_GE(value, seen);
    seen = value;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_TRUE(server.comes_to(of_request("GET", 200), clients * reads));
}

TEST(Metrics, ShowConnectionsAndWhoWaitsForOne) {
  ProxyConfig config;
  config.upstream = "timeouts: { connect: 15s, response: 15s }, max_connections: 1";
  AdminStore server(config);
  const auto hold = std::make_shared<Hold>();
  server.upstream.behave([hold](const Request&) { return Reply{.hold = hold}; });
  RawClient first = RawClient::connect(server.proxy.port());
  first.send(first.compose("GET", "/a"));
  ASSERT_TRUE(hold->wait_until_held());
  RawClient second = RawClient::connect(server.proxy.port());
  second.send(second.compose("GET", "/b"));
  const auto of = [](const std::string& state) {
    return "ifmatch_upstream_connections{upstream=\"api\",state=\"" + state + "\"}";
  };
  EXPECT_TRUE(server.comes_to(of("waiting"), 1));
  EXPECT_TRUE(server.comes_to(of("active"), 1));
  EXPECT_TRUE(server.comes_to("ifmatch_client_connections", 2));
  hold->release();
  EXPECT_EQ(first.read_response().status, 200);
  EXPECT_EQ(second.read_response().status, 200);
  EXPECT_TRUE(server.comes_to(of("waiting"), 0));
  EXPECT_TRUE(server.comes_to(of("active"), 0));
  EXPECT_TRUE(server.comes_to(of("idle"), 1));
}

TEST(Metrics, TellOfAChangeAroundTheProxy) {
  AdminStore server;
  server.store.put("/a", "1");
  (void)server.read_tag("/a");
  server.store.put("/a", "changed behind its back");
  (void)server.read_tag("/a");
  EXPECT_TRUE(server.comes_to("ifmatch_out_of_band_changes_total{route=\"everything\"}", 1));
}

TEST(Metrics, CountConnectionsWithoutTheirProxyHeader) {
  ProxyConfig config;
  config.listener = "proxy_protocol: required";
  config.more = "trusted_proxies: [127.0.0.1]\n";
  AdminStore server(config);
  RawClient client = RawClient::connect(server.proxy.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.expect_closed());
  EXPECT_TRUE(server.comes_to("ifmatch_proxy_headers_refused_total{reason=\"broken\"}", 1));
  EXPECT_EQ(server.metric("ifmatch_proxy_headers_refused_total{reason=\"untrusted\"}"), 0);
}

TEST(Pages, ShowStatusRoutesAndUpstreams) {
  AdminStore server;
  server.store.put("/a", "1");
  (void)server.read_tag("/a");
  ASSERT_TRUE(server.comes_to(of_request("GET", 200), 1));
  const Response status = server.admin("GET", "/api/v1/status");
  EXPECT_EQ(status.status, 200);
  EXPECT_EQ(status.field("Content-Type"), "application/json");
  EXPECT_EQ(status.field("Cache-Control"), "no-store");
  EXPECT_EQ(json_member(status.body, "phase"), "serving");
  EXPECT_NE(json_member(status.body, "version"), "");
  EXPECT_NE(status.body.find("\"pid\":" + std::to_string(server.proxy.process().pid())),
            std::string::npos);
  EXPECT_NE(status.body.find("\"requests\":1,"), std::string::npos) << status.body;
  EXPECT_NE(status.body.find("\"127.0.0.1:" + std::to_string(server.proxy.port()) + "\""),
            std::string::npos);

  const Response routes = server.admin("GET", "/api/v1/routes");
  EXPECT_EQ(json_member(routes.body, "name"), "everything");
  EXPECT_EQ(json_member(routes.body, "mode"), "enforce");
  EXPECT_NE(routes.body.find("\"answers\":{\"200\":1}"), std::string::npos) << routes.body;

  const Response upstreams = server.admin("GET", "/api/v1/upstreams");
  EXPECT_EQ(json_member(upstreams.body, "name"), "api");
  EXPECT_EQ(json_member(upstreams.body, "url"), server.upstream.url());
  EXPECT_TRUE(eventually([&] {
    return server.admin("GET", "/api/v1/upstreams").body.find("\"idle\":1") != std::string::npos;
  }));
  const Response pretty = server.admin("GET", "/api/v1/status?pretty");
  EXPECT_NE(pretty.body.find("{\n  \"version\": "), std::string::npos) << pretty.body;
}

TEST(Pages, ShowWhyAWriteWasRefused) {
  AdminStore server;
  server.store.put("/A", "1");
  const std::string tag = server.read_tag("/A");
  EXPECT_EQ(server.put("/A", tag, "2").status / 100, 2);
  const Fields traced{{"If-Match", tag},
                      {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
  EXPECT_EQ(server.request("PUT", "/A", traced, "3").status, 412);
  ASSERT_TRUE(server.comes_to(of_decision("stale"), 1));
  const std::string all = server.admin("GET", "/api/v1/decisions").body;
  const std::string refused = server.admin("GET", "/api/v1/decisions?refused").body;
  EXPECT_NE(all.find("\"decision\":\"pass\""), std::string::npos) << all;
  EXPECT_EQ(refused.find("\"decision\":\"pass\""), std::string::npos) << refused;
  EXPECT_EQ(json_member(refused, "decision"), "stale");
  EXPECT_EQ(json_member(refused, "method"), "PUT");
  EXPECT_EQ(json_member(refused, "route"), "everything");
  EXPECT_EQ(json_member(refused, "resource"), "/a");
  EXPECT_EQ(json_member(refused, "trace_id"), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_NE(refused.find("\"status\":412"), std::string::npos);
  EXPECT_NE(json_member(refused, "reason").find("another version"), std::string::npos);
}

TEST(Pages, ShowTheResourceThatIsFoughtOver) {
  AdminStore server;
  server.store.put("/hot", "1");
  server.store.put("/cold", "another one");
  const auto hold = std::make_shared<Hold>();
  const std::string tag = server.read_tag("/hot");
  server.hold_writes(hold);
  std::thread writer([&] { EXPECT_EQ(server.put("/hot", tag, "2").status / 100, 2); });
  ASSERT_TRUE(eventually([&] { return server.metric("ifmatch_gates_busy") > 0; }));
  std::thread waiter([&] { (void)server.request("POST", "/hot", {}, "x"); });
  ASSERT_TRUE(eventually([&] { return server.metric("ifmatch_gates_busy") > 0; }));
  for (int time = 0; time < 4; ++time) {
    EXPECT_EQ(server.put("/cold", tag, "2").status, 412) << "of another resource";
  }
  for (int time = 0; time < 6; ++time) {
    EXPECT_EQ(server.put("/hot", "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "3").status, 412);
  }
  hold->release();
  writer.join();
  waiter.join();
  ASSERT_TRUE(server.comes_to(of_decision("stale"), 10));
  std::string page;
  ASSERT_TRUE(eventually([&] {
    page = server.admin("GET", "/api/v1/hot").body;
    return json_member(page, "resource") == "/hot";
  })) << page;
  EXPECT_LT(page.find("\"/hot\""), page.find("\"/cold\"")) << page;
  EXPECT_NE(page.find("\"stale\":6"), std::string::npos) << page;
}

TEST(Pages, ShowWhatWasObserved) {
  ProxyConfig config;
  config.defaults = "mode: observe";
  AdminStore server(config);
  server.store.put("/a", "1");
  const auto as = [&](const char* client, const char* method, const char* body) {
    return server.request(method, "/a", {{"User-Agent", client}}, body).status;
  };
  EXPECT_EQ(as("one", "GET", ""), 200);
  EXPECT_EQ(as("other", "GET", ""), 200);
  EXPECT_EQ(as("one", "PUT", "2") / 100, 2);
  EXPECT_EQ(as("other", "PUT", "3") / 100, 2) << "the update of one is lost";
  std::string page;
  EXPECT_TRUE(eventually([&] {
    page = server.admin("GET", "/api/v1/observe").body;
    return page.find("\"lost\":1") != std::string::npos;
  })) << page;
  EXPECT_EQ(json_member(page, "route"), "everything");
  EXPECT_NE(page.find("\"client\":\"other\""), std::string::npos) << page;
  EXPECT_NE(page.find("\"writes\":2"), std::string::npos) << page;
  const std::string missing =
      "ifmatch_decisions_total{route=\"everything\",mode=\"observe\",decision=\"missing\"}";
  EXPECT_TRUE(server.comes_to(missing, 2));
}

TEST(Health, IsGoodWhileTheUpstreamIsGone) {
  AdminStore server;
  EXPECT_EQ(server.admin("GET", "/livez").status, 200);
  EXPECT_EQ(server.admin("GET", "/readyz").status, 200);
  server.upstream.stop();
  EXPECT_EQ(server.request("GET", "/a").status, 502);
  EXPECT_EQ(server.admin("GET", "/livez").status, 200);
  const Response ready = server.admin("GET", "/readyz?verbose");
  EXPECT_EQ(ready.status, 200);
  EXPECT_NE(ready.body.find("[+]phase serving\n"), std::string::npos) << ready.body;
  EXPECT_NE(ready.body.find("upstream api"), std::string::npos) << ready.body;
}

TEST(Drain, MakesItNotReadyAndEndsItInOrder) {
  AdminStore server;
  server.ended = true;
  server.store.put("/a", "1");
  const std::string tag = server.read_tag("/a");
  const auto hold = std::make_shared<Hold>();
  server.hold_writes(hold);
  int status = 0;
  std::thread writer([&] { status = server.put("/a", tag, "2").status; });
  ASSERT_TRUE(eventually([&] { return server.metric("ifmatch_gates_busy") > 0; }));
  EXPECT_EQ(server.admin("POST", "/api/v1/drain").status, 202);
  EXPECT_TRUE(eventually([&] { return server.admin("GET", "/readyz").status == 503; }));
  EXPECT_EQ(server.admin("GET", "/livez").status, 200);
  EXPECT_NE(server.admin("GET", "/readyz?verbose").body.find("[-]phase draining"),
            std::string::npos);
  hold->release();
  writer.join();
  EXPECT_EQ(status / 100, 2);
  EXPECT_EQ(server.proxy.process().wait(), (ExitStatus{0, 0}));
}

// `ifmatch drain` before a container is stopped, and then the signal that stops it.
TEST(Drain, IsHastenedNeitherByAnotherOneNorByTheFirstSignal) {
  AdminStore server;
  server.ended = true;
  server.store.put("/a", "1");
  const std::string tag = server.read_tag("/a");
  const auto hold = std::make_shared<Hold>();
  server.hold_writes(hold);
  int status = 0;
  std::thread writer([&] { status = server.put("/a", tag, "2").status; });
  ASSERT_TRUE(eventually([&] { return server.metric("ifmatch_gates_busy") > 0; }));
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(server.admin("POST", "/api/v1/drain").status, 202);
  }
  server.proxy.process().signal(SIGTERM);
  EXPECT_TRUE(server.proxy.process().wait_for_line("SIGTERM: the requests under way are being"));
  EXPECT_EQ(server.admin("GET", "/livez").status, 200);
  hold->release();
  writer.join();
  EXPECT_EQ(status / 100, 2);
  EXPECT_EQ(server.proxy.process().wait(), (ExitStatus{0, 0}));
}

TEST(ReloadByPost, IsAppliedOrRefusedAndSaysSo) {
  AdminStore server;
  constexpr const char* successful = "ifmatch_config_last_reload_successful";
  EXPECT_EQ(server.metric(successful), 1);
  ProxyConfig config;
  config.upstream_url = server.upstream.url();
  config.defaults = "on_mising: 428";
  server.proxy.folder().write("ifmatch.yaml", with_admin(config).yaml());
  const Response refused = server.admin("POST", "/api/v1/reload");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.field("Content-Type"), "application/problem+json");
  EXPECT_NE(refused.body.find("did you mean 'on_missing'"), std::string::npos) << refused.body;
  EXPECT_EQ(server.metric(successful), 0);
  EXPECT_EQ(server.request("PUT", "/a", {}, "2").status, 412) << "the old rule";

  config.defaults = "on_missing: 428";
  server.proxy.folder().write("ifmatch.yaml", with_admin(config).yaml());
  const Response applied = server.admin("POST", "/api/v1/reload");
  EXPECT_EQ(applied.status, 200) << applied.body;
  EXPECT_NE(applied.body.find("\"applied\":true"), std::string::npos);
  EXPECT_EQ(server.metric(successful), 1);
  EXPECT_EQ(server.request("PUT", "/a", {}, "2").status, 428);
  const std::string status = server.admin("GET", "/api/v1/status").body;
  EXPECT_NE(status.find("\"reloads_applied\":1"), std::string::npos) << status;
  EXPECT_NE(status.find("\"reloads_refused\":1"), std::string::npos) << status;
  EXPECT_TRUE(server.comes_to(of_decision("missing"), 2)) << "it goes on over a reload";
}

TEST(AdminAddress, ThatIsTakenStopsAStartOnlyWhereItWasChosen) {
  const ScriptedUpstream occupied([](const Request&) { return Reply{}; });
  const std::string address = "127.0.0.1:" + std::to_string(occupied.port());
  ProxyConfig config;
  config.upstream_url = occupied.url();
  TemporaryFolder folder;
  const std::string file = folder.write("ifmatch.yaml", config.yaml());
  const Finished finished =
      run_to_end({ifmatch_binary(), "run", "-c", file, "--admin", address});
  EXPECT_EQ(finished.status, (ExitStatus{1, 0}));
  EXPECT_NE(finished.errors.find("cannot listen on the admin address " + address),
            std::string::npos)
      << finished.errors;
}

TEST(AdminAddress, ThatIsOnlyTheDefaultMayBeTaken) {
  // Whether we hold it or somebody else does: it is taken.
  const int holder = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9901);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  (void)::bind(holder, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  (void)::listen(holder, 1);
  DocumentStore store;
  store.put("/a", "1");
  const ScriptedUpstream upstream(store.behaviour());
  ProxyProcess proxy = ProxyProcess::start_with({"run", "--listen", "127.0.0.1:0", "--upstream",
                                                 upstream.url(), "--set", "state_dir=none"},
                                                {{"IFMATCH_ADMIN", ""}});
  EXPECT_TRUE(proxy.process().wait_for_line(
      "cannot listen on the admin address 127.0.0.1:9901: Address already in use; serving without "
      "it: choose another one with --admin HOST:PORT, or --admin none"));
  EXPECT_EQ(request_once(proxy.port(), "GET", "/a").status, 200);
  ::close(holder);
}

TEST(AdminAddress, OfNoneIsNoServer) {
  ProxyConfig config;
  DocumentStore store;
  const ScriptedUpstream upstream(store.behaviour());
  config.upstream_url = upstream.url();
  ProxyProcess proxy = ProxyProcess::start(config.yaml(), {"--admin", "none"});
  EXPECT_EQ(proxy.process().errors().find("admin:"), std::string::npos);
}

}  // namespace
}  // namespace ifmatch::support
