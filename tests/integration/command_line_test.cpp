// What somebody meets who types `ifmatch`: commands, exit codes, messages, and how the program
// starts and ends.
#include <gtest/gtest.h>

#include <signal.h>

#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr ExitStatus success{0, 0};
constexpr ExitStatus failed_while_running{1, 0};
constexpr ExitStatus wrong_usage{2, 0};
constexpr ExitStatus wrong_configuration{78, 0};

constexpr std::string_view orders = R"(version: 1
upstreams:
  orders_api: { url: "http://127.0.0.1:3000" }
routes:
  - name: order
    match: { path: "/v1/orders/{id}" }
    upstream: orders_api
    on_missing: 428
  - name: everything_else
    match: { path: "/**" }
    upstream: orders_api
    mode: bypass
state_dir: none
)";

// The mistake is on line 8, from column 5 on.
constexpr std::string_view mistaken = R"(version: 1
upstreams:
  orders_api: { url: "http://127.0.0.1:3000" }
routes:
  - name: order
    match: { path: "/v1/orders/{id}" }
    upstream: orders_api
    on_mising: 428
)";

Finished ifmatch(std::vector<std::string> arguments, Process::Options options = {}) {
  arguments.insert(arguments.begin(), ifmatch_binary());
  return run_to_end(std::move(arguments), std::move(options));
}

class CommandLine : public ::testing::Test {
 protected:
  TemporaryFolder folder;
  const std::string good = folder.write("ifmatch.yaml", orders);
  const std::string bad = folder.write("mistaken.yaml", mistaken);
};

TEST_F(CommandLine, ValidateConnectsToEveryUpstreamWhenAsked) {
  ScriptedUpstream there([](const Request&) { return Reply{}; });
  const std::string nowhere = "http://127.0.0.1:" + std::to_string(free_port());
  const auto with_urls = [&](const std::string& urls) {
    return folder.write("urls.yaml", "version: 1\nupstreams:\n  api: { urls: [" + urls +
                                         "] }\nroutes:\n  - { name: all, match: { path: \"/**\" }, "
                                         "upstream: api }\n");
  };
  const std::string all_there = with_urls("\"" + there.url() + "\"");
  const Finished fine = ifmatch({"validate", "--connect", "-c", all_there});
  EXPECT_EQ(fine.status, success) << fine.output << fine.errors;
  EXPECT_NE(fine.output.find("upstreams.api: " + there.url() + ": connected\n"), std::string::npos)
      << fine.output;
  EXPECT_EQ(there.count("GET"), 0U) << "nothing is sent";

  const std::string half = with_urls("\"" + there.url() + "\", \"" + nowhere + "\"");
  EXPECT_EQ(ifmatch({"validate", "-c", half}).status, success);
  const Finished missing = ifmatch({"validate", "--connect", "-c", half});
  EXPECT_EQ(missing.status, failed_while_running);
  EXPECT_NE(missing.output.find(half + ":3:1: error[E401]: '" + nowhere + "'"), std::string::npos)
      << missing.output;
  const Finished json = ifmatch({"validate", "--connect", "--format", "json", "-c", half});
  EXPECT_EQ(json.status, failed_while_running);
  EXPECT_TRUE(json.output.starts_with("{\"errors\":1,")) << json.output;
  EXPECT_EQ(ifmatch({"validate", "--connect", "-c", bad}).status, wrong_configuration);
}

TEST_F(CommandLine, HelpAndVersionSucceed) {
  EXPECT_EQ(ifmatch({"--help"}).status, success);
  const Finished version = ifmatch({"version"});
  EXPECT_EQ(version.status, success);
  EXPECT_TRUE(std::regex_search(version.output, std::regex("[0-9]+\\.[0-9]+\\.[0-9]+")))
      << version.output;
}

TEST_F(CommandLine, WrongUsageIsExitCode2) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run", "--no-such-flag"},
        {"no-such-command"},
        {"explain"},
        {"etag", "--route"}}) {
    const Finished finished = ifmatch(arguments);
    EXPECT_EQ(finished.status, wrong_usage) << arguments.front() << finished.errors;
    EXPECT_NE(finished.errors, "");
  }
}

TEST_F(CommandLine, ValidateAcceptsAGoodFile) {
  const Finished finished = ifmatch({"validate", "-c", good});
  EXPECT_EQ(finished.status, success) << finished.output << finished.errors;
}

TEST_F(CommandLine, ValidateShowsWhereTheMistakeIsAndWhatWasMeant) {
  const Finished finished = ifmatch({"validate", "-c", bad});
  EXPECT_EQ(finished.status, wrong_configuration);
  const std::string said = finished.output + finished.errors;
  EXPECT_NE(said.find("mistaken.yaml:8:5: error["), std::string::npos) << said;
  EXPECT_NE(said.find("unknown key 'on_mising' in routes.order"), std::string::npos) << said;
  EXPECT_NE(said.find("    on_mising: 428"), std::string::npos) << said;
  EXPECT_NE(said.find("^^^^^^^^^"), std::string::npos) << said;
  EXPECT_NE(said.find("did you mean 'on_missing'?"), std::string::npos) << said;
}

TEST_F(CommandLine, ValidateShowsAllMistakesOfAFile) {
  const std::string file = folder.write("two.yaml", std::string(mistaken) +
                                                        "    upstreem: orders_api\n"
                                                        "    check: sometimes\n");
  const Finished finished = ifmatch({"validate", "-c", file});
  EXPECT_EQ(finished.status, wrong_configuration);
  const std::string said = finished.output + finished.errors;
  for (const std::string_view place : {"two.yaml:8:5:", "two.yaml:9:5:", "two.yaml:10:"}) {
    EXPECT_NE(said.find(place), std::string::npos) << place << said;
  }
}

TEST_F(CommandLine, RunRefusesAWrongOrMissingConfigurationAndOpensNoPort) {
  for (const std::string& file : {bad, folder.path().string() + "/missing.yaml"}) {
    const Finished finished = ifmatch({"run", "-c", file});
    EXPECT_EQ(finished.status, wrong_configuration) << finished.errors;
    EXPECT_EQ(finished.errors.find("ready:"), std::string::npos) << finished.errors;
  }
}

TEST_F(CommandLine, RunNamesTheAddressThatIsInUse) {
  const Socket taken = Socket::listen();
  const std::string address = "127.0.0.1:" + std::to_string(taken.local_port());
  const Finished finished = ifmatch({"run", "-c", good, "--listen", address});
  EXPECT_EQ(finished.status, failed_while_running) << finished.errors;
  EXPECT_NE(finished.errors.find(address), std::string::npos) << finished.errors;
  EXPECT_EQ(finished.errors.find("ready:"), std::string::npos) << finished.errors;
}

TEST_F(CommandLine, RunNeedsNoMoreThanAnUpstream) {
  DocumentStore store;
  store.put("/a", "{}");
  ScriptedUpstream upstream(store.behaviour());
  ProxyProcess proxy = ProxyProcess::start_with(
      {"run", "--listen", "127.0.0.1:0", "--upstream", upstream.url(), "--set", "state_dir=none"});
  EXPECT_TRUE(is_our_tag(request_once(proxy.port(), "GET", "/a").tag()));
  expect_problem(request_once(proxy.port(), "PUT", "/a", {}, "[]"), 412, "precondition-missing");
  EXPECT_EQ(proxy.stop(), success);
}

TEST_F(CommandLine, AFlagBeatsTheEnvironmentWhichBeatsTheFile) {
  DocumentStore store;
  store.put("/v1/orders/42", "{}");
  ScriptedUpstream upstream(store.behaviour());
  const std::string nobody = "http://127.0.0.1:" + std::to_string(free_port());

  ProxyProcess by_environment = ProxyProcess::start_with(
      {"run", "-c", good},
      {{"IFMATCH_LISTEN", "127.0.0.1:0"}, {"IFMATCH_UPSTREAM", upstream.url()}});
  EXPECT_EQ(request_once(by_environment.port(), "GET", "/v1/orders/42").status, 200);

  ProxyProcess by_flag =
      ProxyProcess::start_with({"run", "-c", good, "--upstream", upstream.url()},
                               {{"IFMATCH_LISTEN", "127.0.0.1:0"}, {"IFMATCH_UPSTREAM", nobody}});
  EXPECT_EQ(request_once(by_flag.port(), "GET", "/v1/orders/42").status, 200);
}

TEST_F(CommandLine, RunTakesItsFileFromTheEnvironment) {
  ProxyProcess proxy = ProxyProcess::start_with(
      {"run"}, {{"IFMATCH_CONFIG", good}, {"IFMATCH_LISTEN", "127.0.0.1:0"}});
  expect_problem(request_once(proxy.port(), "PUT", "/v1/orders/42", {}, "{}"), 428,
                 "precondition-missing");
}

TEST_F(CommandLine, RunPutsEnvironmentVariablesIntoTheFile) {
  DocumentStore store;
  store.put("/v1/orders/42", "{}");
  ScriptedUpstream upstream(store.behaviour());
  std::string text(orders);
  const std::string url = "http://127.0.0.1:3000";
  text.replace(text.find(url), url.size(), "${ORDERS_URL:-http://127.0.0.1:1}");
  const std::string file = folder.write("variables.yaml", text);
  ProxyProcess proxy = ProxyProcess::start_with({"run", "-c", file, "--listen", "127.0.0.1:0"},
                                                {{"ORDERS_URL", upstream.url()}});
  EXPECT_EQ(request_once(proxy.port(), "GET", "/v1/orders/42").status, 200);
}

TEST_F(CommandLine, TermFinishesTheRequestUnderWay) {
  const auto hold = std::make_shared<Hold>();
  ScriptedUpstream upstream([hold](const Request&) {
    Reply reply;
    reply.body = "{}";
    reply.hold = hold;
    return reply;
  });
  ProxyProcess proxy = ProxyProcess::start_in_front_of(upstream.url());
  RawClient client = RawClient::connect(proxy.port());
  client.send(client.compose("GET", "/a"));
  ASSERT_TRUE(upstream.wait_for("GET", 1));
  proxy.process().signal(SIGTERM);
  EXPECT_TRUE(client.stays_silent(Milliseconds{100}));
  EXPECT_TRUE(proxy.process().running());
  hold->release();
  const Response answer = client.read_response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{}");
  EXPECT_EQ(proxy.process().wait(), success);
}

TEST_F(CommandLine, TermEndsAnIdleProgramWithOpenConnectionsAtOnce) {
  DocumentStore store;
  store.put("/a", "{}");
  ScriptedUpstream upstream(store.behaviour());
  ProxyProcess proxy = ProxyProcess::start_in_front_of(upstream.url());
  RawClient silent = RawClient::connect(proxy.port());
  RawClient kept_alive = RawClient::connect(proxy.port());
  EXPECT_EQ(kept_alive.request("GET", "/a").status, 200);
  proxy.process().signal(SIGTERM);
  EXPECT_EQ(proxy.process().wait(Deadline(Milliseconds{5'000})), success);
  EXPECT_TRUE(kept_alive.expect_closed());
  EXPECT_TRUE(silent.expect_closed());
}

TEST_F(CommandLine, IntIsTakenAsTerm) {
  ProxyProcess proxy = ProxyProcess::start_in_front_of("http://127.0.0.1:1");
  proxy.process().signal(SIGINT);
  EXPECT_EQ(proxy.process().wait(), success);
}

TEST_F(CommandLine, ConfigShowResolvesDefaultsAndFlags) {
  const Finished finished = ifmatch({"config", "show", "-c", good});
  EXPECT_EQ(finished.status, success) << finished.errors;
  for (const std::string_view shown :
       {"on_missing: 428", "check: confirm", "max_body: 8MiB", "/v1/orders/{id}"}) {
    EXPECT_NE(finished.output.find(shown), std::string::npos) << shown << finished.output;
  }
}

TEST_F(CommandLine, ExplainTellsRouteAndResource) {
  const Finished finished =
      ifmatch({"explain", "-c", good, "PUT", "http://api.test/v1/Orders/../orders/42?x=1"});
  EXPECT_NE(finished.output.find("ambiguous-path"), std::string::npos) << finished.output;

  const Finished plain =
      ifmatch({"explain", "-c", good, "PUT", "http://api.test/v1/orders/42?x=1"});
  EXPECT_EQ(plain.status, success) << plain.errors;
  EXPECT_TRUE(std::regex_search(plain.output, std::regex("\\border\\b"))) << plain.output;
  EXPECT_NE(plain.output.find("/v1/orders/42"), std::string::npos) << plain.output;
  EXPECT_NE(plain.output.find("precondition-missing"), std::string::npos) << plain.output;
}

TEST_F(CommandLine, ExplainTellsThatATagThatCanNeverMatchIsStale) {
  const std::string ours = "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
  const auto explained = [&](const std::string& tag) {
    const Finished finished = ifmatch({"explain", "-c", good, "-H", "If-Match: " + tag, "PUT",
                                       "http://api.test/v1/orders/42"});
    EXPECT_EQ(finished.status, success) << finished.errors;
    return finished.output;
  };
  for (const std::string& tag : {std::string("\"abc\""), "W/" + ours, "\"abc\", W/" + ours}) {
    const std::string told = explained(tag);
    EXPECT_NE(told.find("412 "), std::string::npos) << tag << told;
    EXPECT_NE(told.find("stale-version"), std::string::npos) << tag << told;
  }
  for (const std::string& tag : {ours, "\"abc\", " + ours, std::string("*")}) {
    const std::string told = explained(tag);
    EXPECT_EQ(told.find("stale-version"), std::string::npos) << tag << told;
  }
}

TEST_F(CommandLine, EtagOfARepresentationDependsOnItsContent) {
  const std::string ten = folder.write("ten.json", R"({"total":10})");
  const std::string twelve = folder.write("twelve.json", R"({"total":12})");
  const auto tag_of = [&](const std::string& file, std::string input = "") {
    Process::Options options;
    options.input = std::move(input);
    const Finished finished = ifmatch({"etag", "-c", good, "--route", "order", file}, options);
    EXPECT_EQ(finished.status, success) << finished.errors;
    std::smatch tag;
    EXPECT_TRUE(std::regex_search(finished.output, tag, std::regex("\"im1-[A-Za-z0-9_-]{32}\"")))
        << finished.output;
    return tag.str();
  };
  EXPECT_NE(tag_of(ten), tag_of(twelve));
  EXPECT_EQ(tag_of(ten), tag_of("-", R"({"total":10})"));
}

TEST_F(CommandLine, RunTakesItsConfigurationFromAPipe) {
  Process process = Process::start(
      {"/bin/bash", "-c", "exec \"$0\" run -c <(cat \"$1\") --listen 127.0.0.1:0 --admin none",
       ifmatch_binary(), good});
  EXPECT_TRUE(process.wait_for_line("ready: listening on")) << process.transcript();
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(), success);
}

}  // namespace
}  // namespace ifmatch::support
