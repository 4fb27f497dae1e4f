// ifmatch between TLS implementations of others: nginx and Caddy in front of it and behind it, and
// curl as the client that everybody has.
#include <array>

#include "tests/integration/tls_fixture.hpp"
#include "tests/support/tls_servers.hpp"

namespace ifmatch::support {
namespace {

// A document is created, read, changed and protected; then large content goes both ways.
void expect_guarded(std::uint16_t port, const DocumentStore& store) {
  const auto request = [port](std::string_view method, std::string_view target,
                              Fields fields = {}, std::string_view body = {}) {
    // Caddy serves a site under its name only.
    fields.emplace_back("Host", "localhost");
    return request_once(port, method, target, fields, body);
  };
  EXPECT_EQ(request("PUT", "/doc", {{"If-None-Match", "*"}}, "{}").status, 201);
  const std::string tag = request("GET", "/doc").tag();
  EXPECT_TRUE(is_our_tag(tag)) << tag;
  EXPECT_LT(request("PUT", "/doc", {{"If-Match", tag}}, "{\"a\":1}").status, 300);
  expect_problem(request("PUT", "/doc", {{"If-Match", tag}}, "{\"a\":2}"), 412, "stale-version");
  EXPECT_EQ(store.get("/doc"), "{\"a\":1}");

  std::string large(10 * 1024 * 1024, 'x');
  for (std::size_t i = 0; i < large.size(); i += 7) large[i] = static_cast<char>('a' + i % 23);
  EXPECT_EQ(request("PUT", "/large", {{"If-None-Match", "*"}}, large).status, 201);
  EXPECT_TRUE(store.get("/large") == large);
  EXPECT_TRUE(request("GET", "/large").body == large);
}

class TlsPeers : public ::testing::TestWithParam<Product> {
 protected:
  static ProxyConfig config() {
    ProxyConfig made;
    made.defaults = "max_body: 16MiB";
    return made;
  }

  Authority authority;
  const Certificate certificate = authority.issue();
};

TEST_P(TlsPeers, StandBehindIfmatch) {
  DocumentStore store;
  ScriptedUpstream upstream(store.behaviour());
  const Certificate ours = authority.issue({"ifmatch", {}});
  const TlsFrontServer front(GetParam(), upstream.port(),
                             {.certificate = certificate, .trusts = authority.file()});
  ProxyConfig made = config();
  made.upstream_url = "https://localhost:" + std::to_string(front.port());
  made.upstream += ", tls: { ca: \"" + authority.file() + "\", " + keys_of(ours) + " }";
  const ProxyProcess proxy = ProxyProcess::start(made);
  expect_guarded(proxy.port(), store);
}

TEST_P(TlsPeers, BehindIfmatchAreSentNothingWithoutOurCertificate) {
  ScriptedUpstream upstream([](const Request&) { return Reply{}; });
  const TlsFrontServer front(GetParam(), upstream.port(),
                             {.certificate = certificate, .trusts = authority.file()});
  ProxyConfig made = config();
  made.upstream_url = "https://localhost:" + std::to_string(front.port());
  made.upstream += ", tls: { ca: \"" + authority.file() + "\" }";
  const ProxyProcess proxy = ProxyProcess::start(made);
  EXPECT_GE(request_once(proxy.port(), "PUT", "/a", {{"If-None-Match", "*"}}, "{}").status, 400);
  EXPECT_EQ(upstream.writes(), 0U);
}

TEST_P(TlsPeers, StandInFrontOfIfmatch) {
  DocumentStore store;
  ScriptedUpstream upstream(store.behaviour());
  ProxyConfig made = config();
  made.upstream_url = upstream.url();
  made.listener =
      "tls: { " + keys_of(certificate) + ", client_ca: \"" + authority.file() + "\" }";
  const ProxyProcess proxy = ProxyProcess::start(made);
  const TlsForwardingServer before(
      GetParam(), proxy.port(),
      {.certificate = authority.issue({"before", {}}), .trusts = authority.file()});
  expect_guarded(before.port(), store);
  const TlsForwardingServer unknown(GetParam(), proxy.port(), {.trusts = authority.file()});
  EXPECT_GE(request_once(unknown.port(), "GET", "/doc").status, 400);
}

INSTANTIATE_TEST_SUITE_P(Of, TlsPeers, ::testing::Values(Product::nginx, Product::caddy),
                         [](const auto& of) {
                           return of.param == Product::nginx ? "Nginx" : "Caddy";
                         });

class Curl : public ::testing::Test {
 protected:
  // curl with these arguments, to ifmatch under the name "shop.example".
  [[nodiscard]] static Finished curl(std::uint16_t port, std::vector<std::string> arguments,
                                     const std::string& path = "/doc") {
    const std::string authority = "shop.example:" + std::to_string(port);
    std::vector<std::string> all = {"curl", "--silent", "--show-error", "--max-time", "10",
                                    "--resolve", authority + ":127.0.0.1"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    all.push_back("https://" + authority + path);
    return run_to_end(std::move(all));
  }

  Authority authority;
  const Certificate certificate = authority.issue({"shop", {"DNS:shop.example"}});
};

TEST_F(Curl, ReadsAndWrites) {
  const SecureListener proxy(certificate);
  const std::uint16_t port = proxy.store.proxy.port();
  const std::vector<std::string> trusting = {"--cacert", authority.file(), "--write-out",
                                             "%{http_code} %{http_version}"};
  std::vector<std::string> create = trusting;
  create.insert(create.end(), {"-T", certificate.certificate, "-H", "If-None-Match: *"});
  const Finished created = curl(port, create);
  EXPECT_TRUE(created.output.ends_with("201 1.1")) << created.output << created.errors;
  std::vector<std::string> read = trusting;
  read.push_back("--http2");
  const Finished answer = curl(port, read);
  EXPECT_TRUE(answer.output.ends_with("200 1.1")) << answer.output << answer.errors;
  EXPECT_TRUE(answer.output.starts_with("-----BEGIN CERTIFICATE-----"));
}

TEST_F(Curl, IsShownACertificateThatItCanRefuse) {
  const SecureListener proxy(certificate);
  const Authority other("another");
  const Finished refused = curl(proxy.store.proxy.port(), {"--cacert", other.file()});
  EXPECT_EQ(refused.status.code, 60) << refused.errors;  // peer verification failed
}

TEST_F(Curl, MustBeNewEnough) {
  const SecureListener proxy(certificate);
  const Finished old = curl(proxy.store.proxy.port(), {"--insecure", "--tls-max", "1.1"});
  EXPECT_EQ(old.status.code, 35) << old.errors;  // the handshake failed
}

// Who was hidden behind a port of another protocol.
TEST(PlainServer, BehindAnHttpsUrlIsSentNoRequest) {
  const NginxWebdav plain;
  ProxyConfig config;
  config.upstream_url = "https://127.0.0.1:" + std::to_string(plain.port());
  config.upstream += ", tls: { verify: false }";
  const ProxyProcess proxy = ProxyProcess::start(config);
  const Response response =
      request_once(proxy.port(), "PUT", "/a", {{"If-None-Match", "*"}}, "{}");
  expect_problem(response, 502, "upstream-unreachable");
  EXPECT_NE(response.body.find("TLS with the upstream failed: wrong version number"),
            std::string::npos)
      << response.body;
}

}  // namespace
}  // namespace ifmatch::support
