// The section `admin`: its address and its token, and everything that is wrong with either.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "config/show.hpp"
#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

using Findings = std::vector<std::string>;

std::string with_admin(const std::string& inside) {
  return with_route("admin: { " + inside + " }\n");
}

class TokenFile {
 public:
  explicit TokenFile(const std::string& content)
      : path_(testing::TempDir() + "ifmatch_token_" +
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TokenFile() { std::remove(path_.c_str()); }
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(AdminSection, MayBeLeftOutOrEmpty) {
  for (const std::string& text :
       {with_route(""), with_admin(""), with_admin("token_file: null")}) {
    const LoadResult result = load_text(text);
    ASSERT_TRUE(result.config) << told(result);
    EXPECT_EQ(result.config->admin.address, "127.0.0.1:9901");
    EXPECT_FALSE(result.config->admin.token.has_value());
  }
}

TEST(AdminSection, TakesLoopbackWithoutATokenAndNone) {
  for (const char* const address : {"127.0.0.1:9901", "127.0.0.2:0", "[::1]:9901", "none"}) {
    const LoadResult result = load_text(with_admin("address: \"" + std::string(address) + "\""));
    ASSERT_TRUE(result.config) << told(result);
    EXPECT_EQ(result.config->admin.address, address);
    EXPECT_EQ(result.config->admin.chosen, Admin::Chosen::by_operator);
  }
}

TEST(AdminSection, NamesEveryMistake) {
  const std::vector<std::pair<std::string, Findings>> cases{
      {"address: \"0.0.0.0:9901\"", {"9:19 E340"}},
      {"address: \"10.0.0.1:9901\"", {"9:19 E340"}},
      {"address: \"[::]:9901\"", {"9:19 E340"}},
      {"address: \"[::ffff:127.0.0.1]:9901\"", {"9:19 E340"}},
      {"address: \"localhost:9901\"", {"9:19 E206"}},
      {"address: \"127.0.0.1\"", {"9:19 E206"}},
      {"address: \":9901\"", {"9:19 E206"}},
      {"address: \"127.0.0.1:99999\"", {"9:19 E206"}},
      {"address: \"unix:/run/admin.sock\"", {"9:19 E206"}},
      {"address: \"fd:admin\"", {"9:19 E206"}},
      {"address: \"off\"", {"9:19 E206"}},
      {"address: \"\"", {"9:19 E206"}},
      {"adress: \"127.0.0.1:9901\"", {"9:10 E101"}},
      {"token_file: /nonexistent/token", {"9:22 E310"}},
      {"token: abc", {"9:10 E101"}},
  };
  for (const auto& [inside, expected] : cases) {
    const LoadResult result = load_text(with_admin(inside));
    EXPECT_FALSE(result.config.has_value()) << inside;
    EXPECT_EQ(findings(result), expected) << told(result);
    for (const Diagnostic& one : result.diagnostics) EXPECT_NE(one.help, "") << inside;
  }
}

TEST(AdminSection, ListensForOthersWithAToken) {
  const TokenFile file("0123456789abcdef0123\n");
  const LoadResult result =
      load_text(with_admin("address: \"0.0.0.0:9901\", token_file: \"" + file.path() + "\""));
  ASSERT_TRUE(result.config) << told(result);
  EXPECT_TRUE(result.diagnostics.empty()) << told(result);
  EXPECT_EQ(result.config->admin.token, "0123456789abcdef0123");
}

TEST(AdminSection, WantsATokenThatAFieldCanCarry) {
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("two words two words"),
        std::string("0123456789abcdef\r\n"), std::string("0123456789abcdef\n\n"),
        std::string("caf\xc3\xa9 0123456789"), std::string("nul\0 0123456789abcd", 19)}) {
    const TokenFile file(content);
    const LoadResult result = load_text(with_admin("token_file: \"" + file.path() + "\""));
    ASSERT_EQ(result.diagnostics.size(), 1U) << told(result);
    EXPECT_EQ(result.diagnostics[0].code, "E310");
    EXPECT_EQ(told(result).find("0123456789"), std::string::npos) << "it must not repeat it";
  }
}

TEST(AdminSection, WarnsOfATokenThatCanBeGuessed) {
  const TokenFile file("short\n");
  const LoadResult result = load_text(with_admin("token_file: \"" + file.path() + "\""));
  ASSERT_TRUE(result.config);
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].code, "W311");
}

TEST(AdminSection, IsShownWithoutItsToken) {
  const TokenFile file("0123456789abcdef0123\n");
  const LoadResult result =
      load_text(with_admin("address: \"[::]:0\", token_file: \"" + file.path() + "\""));
  ASSERT_TRUE(result.config) << told(result);
  const std::string shown = show(*result.config);
  EXPECT_NE(shown.find("admin:\n  address: \"[::]:0\"\n  token_file: "), std::string::npos) << shown;
  EXPECT_NE(shown.find(file.path()), std::string::npos);
  EXPECT_EQ(shown.find("0123456789abcdef"), std::string::npos);
}

}  // namespace
}  // namespace ifmatch::config
