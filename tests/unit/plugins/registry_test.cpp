// What is compiled in is found by its name, and nothing else is.
#include "plugins/registry.hpp"

#include <gtest/gtest.h>

namespace ifmatch::plugins {
namespace {

TEST(Registries, KnowWhatIsCompiledIn) {
  const Registry registry = builtin_plugins();
  EXPECT_EQ(registry.version_source_names(), std::vector<std::string>{"body"});
  EXPECT_EQ(registry.ledger_names(), std::vector<std::string>{"memory"});
  EXPECT_NE(registry.make_version_source("body", {}), nullptr);
  EXPECT_NE(registry.make_ledger("memory", {.state_dir = "none"}), nullptr);
  EXPECT_EQ(registry.make_version_source("memory", {}), nullptr);
  EXPECT_EQ(registry.make_ledger("redis", {}), nullptr);
}

}  // namespace
}  // namespace ifmatch::plugins
