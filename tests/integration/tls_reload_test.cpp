// Certificates that are renewed while ifmatch runs: who comes next sees the new ones, who is there
// stays, and files that do not belong together change nothing.
#include <fstream>

#include "tests/integration/tls_fixture.hpp"

namespace ifmatch::support {
namespace {

void copy(const std::string& from, const std::string& to) {
  std::ofstream(to, std::ios::binary) << std::ifstream(from, std::ios::binary).rdbuf();
}

void copy(const Certificate& from, const Certificate& to) {
  copy(from.certificate, to.certificate);
  copy(from.key, to.key);
}

class TlsReload : public ::testing::Test {
 protected:
  [[nodiscard]] ProxyConfig config() const {
    ProxyConfig made;
    made.upstream_url = upstream.url();
    made.listener = "tls: { " + keys_of(shown) + " }";
    return made;
  }
  [[nodiscard]] std::string subject_shown_by(const ProxyProcess& proxy) const {
    const TlsRelay client(TlsRelay::Side::client, proxy.port(), {});
    EXPECT_EQ(request_once(client.port(), "GET", "/a").status, 404);
    return client.agreed().at(0).subject;
  }

  DocumentStore store;
  ScriptedUpstream upstream{store.behaviour()};
  Authority authority;
  const Certificate shown = authority.issue({"shown", {"DNS:localhost"}});
  const Certificate renewed = authority.issue({"renewed", {"DNS:localhost"}});
};

TEST_F(TlsReload, ShowsARenewedCertificateToWhoComesNext) {
  ProxyProcess proxy = ProxyProcess::start(config());
  const TlsRelay early(TlsRelay::Side::client, proxy.port(), {});
  RawClient under_way = RawClient::connect(early.port());
  EXPECT_EQ(under_way.request("GET", "/a").status, 404);
  copy(renewed, shown);
  EXPECT_EQ(subject_shown_by(proxy), "shown");
  ASSERT_TRUE(proxy.reload(config()));
  EXPECT_EQ(subject_shown_by(proxy), "renewed");
  EXPECT_EQ(under_way.request("GET", "/a").status, 404) << "it keeps what it began with";
  EXPECT_EQ(early.agreed().at(0).subject, "shown");
}

TEST_F(TlsReload, RefusesFilesThatDoNotBelongTogether) {
  ProxyProcess proxy = ProxyProcess::start(config());
  copy(renewed.certificate, shown.certificate);
  EXPECT_FALSE(proxy.reload(config()));
  EXPECT_TRUE(proxy.process().wait_for_line("does not belong to the certificate"));
  EXPECT_EQ(subject_shown_by(proxy), "shown");
  copy(renewed.key, shown.key);
  EXPECT_TRUE(proxy.reload(config()));
  EXPECT_EQ(subject_shown_by(proxy), "renewed");
}

TEST_F(TlsReload, ResumesNothingBeyondAnotherAuthorityOfClients) {
  const Authority old_clients("old");
  const Authority new_clients("new");
  const std::string trusted = authority.folder().write("clients.pem", "");
  copy(old_clients.file(), trusted);
  ProxyConfig made = config();
  made.listener = "tls: { " + keys_of(shown) + ", client_ca: \"" + trusted + "\" }";
  ProxyProcess proxy = ProxyProcess::start(made);
  const TlsRelay client(TlsRelay::Side::client, proxy.port(),
                        {.certificate = old_clients.issue({"ada", {}})});
  EXPECT_EQ(request_once(client.port(), "GET", "/a").status, 404);
  (void)client.ended();
  EXPECT_EQ(request_once(client.port(), "GET", "/a").status, 404);
  EXPECT_TRUE(client.agreed(2).at(1).resumed);
  copy(new_clients.file(), trusted);
  ASSERT_TRUE(proxy.reload(made));
  EXPECT_THROW(request_once(client.port(), "GET", "/a"), SupportError);
}

TEST_F(TlsReload, VerifiesUpstreamsByTheNewAuthority) {
  const Authority other("another");
  const TlsRelay front(TlsRelay::Side::server, upstream.port(), {.certificate = shown});
  const std::string trusted = authority.folder().write("upstream-ca.pem", "");
  copy(authority.file(), trusted);
  ProxyConfig made;
  made.upstream_url = "https://localhost:" + std::to_string(front.port());
  made.upstream += ", tls: { ca: \"" + trusted + "\" }";
  ProxyProcess proxy = ProxyProcess::start(made);
  EXPECT_EQ(request_once(proxy.port(), "GET", "/a").status, 404);
  copy(other.file(), trusted);
  ASSERT_TRUE(proxy.reload(made));
  EXPECT_EQ(request_once(proxy.port(), "GET", "/a").status, 502);
  copy(authority.file(), trusted);
  ASSERT_TRUE(proxy.reload(made));
  EXPECT_EQ(request_once(proxy.port(), "GET", "/a").status, 404);
}

}  // namespace
}  // namespace ifmatch::support
