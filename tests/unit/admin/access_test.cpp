// Who may ask the admin server: tables of Host, Origin and Authorization, honest and forged.
#include "proxy/admin/access.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace ifmatch::admin {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

Access asked(const AccessRules& rules, std::string_view host, const Lines& lines,
             Exposure exposure = Exposure::change) {
  http::RequestHead head;
  for (const auto& [name, value] : lines) head.fields.add(name, value);
  return check_access(rules, head, host, exposure);
}

const AccessRules open{.host = "127.0.0.1", .token = std::nullopt};
const AccessRules guarded{.host = "0.0.0.0", .token = "0123456789abcdef"};

TEST(OwnHost, IsLoopbackOrWhatIsListenedOn) {
  for (const char* const own :
       {"127.0.0.1", "127.0.0.1:9901", "127.8.9.10:1", "localhost", "localhost:9901", "LOCALHOST",
        "localhost.", "localhost.:9901", "[::1]", "[::1]:9901", "10.1.2.3:9901"}) {
    EXPECT_TRUE(is_own_host(own, "10.1.2.3")) << own;
  }
  for (const char* const forged :
       {"", "attacker.example", "attacker.example:9901", "localhost.attacker.example",
        "127.0.0.1.attacker.example", "10.1.2.4", "10.1.2.3.example", "128.0.0.1", "0.0.0.0",
        "[::2]:9901", "[::1", "localhost@attacker.example", "2130706433", "0x7f000001",
        "127.1.", "xlocalhost"}) {
    EXPECT_FALSE(is_own_host(forged, "10.1.2.3")) << forged;
  }
}

TEST(Access, RefusesAHostThatAnAttackerChose) {
  for (const Exposure exposure : {Exposure::probe, Exposure::look, Exposure::change}) {
    EXPECT_EQ(asked(open, "attacker.example:9901", {}, exposure), Access::wrong_host);
    EXPECT_EQ(asked(open, "127.0.0.1:9901", {}, exposure), Access::granted);
  }
  EXPECT_EQ(asked(open, "", {}, Exposure::probe), Access::granted);
  EXPECT_EQ(asked(open, "", {}, Exposure::look), Access::wrong_host);
  EXPECT_EQ(asked(open, "", {}, Exposure::change), Access::wrong_host);
  // A page cannot know the token.
  EXPECT_EQ(asked(guarded, "any.example", {{"Authorization", "Bearer 0123456789abcdef"}}),
            Access::granted);
}

TEST(Access, WantsTheTokenAndNothingButTheToken) {
  const std::vector<Lines> wrong{
      {},
      {{"Authorization", ""}},
      {{"Authorization", "Bearer"}},
      {{"Authorization", "Bearer "}},
      {{"Authorization", "Bearer 0123456789abcde"}},
      {{"Authorization", "Bearer 0123456789abcdef0"}},
      {{"Authorization", "Bearer 0123456789ABCDEF"}},
      {{"Authorization", "Basic 0123456789abcdef"}},
      {{"Authorization", "0123456789abcdef"}},
      {{"Authorization", "Bearer0123456789abcdef"}},
      {{"Authorization", "Bearer 0123456789abcdef, Bearer x"}},
      {{"Authorization", "Bearer 0123456789abcdef"}, {"Authorization", "Bearer x"}},
  };
  for (const Lines& lines : wrong) {
    EXPECT_EQ(asked(guarded, "h", lines, Exposure::look), Access::unauthorized)
        << (lines.empty() ? "" : lines.front().second);
  }
  for (const char* const right : {"Bearer 0123456789abcdef", "bearer 0123456789abcdef",
                                  "Bearer   0123456789abcdef "}) {
    EXPECT_EQ(asked(guarded, "h", {{"Authorization", right}}, Exposure::look), Access::granted);
  }
  // Whoever restarts a container has no token.
  EXPECT_EQ(asked(guarded, "h", {}, Exposure::probe), Access::granted);
}

TEST(Access, ChangesNothingOnBehalfOfAnotherSite) {
  const std::vector<std::pair<Lines, Access>> cases{
      {{}, Access::granted},
      {{{"Origin", "http://127.0.0.1:9901"}}, Access::granted},
      {{{"Origin", "http://127.0.0.1:9901"}, {"Sec-Fetch-Site", "same-origin"}}, Access::granted},
      {{{"Sec-Fetch-Site", "none"}}, Access::granted},
      {{{"Origin", "http://attacker.example"}}, Access::cross_site},
      {{{"Origin", "http://127.0.0.1:3000"}}, Access::cross_site},
      {{{"Origin", "null"}}, Access::cross_site},
      {{{"Origin", ""}}, Access::cross_site},
      {{{"Origin", "http://127.0.0.1:9901"}, {"Origin", "http://x"}}, Access::cross_site},
      {{{"Sec-Fetch-Site", "cross-site"}}, Access::cross_site},
      {{{"Sec-Fetch-Site", "same-site"}}, Access::cross_site},
      {{{"Origin", "http://127.0.0.1:9901"}, {"Sec-Fetch-Site", "cross-site"}},
       Access::cross_site},
  };
  for (const auto& [lines, expected] : cases) {
    EXPECT_EQ(asked(open, "127.0.0.1:9901", lines), expected)
        << (lines.empty() ? "" : lines.front().second);
    EXPECT_EQ(asked(open, "127.0.0.1:9901", lines, Exposure::look), Access::granted);
  }
}

TEST(Secrets, AreEqualOnlyIfTheyAre) {
  EXPECT_TRUE(equal_secrets("abc", "abc"));
  EXPECT_TRUE(equal_secrets("", ""));
  EXPECT_FALSE(equal_secrets("abc", "abd"));
  EXPECT_FALSE(equal_secrets("abc", "ab"));
  EXPECT_FALSE(equal_secrets("", "a"));
}

}  // namespace
}  // namespace ifmatch::admin
