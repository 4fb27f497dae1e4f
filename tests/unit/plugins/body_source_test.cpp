// The version source `body`: equal content is an equal version, everything else differs.
#include "plugins/version/body.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string_view>
#include <thread>
#include <vector>

namespace ifmatch::plugins {
namespace {

Version version_of(VersionHasher& hasher, std::string_view type, std::string_view coding,
                   std::string_view content, std::size_t piece = 1'000'000) {
  hasher.begin(type, coding);
  const auto octets = std::as_bytes(std::span(content));
  for (std::size_t at = 0; at < octets.size(); at += piece) {
    hasher.update(octets.subspan(at, std::min(piece, octets.size() - at)));
  }
  const std::optional<Version> version = hasher.finish();
  EXPECT_TRUE(version);
  return version.value_or(Version{});
}

Version fresh(std::string_view type, std::string_view coding, std::string_view content,
              const std::optional<std::string>& secret = std::nullopt) {
  return version_of(*make_body_source(secret)->make_hasher(), type, coding, content);
}

std::string hex(const Version& version) {
  std::string text;
  for (const std::uint8_t octet : version) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", octet);
    text += digits;
  }
  return text;
}

TEST(BodySource, SeparatesTypeCodingAndContent) {
  const std::set<Version> versions = {
      fresh("a", "b", "c"), fresh("ab", "", "c"), fresh("", "ab", "c"), fresh("a", "", "bc"),
      fresh("", "", "abc"), fresh("a", "bc", ""), fresh("", "", ""),    fresh("a", "b", "C"),
  };
  EXPECT_EQ(versions.size(), 8U);
}

TEST(BodySource, DoesNotCareForPiecesOrReuse) {
  const std::string content(10'000, 'x');
  const auto source = make_body_source(std::nullopt);
  const auto hasher = source->make_hasher();
  const Version whole = version_of(*hasher, "t", "", content);
  for (const std::size_t piece : {1U, 7U, 64U, 4096U}) {
    EXPECT_EQ(version_of(*hasher, "t", "", content, piece), whole);
  }
  EXPECT_EQ(version_of(*source->make_hasher(), "t", "", content), whole);
  hasher->begin("abandoned", "");
  EXPECT_EQ(version_of(*hasher, "t", "", content), whole);
}

TEST(BodySource, StaysTheSameFromReleaseToRelease) {
  // Tags live longer than a process: clients hold them, and several instances must agree.
  EXPECT_EQ(hex(fresh("application/json", "", "{}")),
            "f83272eed3c8124a9e29a9a7d3b3e80fd36a5b743a1dd88c");
  EXPECT_EQ(hex(fresh("application/json", "", "{}", "secret")),
            "d816f0307b51d00380ceb4395d692b4107a14ee3b81280f9");
  EXPECT_EQ(hex(fresh("application/json", "", "{}", std::string(100, 'k'))),
            "14a4e464132ee46f904bcf7355cf6c23b4aa0190b3575354");
}

TEST(BodySource, WithASecretTellsNothingWithoutIt) {
  const Version plain = fresh("t", "", "c");
  const Version keyed = fresh("t", "", "c", "secret");
  EXPECT_NE(plain, keyed);
  EXPECT_NE(keyed, fresh("t", "", "c", "other"));
  EXPECT_EQ(keyed, fresh("t", "", "c", "secret"));
  const auto source = make_body_source("secret");
  const auto hasher = source->make_hasher();
  EXPECT_EQ(version_of(*hasher, "t", "", "c"), keyed);
  EXPECT_EQ(version_of(*hasher, "t", "", "c"), keyed);
}

TEST(BodySource, HasNoVersionWithoutABeginning) {
  const auto hasher = make_body_source(std::nullopt)->make_hasher();
  EXPECT_FALSE(hasher->finish());
  hasher->begin("t", "");
  EXPECT_TRUE(hasher->finish());
  EXPECT_FALSE(hasher->finish());
}

TEST(BodySource, MayBeSharedByThreads) {
  const auto source = make_body_source("secret");
  const Version expected = fresh("t", "", "c", "secret");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&source, &expected] {
      const auto hasher = source->make_hasher();
      for (int round = 0; round < 200; ++round) {
        EXPECT_EQ(version_of(*hasher, "t", "", "c"), expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(MediaTypes, AreNormalisedInCaseAndWhiteSpaceOnly) {
  const struct {
    std::string_view type;
    std::string_view normalised;
  } cases[] = {
      {"", ""},
      {"Text/HTML", "text/html"},
      {"text/html;charset=utf-8", "text/html;charset=utf-8"},
      {" text/html ; Charset = UTF-8 ", "text/html;charset=UTF-8"},
      {"a/b;;x=1; ", "a/b;x=1"},
      {"a/b; p=\"x; Y\\\"; z\" ;Q=1", "a/b;p=\"x; Y\\\"; z\";q=1"},
      {"a/b; p=\"open", "a/b;p=\"open"},
      {"a/b; flag", "a/b;flag"},
      {";", ""},
      {"a/b; p=\"\\", "a/b;p=\"\\"},
  };
  for (const auto& [type, normalised] : cases) {
    std::string out;
    append_normalised_media_type(out, type);
    EXPECT_EQ(out, normalised) << type;
  }
  EXPECT_EQ(fresh("text/html; charset=a", "GZIP ", "c"), fresh("Text/html;charset=a", "gzip", "c"));
  EXPECT_NE(fresh("text/html; charset=a", "", "c"), fresh("text/html; charset=b", "", "c"));
}

}  // namespace
}  // namespace ifmatch::plugins
