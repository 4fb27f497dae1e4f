// Against the real json-server, an API without versions that many people know: the whole life of a
// resource, and a Node.js server that closes idle connections.
#include <gtest/gtest.h>

#include <fstream>
#include <iomanip>
#include <sstream>
#include <string>

#include "tests/integration/fixture.hpp"
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
