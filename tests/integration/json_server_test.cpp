// Against the real json-server, an API without versions that many people know: the whole life of a
// resource, and a Node.js server that closes idle connections.
#include <gtest/gtest.h>

#include <fstream>
#include <iomanip>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/fixture.hpp"
#include "tests/integration/observed.hpp"
#include "tests/support/servers.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view database = R"({"orders":[{"id":42,"customer":"Ada","total":10}]})";
const Fields json = {{"Content-Type", "application/json"}};

class JsonServerBehind : public ::testing::Test {
 protected:
  Response put(std::string_view path, const std::string& tag, std::string_view body) {
    return request_once(proxy.port(), "PUT", path,
                        {{"Content-Type", "application/json"}, {"If-Match", tag}}, body);
  }
  Response get(std::string_view path, const Fields& fields = {}) {
    return request_once(proxy.port(), "GET", path, fields);
  }

  JsonServer api{database};
  ProxyProcess proxy = ProxyProcess::start_in_front_of(api.url());
};

TEST_F(JsonServerBehind, GuardsTheWholeLifeOfAResource) {
  const Response created =
      request_once(proxy.port(), "POST", "/orders", json, R"({"customer":"Grace","total":1})");
  EXPECT_EQ(created.status, 201);
  const std::string path = "/orders/43";

  const std::string first = get(path).tag();
  EXPECT_TRUE(is_our_tag(first)) << first;
  EXPECT_EQ(put(path, first, R"({"customer":"Grace","total":2})").status, 200);
  expect_problem(put(path, first, R"({"customer":"Grace","total":3})"), 412, "stale-version");

  const Response current = get(path);
  EXPECT_NE(current.body.find("\"total\": 2"), std::string::npos) << current.body;
  EXPECT_EQ(get(path, {{"If-None-Match", current.tag()}}).status, 304);

  const Response gone = request_once(proxy.port(), "DELETE", path, {{"If-Match", current.tag()}});
  EXPECT_EQ(gone.status, 200);
  EXPECT_EQ(get(path).status, 404);
}

TEST_F(JsonServerBehind, NoticesAWriteThatWentAroundTheProxy) {
  const std::string tag = get("/orders/42").tag();
  EXPECT_EQ(request_once(api.port(), "PUT", "/orders/42", json, R"({"total":99})").status, 200);
  expect_problem(put("/orders/42", tag, R"({"total":11})"), 412, "stale-version");
  EXPECT_NE(get("/orders/42").body.find("99"), std::string::npos);
}

TEST_F(JsonServerBehind, StopsTheSecondOfTwoWriters) {
  const std::string tag_of_a = get("/orders/42").tag();
  const std::string tag_of_b = get("/orders/42").tag();
  EXPECT_EQ(tag_of_a, tag_of_b);
  EXPECT_EQ(put("/orders/42", tag_of_a, R"({"customer":"Ada","total":12})").status, 200);
  EXPECT_EQ(put("/orders/42", tag_of_b, R"({"customer":"Bob","total":10})").status, 412);
  const Response merged =
      put("/orders/42", get("/orders/42").tag(), R"({"customer":"Bob","total":12})");
  EXPECT_EQ(merged.status, 200);
}

// A client that sends no If-Match, and a checker that knows which content it last saw.
struct Careless {
  std::string name;
  std::string tag;    // of json-server, from its last GET
  int known = -1;     // the content that it read or wrote last; -1: none
};

// Clients that overwrite each other, each step in an order drawn from a seed. The checker counts a
// loss when a client that has seen some content replaces another one.
TEST(JsonServerObserved, LosesAsManyUpdatesAsACheckerCounts) {
  JsonServer api(database);
  ProxyConfig config;
  config.upstream_url = api.url();
  config.defaults = "mode: observe";
  ProxyProcess proxy = ProxyProcess::start(config);
  std::mt19937_64 random(20'261);
  std::vector<Careless> clients;
  for (const char* name : {"ada", "bob", "cyd", "dan"}) clients.push_back({name, "", -1});
  int current = 0;
  int lost = 0;
  int writes = 0;
  int unchanged_reads = 0;
  for (int step = 0; step < 400; ++step) {
    Careless& client = clients[random() % clients.size()];
    Fields fields{{"User-Agent", client.name}};
    if (random() % 5 < 3) {
      if (!client.tag.empty() && random() % 2 == 0) {
        fields.emplace_back("If-None-Match", client.tag);
      }
      const Response read = request_once(proxy.port(), "GET", "/orders/42", fields);
      ASSERT_TRUE(read.status == 200 || read.status == 304) << read.status;
      if (read.status == 304) ++unchanged_reads;
      client.tag = read.tag();
      client.known = current;
      continue;
    }
    fields.emplace_back("Content-Type", "application/json");
    ++writes;
    const Response written = request_once(proxy.port(), "PUT", "/orders/42", fields,
                                          R"({"customer":"Ada","total":)" +
                                              std::to_string(1000 + writes) + "}");
    ASSERT_EQ(written.status, 200) << written.body;
    if (client.known != -1 && client.known != current) ++lost;
    current = client.known = writes;
  }
  EXPECT_GT(unchanged_reads, 5);
  EXPECT_GT(lost, 40);
  EXPECT_EQ(counted_at_the_end(proxy),
            (Counted{.writes = writes, .with_condition = 0, .refused = writes, .lost = lost}));
}

// How many connections to this port are established, as the system's table has it.
int established_connections(std::uint16_t port) {
  std::ostringstream local;
  local << "0100007F:" << std::hex << std::uppercase << std::setw(4) << std::setfill('0') << port;
  std::ifstream table("/proc/net/tcp");
  int count = 0;
  for (std::string line; std::getline(table, line);) {
    std::istringstream columns(line);
    std::string number, own, peer, state;
    columns >> number >> own >> peer >> state;
    if (own == local.str() && state == "01") ++count;
  }
  return count;
}

TEST(JsonServerIdle, ClosingItsConnectionsBreaksNoWrite) {
  JsonServer api(database);
  ProxyProcess proxy = ProxyProcess::start_in_front_of(api.url());
  RawClient client = RawClient::connect(proxy.port());
  const std::string tag = client.request("GET", "/orders/42").tag();
  EXPECT_TRUE(is_our_tag(tag)) << tag;
  // Node.js closes a connection that was idle for five seconds.
  ASSERT_TRUE(eventually([&] { return established_connections(api.port()) == 0; }));
  const Response written =
      client.request("PUT", "/orders/42", {{"Content-Type", "application/json"}, {"If-Match", tag}},
                     R"({"customer":"Ada","total":12})");
  EXPECT_EQ(written.status, 200) << written.body;
  EXPECT_EQ(proxy.stop(), ExitStatus{});
}

}  // namespace
}  // namespace ifmatch::support
