// The examples that we ship load without error or warning, and what they show comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "config/show.hpp"
#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

TEST(Examples, LoadWithoutAFinding) {
  std::size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(IFMATCH_EXAMPLES)) {
    if (entry.path().extension() != ".yaml") continue;
    ++seen;
    const Inputs inputs{{{entry.path().string(), std::nullopt}},
                        environment_of({{"API_URL", "http://api:3000"}}),
                        {}};
    const LoadResult result = load(inputs);
    EXPECT_TRUE(result.config) << entry.path();
    EXPECT_TRUE(result.diagnostics.empty()) << told(result);
    if (!result.config) continue;
    const LoadResult again = load_text(show(*result.config));
    ASSERT_TRUE(again.config) << entry.path() << told(again);
    EXPECT_EQ(show(*again.config), show(*result.config)) << entry.path();
  }
  EXPECT_GE(seen, 8U);
}

TEST(Examples, TheEnvironmentIsAskedForWhatItMustGive) {
  const std::string path = std::string(IFMATCH_EXAMPLES) + "/environment.yaml";
  const LoadResult result = load({{{path, std::nullopt}}, {}, {}});
  ASSERT_EQ(result.diagnostics.size(), 1U) << told(result);
  EXPECT_EQ(result.diagnostics[0].code, "E220");
}

}  // namespace
}  // namespace ifmatch::config
