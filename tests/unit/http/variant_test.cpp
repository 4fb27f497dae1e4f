// Digests for records: equal for equal requests, different for everything that selects.
#include "proxy/http/variant.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::fields_of;

TEST(TargetDigest, SeparatesItsParts) {
  const Keyring keyring;
  EXPECT_EQ(keyring.target_digest("h", "/a"), keyring.target_digest("h", "/a"));
  const std::set<guard::Digest> digests = {
      keyring.target_digest("h", "/a"),   keyring.target_digest("h/", "a"),
      keyring.target_digest("", "h/a"),   keyring.target_digest("h/a", ""),
      keyring.target_digest("h", "/a?"),  keyring.target_digest("h", "/A"),
      keyring.target_digest("h:80", "/a")};
  EXPECT_EQ(digests.size(), 7U);
}

TEST(TargetDigest, DiffersBetweenProcesses) {
  EXPECT_NE(Keyring().target_digest("h", "/"), Keyring().target_digest("h", "/"));
  const Keyring::Secret secret{1};
  EXPECT_EQ(Keyring(secret).target_digest("h", "/"), Keyring(secret).target_digest("h", "/"));
}

TEST(ViewerDigest, CoversCredentialsAndConfiguredFields) {
  const Keyring keyring;
  const std::vector<std::string> vary = {"x-tenant"};
  const auto digest = [&](testing::Lines lines) {
    return keyring.viewer_digest(fields_of(lines), vary);
  };
  EXPECT_EQ(digest({}), digest({{"Accept", "a"}, {"X-Other", "b"}}));
  EXPECT_EQ(digest({{"authorization", "a"}}), digest({{"Authorization", " a "}}));
  const std::set<guard::Digest> digests = {
      digest({}),
      digest({{"Authorization", "a"}}),
      digest({{"Authorization", ""}}),
      digest({{"Authorization", "a"}, {"Authorization", "a"}}),
      digest({{"Authorization", "aa"}}),
      digest({{"Cookie", "a"}}),
      digest({{"Authorization", "a"}, {"Cookie", "a"}}),
      digest({{"X-Tenant", "a"}}),
      digest({{"X-Tenant", ""}}),
      digest({{"X-Tenant", "a"}, {"X-Tenant", "b"}}),
      digest({{"X-Tenant", "b"}, {"X-Tenant", "a"}}),
  };
  EXPECT_EQ(digests.size(), 11U);
}

TEST(VariantDigest, CoversWhatSelects) {
  const Keyring keyring;
  const guard::Digest target = keyring.target_digest("h", "/");
  const guard::Digest viewer = keyring.viewer_digest(Fields(), {});
  const auto digest = [&](testing::Lines request, testing::Lines response) {
    return keyring.variant_digest(target, viewer, fields_of(request), fields_of(response));
  };
  const std::set<guard::Digest> digests = {
      digest({}, {}),
      digest({{"Accept", "a"}}, {}),
      digest({{"Accept", ""}}, {}),
      digest({{"Accept-Language", "a"}}, {}),
      digest({{"Accept-Charset", "a"}}, {}),
      digest({}, {{"Vary", "X-A"}}),
      digest({{"X-A", "1"}}, {{"Vary", "X-A"}}),
      digest({{"X-A", "2"}}, {{"Vary", "X-A"}}),
      digest({{"X-A", "1"}, {"X-B", "1"}}, {{"Vary", "X-A, X-B"}}),
      keyring.variant_digest(viewer, target, Fields()),
  };
  EXPECT_EQ(digests.size(), 10U);
}

TEST(VariantDigest, IgnoresWhatDoesNotSelect) {
  const Keyring keyring;
  const guard::Digest any{};
  const auto digest = [&](testing::Lines request, testing::Lines response) {
    return keyring.variant_digest(any, any, fields_of(request), fields_of(response));
  };
  EXPECT_EQ(digest({{"X-A", "1"}}, {}), digest({{"X-A", "2"}}, {}));
  EXPECT_EQ(digest({{"Accept-Encoding", "br"}}, {{"Vary", "Accept-Encoding"}}),
            digest({{"Accept-Encoding", "gzip"}}, {{"Vary", "accept-encoding, Accept"}}));
  EXPECT_EQ(digest({{"X-A", "1"}}, {{"Vary", "X-A, x-b"}}),
            digest({{"X-A", "1"}}, {{"Vary", "X-B"}, {"Vary", "x-a, X-A"}}));
  EXPECT_EQ(digest({}, {}), keyring.variant_digest(any, any, Fields()));
}

TEST(Viewers, AreAnonymousWithoutCredentials) {
  EXPECT_TRUE(is_anonymous(fields_of({{"Host", "h"}})));
  EXPECT_FALSE(is_anonymous(fields_of({{"Cookie", ""}})));
  EXPECT_FALSE(is_anonymous(fields_of({{"Authorization", "x"}})));
}

TEST(Answers, ThatVaryOnEverythingAreKnown) {
  EXPECT_TRUE(varies_on_everything(fields_of({{"Vary", "*"}})));
  EXPECT_TRUE(varies_on_everything(fields_of({{"Vary", "Accept"}, {"vary", "X, *"}})));
  EXPECT_FALSE(varies_on_everything(fields_of({{"Vary", "Accept"}})));
}

TEST(Selections, AreNumberedOnce) {
  SelectionTable table;
  const guard::Selection json = table.intern("application/json", "");
  const guard::Selection german = table.intern("application/json", "de");
  EXPECT_NE(json, guard::selection_unknown);
  EXPECT_NE(json, german);
  EXPECT_EQ(table.intern(fields_of({{"Accept", "application/json"}})), json);
  EXPECT_EQ(table.intern(fields_of({{"accept", "a"}, {"Accept", "b"}})), table.intern("a, b", ""));
  ASSERT_NE(table.find(german), nullptr);
  EXPECT_EQ(table.find(german)->accept_language, "de");
  EXPECT_NE(table.intern("", ""), guard::selection_unknown);
  EXPECT_EQ(table.find(guard::selection_unknown), nullptr);
  EXPECT_EQ(table.find(1000), nullptr);
}

TEST(Selections, AreBounded) {
  SelectionTable table(2);
  EXPECT_EQ(table.intern("a", ""), 1U);
  EXPECT_EQ(table.intern("b", ""), 2U);
  EXPECT_EQ(table.intern("c", ""), guard::selection_unknown);
  EXPECT_EQ(table.intern("b", ""), 2U);
  SelectionTable other;
  EXPECT_EQ(other.intern(std::string(10'000, 'a'), ""), guard::selection_unknown);
}

TEST(Selections, MayBeAskedByManyThreads) {
  SelectionTable table;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&table] {
      for (int i = 0; i < 500; ++i) {
        const std::string accept = "a" + std::to_string(i);
        const guard::Selection number = table.intern(accept, "");
        EXPECT_EQ(table.find(number)->accept, accept);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table.intern("new", ""), 501U);
}

}  // namespace
}  // namespace ifmatch::http
