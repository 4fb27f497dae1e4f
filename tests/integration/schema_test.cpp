// What `ifmatch schema` prints is a JSON Schema that agrees with the loader: about every file that we
// ship, and about mistakes. An independent validator (python3-jsonschema) says so.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr ExitStatus success{0, 0};
constexpr ExitStatus failed{1, 0};
constexpr ExitStatus wrong_configuration{78, 0};

// Lines 1 to 6; what is added belongs to the route.
const std::string beginning =
    "version: 1\nupstreams:\n  api: { url: \"http://127.0.0.1:3000\" }\nroutes:\n"
    "  - name: order\n    match: { path: \"/v1/{id}\" }\n    upstream: api\n";

class TheSchema : public ::testing::Test {
 protected:
  TheSchema() {
    const Finished printed = run_to_end({ifmatch_binary(), "schema"});
    EXPECT_EQ(printed.status, success) << printed.errors;
    schema = folder.write("schema.json", printed.output);
  }

  Finished check(std::vector<std::string> files) const {
    files.insert(files.begin(), {"/usr/bin/python3", IFMATCH_CHECK_SCHEMA, schema});
    return run_to_end(std::move(files));
  }
  // A file for each text. The loader must say the same of all of them.
  std::vector<std::string> files_of(const std::vector<std::string>& texts,
                                    const ExitStatus& loader_says) const {
    std::vector<std::string> files;
    for (const std::string& text : texts) {
      files.push_back(folder.write("text" + std::to_string(files.size()) + ".yaml", text));
      EXPECT_EQ(run_to_end({ifmatch_binary(), "validate", "-c", files.back()}).status, loader_says)
          << text;
    }
    return files;
  }

  TemporaryFolder folder;
  std::string schema;
};

TEST_F(TheSchema, AcceptsEveryFileThatWeShow) {
  const std::filesystem::path root = IFMATCH_ROOT;
  std::vector<std::string> files = {(root / "README.md").string(),
                                    (root / "deploy/sample/ifmatch.yaml").string()};
  for (const auto& entry : std::filesystem::directory_iterator(root / "config/examples")) {
    files.push_back(entry.path().string());
  }
  EXPECT_GE(files.size(), 8U);
  const Finished checked = check(files);
  EXPECT_EQ(checked.status, success) << checked.output << checked.errors;
}

// It holds every key there is, each with a value.
TEST_F(TheSchema, AcceptsWhatConfigShowPrints) {
  std::string with_tls = beginning + "listeners: [{ tls: { certificate: a.pem, key: a.key } }]\n";
  with_tls.replace(with_tls.find("http:"), 5, "https:");
  for (const std::string& text : {beginning, with_tls}) {
    const std::string file = folder.write("all.yaml", text);
    const Finished shown = run_to_end({ifmatch_binary(), "config", "show", "-c", file});
    ASSERT_EQ(shown.status, success) << shown.errors;
    const Finished checked = check({folder.write("shown.yaml", shown.output)});
    EXPECT_EQ(checked.status, success) << checked.output << checked.errors;
  }
}

TEST_F(TheSchema, AcceptsWhatTheLoaderAccepts) {
  const std::vector<std::string> texts = {
      beginning, beginning + "    on_missing: 428\n", beginning + "    on_missing: \"428\"\n",
      beginning + "    resource: order\n", beginning + "    in_doubt: null\n",
      beginning + "    max_body: ${SIZE:-8MiB}\n", beginning + "access_log: off\n",
      beginning + "access_log: { path: stdout }\n", beginning + "log: { level: off }\n",
      beginning + "plugins: []\n", beginning + "threads: \"2\"\n", beginning + "x-notes: [1]\n",
      beginning + "trusted_proxies: [private_ranges]\n"};
  const Finished checked = check(files_of(texts, success));
  EXPECT_EQ(checked.status, success) << checked.output << checked.errors;
}

TEST_F(TheSchema, RefusesTheCommonMistakes) {
  const std::vector<std::string> texts = {
      beginning.substr(11), "version: 2\n" + beginning.substr(11),
      beginning + "    on_mising: 428\n", beginning + "    on_missing: 429\n",
      beginning + "    max_body: 8\n", beginning + "    max_body: 8MB\n",
      beginning + "    gate: { wait: 5 }\n", beginning + "    gate: { waits: 5s }\n",
      beginning + "    guard: PUT\n", beginning + "    accept_rewritten_tags: yes\n",
      beginning + "    version: { source: xml }\n", beginning + "    version: [body]\n",
      beginning + "threads: -1\n", beginning + "threads: 1025\n", beginning + "threads: 01s\n",
      beginning + "plugins: [{ name: a }]\n", beginning + "access_log: [stdout]\n",
      beginning + "listeners: { address: \"127.0.0.1:1\" }\n",
      beginning + "  - { name: b, upstream: api }\n",
      beginning + "  - { name: b, match: { host: a }, upstream: api }\n",
      beginning + "shutdown: { drain_timeout: soon }\n",
      beginning + "access_log: { format: text }\n",
      beginning + "  - { name: b, match: null, upstream: api }\n",
      beginning + "listeners: [{ tls: { certificate: a, key: b, certificates: [{}] } }]\n",
      "version: 1\nupstreams: { api: { url: \"http://a\", health_check: { interval: 1s } } }\n" +
          beginning.substr(beginning.find("routes"))};
  const std::vector<std::string> files = files_of(texts, wrong_configuration);
  const Finished checked = check(files);
  EXPECT_EQ(checked.status, failed) << checked.errors;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_NE(checked.output.find(files[i] + ": "), std::string::npos) << texts[i];
  }
}

}  // namespace
}  // namespace ifmatch::support
