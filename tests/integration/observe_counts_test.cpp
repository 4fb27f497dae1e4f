// What mode observe counts on the side: what enforce would have refused, which updates are lost, and
// by whom.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/observed.hpp"
#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/orders/42";

ProxyConfig in_mode(const std::string& mode, const std::string& more = "") {
  return with("mode: " + mode + (more.empty() ? "" : ", " + more));
}

// In the words of the stories of unit tests: what enforce would have said to each write.
TEST(Observe, CountsWhatEnforceWouldHaveRefused) {
  GuardedStore api(in_mode("observe"));
  const Fields app{{"User-Agent", "app/1"}};
  const auto put = [&](const Fields& fields) {
    Fields all = app;
    all.insert(all.end(), fields.begin(), fields.end());
    const Response answer = api.request("PUT", path, all, "[1]");
    EXPECT_LT(answer.status, 300) << answer.body;
  };
  api.store.put(path, "{}");
  put({});                                           // missing
  put({{"If-Match", "not a tag"}});                  // malformed
  put({{"If-Unmodified-Since", "yesterday"}});       // missing, too
  const std::string first = api.request("GET", path, app).tag();
  put({{"If-Match", first}});                        // pass
  put({{"If-Match", first}});                        // stale, by its own write
  (void)api.request("GET", path, app);
  put({{"If-None-Match", "*"}});                     // exists
  put({{"If-Match", "\"of-the-api\""}});             // unverifiable
  api.store.put(path, "[2]");
  const std::string around = api.request("GET", path, app).tag();
  EXPECT_NE(around, first);
  EXPECT_EQ(api.request("put", path, app, "[1]").status, 405);  // ambiguous
  EXPECT_EQ(api.request("POST", path, app, "[1]").status, 201);  // not guarded
  const Counted counted = counted_at_the_end(api);
  EXPECT_EQ(counted, (Counted{.writes = 8, .with_condition = 5, .refused = 6, .lost = 0}));
}

TEST(Observe, FindsATagStaleOnceAnotherHasWrittenOrTheRecordSaysSo) {
  GuardedStore api(in_mode("observe"));
  api.store.put(path, "{}");
  const Fields ada{{"User-Agent", "ada"}};
  const Fields bob{{"User-Agent", "bob"}};
  const std::string tag = api.request("GET", path, ada).tag();
  EXPECT_EQ(api.request("GET", path, bob).tag(), tag);
  EXPECT_EQ(api.request("PUT", path, bob, "[1]").status, 200);
  Fields sent = ada;
  sent.emplace_back("If-Match", tag);
  EXPECT_EQ(api.request("PUT", path, sent, "[2]").status, 200);
  EXPECT_TRUE(api.proxy.process().wait_for_line("\"ada\", route everything: would be refused: stale"));
  EXPECT_TRUE(api.proxy.process().wait_for_line("\"bob\", route everything: would be refused: missing"));
  EXPECT_TRUE(api.proxy.process().wait_for_line("\"ada\", route everything: has overwritten"));
  // Around the proxy: only the record can know.
  const std::string old = api.request("GET", "/orders/43", bob).tag();
  EXPECT_EQ(old, "");
  api.store.put("/orders/43", "{}");
  const std::string before = api.request("GET", "/orders/43", bob).tag();
  api.store.put("/orders/43", "[]");
  EXPECT_NE(api.request("GET", "/orders/43", ada).tag(), before);
  sent = bob;
  sent.emplace_back("If-Match", before);
  EXPECT_EQ(api.request("PUT", "/orders/43", sent, "[2]").status, 200);
  EXPECT_TRUE(api.proxy.process().wait_for_line("\"bob\", route everything: would be refused: stale"));
}

TEST(Observe, KeepsCodedAndPlainVersionsApart) {
  GuardedStore api(in_mode("observe"));
  api.upstream.behave([](const Request& request) {
    Reply reply;
    reply.body = "plain";
    if (request.field("Accept-Encoding") == "gzip") {
      reply.body = "coded";
      reply.fields = {{"Content-Encoding", "gzip"}, {"Vary", "Accept-Encoding"}};
    }
    return reply;
  });
  const Response coded = api.request("GET", path, {{"Accept-Encoding", "gzip"}});
  const Response plain = api.request("GET", path);
  EXPECT_NE(coded.tag(), plain.tag());
  EXPECT_EQ(api.request("PUT", path, {{"If-Match", coded.tag()}}, "x").status, 200);
  const Counted counted = counted_at_the_end(api);
  EXPECT_EQ(counted, (Counted{.writes = 1, .with_condition = 1, .refused = 0, .lost = 0}));
}

TEST(Observe, TellsClientsApartByTheConfiguredField) {
  GuardedStore api(in_mode("observe", "observe: { client_field: X-Application }"));
  api.store.put(path, "{}");
  const Fields one{{"X-Application", "billing"}};
  const Fields two{{"X-Application", "stock"}};
  (void)api.request("GET", path, one);
  (void)api.request("GET", path, two);
  EXPECT_EQ(api.request("PUT", path, one, "[1]").status, 200);
  EXPECT_EQ(api.request("PUT", path, two, "[2]").status, 200);
  EXPECT_TRUE(api.proxy.process().wait_for_line("\"stock\", route everything: has overwritten"));
  EXPECT_EQ(counted_at_the_end(api),
            (Counted{.writes = 2, .with_condition = 0, .refused = 2, .lost = 1}));
}

TEST(Observe, CallsAClientWithoutThatFieldByItsUserAgent) {
  GuardedStore api(in_mode("observe", "observe: { client_field: X-Application }"));
  api.store.put(path, "{}");
  EXPECT_EQ(api.request("PUT", path, {{"User-Agent", "curl/7"}}, "[1]").status, 200);
  EXPECT_TRUE(api.proxy.process().wait_for_line("\"curl/7\", route everything: would be refused"));
  EXPECT_EQ(api.request("PUT", path, {{"X-Application", " "}}, "[2]").status, 200);
  EXPECT_TRUE(api.proxy.process().wait_for_line("\"(none)\", route everything: would be refused"));
}

// To many an API the query names the resource.
TEST(Observe, CountsNoLossBetweenTargetsThatDifferInTheirQuery) {
  GuardedStore api(in_mode("observe"));
  const std::string one = "/api.php?id=1";
  const std::string two = "/api.php?id=2";
  api.upstream.behave([](const Request&) { return Reply{.body = "{}"}; });
  const Fields ada{{"User-Agent", "ada"}};
  const Fields bob{{"User-Agent", "bob"}};
  EXPECT_EQ(api.request("GET", one, ada).status, 200);
  EXPECT_EQ(api.request("GET", two, bob).status, 200);
  EXPECT_EQ(api.request("PUT", two, bob, "[2]").status, 200);
  EXPECT_EQ(api.request("PUT", one, ada, "[1]").status, 200) << "nothing is lost";
  EXPECT_EQ(api.request("GET", one, bob).status, 200);
  EXPECT_EQ(api.request("PUT", one, ada, "[3]").status, 200);
  EXPECT_EQ(api.request("PUT", one, bob, "[4]").status, 200) << "ada's change is lost";
  const Counted counted = counted_at_the_end(api);
  EXPECT_EQ(counted.writes, 4);
  EXPECT_EQ(counted.lost, 1);
}

// Whoever answers before the request was whole may not have written yet, or never will.
TEST(Observe, CountsNoLossOfAWriteThatWasAnsweredBeforeItWasWhole) {
  DocumentStore store;
  store.put(std::string(path), "{}");
  ScriptedUpstream upstream(store.behaviour(),
                            {.early = [](const Request& request) -> std::optional<Reply> {
                              if (!request.has("X-Early")) return std::nullopt;
                              return Reply{.reads_on = true};
                            }});
  ProxyConfig config = in_mode("observe");
  config.upstream_url = upstream.url();
  ProxyProcess proxy = ProxyProcess::start(config);
  const Fields ada{{"User-Agent", "ada"}};
  const Fields bob{{"User-Agent", "bob"}};
  for (const Fields& fields : {ada, bob}) {
    EXPECT_EQ(request_once(proxy.port(), "GET", path, fields).status, 200);
  }
  RawClient early = RawClient::connect(proxy.port());
  early.send("PUT /orders/42 HTTP/1.1\r\nHost: a\r\nUser-Agent: ada\r\nX-Early: yes\r\n"
             "Content-Length: 4\r\n\r\n[1");
  EXPECT_EQ(early.read_response().status, 200);
  EXPECT_EQ(request_once(proxy.port(), "PUT", path, bob, "[2]").status, 200);
  EXPECT_EQ(counted_at_the_end(proxy),
            (Counted{.writes = 2, .with_condition = 0, .refused = 2, .lost = 0}));
}

TEST(Observe, NamesTheTraceOfAFinding) {
  GuardedStore api(in_mode("observe"));
  const std::string id = "4bf92f3577b34da6a3ce929d0e0e4736";
  EXPECT_EQ(api.request("PUT", path, {{"traceparent", "00-" + id + "-00f067aa0ba902b7-01"}}, "{}")
                .status,
            201);
  EXPECT_TRUE(api.proxy.process().wait_for_line("would be refused: missing, trace " + id));
}

// Clients that read, think and write at the same time as others. Each write names the content that
// it was made from, and the API keeps them in order, so that every loss shows.
TEST(Observe, CountsLossesOfWritersAtTheSameTimeAndNeverMoreThanThereAre) {
  DocumentStore::Options options;
  options.work_time_max = Milliseconds(3);
  GuardedStore api(in_mode("observe"), options);
  constexpr int clients = 8;
  constexpr int rounds = 40;
  api.store.put(path, R"({"id":"start"})");
  std::vector<std::thread> threads;
  for (int number = 0; number < clients; ++number) {
    threads.emplace_back([&api, number] {
      RawClient client = RawClient::connect(api.proxy.port());
      const Fields fields{{"User-Agent", "client " + std::to_string(number)}};
      for (int round = 0; round < rounds; ++round) {
        const std::string base = json_member(client.request("GET", path, fields).body, "id");
        const std::string id = std::to_string(number) + "-" + std::to_string(round);
        client.request("PUT", path, fields, R"({"id":")" + id + R"(","base":")" + base + "\"}");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int lost = 0;
  std::string before = "start";
  for (const AppliedWrite& write : api.store.applied(path)) {
    if (json_member(write.body, "base") != before) ++lost;
    before = json_member(write.body, "id");
  }
  const Counted counted = counted_at_the_end(api);
  EXPECT_EQ(counted.writes, clients * rounds);
  EXPECT_GT(lost, clients);
  EXPECT_LE(counted.lost, lost);
  EXPECT_GE(counted.lost, lost / 2) << "of " << lost;
}

}  // namespace
}  // namespace ifmatch::support
