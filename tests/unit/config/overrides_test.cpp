// Flags and variables: what they change, who beats whom, and how their mistakes are told.
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

using Findings = std::vector<std::string>;

Overrides set(std::vector<std::string> settings) {
  Overrides overrides;
  overrides.set = std::move(settings);
  return overrides;
}

TEST(Overrides, AnUpstreamAloneIsAWorkingProxy) {
  Overrides overrides;
  overrides.upstream = "http://127.0.0.1:3000";
  const LoadResult result = load({{}, {}, overrides});
  ASSERT_TRUE(result.config) << told(result);
  const Config& config = *result.config;
  EXPECT_EQ(config.upstreams.at(0).name, "default");
  EXPECT_EQ(config.routes.at(0).name, "default");
  EXPECT_EQ(config.routes.at(0).path, "/**");
  EXPECT_EQ(config.routes.at(0).settings.mode, Mode::enforce);
  EXPECT_EQ(config.listeners.at(0).address, "127.0.0.1:8080");
  EXPECT_TRUE(result.diagnostics.empty());
}

TEST(Overrides, TheAdminAddressComesFromTheFlagTheVariableTheFileOrTheDefault) {
  const std::string text = with_route("admin: { address: \"127.0.0.1:7\" }\n");
  const auto admin_of = [](const LoadResult& result) {
    EXPECT_TRUE(result.config) << told(result);
    return result.config ? result.config->admin : Admin{};
  };
  Overrides flag;
  flag.admin = "none";
  EXPECT_EQ(admin_of(load_text(text, {{"IFMATCH_ADMIN", "[::1]:9"}}, flag)).address, "none");
  EXPECT_EQ(admin_of(load_text(text, {{"IFMATCH_ADMIN", "[::1]:9"}})).address, "[::1]:9");
  EXPECT_EQ(admin_of(load_text(text, {{"IFMATCH_ADMIN", ""}})).address, "127.0.0.1:7");
  EXPECT_EQ(admin_of(load_text(text)).chosen, Admin::Chosen::by_operator);
  EXPECT_EQ(admin_of(load_text(with_route(""))).address, "127.0.0.1:9901");
  EXPECT_EQ(admin_of(load_text(with_route(""))).chosen, Admin::Chosen::by_default);
}

TEST(Overrides, AnOpenAdminAddressInTheEnvironmentNeedsATokenToo) {
  const LoadResult result = load_text(with_route(""), {{"IFMATCH_ADMIN", "0.0.0.0:9901"}});
  EXPECT_FALSE(result.config.has_value());
  ASSERT_EQ(result.diagnostics.size(), 1U);
  EXPECT_EQ(result.diagnostics[0].code, "E340");
  EXPECT_EQ(result.diagnostics[0].file, "IFMATCH_ADMIN");
}

TEST(Overrides, NothingGivenTellsWhatToDo) {
  const LoadResult result = load({});
  EXPECT_EQ(findings(result), (Findings{"0:0 E307"}));
  EXPECT_NE(result.diagnostics.at(0).help.find("--upstream"), std::string::npos);
}

TEST(Overrides, AFlagBeatsTheEnvironmentWhichBeatsTheFile) {
  const std::string text = with_route("defaults: { mode: enforce }\nlog: { level: error }\n");
  const Variables variables{{"IFMATCH_LISTEN", "127.0.0.1:1"},
                            {"IFMATCH_UPSTREAM", "http://env"},
                            {"IFMATCH_MODE", "bypass"},
                            {"IFMATCH_THREADS", "2"},
                            {"IFMATCH_LOG_LEVEL", "debug"}};
  const LoadResult environment = load_text(text, variables);
  ASSERT_TRUE(environment.config) << told(environment);
  EXPECT_EQ(environment.config->listeners.at(0).address, "127.0.0.1:1");
  EXPECT_EQ(environment.config->upstreams.at(0).urls.at(0).host, "env");
  EXPECT_EQ(environment.config->routes.at(0).settings.mode, Mode::bypass);
  EXPECT_EQ(environment.config->threads, 2U);
  EXPECT_EQ(environment.config->log.level, LogLevel::debug);
  EXPECT_EQ(environment.origins.at("defaults.mode"), "environment IFMATCH_MODE");

  Overrides flags;
  flags.listen = "127.0.0.1:2";
  flags.upstream = "http://flag";
  flags.mode = "enforce";
  flags.threads = "3";
  flags.log_level = "trace";
  const LoadResult flag = load_text(text, variables, flags);
  ASSERT_TRUE(flag.config) << told(flag);
  EXPECT_EQ(flag.config->listeners.at(0).address, "127.0.0.1:2");
  EXPECT_EQ(flag.config->upstreams.at(0).urls.at(0).host, "flag");
  EXPECT_EQ(flag.config->routes.at(0).settings.mode, Mode::enforce);
  EXPECT_EQ(flag.config->threads, 3U);
  EXPECT_EQ(flag.config->log.level, LogLevel::trace);
  EXPECT_EQ(flag.origins.at("log.level"), "flag --log-level");
  EXPECT_EQ(flag.origins.at("routes.order.match.path"), "t.yaml:7");
}

TEST(Overrides, AnEmptyVariableCountsAsUnset) {
  const LoadResult result =
      load_text(with_route(""), {{"IFMATCH_MODE", ""}, {"IFMATCH_LISTEN", ""}});
  EXPECT_TRUE(result.config) << told(result);
}

TEST(Overrides, ListenReplacesAllListenersAndKeepsTheLimitsOfTheFirst) {
  Overrides overrides;
  overrides.listen = "127.0.0.1:0";
  const std::string listeners =
      "listeners:\n"
      "  - { name: a, address: \"127.0.0.1:1\", timeouts: { header: 1s } }\n"
      "  - { name: b, address: \"127.0.0.1:2\", timeouts: { header: 2s } }\n";
  const LoadResult result = load_text(with_route(listeners), {}, overrides);
  ASSERT_TRUE(result.config) << told(result);
  ASSERT_EQ(result.config->listeners.size(), 1U);
  EXPECT_EQ(result.config->listeners[0].address, "127.0.0.1:0");
  EXPECT_EQ(result.config->listeners[0].timeouts.header, Milliseconds(1000));
  const LoadResult faulty =
      load_text(with_route(listeners + "  - { name: c, mx: 1 }\n"), {}, overrides);
  EXPECT_EQ(findings(faulty), (Findings{"12:16 E101"})) << "a replaced listener is still checked";
}

TEST(Overrides, AnUpstreamFlagNeedsToKnowWhich) {
  Overrides overrides;
  overrides.upstream = "http://flag";
  const std::string two =
      "version: 1\nupstreams: { a: { url: \"http://a\" }, b: { url: \"http://b\" } }\n"
      "routes: [{ name: x, match: { path: \"/**\" }, upstream: a }]\n";
  const LoadResult result = load_text(two, {}, overrides);
  ASSERT_EQ(result.diagnostics.size(), 1U) << told(result);
  EXPECT_EQ(result.diagnostics[0].code, "E308");
  EXPECT_EQ(result.diagnostics[0].file, "--upstream");
  const LoadResult only_log = load_text("version: 1\nlog: { level: error }\n", {}, overrides);
  ASSERT_TRUE(only_log.config) << told(only_log);
  EXPECT_EQ(only_log.config->routes.at(0).name, "default");
}

TEST(Overrides, SetNamesARouteByItsName) {
  const LoadResult result = load_text(
      with_route(""), {},
      set({"routes.order.mode=bypass", "defaults.check=recorded", "routes.order.guard=[PUT, PATCH]",
           "routes.order.gate.wait=1s", "upstreams.api.url=http://set:81", "threads=4",
           "listeners.default.address=127.0.0.1:0", "routes.order.in_doubt=null"}));
  ASSERT_TRUE(result.config) << told(result);
  const Config& config = *result.config;
  EXPECT_EQ(config.routes.at(0).settings.mode, Mode::bypass);
  EXPECT_EQ(config.routes.at(0).settings.check, Check::recorded);
  EXPECT_EQ(config.routes.at(0).settings.guard, (std::vector<std::string>{"PUT", "PATCH"}));
  EXPECT_EQ(config.routes.at(0).settings.gate.wait, Milliseconds(1000));
  EXPECT_EQ(config.upstreams.at(0).urls.at(0).port, 81);
  EXPECT_EQ(config.listeners.at(0).address, "127.0.0.1:0");
  EXPECT_EQ(config.threads, 4U);
  EXPECT_EQ(result.origins.at("routes.order.mode"), "flag --set");
}

TEST(Overrides, EachOfThemCanAskForObserve) {
  for (const char* key : {"routes.order.mode=observe", "defaults.mode=observe"}) {
    const LoadResult result = load_text(with_route(""), {}, set({key}));
    ASSERT_TRUE(result.config) << told(result);
    EXPECT_EQ(result.config->routes.at(0).settings.mode, Mode::observe) << key;
  }
  Overrides overrides;
  overrides.mode = "observe";
  const LoadResult flag = load_text(with_route(""), {}, overrides);
  EXPECT_EQ(flag.config->routes.at(0).settings.mode, Mode::observe);
  const LoadResult variable = load_text(with_route(""), {{"IFMATCH_MODE", "observe"}});
  EXPECT_EQ(variable.config->routes.at(0).settings.mode, Mode::observe);
}

TEST(Overrides, SetBeatsTheOtherFlagsAndTheLastOneWins) {
  Overrides overrides = set({"defaults.mode=enforce", "defaults.mode=bypass"});
  overrides.mode = "enforce";
  const LoadResult result = load_text(with_route(""), {}, overrides);
  ASSERT_TRUE(result.config) << told(result);
  EXPECT_EQ(result.config->routes.at(0).settings.mode, Mode::bypass);
}

TEST(Overrides, MistakesInSetAreToldInPlace) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a", "1:1 E309"},
      {"=x", "1:1 E309"},
      {"routes.ordr.mode=bypass", "1:8 E309"},
      {"upstreams.apj.url=http://a", "1:11 E309"},
      {"listeners.x.address=127.0.0.1:1", "1:11 E309"},
      {"routes.order.mode=observed", "1:19 E205"},
      {"routes.order.mod=bypass", "1:14 E101"},
      {"routes.order.mode.x=bypass", "1:14 E309"},
      {"routes.order.mode.x.y=bypass", "1:14 E309"},
      {"routes.order=bypass", "1:8 E309"},
      {"admin.address=a", "1:15 E206"},
      {"log.level=", "1:11 E201"},
      {"log.level=[a", "1:1 E006"},
      {"log..level=info", "1:5 E101"},
      {"threads=010", "1:9 E202"},
      {"log.level=${HOME}", "1:11 E205"}};
  for (const auto& [text, expected] : cases) {
    std::string more = with_route("    mode: enforce\n");
    const LoadResult result = load_text(more, {}, set({text}));
    ASSERT_EQ(result.diagnostics.size(), 1U) << text << "\n" << told(result);
    EXPECT_EQ(findings(result).at(0), expected) << told(result);
    EXPECT_EQ(result.diagnostics[0].file, "--set") << text;
  }
  const LoadResult near = load_text(with_route(""), {}, set({"routes.ordr.mode=bypass"}));
  EXPECT_EQ(near.diagnostics.at(0).help, "did you mean 'order'? defined: order");
}

TEST(Overrides, MistakesInFlagsAndVariablesNameThem) {
  Overrides overrides;
  overrides.listen = "localhost:80";
  overrides.threads = "-1";
  const LoadResult result = load_text(with_route(""), {{"IFMATCH_MODE", "watch"}}, overrides);
  ASSERT_EQ(result.diagnostics.size(), 3U) << told(result);
  std::map<std::string, std::string> codes;
  for (const Diagnostic& one : result.diagnostics) codes[one.file] = one.code;
  EXPECT_EQ(codes, (std::map<std::string, std::string>{
                       {"--listen", "E206"}, {"--threads", "E202"}, {"IFMATCH_MODE", "E205"}}));
}

}  // namespace
}  // namespace ifmatch::config
