// Upstreams under TLS: whom ifmatch takes for the API, what it shows and resumes, and that neither
// a wrong peer nor a broken connection is ever told or believed anything.
#include "tests/integration/admin_fixture.hpp"
#include "tests/integration/tls_fixture.hpp"

namespace ifmatch::support {
namespace {

using Options = TlsRelay::Options;

std::string trusting(const Authority& authority) { return "ca: \"" + authority.file() + "\""; }

class TlsUpstream : public ::testing::Test {
 protected:
  // A store whose upstream has a certificate as it should be.
  [[nodiscard]] SecureUpstream good(Options options = {}, const std::string& tls = "",
                                    ProxyConfig config = {}) const {
    if (!options.certificate) options.certificate = certificate;
    return SecureUpstream(std::move(options), trusting(authority) + (tls.empty() ? "" : ", " + tls),
                          "localhost", std::move(config));
  }

  Authority authority;
  const Certificate certificate = authority.issue();
};

TEST_F(TlsUpstream, IsAskedUnderItsNameInBothVersions) {
  ProxyConfig config;
  config.more = "threads: 1\n";
  for (const char* version : {"1.2", "1.3"}) {
    SecureUpstream api = good({.versions = version}, "", config);
    EXPECT_EQ(api.request("PUT", "/doc", {{"If-None-Match", "*"}}, "{}").status, 201);
    const std::string tag = api.request("GET", "/doc").tag();
    EXPECT_TRUE(is_our_tag(tag));
    EXPECT_LT(api.request("PUT", "/doc", {{"If-Match", tag}}, "{\"a\":1}").status, 300);
    expect_problem(api.request("PUT", "/doc", {{"If-Match", tag}}, "{}"), 412, "stale-version");
    EXPECT_EQ(api.store.get("/doc"), "{\"a\":1}");
    const Agreed agreed = api.front.agreed().at(0);
    EXPECT_EQ(agreed.version, std::string("TLSv") + version);
    EXPECT_EQ(agreed.server_name, "localhost");
    // Tickets of TLS 1.3 are no answer that nobody asked for: the connection is used again.
    EXPECT_EQ(api.upstream.connections_accepted(), 1);
  }
}

struct WrongPeer {
  const char* what;
  Certificate certificate;
  std::string tls;
  std::string host;
  const char* told;
};

void expect_refused(const WrongPeer& peer) {
  SecureUpstream api({.certificate = peer.certificate}, peer.tls, peer.host);
  for (const char* method : {"GET", "PUT", "POST"}) {
    const Response response = api.request(method, "/doc", {{"If-None-Match", "*"}}, "");
    expect_problem(response, 502, "upstream-unreachable");
    EXPECT_NE(json_member(response.body, "detail").find("TLS verification of the upstream failed"),
              std::string::npos)
        << peer.what << response.body;
    EXPECT_NE(response.body.find(peer.told), std::string::npos) << peer.what << response.body;
  }
  EXPECT_TRUE(api.upstream.requests().empty()) << peer.what;
  EXPECT_TRUE(api.proxy.process().wait_for_line("upstream api: no TLS: certificate verify failed"));
}

TEST_F(TlsUpstream, WhoeverIsNotItIsToldNothing) {
  const Authority other("another");
  const std::string own = trusting(authority);
  const Certificate misnamed = authority.issue({"misnamed", {"DNS:other.example"}});
  const WrongPeer peers[] = {
      {"untrusted", other.issue(), own, "localhost", "unable to get local issuer certificate"},
      {"untrusted by the system", certificate, "ca: null", "localhost", "issuer certificate"},
      {"another name", misnamed, own, "localhost", "hostname mismatch"},
      {"another name is expected", certificate, own + ", server_name: api.example", "localhost",
       "hostname mismatch"},
      {"a name for an address", authority.issue({"named", {"DNS:localhost"}}), own, "127.0.0.1",
       "IP address mismatch"},
      {"expired", authority.issue({"late", {"DNS:localhost"}, Validity::expired}), own, "localhost",
       "certificate has expired"},
      {"too early", authority.issue({"early", {"DNS:localhost"}, Validity::later}), own,
       "localhost", "not yet valid"}};
  for (const WrongPeer& peer : peers) expect_refused(peer);
}

TEST_F(TlsUpstream, MayHaveAnotherNameThanItsUrl) {
  SecureUpstream api({.certificate = authority.issue({"api", {"DNS:*.shop.example"}})},
                     trusting(authority) + ", server_name: Api.Shop.Example", "127.0.0.1");
  EXPECT_EQ(api.request("GET", "/none").status, 404);
  EXPECT_EQ(api.front.agreed().at(0).server_name, "api.shop.example");
}

TEST_F(TlsUpstream, MayBeAnAddress) {
  SecureUpstream api({.certificate = authority.issue({"api", {"IP:127.0.0.1"}})},
                     trusting(authority), "127.0.0.1");
  EXPECT_EQ(api.request("GET", "/none").status, 404);
  EXPECT_EQ(api.front.agreed().at(0).server_name, "");
}

TEST_F(TlsUpstream, IsTakenForItselfWithoutVerificationOnDemand) {
  const Authority other("another");
  SecureUpstream api({.certificate = other.issue({"x", {}, Validity::expired})}, "verify: false");
  EXPECT_EQ(api.request("GET", "/none").status, 404);
}

TEST_F(TlsUpstream, IsVerifiedByTheAuthoritiesOfTheSystem) {
  ScriptedUpstream upstream([](const Request&) { return Reply{}; });
  const TlsRelay front(TlsRelay::Side::server, upstream.port(), {.certificate = certificate});
  const TemporaryFolder folder;
  ProxyConfig config;
  config.upstream_url = "https://localhost:" + std::to_string(front.port());
  ProxyProcess proxy = ProxyProcess::start_with(
      {"run", "-c", folder.write("ifmatch.yaml", config.yaml())},
      {{"SSL_CERT_FILE", authority.file()}});
  EXPECT_EQ(request_once(proxy.port(), "GET", "/a").status, 200);
}

TEST_F(TlsUpstream, SeesOurCertificate) {
  const Authority clients("clients");
  for (const char* version : {"1.2", "1.3"}) {
    SecureUpstream api = good({.trusts = clients.file(), .versions = version},
                              keys_of(clients.issue({"ifmatch", {}})));
    EXPECT_EQ(api.request("PUT", "/doc", {{"If-None-Match", "*"}}, "{}").status, 201);
    EXPECT_EQ(api.front.agreed().at(0).subject, "ifmatch");
  }
}

TEST_F(TlsUpstream, IsSentNothingThatItWouldNotTakeWithoutACertificate) {
  const Authority clients("clients");
  for (const char* version : {"1.2", "1.3"}) {
    SecureUpstream api = good({.trusts = clients.file(), .versions = version});
    const Response response = api.request("GET", "/doc");
    expect_problem(response, 502, "upstream-unreachable");
    // In TLS 1.3 it refuses us when the handshake is over for us: its reason may be lost in a reset.
    if (version == std::string("1.2")) {
      EXPECT_NE(response.body.find("TLS with the upstream failed: "), std::string::npos)
          << response.body;
    }
    EXPECT_EQ(api.request("PUT", "/doc", {{"If-None-Match", "*"}}, "{}").status, 502);
    EXPECT_TRUE(api.upstream.requests().empty()) << version;
  }
}

TEST_F(TlsUpstream, SessionsAreResumed) {
  for (const char* version : {"1.2", "1.3"}) {
    ProxyConfig config;
    config.more = "threads: 1\n";
    SecureUpstream api = good({.versions = version}, "", config);
    api.upstream.behave([](const Request&) { return Reply{.body = "x", .close_after = true}; });
    for (int i = 0; i < 4; ++i) EXPECT_EQ(api.request("GET", "/a").status, 200);
    const std::vector<Agreed> agreed = api.front.agreed(4);
    EXPECT_FALSE(agreed.at(0).resumed);
    for (std::size_t i = 1; i < agreed.size(); ++i) EXPECT_TRUE(agreed[i].resumed) << version << i;
  }
}

TEST_F(TlsUpstream, ThatNeverShakesHandsIsTooSlow) {
  ProxyConfig config;
  config.upstream = "timeouts: { connect: 300ms }";
  SecureUpstream api = good({.acting = TlsRelay::Acting::stalled}, "", config);
  expect_problem(api.request("GET", "/doc"), 504, "upstream-timeout");
  expect_problem(api.request("PUT", "/doc", {{"If-None-Match", "*"}}, "{}"), 504,
                 "upstream-timeout");
}

TEST_F(TlsUpstream, FailedHandshakesAreCountedByReason) {
  const Authority other("another");
  ScriptedUpstream upstream([](const Request&) { return Reply{}; });
  for (const bool mute : {false, true}) {
    TlsRelay::Options options{.certificate = mute ? certificate : other.issue()};
    if (mute) options.acting = TlsRelay::Acting::stalled;
    const TlsRelay front(TlsRelay::Side::server, upstream.port(), std::move(options));
    ProxyConfig config;
    config.upstream_url = "https://localhost:" + std::to_string(front.port());
    config.upstream = "timeouts: { connect: 300ms }, tls: { " + trusting(authority) + " }";
    ProxyProcess proxy = ProxyProcess::start(config.yaml(), {"--admin", "127.0.0.1:0"});
    const std::uint16_t admin = proxy.admin_port();
    const auto count = [admin](const std::string& reason) {
      return AdminStore::value_in(request_once(admin, "GET", "/metrics").body,
                                  "ifmatch_upstream_tls_handshake_failures_total{upstream=\"api\","
                                  "reason=\"" + reason + "\"}");
    };
    EXPECT_EQ(count("timeout"), 0);
    EXPECT_EQ(request_once(proxy.port(), "GET", "/a").status, mute ? 504 : 502);
    EXPECT_GE(count(mute ? "timeout" : "unknown_ca"), 1);
    EXPECT_EQ(count(mute ? "unknown_ca" : "timeout"), 0);
    EXPECT_TRUE(proxy.process().wait_for_line("upstream api: no TLS: "));
  }
}

TEST_F(TlsUpstream, AnswerThatEndsWithoutSayingSoIsTruncated) {
  const auto until_close = [](const Request&) {
    return Reply{.verbatim = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                             "Connection: close\r\n\r\nhalf of it",
                 .close_after = true};
  };
  SecureUpstream told = good();
  told.upstream.behave(until_close);
  const Response whole = told.request("GET", "/a");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, "half of it");
  EXPECT_TRUE(is_our_tag(whole.tag()));

  SecureUpstream cut = good({.ending = TlsRelay::Ending::silent});
  cut.upstream.behave(until_close);
  EXPECT_EQ(cut.request("GET", "/a").status, 502);
  // To a write it is an outcome that nobody knows.
  const Response written = cut.request("POST", "/a", {}, "x");
  expect_problem(written, 502, "outcome-unknown");
}

TEST_F(TlsUpstream, TruncatedAnswerOnABypassRouteBreaksTheConnectionOfItsClient) {
  ProxyConfig config;
  config.defaults = "mode: bypass";
  SecureUpstream api = good({.ending = TlsRelay::Ending::silent}, "", config);
  api.upstream.behave([](const Request&) {
    return Reply{.verbatim = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of it",
                 .close_after = true};
  });
  EXPECT_TRUE(api.request("GET", "/a").truncated);
}

TEST_F(TlsUpstream, CompleteAnswerNeedsNoGoodbye) {
  SecureUpstream api = good({.ending = TlsRelay::Ending::silent});
  api.upstream.behave([](const Request&) { return Reply{.body = "all", .close_after = true}; });
  const Response response = api.request("GET", "/a");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "all");
}

TEST_F(TlsUpstream, OctetsBehindAnAnswerAreNotTakenForTheNext) {
  SecureUpstream api = good();
  const auto finished = std::make_shared<Hold>();
  const auto go = std::make_shared<Hold>();
  api.upstream.behave([=](const Request&) {
    return Reply{.body = "first",
                 .afterwards = go,
                 .postscript = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
                 .finished = finished};
  });
  EXPECT_EQ(api.request("GET", "/a").body, "first");
  go->release();
  EXPECT_TRUE(finished->wait());
  ASSERT_TRUE(api.front.settle());
  api.upstream.behave([](const Request&) { return Reply{.body = "second"}; });
  EXPECT_EQ(api.request("GET", "/a").body, "second");
}

TEST_F(TlsUpstream, WriteWhoseConnectionBreaksIsInDoubt) {
  SecureUpstream api = good();
  EXPECT_EQ(api.request("PUT", "/doc", {{"If-None-Match", "*"}}, "{}").status, 201);
  const std::string tag = api.request("GET", "/doc").tag();
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    return request.method == "PUT" ? Reply{.mishap = Mishap::reset_unanswered} : inner(request);
  });
  expect_problem(api.request("PUT", "/doc", {{"If-Match", tag}}, "{\"a\":1}"), 502,
                 "outcome-unknown");
  expect_problem(api.request("PUT", "/doc", {{"If-Match", tag}}, "{\"a\":2}"), 503,
                 "outcome-unknown");
  EXPECT_EQ(api.upstream.count("PUT"), 2U);
}

// One of them is taken for somebody else, and one dies: the rest goes on.
TEST_F(TlsUpstream, MayHaveSeveralUrls) {
  DocumentStore store;
  store.put("/doc", "0");
  const ScriptedUpstream one(store.behaviour());
  const ScriptedUpstream other(store.behaviour());
  const ScriptedUpstream stranger(store.behaviour());
  const Authority another("another");
  const TlsRelay::Side side = TlsRelay::Side::server;
  const TlsRelay front(side, one.port(), {.certificate = certificate});
  std::optional<TlsRelay> dying(std::in_place, side, other.port(),
                                Options{.certificate = certificate});
  const TlsRelay wrong(side, stranger.port(), {.certificate = another.issue()});
  std::string urls;
  for (const std::uint16_t port : {front.port(), dying->port(), wrong.port()}) {
    urls += (urls.empty() ? "\"" : ", \"") + ("https://localhost:" + std::to_string(port)) + "\"";
  }
  ProxyProcess proxy = ProxyProcess::start(
      "version: 1\nlisteners: [{ address: \"127.0.0.1:0\" }]\nupstreams:\n  api: { urls: [" +
      urls + "], timeouts: { connect: 2s, response: 5s }, tls: { " + trusting(authority) +
      " } }\nroutes: [{ name: all, match: { path: \"/**\" }, upstream: api }]\n"
      "state_dir: none\nthreads: 1\n");
  for (int i = 1; i <= 12; ++i) {
    if (i == 7) dying.reset();
    const std::string tag = request_once(proxy.port(), "GET", "/doc").tag();
    EXPECT_EQ(request_once(proxy.port(), "PUT", "/doc", {{"If-Match", tag}}, std::to_string(i))
                  .status,
              200);
  }
  EXPECT_EQ(store.get("/doc"), "12");
  EXPECT_EQ(one.writes() + other.writes(), 12U);
  EXPECT_GT(other.count("GET"), 0U);
  EXPECT_TRUE(stranger.requests().empty());
  for (const ScriptedUpstream* api : {&one, &other}) {
    const std::vector<Request> requests = api->requests();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      if (requests[i].method != "PUT") continue;
      ASSERT_GT(i, 0U);
      EXPECT_EQ(requests[i - 1].connection, requests[i].connection) << "where its probe went";
    }
  }
}

std::string some_octets(std::size_t count) {
  std::string octets(count, '\0');
  std::uint32_t state = 1;
  for (char& octet : octets) {
    state = state * 1664525U + 1013904223U;
    octet = static_cast<char>(state >> 24U);
  }
  return octets;
}

TEST_F(TlsUpstream, CarriesLargeContentBothWaysUnderTlsOnBothSides) {
  constexpr std::size_t size = 12 * 1024 * 1024;
  const std::string octets = some_octets(size);
  for (const char* mode : {"enforce", "bypass"}) {
    ProxyConfig config;
    config.listener = "tls: { " + keys_of(certificate) + " }";
    config.defaults = "max_body: 16MiB, mode: " + std::string(mode);
    SecureUpstream api = good({}, "", config);
    const TlsRelay client(TlsRelay::Side::client, api.proxy.port(), {});
    EXPECT_EQ(request_once(client.port(), "PUT", "/big", {{"If-None-Match", "*"}}, octets).status,
              201);
    EXPECT_TRUE(api.store.get("/big") == octets) << mode;
    const Response response = request_once(client.port(), "GET", "/big");
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.body == octets) << mode;
    EXPECT_EQ(is_our_tag(response.tag()), mode == std::string("enforce"));
  }
}

// Two that both send before either reads: neither direction may wait for the other.
TEST_F(TlsUpstream, StreamsBothWaysAtOnce) {
  constexpr std::size_t size = 4 * 1024 * 1024;
  ProxyConfig config;
  config.listener = "tls: { " + keys_of(certificate) + " }";
  config.defaults = "mode: bypass";
  ScriptedUpstream::Options early;
  early.early = [](const Request&) {
    return std::optional<Reply>(Reply{.generated_bytes = size, .reads_on = true});
  };
  ScriptedUpstream upstream([](const Request&) { return Reply{}; }, early);
  const TlsRelay front(TlsRelay::Side::server, upstream.port(), {.certificate = certificate});
  config.upstream_url = "https://localhost:" + std::to_string(front.port());
  config.upstream += ", tls: { " + trusting(authority) + " }";
  ProxyProcess proxy = ProxyProcess::start(config);
  const TlsRelay client(TlsRelay::Side::client, proxy.port(), {});
  const Response response =
      request_once(client.port(), "POST", "/a", {}, some_octets(512 * 1024));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body_bytes, size);
}

}  // namespace
}  // namespace ifmatch::support
