// What a reload changes for whom: which guards turn, which listeners stay, what has to wait.
#include "proxy/net/reload_scope.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "config/loader.hpp"

namespace ifmatch::net {
namespace {

using Names = std::vector<std::string>;

constexpr const char* first = "http://127.0.0.1:3001";
constexpr const char* second = "http://127.0.0.1:3002";

std::unique_ptr<Site> site_with(const std::string& routes, const std::string& more = "") {
  config::LoadResult loaded = config::load(
      {.files = {{.path = "-",
                  .text = "version: 1\nupstreams:\n"
                          "  one: { url: \"http://127.0.0.1:3001\" }\n"
                          "  two: { url: \"http://127.0.0.1:3002\" }\n" +
                          more + "routes:\n" + routes}},
       .environment = {},
       .overrides = {}});
  if (!loaded.config) {
    throw std::runtime_error(config::render(loaded.diagnostics, config::Format::text));
  }
  return std::make_unique<Site>(std::move(*loaded.config), plugins::builtin_plugins());
}

constexpr const char* plain =
    "  - { name: a, match: { path: \"/a/{id}\" }, upstream: one }\n"
    "  - { name: b, match: { path: \"/b/{id}\" }, upstream: two }\n";

Names rebound(const std::string& before, const std::string& next) {
  return rebound_origins(*site_with(before), *site_with(next));
}

TEST(ReloadScope, IsEmptyWhereNothingBindsOtherwise) {
  EXPECT_EQ(rebound(plain, plain), Names{});
  // Names of routes name nothing that a request shares with another.
  EXPECT_EQ(rebound(plain, "  - { name: x, match: { path: \"/a/{id}\" }, upstream: one }\n"
                           "  - { name: y, match: { path: \"/b/{id}\" }, upstream: two }\n"),
            Names{});
}

TEST(ReloadScope, IsTheOriginWhoseRouteHasOtherRules) {
  const std::string route_b = "  - { name: b, match: { path: \"/b/{id}\" }, upstream: two }\n";
  for (const char* const rule :
       {"mode: bypass", "check: recorded", "guard: [PUT]", "serialize: [POST]", "on_missing: allow",
        "wildcard: refuse", "vary: [X-Tenant]", "resource: \"/a\"", "in_doubt: 7s",
        "doubtful: [500]", "reads: wait", "accept_rewritten_tags: true"}) {
    EXPECT_EQ(rebound(plain, std::string("  - { name: a, match: { path: \"/a/{id}\" }, "
                                         "upstream: one, ") + rule + " }\n" + route_b),
              Names{first})
        << rule;
  }
}

TEST(ReloadScope, IsEveryOriginBehindARouteThatCameOrWent) {
  const std::string more = "  - { name: c, match: { path: \"/c/{id}\" }, upstream: two }\n";
  EXPECT_EQ(rebound(plain, more + plain), (Names{first, second}));
  EXPECT_EQ(rebound(more + plain, plain), (Names{first, second}));
  // Behind its last route nothing concerns the first origin.
  EXPECT_EQ(rebound(plain, plain + more), Names{second});
}

TEST(ReloadScope, IsBothOriginsBetweenWhichARouteMoved) {
  EXPECT_EQ(rebound(plain, "  - { name: a, match: { path: \"/a/{id}\" }, upstream: two }\n"
                           "  - { name: b, match: { path: \"/b/{id}\" }, upstream: two }\n"),
            (Names{first, second}));
}

TEST(ReloadScope, IsEverythingWhereTagsAreMadeWithAnotherSecret) {
  config::LoadResult loaded = config::load(
      {.files = {{.path = "-",
                  .text = "version: 1\nupstreams:\n  one: { url: \"http://127.0.0.1:3001\" }\n"
                          "routes:\n  - { name: a, match: { path: \"/**\" }, upstream: one }\n"}},
       .environment = {},
       .overrides = {}});
  ASSERT_TRUE(loaded.config);
  config::Config secret = *loaded.config;
  secret.etag_secret = "0123456789abcdef";
  const Site before(*loaded.config, plugins::builtin_plugins());
  const Site next(secret, plugins::builtin_plugins());
  EXPECT_EQ(rebound_origins(before, next), Names{first});
}

TEST(ReloadScope, IsTheOriginThatCameOrWent) {
  const std::string only_a = "  - { name: a, match: { path: \"/a/{id}\" }, upstream: one }\n";
  const auto before = site_with(plain);
  config::Config less = before->config;
  less.upstreams.pop_back();
  less.routes.pop_back();
  const Site next(less, plugins::builtin_plugins());
  EXPECT_EQ(rebound_origins(*before, next), Names{second});
  EXPECT_EQ(rebound_origins(next, *before), Names{second});
}

std::vector<config::Listener> listeners(
    const std::vector<std::pair<std::string, std::string>>& all) {
  std::vector<config::Listener> made;
  for (const auto& [name, address] : all) {
    config::Listener& listener = made.emplace_back();
    listener.name = name;
    listener.address = address;
  }
  return made;
}

using Kept = std::vector<std::optional<std::size_t>>;

TEST(KeptListeners, AreThoseOfTheSameAddress) {
  EXPECT_EQ(kept_listeners(listeners({{"a", "127.0.0.1:1"}, {"b", "127.0.0.1:2"}}),
                           listeners({{"x", "127.0.0.1:2"}, {"a", "127.0.0.1:3"}})),
            (Kept{1, std::nullopt}));
}

TEST(KeptListeners, AreToldApartByNameWhereTheAddressDoesNot) {
  const auto two = listeners({{"a", "127.0.0.1:0"}, {"b", "127.0.0.1:0"}});
  EXPECT_EQ(kept_listeners(two, listeners({{"b", "127.0.0.1:0"}, {"a", "127.0.0.1:0"}})),
            (Kept{1, 0}));
  EXPECT_EQ(kept_listeners(two, listeners({{"c", "127.0.0.1:0"}, {"b", "127.0.0.1:0"},
                                           {"d", "127.0.0.1:0"}})),
            (Kept{0, 1, std::nullopt}));
}

TEST(AwaitsRestart, NamesEveryKeyThatTheRunningProcessCannotTake) {
  config::Config before;
  config::Config next;
  EXPECT_TRUE(awaits_restart(before, next).empty());
  next.threads = 4;
  next.state_dir = "/tmp/elsewhere";
  next.admin.address = "127.0.0.1:1";
  next.store.max_resources = 5;
  const Names sentences = awaits_restart(before, next);
  const Names keys{"threads:", "state_dir:", "admin:", "store.max_resources:"};
  ASSERT_EQ(sentences.size(), keys.size());
  for (std::size_t at = 0; at < keys.size(); ++at) {
    EXPECT_TRUE(sentences[at].starts_with(keys[at])) << sentences[at];
  }
}

}  // namespace
}  // namespace ifmatch::net
