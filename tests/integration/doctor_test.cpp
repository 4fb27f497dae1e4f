// ifmatch doctor against real servers before ifmatch: one that does no harm, one that weakens tags,
// one that strips them, one that drops If-Match; and what it sends, which can do no harm.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/fixture.hpp"
#include "tests/integration/rules.hpp"
#include "tests/support/servers.hpp"

namespace ifmatch::support {
namespace {

// Long enough to be compressed by whoever likes to.
std::string document() {
  std::string text = "{\"text\":\"";
  for (int line = 0; line < 200; ++line) text += "the quick brown fox ";
  return text + "\"}";
}

constexpr std::string_view path = "/orders/42";

Finished visit(const std::string& url, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{ifmatch_binary(), "doctor", url};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_to_end(arguments);
}

std::string url_of(std::uint16_t port, std::string_view target = path) {
  return "http://127.0.0.1:" + std::to_string(port) + std::string(target);
}

class DoctorVisits : public ::testing::Test {
 protected:
  DoctorVisits() { api.store.put(path, document()); }

  std::string ifmatch_url() const {
    return "http://127.0.0.1:" + std::to_string(api.proxy.port());
  }
  std::string config_file(const std::string& defaults = "") {
    ProxyConfig config = with(defaults);
    config.upstream_url = api.upstream.url();
    return folder.write("ifmatch.yaml", config.yaml());
  }
  // What it found must hold all of these, and it must have said how healthy that is.
  static void expect_finds(const Finished& visit, int code, const std::vector<std::string>& parts) {
    EXPECT_EQ(visit.status, (ExitStatus{.code = code, .signal = 0}))
        << visit.output << visit.errors;
    for (const std::string& part : parts) {
      EXPECT_NE(visit.output.find(part), std::string::npos) << part << "\nin\n" << visit.output;
    }
  }

  GuardedStore api;
  TemporaryFolder folder;
};

TEST_F(DoctorVisits, FindIfmatchItselfHealthy) {
  expect_finds(visit(url_of(api.proxy.port())), 0,
               {"ok       an uncompressed read carries a strong tag", "two reads in a row show the same",
                "answered 304", "is refused by ifmatch with 412"});
  expect_finds(visit(url_of(api.proxy.port()), {"-c", config_file()}), 0,
               {"the route is 'everything', in mode enforce",
                "the content is the one that the tag was made of"});
}

TEST_F(DoctorVisits, SendNothingThatCouldChangeAnything) {
  (void)visit(url_of(api.proxy.port()));
  EXPECT_EQ(api.upstream.writes(), 0U);
  (void)visit(url_of(api.proxy.port()), {"--write"});
  EXPECT_EQ(api.upstream.writes(), 0U);
  // Straight at an API, where nobody would refuse it, no write is tried at all.
  expect_finds(visit(url_of(api.upstream.port())), 1, {"nothing shows that"});
  expect_finds(visit(url_of(api.upstream.port()), {"--write"}), 1, {"nothing shows that"});
  EXPECT_EQ(api.upstream.writes(), 0U);
}

// What was coded on its way is not what is there, and nobody may be there to refuse it.
TEST_F(DoctorVisits, PutNothingThatWasCoded) {
  ProxyConfig config = with("mode: observe");
  config.upstream_url = api.upstream.url();
  ProxyProcess observing = ProxyProcess::start(config);
  expect_finds(visit(url_of(observing.port()), {"--write"}), 1, {"a write (PUT)"});
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    if (request.method != "GET") return inner(request);
    return Reply{.fields = {{"Content-Encoding", "br"}}, .body = "coded"};
  });
  expect_finds(visit(url_of(observing.port()), {"--write"}), 1, {"was not tried"});
  EXPECT_EQ(api.upstream.count("PUT"), 1U);
}

TEST_F(DoctorVisits, FindAnHonestNginxHealthy) {
  NginxBefore nginx(ifmatch_url(), "");
  expect_finds(visit(url_of(nginx.port()), {"-c", config_file()}), 0, {"is refused by ifmatch"});
  expect_finds(visit(url_of(nginx.port()), {"--write"}), 0, {"a write (PUT) with an If-Match"});
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST_F(DoctorVisits, FindAnNginxThatCompressesAndWeakensTags) {
  NginxBefore nginx(ifmatch_url(), "gzip on; gzip_types application/json; gzip_proxied any;");
  expect_finds(visit(url_of(nginx.port())), 1,
               {"problem  something before ifmatch, by its fields nginx, weakens the tag of a "
                "compressed read: W/\"im1-",
                "gzip off", "accept_rewritten_tags", "is refused by ifmatch with 412"});
  expect_finds(visit(url_of(nginx.port()), {"-c", config_file("accept_rewritten_tags: true")}), 0,
               {"note     something before ifmatch"});
}

TEST_F(DoctorVisits, FindAnNginxThatStripsTags) {
  NginxBefore nginx(ifmatch_url(), "", "proxy_hide_header ETag;");
  expect_finds(visit(url_of(nginx.port())), 1,
               {"carries no ETag: something before ifmatch, by its fields nginx, may strip it",
                "proxy_hide_header ETag"});
}

TEST_F(DoctorVisits, FindAnNginxThatRenamesTags) {
  NginxBefore nginx(ifmatch_url(), "",
                    "proxy_hide_header ETag; add_header X-ETag $upstream_http_etag always;");
  expect_finds(visit(url_of(nginx.port())), 1, {"renames the field ETag to X-ETag"});
}

TEST_F(DoctorVisits, FindAnNginxThatDropsIfMatch) {
  NginxBefore nginx(ifmatch_url(), "", "proxy_set_header If-Match \"\";");
  expect_finds(visit(url_of(nginx.port()), {"-c", config_file()}), 1,
               {"If-Match is dropped on its way. Remedy: in nginx take away"});
  // The made-up method came as far as the API, which does not know it.
  const std::vector<Request> arrived = api.upstream.requests("IFMATCH-DOCTOR");
  ASSERT_EQ(arrived.size(), 1U);
  EXPECT_EQ(arrived[0].body_bytes, 0U);
  EXPECT_EQ(api.store.get(path), document());
  expect_finds(visit(url_of(nginx.port()), {"--write"}), 1,
               {"refused as one without a precondition: If-Match is dropped"});
  EXPECT_EQ(api.upstream.count("PUT"), 0U);
}

// So does many a framework answer a method for which it has no handler.
TEST_F(DoctorVisits, FindAnNginxThatDropsIfMatchBeforeAnApiThatAnswers404) {
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    return request.method == "IFMATCH-DOCTOR" ? status_only(404) : inner(request);
  });
  NginxBefore nginx(ifmatch_url(), "", "proxy_set_header If-Match \"\";");
  expect_finds(visit(url_of(nginx.port())), 1, {"If-Match is dropped on its way"});
}

TEST_F(DoctorVisits, FindAnNginxThatDropsIfNoneMatch) {
  NginxBefore nginx(ifmatch_url(), "", "proxy_set_header If-None-Match \"\";");
  expect_finds(visit(url_of(nginx.port())), 1, {"answered 200 with the same tag"});
}

TEST_F(DoctorVisits, FindAnNginxThatRewritesContent) {
  NginxBefore nginx(ifmatch_url(), "",
                    "sub_filter fox cat; sub_filter_once off; sub_filter_types *;");
  const Finished found = visit(url_of(nginx.port()), {"-c", config_file()});
  expect_finds(found, 1, {"problem", "carries no ETag", "sub_filter"});
}

TEST_F(DoctorVisits, FindACaddyThatStripsTags) {
  CaddyBefore caddy(ifmatch_url(), "reverse_proxy {upstream} {\n header_down -ETag\n }");
  expect_finds(visit(url_of(caddy.port())), 1, {"carries no ETag", "header_down -ETag"});
}

TEST_F(DoctorVisits, FindACaddyThatDropsIfMatch) {
  CaddyBefore caddy(ifmatch_url(), "reverse_proxy {upstream} {\n header_up -If-Match\n }");
  expect_finds(visit(url_of(caddy.port()), {"-c", config_file()}), 1,
               {"If-Match is dropped on its way"});
}

TEST_F(DoctorVisits, FollowTheConfiguration) {
  expect_finds(visit(url_of(api.proxy.port()), {"-c", config_file("mode: bypass")}), 0,
               {"is in mode bypass"});
  expect_finds(visit(url_of(api.proxy.port()), {"-c", config_file("mode: observe")}), 0,
               {"in mode observe no write is refused"});
  EXPECT_EQ(api.upstream.writes(), 0U);
  // Another secret, or another configuration than the one that runs.
  const std::string secret = folder.write("secret", "sesame-sesame-sesame-sesame-sesame");
  ProxyConfig config;
  config.upstream_url = api.upstream.url();
  config.more = "etag_secret_file: " + secret + "\n";
  expect_finds(visit(url_of(api.proxy.port()), {"-c", folder.write("b.yaml", config.yaml())}), 1,
               {"is not what the tag was made of"});
}

TEST_F(DoctorVisits, SendTheFieldsThatTheyAreGiven) {
  expect_finds(visit(url_of(api.proxy.port()),
                     {"-H", "Authorization: Bearer a", "-H", "User-Agent: me"}),
               0, {});
  for (const Request& request : api.upstream.requests()) {
    EXPECT_EQ(request.field("Authorization"), "Bearer a");
    EXPECT_EQ(request.field("User-Agent"), "me");
  }
}

TEST_F(DoctorVisits, ToldAsJson) {
  const Finished found = visit(url_of(api.proxy.port()), {"--json"});
  EXPECT_EQ(found.status, ExitStatus{});
  EXPECT_NE(found.output.find("\"healthy\":true,\"findings\":[{\"level\":\"ok\",\"code\":\"tag\""),
            std::string::npos)
      << found.output;
}

// nginx with a certificate for 127.0.0.1 that it has signed itself.
TEST_F(DoctorVisits, OverTlsVerifyTheCertificate) {
  const std::string key = (folder.path() / "key.pem").string();
  const std::string certificate = (folder.path() / "certificate.pem").string();
  const Finished made = run_to_end(
      {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
       "-nodes", "-days", "1", "-subj", "/CN=doctor.test", "-addext",
       "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate});
  ASSERT_EQ(made.status, ExitStatus{}) << made.errors;
  const std::uint16_t port = free_port();
  const std::string listens = ":" + std::to_string(port) + " ssl; ";
  NginxBefore nginx(ifmatch_url(), "listen 127.0.0.1" + listens + "listen 127.0.0.2" + listens +
                                       "ssl_certificate " + certificate +
                                       "; ssl_certificate_key " + key + ";");
  const std::string url = "https://127.0.0.1:" + std::to_string(port) + std::string(path);
  expect_finds(visit(url), 1, {"the certificate cannot be verified", "--ca FILE"});
  expect_finds(visit(url, {"--ca", certificate}), 0, {"is refused by ifmatch with 412"});
  expect_finds(visit(url, {"--insecure"}), 0, {"is refused by ifmatch with 412"});
  // The certificate is good, but not for this address.
  const std::string another = "https://127.0.0.2:" + std::to_string(port) + std::string(path);
  expect_finds(visit(another, {"--ca", certificate}), 1, {"the certificate cannot be verified"});
}

TEST_F(DoctorVisits, WhereNobodyIsAtHome) {
  expect_finds(visit(url_of(free_port())), 1, {"problem  cannot connect to"});
  expect_finds(visit("https://127.0.0.1:" + std::to_string(api.proxy.port()) + "/"), 1,
               {"problem  TLS"});
  expect_finds(visit(url_of(api.proxy.port(), "/nothing")), 1, {"a GET was answered 404"});
}

TEST_F(DoctorVisits, SurviveWhateverAnswers) {
  for (const std::string octets :
       {"", "x", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nETag: \"\x01\"\r\n\r\n", "HTTP/9.9 200\r\n\r\n"}) {
    api.upstream.behave([octets](const Request&) {
      Reply reply;
      reply.verbatim = octets;
      reply.mishap = octets.empty() ? Mishap::close_unanswered : Mishap::truncate;
      reply.truncate_after = octets.size();
      return reply;
    });
    expect_finds(visit(url_of(api.upstream.port())), 1, {"problem"});
  }
}

TEST_F(DoctorVisits, WrongUsageIsTold) {
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
           {"-H", "nonsense"}, {"--nonsense"}, {"https://two"}}) {
    EXPECT_EQ(visit("http://127.0.0.1:1/", more).status.code, 2) << more.front();
  }
  for (const char* url : {"nonsense", "ftp://a/", "http://a b/", "http://u@a/"}) {
    const Finished refused = visit(url);
    EXPECT_EQ(refused.status.code, 2) << url;
    EXPECT_NE(refused.errors, "") << url;
  }
  EXPECT_EQ(visit("https://127.0.0.1:1/", {"--ca", "/nowhere"}).status.code, 2);
  EXPECT_EQ(visit("http://127.0.0.1:1/", {"-c", "/nowhere"}).status.code, 78);
}

}  // namespace
}  // namespace ifmatch::support
