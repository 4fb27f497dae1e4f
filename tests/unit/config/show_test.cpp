// What `config show` prints can be loaded again and says the same.
#include "config/show.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

TEST(Show, IsReadBackAsTheSameConfiguration) {
  const std::string text = with_route(
      "    mode: bypass\n    check: recorded\n    guard: [PUT]\n    serialize: [POST, MKCOL]\n"
      "    on_missing: allow\n    on_stale: 409\n    wildcard: refuse\n    vary: [A, B]\n"
      "    max_body: 1500B\n    gate: { wait: 1500ms, queue: 2 }\n    in_doubt: 90s\n"
      "    doubtful: [500, \"520-530\"]\n    reads: wait\n    write_tag: never\n"
      "    accept_rewritten_tags: true\n    cors: { expose_etag: never }\n"
      "    observe: { client_field: X-Application }\n"
      "    resource: [\"/a/{id}\", \"n\\\"q\"]\n"
      "    probe: { headers: { Accept: \"a/b; q=\\\"1\\\"\" } }\n"
      "listeners:\n  - { name: a, address: \"127.0.0.1:0\", timeouts: { header: 1ms } }\n"
      "  - { name: b, address: \"[::1]:0\", limits: { header_fields: 3 } }\n"
      "  - { name: c, address: \"unix:/run/ifmatch.sock\" }\n"
      "  - { name: d, address: \"fd:public\" }\n"
      "store: { max_resources: 5 }\nlog: { level: off, format: json }\n"
      "access_log: { path: /var/log/a.log, format: text }\ntrace: pass\n"
      "shutdown: { pre_stop_delay: 5s, drain_timeout: 2m }\nstate_dir: \"none\"\nthreads: 7\n");
  const LoadResult first = load_text(text);
  ASSERT_TRUE(first.config) << told(first);
  const std::string shown = show(*first.config);
  const LoadResult second = load_text(shown);
  ASSERT_TRUE(second.config) << told(second) << shown;
  EXPECT_TRUE(second.diagnostics.empty()) << told(second);
  EXPECT_EQ(show(*second.config), shown);
  EXPECT_EQ(second.config->routes.at(0).resources, first.config->routes.at(0).resources);
  EXPECT_EQ(second.config->routes.at(0).settings.probe_headers,
            first.config->routes.at(0).settings.probe_headers);
  EXPECT_EQ(second.config->routes.at(0).settings.in_doubt, Milliseconds(90'000));
  EXPECT_EQ(second.config->listeners.at(1).limits.header_fields, 3U);
  EXPECT_EQ(second.config->listeners.at(3).address, "fd:public");
  EXPECT_EQ(second.config->shutdown.pre_stop_delay, Milliseconds(5000));
}

TEST(Show, KeepsADollarThatIsNoVariable) {
  const LoadResult first = load_text(with_route("state_dir: \"/a/$${b}\"\n"));
  ASSERT_TRUE(first.config) << told(first);
  EXPECT_EQ(first.config->state_dir, "/a/${b}");
  const LoadResult second = load_text(show(*first.config));
  ASSERT_TRUE(second.config) << told(second);
  EXPECT_EQ(second.config->state_dir, "/a/${b}");
}

TEST(Show, HidesSecrets) {
  const std::string secret = testing::TempDir() + "ifmatch_show_secret";
  std::ofstream(secret) << "sesame-sesame-sesame";
  const LoadResult result = load_text(with_route(
      "    probe: { headers: { Authorization: Bearer hush, X-Api-Key: hush, X-Auth: hush, "
      "X-Session: hush, X-Signature: hush, X-Auth-User: ada, Accept: a/b } }\n"
      "etag_secret_file: " +
      secret + "\n"));
  std::remove(secret.c_str());
  ASSERT_TRUE(result.config) << told(result);
  const std::string shown = show(*result.config);
  EXPECT_EQ(shown.find("sesame"), std::string::npos);
  EXPECT_EQ(shown.find("hush"), std::string::npos);
  EXPECT_NE(shown.find("etag_secret: (hidden)"), std::string::npos);
  EXPECT_NE(shown.find("a/b"), std::string::npos);
  EXPECT_NE(shown.find("ada"), std::string::npos);
}

TEST(Show, TellsWhereEachValueCameFrom) {
  Overrides overrides;
  overrides.listen = "127.0.0.1:0";
  const LoadResult result =
      load_text(with_route("    check: recorded\ndefaults:\n  on_missing: 428\n"),
                {{"IFMATCH_MODE", "bypass"}}, overrides);
  ASSERT_TRUE(result.config) << told(result);
  const std::string shown = show(*result.config, result.origins);
  for (const char* line :
       {"    address: \"127.0.0.1:0\"  # flag --listen\n",
        "    mode: bypass  # environment IFMATCH_MODE\n", "    check: recorded  # t.yaml:9\n",
        "    on_missing: 428  # t.yaml:11\n", "    reads: pass  # default\n",
        "  - name: \"order\"  # t.yaml:6\n", "version: 1  # t.yaml:1\n"}) {
    EXPECT_NE(shown.find(line), std::string::npos) << line << "in\n" << shown;
  }
  EXPECT_TRUE(load_text(shown).config) << shown;
}

}  // namespace
}  // namespace ifmatch::config
