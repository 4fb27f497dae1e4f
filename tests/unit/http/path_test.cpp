// Paths: one canonical spelling, and a folded one in which spellings that a lax API might treat as
// one share a gate. What could be read in two ways is refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "proxy/http/target.hpp"
#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

std::string canonical(std::string_view path) {
  const Checked<std::string> result = canonical_path(path);
  if (result) return *result;
  EXPECT_EQ(result.error().problem, Problem::ambiguous_path);
  EXPECT_FALSE(result.error().detail.empty());
  return "refused";
}

std::string folded(std::string_view path, std::string_view base = "") {
  const Checked<std::string> result = canonical_path(path);
  if (!result) return "refused";
  const Checked<std::string> fold = folded_path(base, *result);
  return fold ? *fold : "too long";
}

TEST(CanonicalPath, DecodesUnreservedCharactersAndNothingElse) {
  const struct {
    std::string_view path;
    std::string_view canonical;
  } cases[] = {
      {"/", "/"},
      {"/a", "/a"},
      {"/a/", "/a/"},
      {"/a/b.c", "/a/b.c"},
      {"/%61%5A%30%2D%2e%5f%7E", "/aZ0-._~"},
      {"/a%3ab", "/a%3Ab"},
      {"/%c3%a4", "/%C3%A4"},
      {"/a%20b", "/a%20b"},
      {"/100%25", "/100%25"},
      {"/%2541", "/%2541"},
      {"/a;v=1", "/a;v=1"},
      {"/!$&'()*+,=:@", "/!$&'()*+,=:@"},
      {"/orders/42:cancel", "/orders/42:cancel"},
      {"/.well-known/x", "/.well-known/x"},
      {"/..a", "/..a"},
      {"/a..", "/a.."},
      {"/a...b", "/a...b"},
      {"/what%3F", "/what%3F"},
      {"/%7B%22%3C%7C", "/%7B%22%3C%7C"},
      {"/caf%E9", "/caf%E9"},
      {"/+", "/+"},
  };
  for (const auto& [path, expected] : cases) EXPECT_EQ(canonical(path), expected) << path;
}

TEST(CanonicalPath, IsItsOwnCanonicalForm) {
  for (const std::string_view path : {"/%61/%c3%a4/", "/a%3ab;c/%2541", "/", "/~%7e"}) {
    const std::string once = canonical(path);
    EXPECT_EQ(canonical(once), once);
  }
}

TEST(CanonicalPath, RefusesWhatTwoReadersMightUnderstandDifferently) {
  using namespace std::string_view_literals;
  for (const std::string_view path : {
           ""sv, "a"sv, "*"sv, "?"sv,
           // dot segments, plain, encoded, encoded twice, with parameters
           "/."sv, "/.."sv, "/a/./b"sv, "/a/../b"sv, "/a/.."sv, "/a/../"sv, "/%2e"sv,
           "/%2E%2e/a"sv, "/.%2e"sv, "/%252e"sv, "/%252e%252e/a"sv, "/%25252e"sv, "/..;/a"sv,
           "/.;x=1"sv,
           "/%2e%2e;a/b"sv, "/..%3B/a"sv, "/..%3Fa"sv, "/..."sv, "/..%20"sv, "/%20.."sv, "/.+"sv,
           "/+."sv,
           "/+;x"sv,
           // slashes
           "/a%2Fb"sv, "/a%2fb"sv, "/a%5Cb"sv, "/a%5cb"sv, "/a\\b"sv, "/%252F"sv, "/a%25%32%46b"sv,
           "/%255c"sv, "/%2%35c%66"sv,
           // empty segments
           "//"sv, "//a"sv, "/a//b"sv, "/a//"sv, "/;"sv, "/;x"sv, "/;x/b"sv, "/%3Bx"sv, "/%20"sv,
           "/%3F"sv, "/%23a"sv, "/a/;/b"sv,
           // NUL and controls
           "/%00"sv, "/a%00.txt"sv, "/a%0d%0ab"sv, "/%7f"sv, "/a\0b"sv, "/a\tb"sv, "/a\x7f"sv,
           "/%2500"sv, "/a\r\nb"sv,
           // broken escapes
           "/%"sv, "/%4"sv, "/a%zz"sv, "/%u0041"sv, "/%4g"sv, "/%%41"sv, "/a%"sv, "/%-1"sv,
           // octets that a path must not have
           "/a b"sv, "/a|b"sv, "/a^b"sv, "/{a}"sv, "/a\"b"sv, "/<a>"sv, "/a`b"sv, "/[a]"sv,
           "/a#b"sv, "/\xC3\xA4"sv, "/\xFF"sv,
           // overlong UTF-8 of '/', '.' and NUL
           "/%c0%af"sv, "/%C0%AE%C0%AE"sv, "/%c1%9c"sv, "/%e0%80%af"sv, "/%f0%80%80%af"sv,
           "/%c0%80"sv, "/%25c0%25af"sv,
       }) {
    EXPECT_EQ(canonical(path), "refused") << path;
  }
}

TEST(FoldedPath, GivesSpellingsOfOneThingOneGate) {
  const struct {
    std::string_view path;
    std::string_view folded;
  } cases[] = {
      {"/", "/"},
      {"/a/b", "/a/b"},
      {"/a/b/", "/a/b"},
      {"/A/B", "/a/b"},
      {"/%41", "/a"},
      {"/%2541", "/a"},
      {"/%25%34%31", "/a"},
      {"/%252541", "/a"},
      {"/a;v=1/b;w", "/a/b"},
      {"/a%3Bv=1", "/a"},
      {"/a%253Bv", "/a"},
      {"/a%3Fv", "/a"},
      {"/a%23v", "/a"},
      {"/a.", "/a"},
      {"/a...", "/a"},
      {"/a%20", "/a"},
      {"/%20a", "/a"},
      {"/a%20.%20", "/a"},
      {"/a.;x", "/a"},
      {"/a+b", "/a b"},
      {"/a%20b", "/a b"},
      {"/a%2Bb", "/a b"},
      {"/a+", "/a"},
      {"/+a.+", "/a"},
      {"/++", "/ "},
      {"/+", "/ "},
      {"/+/b", "/ /b"},
      {"/%C3%84", "/\xC3\x84"},
      {"/%7C", "/|"},
      {"/100%25", "/100%"},
      {"/100%25zz", "/100%zz"},
      {"/a%3AB", "/a:b"},
  };
  for (const auto& [path, expected] : cases) EXPECT_EQ(folded(path), expected) << path;
}

TEST(FoldedPath, BeginsWithTheBasePathOfTheUpstream) {
  EXPECT_EQ(folded("/x", "/Api/V1"), "/api/v1/x");
  EXPECT_EQ(folded("/", "/api"), "/api");
  EXPECT_EQ(folded("/", "/api/"), "/api");
  EXPECT_EQ(folded("/x", "/"), "/x");
}

TEST(FoldedPath, LimitsTheNumberOfSegments) {
  std::string path;
  for (std::size_t i = 0; i < path_segments_max; ++i) path += "/a";
  EXPECT_EQ(folded(path), path);
  EXPECT_EQ(folded(path + "/"), path);
  EXPECT_EQ(folded(path + "/a"), "too long");
  EXPECT_EQ(folded(path, "/b"), "too long");
  EXPECT_EQ(folded_path("", path + "/a").error().problem, Problem::target_too_long);
}

TEST(FoldedPath, NeverHasAnEmptySegmentOrASlashFromWithin) {
  // Every octet, in one and in two layers of escapes, alone, at both ends and in the middle.
  for (unsigned octet = 0; octet < 256; ++octet) {
    constexpr std::string_view hex = "0123456789abcdef";
    const std::string code{hex[octet >> 4U], hex[octet & 15U]};
    for (const std::string& escape : {"%" + code, "%25" + code}) {
      for (const std::string& path : {"/" + escape, "/x" + escape, "/" + escape + "x",
                                      "/x" + escape + "y/z", "/a/" + escape + "/b"}) {
        const std::string fold = folded(path);
        if (fold == "refused") continue;
        ASSERT_TRUE(fold.starts_with('/')) << path;
        EXPECT_EQ(fold.find("//"), std::string::npos) << path;
        EXPECT_FALSE(fold.ends_with('/') && fold.size() > 1) << path;
        EXPECT_EQ(testing::occurrences(fold, "/"),
                  static_cast<std::size_t>(std::count(path.begin(), path.end(), '/')))
            << path;
      }
    }
  }
}

TEST(FoldedPath, OfALongNestedEscapeTakesTimeInProportion) {
  std::string path = "/";
  for (int i = 0; i < 100'000; ++i) path += "%25";
  EXPECT_NE(folded(path), "refused");
  std::string nested = "/%";
  for (int i = 0; i < 200'000; ++i) nested += "25";
  EXPECT_EQ(folded(nested + "41"), "/a");
}

}  // namespace
}  // namespace ifmatch::http
