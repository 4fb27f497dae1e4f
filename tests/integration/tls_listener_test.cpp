// Listeners with TLS: what is agreed on with which client, what is refused and told, and that all
// which holds in the clear holds under TLS.
#include <signal.h>

#include "tests/integration/admin_fixture.hpp"
#include "tests/integration/tls_fixture.hpp"

namespace ifmatch::support {
namespace {

using Options = TlsRelay::Options;

class TlsListener : public ::testing::Test {
 protected:
  Authority authority;
  const Certificate certificate = authority.issue();
};

TEST_F(TlsListener, ServesBothVersions) {
  const SecureListener proxy(certificate);
  for (const char* version : {"1.2", "1.3"}) {
    const auto client = proxy.client(
        {.trusts = authority.file(), .server_name = "localhost", .versions = version});
    const Response response = request_once(client->port(), "GET", "/none");
    EXPECT_EQ(response.status, 404);
    const Agreed agreed = client->agreed().at(0);
    EXPECT_FALSE(agreed.failed) << agreed.error;
    EXPECT_EQ(agreed.version, std::string("TLSv") + version);
    EXPECT_EQ(agreed.protocol, "http/1.1");
    EXPECT_NE(agreed.cipher.find(version == std::string("1.2") ? "ECDHE" : "TLS_"),
              std::string::npos)
        << agreed.cipher;
  }
}

TEST_F(TlsListener, TellsTheAccessLogWhatWasAgreedOnWithWhom) {
  const Authority clients("authority of clients");
  ProxyConfig config;
  config.more = "access_log: stdout\n";
  SecureListener proxy(certificate, "client_ca: \"" + clients.file() + "\", client_auth: optional",
                       "", config);
  const Certificate ada = clients.issue({.name = "ada, \"the\" first", .names = {"DNS:ada.test"}});
  const auto known = proxy.client({.certificate = ada, .server_name = "localhost",
                                   .versions = "1.3"});
  EXPECT_EQ(request_once(known->port(), "GET", "/known").status, 404);
  const std::string line =
      proxy.store.proxy.process().wait_for_line("\"target\":\"/known\"").value_or("");
  EXPECT_EQ(json_member(line, "tls_version"), "TLSv1.3") << line;
  EXPECT_EQ(json_member(line, "tls_cipher"), known->agreed().at(0).cipher);
  EXPECT_EQ(json_member(line, "tls_server_name"), "localhost");
  EXPECT_NE(json_member(line, "tls_client_subject").find("CN=ada\\\\, "), std::string::npos)
      << line;
  const auto stranger = proxy.client({.versions = "1.2"});
  EXPECT_EQ(request_once(stranger->port(), "GET", "/stranger").status, 404);
  const std::string other =
      proxy.store.proxy.process().wait_for_line("\"target\":\"/stranger\"").value_or("");
  EXPECT_EQ(json_member(other, "tls_version"), "TLSv1.2") << other;
  EXPECT_EQ(other.find("tls_client_subject"), std::string::npos) << other;
}

TEST_F(TlsListener, RefusesOlderVersionsAndTellsWhy) {
  SecureListener proxy(certificate);
  const auto client = proxy.client({.versions = "1.1"});
  EXPECT_THROW(request_once(client->port(), "GET", "/a"), SupportError);
  EXPECT_TRUE(client->agreed().at(0).failed);
  const std::string told = proxy.failure_told();
  EXPECT_NE(told.find("listener public: TLS handshake with 127.0.0.1 failed (protocol): "
                      "unsupported protocol"),
            std::string::npos)
      << told;
  EXPECT_TRUE(proxy.store.upstream.requests().empty());
}

TEST_F(TlsListener, HoldsToAHigherMinimum) {
  SecureListener proxy(certificate, "min_version: \"1.3\"");
  const auto old = proxy.client({.versions = "1.2"});
  EXPECT_THROW(request_once(old->port(), "GET", "/a"), SupportError);
  EXPECT_EQ(request_once(proxy.client()->port(), "GET", "/a").status, 404);
}

TEST_F(TlsListener, RefusesWeakCiphers) {
  SecureListener proxy(certificate);
  // Without forward secrecy, and without authenticated encryption.
  for (const char* cipher : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"}) {
    const auto client = proxy.client({.versions = "1.2", .ciphers = cipher});
    EXPECT_THROW(request_once(client->port(), "GET", "/a"), SupportError);
    EXPECT_TRUE(client->agreed().at(0).failed) << cipher;
  }
  EXPECT_NE(proxy.failure_told().find("(no_shared_cipher): no shared cipher"), std::string::npos);
}

TEST_F(TlsListener, ChoosesAmongCertificatesByName) {
  const auto further = [&](const Authority::Wish& wish) {
    return "{ " + keys_of(authority.issue(wish)) + " }";
  };
  SecureListener proxy(
      authority.issue({"first", {"DNS:first.example"}}),
      "certificates: [" + further({"wild", {"DNS:*.shop.example"}}) + ", " +
          further({"exact", {"DNS:api.shop.example", "DNS:other.example"}}) + "]");
  const auto shown_to = [&](const std::string& name) {
    const auto client = proxy.client({.server_name = name});
    EXPECT_EQ(request_once(client->port(), "GET", "/a").status, 404);
    return client->agreed().at(0).subject;
  };
  EXPECT_EQ(shown_to("first.example"), "first");
  EXPECT_EQ(shown_to("www.shop.example"), "wild");
  EXPECT_EQ(shown_to("API.shop.example"), "exact");
  EXPECT_EQ(shown_to("other.example"), "exact");
  EXPECT_EQ(shown_to("a.b.shop.example"), "first");  // a wildcard is one label
  EXPECT_EQ(shown_to("unknown.example"), "first");
  EXPECT_EQ(shown_to(""), "first");
}

TEST_F(TlsListener, ShowsTheKindOfKeyThatTheClientCanVerify) {
  const Certificate rsa =
      authority.issue({"rsa", {"DNS:localhost"}, Validity::now, KeyType::rsa});
  SecureListener proxy(rsa, "certificates: [{ " + keys_of(certificate) + " }]");
  const auto shown_with = [&](const std::string& ciphers) {
    const auto client =
        proxy.client({.server_name = "localhost", .versions = "1.2", .ciphers = ciphers});
    EXPECT_EQ(request_once(client->port(), "GET", "/a").status, 404);
    return client->agreed().at(0).subject;
  };
  EXPECT_EQ(shown_with("ECDHE-RSA-AES128-GCM-SHA256"), "rsa");
  EXPECT_EQ(shown_with("ECDHE-ECDSA-AES128-GCM-SHA256"), "server");
}

TEST_F(TlsListener, AgreesOnHttp11AndOnNothingElse) {
  SecureListener proxy(certificate);
  const auto both = proxy.client({.protocols = {"h2", "http/1.1"}});
  EXPECT_EQ(request_once(both->port(), "GET", "/a").status, 404);
  EXPECT_EQ(both->agreed().at(0).protocol, "http/1.1");
  const auto none = proxy.client({.protocols = {}});
  EXPECT_EQ(request_once(none->port(), "GET", "/a").status, 404);
  EXPECT_EQ(none->agreed().at(0).protocol, "");
  const auto other = proxy.client({.protocols = {"h2"}});
  EXPECT_THROW(request_once(other->port(), "GET", "/a"), SupportError);
  EXPECT_TRUE(other->agreed().at(0).failed);
}

TEST_F(TlsListener, RequiresACertificateOfTheClient) {
  const Authority clients("clients");
  const Authority others("others");
  SecureListener proxy(certificate, "client_ca: \"" + clients.file() + "\"");
  struct Case {
    const char* what;
    std::optional<Certificate> shown;
    const char* told;  // nothing where it is served
  };
  const Case cases[] = {
      {"none", std::nullopt, "(no_client_certificate): peer did not return a certificate"},
      {"of another authority", others.issue({"mallory", {}}), "(unknown_ca)"},
      {"expired", clients.issue({"late", {}, Validity::expired}),
       "(bad_certificate): certificate verify failed: certificate has expired"},
      {"good", clients.issue({"ada", {}}), nullptr}};
  std::size_t failures = 0;
  for (const Case& one : cases) {
    for (const char* version : {"1.2", "1.3"}) {
      const auto client = proxy.client({.certificate = one.shown, .versions = version});
      if (one.told == nullptr) {
        EXPECT_EQ(request_once(client->port(), "GET", "/a").status, 404) << one.what;
        continue;
      }
      EXPECT_THROW(request_once(client->port(), "GET", "/a"), SupportError) << one.what;
      const std::string told = proxy.failure_told(failures++);
      EXPECT_NE(told.find(one.told), std::string::npos) << one.what << ": " << told;
    }
  }
  EXPECT_EQ(proxy.store.upstream.requests().size(), 2U);
}

TEST_F(TlsListener, TakesAnOptionalCertificateButNoWrongOne) {
  const Authority clients("clients");
  const Authority others("others");
  SecureListener proxy(certificate,
                       "client_ca: \"" + clients.file() + "\", client_auth: optional");
  EXPECT_EQ(request_once(proxy.client()->port(), "GET", "/a").status, 404);
  const auto good = proxy.client({.certificate = clients.issue({"ada", {}})});
  EXPECT_EQ(request_once(good->port(), "GET", "/a").status, 404);
  const auto wrong = proxy.client({.certificate = others.issue({"mallory", {}})});
  EXPECT_THROW(request_once(wrong->port(), "GET", "/a"), SupportError);
}

TEST_F(TlsListener, ResumesSessionsOnWhicheverThread) {
  ProxyConfig config;
  config.more = "threads: 4\n";
  SecureListener proxy(certificate, "", "", config);
  for (const char* version : {"1.2", "1.3"}) {
    const auto client = proxy.client({.server_name = "localhost", .versions = version});
    for (int i = 0; i < 8; ++i) {
      EXPECT_EQ(request_once(client->port(), "GET", "/a").status, 404);
      // A ticket of TLS 1.3 comes with the answer, and the next connection begins after it.
      (void)client->ended(static_cast<std::size_t>(i) + 1);
    }
    const std::vector<Agreed> agreed = client->agreed(8);
    EXPECT_FALSE(agreed.at(0).resumed);
    for (std::size_t i = 1; i < agreed.size(); ++i) EXPECT_TRUE(agreed[i].resumed) << version << i;
  }
}

TEST_F(TlsListener, EndsAHandshakeThatTakesTooLong) {
  SecureListener proxy(certificate, "", "timeouts: { handshake: 300ms }");
  RawClient silent = RawClient::connect(proxy.store.proxy.port());
  RawClient slow = RawClient::connect(proxy.store.proxy.port());
  slow.send("\x16\x03\x01");
  EXPECT_TRUE(silent.expect_closed());
  EXPECT_TRUE(slow.expect_closed());
  EXPECT_NE(proxy.failure_told(1).find("(timeout)"), std::string::npos);
}

TEST_F(TlsListener, ServesOthersBesideASlowHandshake) {
  ProxyConfig config;
  config.more = "threads: 1\n";
  SecureListener proxy(certificate, "", "", config);
  std::vector<RawClient> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(RawClient::connect(proxy.store.proxy.port()));
    slow.back().send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  }
  const auto client = proxy.client();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(request_once(client->port(), "GET", "/a").status, 404);
  }
}

TEST_F(TlsListener, TellsAPlainClientThatItSpeaksTls) {
  SecureListener proxy(certificate);
  const Response response = proxy.store.request("GET", "/a");
  expect_problem(response, 400, "bad-request");
  EXPECT_NE(response.body.find("https"), std::string::npos);
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_NE(proxy.failure_told().find("(plain_http)"), std::string::npos);
  EXPECT_TRUE(proxy.store.upstream.requests().empty());
}

TEST_F(TlsListener, CountsFailedHandshakesByReason) {
  ProxyConfig config;
  config.listener = "tls: { " + keys_of(certificate) + " }";
  AdminStore server(config);
  const auto series = [](const std::string& reason) {
    return "ifmatch_tls_handshake_failures_total{listener=\"public\",reason=\"" + reason + "\"}";
  };
  EXPECT_EQ(server.metric(series("plain_http")), 0);
  (void)server.request("GET", "/a");
  (void)server.request("GET", "/a");
  const TlsRelay old(TlsRelay::Side::client, server.proxy.port(), {.versions = "1.1"});
  EXPECT_THROW(request_once(old.port(), "GET", "/a"), SupportError);
  EXPECT_TRUE(server.comes_to(series("plain_http"), 2));
  EXPECT_TRUE(server.comes_to(series("protocol"), 1));
  EXPECT_EQ(server.metric(series("unknown_ca")), 0);
}

TEST_F(TlsListener, ClosesOnOctetsThatAreNoTls) {
  SecureListener proxy(certificate);
  const std::string_view cases[] = {{"\0\0\0\0", 4}, "\xff\xff\xff\xff\xff\xff",
                                    {"\x16\x03\x01\x00\x05hello", 10}, "\x15\x03\x01"};
  for (const std::string_view octets : cases) {
    RawClient client = RawClient::connect(proxy.store.proxy.port());
    client.send(octets);
    client.half_close();
    try {
      ADD_FAILURE() << client.read_response().status;
    } catch (const SupportError& error) {
      EXPECT_NE(std::string_view(error.what()).find("ended"), std::string_view::npos)
          << error.what();
    }
  }
}

TEST_F(TlsListener, TellsTheApiThatItWasHttps) {
  const SecureListener proxy(certificate);
  (void)request_once(proxy.client()->port(), "GET", "/a", {{"X-Forwarded-Proto", "http"}});
  const Request request = proxy.store.upstream.requests().at(0);
  EXPECT_EQ(request.field("X-Forwarded-Proto"), "https");
  EXPECT_NE(request.field("Forwarded").find("proto=https"), std::string::npos);
}

TEST_F(TlsListener, ShakesHandsBehindAProxyHeader) {
  ProxyConfig config;
  config.more = "trusted_proxies: [127.0.0.1]\n";
  const SecureListener proxy(certificate, "", "proxy_protocol: required", config);
  const auto client = proxy.client({.preface = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n"});
  EXPECT_EQ(request_once(client->port(), "GET", "/a").status, 404);
  const Request request = proxy.store.upstream.requests().at(0);
  EXPECT_EQ(request.field("X-Forwarded-For"), "192.0.2.7");
  EXPECT_EQ(request.field("X-Forwarded-Proto"), "https");
}

TEST_F(TlsListener, GuardsWritesAsInTheClear) {
  const SecureListener proxy(certificate);
  const auto client = proxy.client();
  const auto put = [&](const std::string& tag, std::string_view body) {
    return request_once(client->port(), "PUT", "/doc",
                        {{"If-Match", tag}, {"Content-Type", "application/json"}}, body);
  };
  EXPECT_EQ(request_once(client->port(), "PUT", "/doc", {{"If-None-Match", "*"}}, "{}").status, 201);
  const std::string tag = request_once(client->port(), "GET", "/doc").tag();
  EXPECT_TRUE(is_our_tag(tag));
  EXPECT_LT(put(tag, "{\"a\":1}").status, 300);
  expect_problem(put(tag, "{\"a\":2}"), 412, "stale-version");
  EXPECT_EQ(proxy.store.store.get("/doc"), "{\"a\":1}");
}

TEST_F(TlsListener, TellsItsClientThatNothingFollows) {
  SecureListener proxy(certificate, "", "timeouts: { idle: 200ms }");
  const auto client = proxy.client();
  RawClient asks_to_close = RawClient::connect(client->port());
  EXPECT_EQ(asks_to_close.request("GET", "/a", {{"Connection", "close"}}).status, 404);
  EXPECT_TRUE(asks_to_close.expect_closed());
  asks_to_close.close();
  EXPECT_TRUE(client->ended().at(0).told_end);
  RawClient idle = RawClient::connect(client->port());
  EXPECT_EQ(idle.request("GET", "/a").status, 404);
  EXPECT_TRUE(idle.expect_closed());
  idle.close();
  EXPECT_TRUE(client->ended(2).at(1).told_end);
}

// It may say so behind its request (RFC 8446 section 6.1), and still be owed an answer.
TEST_F(TlsListener, AnswersAClientThatWillSayNoMore) {
  SecureListener proxy(certificate);
  const auto client = proxy.client();
  EXPECT_EQ(request_once(client->port(), "PUT", "/doc", {{"If-None-Match", "*"}}, "{}").status, 201);
  RawClient last = RawClient::connect(client->port());
  last.send(last.compose("GET", "/doc"));
  last.half_close();
  const Response response = last.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "{}");
  EXPECT_TRUE(last.expect_closed());
}

TEST_F(TlsListener, TakesNoContentForAWholeThatIsCut) {
  SecureListener proxy(certificate);
  for (const char* framing : {"Content-Length: 4\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"}) {
    for (const TlsRelay::Ending ending : {TlsRelay::Ending::told, TlsRelay::Ending::silent}) {
      const auto client = proxy.client({.ending = ending});
      RawClient cut = RawClient::connect(client->port());
      cut.send("PUT /doc HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n" + std::string(framing));
      cut.half_close();
      (void)client->ended();
    }
  }
  EXPECT_EQ(proxy.store.upstream.writes(), 0U);
  EXPECT_EQ(proxy.store.store.get("/doc"), std::nullopt);
}

TEST_F(TlsListener, TakesARequestOctetByOctet) {
  SecureListener proxy(certificate);
  const auto client = proxy.client();
  RawClient slow = RawClient::connect(client->port());
  for (const char octet :
       slow.compose("PUT", "/doc", {{"If-None-Match", "*"}}, std::string(200, 'x'))) {
    slow.send({&octet, 1});
  }
  EXPECT_EQ(slow.read_response().status, 201);
  EXPECT_EQ(proxy.store.store.get("/doc"), std::string(200, 'x'));
}

TEST_F(TlsListener, CutsAClientThatTakesNothing) {
  ProxyConfig config;
  config.more = "threads: 1\n";
  SecureListener proxy(certificate, "", "timeouts: { write: 400ms }", config);
  proxy.store.store.put("/large", std::string(8'000'000, 'x'));
  const auto client = proxy.client();
  EXPECT_EQ(request_once(client->port(), "GET", "/none").status, 404);
  (void)client->ended();
  const std::size_t before = proxy.store.proxy.process().open_descriptors();
  RawClient deaf = RawClient::connect_narrow(client->port());
  deaf.send(deaf.compose("GET", "/large"));
  EXPECT_TRUE(eventually(
      [&] { return proxy.store.proxy.process().open_descriptors() > before; }));
  EXPECT_TRUE(eventually(
      [&] { return proxy.store.proxy.process().open_descriptors() <= before; }));
}

TEST_F(TlsListener, LeavesAnUnfinishedHandshakeWhenItEnds) {
  ProxyConfig config;
  config.upstream_url = "http://127.0.0.1:1";
  config.listener = "tls: { " + keys_of(certificate) + " }";
  ProxyProcess proxy = ProxyProcess::start(config);
  RawClient slow = RawClient::connect(proxy.port());
  slow.send("\x16\x03\x01");
  const TlsRelay client(TlsRelay::Side::client, proxy.port(), {});
  EXPECT_EQ(request_once(client.port(), "GET", "/a").status, 502);
  proxy.process().signal(SIGTERM);
  EXPECT_TRUE(slow.expect_closed());
  EXPECT_EQ(proxy.process().wait(), (ExitStatus{0, 0}));
}

}  // namespace
}  // namespace ifmatch::support
