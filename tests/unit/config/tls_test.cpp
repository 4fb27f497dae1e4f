// What `tls` may say of listeners and upstreams, and how findings of others about the files that it
// names come to stand where they belong.
#include <gtest/gtest.h>

#include "config/show.hpp"
#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

using Findings = std::vector<std::string>;

std::string with_upstream(const std::string& url, const std::string& tls) {
  return "version: 1\nupstreams: { api: { url: \"" + url + "\", tls: " + tls + " } }\n" +
         with_route("").substr(with_route("").find("routes"));
}

std::string with_listener(const std::string& tls) {
  return with_route("listeners: [{ tls: " + tls + " }]\n");
}

TEST(ListenerTls, ReadsEveryKey) {
  const LoadResult result = load_text(with_route(
      "listeners:\n  - name: public\n    timeouts: { handshake: 3s }\n"
      "    tls:\n      certificate: a.pem\n      key: a.key\n"
      "      certificates: [{ certificate: b.pem, key: b.key }]\n"
      "      client_ca: ca.pem\n      client_auth: optional\n      min_version: \"1.3\"\n"));
  ASSERT_TRUE(result.config) << told(result);
  const Listener& listener = result.config->listeners.at(0);
  EXPECT_EQ(listener.timeouts.handshake, Milliseconds(3000));
  ASSERT_TRUE(listener.tls);
  ASSERT_EQ(listener.tls->certificates.size(), 2U);
  EXPECT_EQ(listener.tls->certificates[0].certificate, "a.pem");
  EXPECT_EQ(listener.tls->certificates[0].key_path, "listeners.public.tls");
  EXPECT_EQ(listener.tls->certificates[1].key, "b.key");
  EXPECT_EQ(listener.tls->certificates[1].key_path, "listeners.public.tls.certificates[0]");
  EXPECT_EQ(listener.tls->client_ca, "ca.pem");
  EXPECT_EQ(listener.tls->client_auth, ClientAuth::optional);
  EXPECT_EQ(listener.tls->min_version, TlsVersion::v1_3);
}

TEST(ListenerTls, IsAbsentUnlessItIsGiven) {
  EXPECT_FALSE(load_text(with_route("")).config->listeners.at(0).tls);
  EXPECT_FALSE(load_text(with_listener("null")).config->listeners.at(0).tls);
  const LoadResult result = load_text(with_listener("{ certificate: a, key: b, client_ca: null }"));
  ASSERT_TRUE(result.config) << told(result);
  const ListenerTls& tls = *result.config->listeners.at(0).tls;
  EXPECT_FALSE(tls.client_ca);
  EXPECT_EQ(tls.client_auth, ClientAuth::required);
  EXPECT_EQ(tls.min_version, TlsVersion::v1_2);
}

TEST(ListenerTls, FindsEveryMistake) {
  const std::pair<const char*, Findings> cases[] = {
      {"{}", {"9:20 E103"}},
      {"{ certificate: a }", {"9:35 E103"}},
      {"{ key: a }", {"9:27 E103"}},
      {"{ certificate: \"\", key: a }", {"9:35 E205", "9:44 E103"}},
      {"{ certificate: [a], key: a }", {"9:35 E201", "9:45 E103"}},
      {"{ certificate: a, key: b, client_auth: optional }", {"9:59 E205"}},
      {"{ certificate: a, key: b, client_ca: c, client_auth: maybe }", {"9:73 E205"}},
      {"{ certificate: a, key: b, min_version: \"1.1\" }", {"9:59 E205"}},
      {"{ certificate: a, key: b, min_version: 1.0 }", {"9:59 E205"}},
      {"{ certificate: a, key: b, certificates: c }", {"9:60 E201"}},
      {"{ certificates: [a] }", {"9:37 E201"}},
      {"{ certificates: [{ certificate: a }] }", {"9:52 E103"}},
      {"{ certificates: [{ certificate: a, key: b, ca: c }] }", {"9:63 E101"}},
      {"{ certificate: a, key: b, ciphers: c }", {"9:46 E101"}},
      {"yes", {"9:20 E201"}}};
  for (const auto& [tls, expected] : cases) {
    const LoadResult result = load_text(with_listener(tls));
    EXPECT_EQ(findings(result), expected) << tls << told(result);
  }
}

TEST(UpstreamTls, ReadsEveryKey) {
  const LoadResult result = load_text(
      with_upstream("https://10.0.0.1/base",
                    "{ ca: ca.pem, server_name: API.example, certificate: a.pem, key: a.key }"));
  ASSERT_TRUE(result.config) << told(result);
  const Upstream& upstream = result.config->upstreams.at(0);
  EXPECT_EQ(upstream.urls.at(0).scheme, Scheme::https);
  EXPECT_EQ(upstream.urls.at(0).port, 443);
  EXPECT_TRUE(upstream.tls.verify);
  EXPECT_EQ(upstream.tls.ca, "ca.pem");
  EXPECT_EQ(upstream.tls.server_name, "api.example");
  ASSERT_TRUE(upstream.tls.certificate);
  EXPECT_EQ(upstream.tls.certificate->key, "a.key");
  EXPECT_EQ(upstream.tls.certificate->key_path, "upstreams.api.tls");
  EXPECT_FALSE(
      load_text(with_upstream("https://a", "{ verify: false }")).config->upstreams[0].tls.verify);
  EXPECT_TRUE(load_text(with_upstream("https://a", "null")).config);
  EXPECT_TRUE(load_text(with_upstream("http://a", "null")).config);
}

TEST(UpstreamTls, FindsEveryMistake) {
  struct Case {
    const char* url;
    const char* tls;
    Findings expected;
  };
  const Case cases[] = {
      {"http://a", "{ verify: true }", {"2:43 E205"}},
      {"https://a", "{ verify: maybe }", {"2:54 E205"}},
      {"https://a", "{ verify: false, ca: x }", {"2:65 E205"}},
      {"https://a", "{ server_name: \"a:443\" }", {"2:59 E205"}},
      {"https://a", "{ certificate: x }", {"2:59 E103"}},
      {"https://a", "{ certificate: x, key: null }", {"2:59 E103"}},
      {"https://a", "{ verfy: true }", {"2:46 E101"}},
      {"https://a", "{ ca: \"\" }", {"2:50 E205"}},
      {"https://a", "true", {"2:44 E201"}}};
  for (const Case& one : cases) {
    const LoadResult result = load_text(with_upstream(one.url, one.tls));
    EXPECT_EQ(findings(result), one.expected) << one.tls << told(result);
  }
}

TEST(TlsFiles, AreInspectedByWhomTheLoaderIsGiven) {
  Inputs inputs;
  inputs.files.push_back({"t.yaml", with_listener("{ certificate: a, key: b }")});
  inputs.inspect = [](const Config& config) {
    const std::string at = config.listeners.at(0).tls->certificates.at(0).key_path;
    return std::vector<Finding>{
        {Severity::error, "E333", at + ".key", "the key file 'b' does not belong", "name another"},
        {Severity::warning, "W334", at + ".certificate", "it has expired", ""}};
  };
  const LoadResult result = load(inputs);
  EXPECT_FALSE(result.config);
  EXPECT_EQ(findings(result), (Findings{"9:35 W334", "9:43 E333"})) << told(result);
  EXPECT_EQ(result.diagnostics.at(1).key, "listeners.default.tls.key");
  // After another error it is not asked.
  inputs.files.front().text = with_listener("{ certificate: a }");
  EXPECT_EQ(findings(load(inputs)), (Findings{"9:35 E103"}));
}

TEST(TlsFiles, AreShownAndReadBack) {
  const std::string text =
      "version: 1\nupstreams:\n"
      "  a: { url: \"https://a\", tls: { ca: c, server_name: n, certificate: x, key: y } }\n"
      "  b: { url: \"https://b\", tls: { verify: false } }\n  c: { url: \"http://c\" }\n"
      "routes:\n  - { name: a, match: { path: \"/a\" }, upstream: a }\n"
      "  - { name: b, match: { path: \"/b\" }, upstream: b }\n"
      "  - { name: c, match: { path: \"/c\" }, upstream: c }\n"
      "listeners:\n"
      "  - { name: p, address: \"127.0.0.1:0\", tls: { certificates: [{ certificate: c1, key: k1 },"
      " { certificate: c2, key: k2 }], client_ca: d, client_auth: optional } }\n"
      "  - { name: q, address: \"127.0.0.1:0\" }\n";
  const LoadResult first = load_text(text);
  ASSERT_TRUE(first.config) << told(first);
  const std::string shown = show(*first.config, first.origins);
  const LoadResult second = load_text(show(*first.config));
  ASSERT_TRUE(second.config) << told(second) << shown;
  EXPECT_EQ(show(*second.config), show(*first.config));
  EXPECT_EQ(second.config->listeners[0].tls->certificates.at(1).key, "k2");
  EXPECT_EQ(second.config->listeners[0].tls->client_auth, ClientAuth::optional);
  EXPECT_EQ(second.config->upstreams[0].tls.certificate->certificate, "x");
  EXPECT_FALSE(second.config->upstreams[1].tls.verify);
  EXPECT_NE(shown.find("certificate: \"c1\"  # t.yaml:11"), std::string::npos) << shown;
}

}  // namespace
}  // namespace ifmatch::config
