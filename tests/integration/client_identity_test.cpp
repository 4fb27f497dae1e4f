// Who the client is: what trusted peers say in fields and in PROXY headers reaches the API, what
// anybody else claims does not, and neither changes which route a request takes.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

using namespace std::string_literals;

ProxyConfig trusting(const std::string& networks, std::string listener = {}) {
  ProxyConfig config;
  config.listener = std::move(listener);
  config.more = "trusted_proxies: [" + networks + "]\n";
  return config;
}

const Fields forged = {{"X-Forwarded-For", "203.0.113.9, 192.0.2.7"},
                       {"X-Forwarded-Proto", "https"},
                       {"X-Forwarded-Host", "shop.example"},
                       {"Forwarded", "for=203.0.113.9, for=192.0.2.7;proto=https"}};

Fields with_fields(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

class AnUntrustedPeer : public ::testing::TestWithParam<const char*> {};

TEST_P(AnUntrustedPeer, SpeaksForItselfAlone) {
  const GuardedStore api(trusting(GetParam()));
  EXPECT_EQ(api.request("GET", "/orders/1", with_fields(forged, {{"Host", "inner"}})).status, 404);
  const Request seen = api.upstream.requests("GET").at(0);
  EXPECT_EQ(seen.field("X-Forwarded-For"), "127.0.0.1");
  EXPECT_EQ(seen.field("X-Forwarded-Proto"), "http");
  EXPECT_EQ(seen.field("X-Forwarded-Host"), "inner");
  EXPECT_EQ(seen.field("Forwarded"), "for=127.0.0.1;host=\"inner\";proto=http");
}

INSTANTIATE_TEST_SUITE_P(WhereOthersAreTrusted, AnUntrustedPeer,
                         ::testing::Values("", "127.0.0.2", "10.0.0.0/8, \"::/0\""));

class ATrustedPeer : public ::testing::TestWithParam<const char*> {};

TEST_P(ATrustedPeer, SpeaksForItsClientAndNobodyElse) {
  const GuardedStore api(trusting(GetParam()));
  EXPECT_EQ(api.request("GET", "/orders/1", with_fields(forged, {{"Host", "inner"}})).status, 404);
  const Request seen = api.upstream.requests("GET").at(0);
  EXPECT_EQ(seen.field("Host"), "inner");
  EXPECT_EQ(seen.field("X-Forwarded-For"), "192.0.2.7, 127.0.0.1");
  EXPECT_EQ(seen.field("X-Forwarded-Proto"), "https");
  EXPECT_EQ(seen.field("X-Forwarded-Host"), "shop.example");
  EXPECT_EQ(seen.field("Forwarded"),
            "for=192.0.2.7;host=\"shop.example\";proto=https, for=127.0.0.1");
}

INSTANTIATE_TEST_SUITE_P(ByItsAddress, ATrustedPeer,
                         ::testing::Values("127.0.0.1", "127.0.0.0/8", "private_ranges"));

TEST(ATrustedPeer, IsBelievedInProbesAndWrites) {
  GuardedStore api(trusting("127.0.0.1"));
  api.store.put("/orders/1", "old");
  const std::string tag = api.read_tag("/orders/1");
  api.upstream.forget();
  EXPECT_EQ(api.request("PUT", "/orders/1",
                        {{"If-Match", tag}, {"X-Forwarded-For", "192.0.2.7"}}, "new")
                .status,
            200);
  for (const Request& request : api.upstream.requests()) {
    EXPECT_EQ(request.field("X-Forwarded-For"), "192.0.2.7, 127.0.0.1") << request.method;
  }
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
  EXPECT_GE(api.upstream.count("GET"), 1U);
}

// The guarded route is for shop.example alone. If what is said of the host counted, a write could
// slip past its guard, or take the place of another route's.
TEST(RoutesByHost, AreMatchedWithHostAlone) {
  ProxyConfig config = trusting("127.0.0.1");
  config.routes =
      "  - { name: shop, match: { path: \"/**\", host: shop.example }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/other/**\" }, upstream: api, mode: bypass }\n";
  GuardedStore api(config);
  const Fields lie = {{"X-Forwarded-Host", "elsewhere.example"},
                      {"Forwarded", "for=192.0.2.7;host=elsewhere.example"}};
  const Response refused =
      api.request("PUT", "/other/1", with_fields(lie, {{"Host", "shop.example"}}), "x");
  expect_problem(refused, 412, "precondition-missing");
  const Response other = api.request(
      "GET", "/other/1", {{"Host", "elsewhere.example"}, {"X-Forwarded-Host", "shop.example"}});
  EXPECT_FALSE(other.has("ETag"));
  EXPECT_EQ(api.upstream.writes(), 0U);
}

constexpr std::string_view version_1 = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
const std::string version_2 =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\0\x02\x08\xC0\0\x02\x01\x12\x67\x01\xBB"s;
const std::string local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"s;

class AProxyHeader : public ::testing::Test {
 protected:
  static ProxyConfig required() {
    return trusting("127.0.0.1", "proxy_protocol: required, timeouts: { header: 300ms }");
  }
  // How the API is told of the client that asked for it.
  std::string seen_at(const std::string& target) const {
    for (const Request& request : api.upstream.requests()) {
      if (request.target == target) return request.field("X-Forwarded-For");
    }
    return "nobody";
  }
  RawClient connect() const { return RawClient::connect(api.proxy.port()); }

  GuardedStore api{required()};
};

TEST_F(AProxyHeader, NamesTheClientOfTheWholeConnection) {
  RawClient client = connect();
  client.send(version_1);
  for (const char* const target : {"/1", "/2"}) {
    EXPECT_EQ(client.request("GET", target).status, 404);
    EXPECT_EQ(seen_at(target), "192.0.2.7");
  }
}

TEST_F(AProxyHeader, TakesNothingOfTheRequestBehindIt) {
  for (const auto& [header, client_address] :
       {std::pair<std::string, std::string>{version_1, "192.0.2.7"},
        {version_2, "192.0.2.8"},
        {local, "127.0.0.1"},
        {"PROXY UNKNOWN\r\n", "127.0.0.1"}}) {
    RawClient client = connect();
    const std::string target = "/behind" + std::to_string(header.size());
    const std::string request = client.compose("GET", target);
    client.send(header + request + request);
    EXPECT_EQ(client.read_response().status, 404);
    EXPECT_EQ(client.read_response().status, 404);
    EXPECT_EQ(seen_at(target), client_address);
  }
}

TEST_F(AProxyHeader, MayComeOctetByOctet) {
  for (const std::string& header : {std::string(version_1), version_2}) {
    RawClient client = connect();
    const std::string target = "/split" + std::to_string(header.size());
    for (const char octet : header + client.compose("GET", target)) {
      client.send(std::string_view(&octet, 1));
    }
    EXPECT_EQ(client.read_response().status, 404);
    EXPECT_NE(seen_at(target), "127.0.0.1");
  }
}

// The balancer is trusted; whom it names is not.
TEST_F(AProxyHeader, DoesNotMakeItsClientATrustedPeer) {
  RawClient client = connect();
  client.send(version_1);
  EXPECT_EQ(client.request("GET", "/1", {{"X-Forwarded-For", "203.0.113.9"}}).status, 404);
  EXPECT_EQ(seen_at("/1"), "192.0.2.7");
}

TEST_F(AProxyHeader, ThatIsBrokenEndsTheConnectionWithoutAnAnswer) {
  for (const std::string& broken :
       {"GET / HTTP/1.1\r\nHost: a\r\n\r\n"s, "PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n"s,
        "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\nGET / HTTP/1.1\r\n\r\n"s,
        "PROXY TCP6 192.0.2.7 192.0.2.1 4711 443\r\n"s, "\r\n\r\n\0\r\nQUIT\n\x22\x11\0\x0C"s,
        "\x16\x03\x01\x02"s}) {
    RawClient client = connect();
    (void)client.try_send(broken);
    EXPECT_TRUE(client.expect_closed()) << broken;
  }
  EXPECT_EQ(api.upstream.requests().size(), 0U);
  EXPECT_TRUE(api.proxy.process().wait_for_line("its PROXY header is broken"));
}

TEST_F(AProxyHeader, IsNotWaitedForLongerThanForARequest) {
  RawClient silent = connect();
  RawClient slow = connect();
  slow.send("PROXY TCP4 ");
  EXPECT_TRUE(silent.expect_closed());
  EXPECT_TRUE(slow.expect_closed());
}

TEST_F(AProxyHeader, IsMissedByNobodyWhoOnlyLooksIn) {
  connect().close();
  RawClient client = connect();
  client.send(version_1);
  EXPECT_EQ(client.request("GET", "/1").status, 404);
}

TEST(APeerOutsideOfTheTrustedProxies, CannotNameAClient) {
  const GuardedStore api(trusting("10.0.0.0/8", "proxy_protocol: required"));
  RawClient client = RawClient::connect(api.proxy.port());
  (void)client.try_send(std::string(version_1) + client.compose("GET", "/1"));
  EXPECT_TRUE(client.expect_closed());
  EXPECT_EQ(api.upstream.requests().size(), 0U);
}

TEST(AListenerWithoutProxyProtocol, TakesAHeaderForABrokenRequest) {
  const GuardedStore api(trusting("127.0.0.1"));
  RawClient client = RawClient::connect(api.proxy.port());
  client.send(std::string(version_1) + client.compose("GET", "/1"));
  EXPECT_EQ(client.read_response().status, 505) << "the port stands where the version belongs";
  EXPECT_TRUE(client.expect_closed());
  EXPECT_EQ(api.upstream.requests().size(), 0U);
}

}  // namespace
}  // namespace ifmatch::support
