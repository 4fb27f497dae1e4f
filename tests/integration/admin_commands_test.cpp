// The commands that speak to a running instance: what they print, and their exit codes.
#include <signal.h>

#include <thread>

#include "tests/integration/admin_fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr ExitStatus success{0, 0};
constexpr ExitStatus failed{1, 0};
constexpr ExitStatus wrong_usage{2, 0};

Finished ifmatch(std::vector<std::string> arguments,
                 std::map<std::string, std::string> environment = {}) {
  arguments.insert(arguments.begin(), ifmatch_binary());
  Process::Options options;
  options.environment = std::move(environment);
  return run_to_end(std::move(arguments), std::move(options));
}

TEST(StatusCommand, ShowsARunningInstance) {
  AdminStore server;
  server.store.put("/a", "1");
  (void)server.read_tag("/a");
  EXPECT_EQ(server.request("PUT", "/a", {}, "2").status, 412);
  ASSERT_TRUE(server.comes_to(
      "ifmatch_decisions_total{route=\"everything\",mode=\"enforce\",decision=\"missing\"}", 1));
  const Finished text = ifmatch({"status", "--admin", server.admin_address()});
  EXPECT_EQ(text.status, success) << text.errors;
  for (const std::string& part :
       {std::string("serving for "), std::string(", ready\n"),
        "listening on 127.0.0.1:" + std::to_string(server.proxy.port()) + "\n",
        std::string("\nROUTE       MODE     REQUESTS  PASS  STALE  MISSING\n"
                    "everything  enforce         2     0      0        1\n"),
        server.upstream.url()}) {
    EXPECT_NE(text.output.find(part), std::string::npos) << part << "\n" << text.output;
  }
  const Finished json = ifmatch({"status", "--json"}, {{"IFMATCH_ADMIN", server.admin_address()}});
  EXPECT_EQ(json.status, success) << json.errors;
  EXPECT_EQ(json_member(json.output, "phase"), "serving");
  for (const char* const member :
       {"\n  \"routes\": [", "\n  \"upstreams\": [", "\n  \"observe\": {"}) {
    EXPECT_NE(json.output.find(member), std::string::npos) << member << json.output;
  }
}

TEST(StatusCommand, WatchesUntilItIsEnded) {
  AdminStore server;
  Process watch = Process::start(
      {ifmatch_binary(), "status", "--watch", "--admin", server.admin_address()});
  EXPECT_TRUE(watch.wait_for_line("serving for "));
  EXPECT_TRUE(watch.wait_for_line("serving for ", Deadline{}, 1)) << "again";
  watch.signal(SIGINT);
  EXPECT_TRUE(watch.wait().has_value());
}

TEST(ReloadCommand, SaysWhatBecameOfIt) {
  AdminStore server;
  const std::vector<std::string> reload{"reload", "--admin", server.admin_address()};
  const Finished applied = ifmatch(reload);
  EXPECT_EQ(applied.status, success) << applied.errors;
  EXPECT_EQ(applied.output, "reloaded\n");
  ProxyConfig config;
  config.upstream_url = server.upstream.url();
  config.defaults = "on_mising: 428";
  server.proxy.folder().write("ifmatch.yaml", with_admin(config).yaml());
  const Finished refused = ifmatch(reload);
  EXPECT_EQ(refused.status, failed);
  EXPECT_NE(refused.errors.find("error[E101]: unknown key 'on_mising'"), std::string::npos)
      << refused.errors;
  EXPECT_NE(refused.errors.find("the old one stays in force"), std::string::npos);
}

TEST(DrainCommand, EndsTheInstance) {
  AdminStore server;
  server.ended = true;
  const Finished drain = ifmatch({"drain", "--admin", server.admin_address()});
  EXPECT_EQ(drain.status, success) << drain.errors;
  EXPECT_EQ(drain.output, "draining\n");
  EXPECT_EQ(server.proxy.process().wait(), success);
}

TEST(HealthcheckCommand, AnswersForAContainer) {
  AdminStore server;
  server.ended = true;
  const std::map<std::string, std::string> there{{"IFMATCH_ADMIN", server.admin_address()}};
  EXPECT_EQ(ifmatch({"healthcheck"}, there).status, success);
  EXPECT_EQ(ifmatch({"healthcheck", "--live"}, there).status, success);
  server.store.put("/a", "1");
  const std::string tag = server.read_tag("/a");
  const auto hold = std::make_shared<Hold>();
  server.hold_writes(hold);
  std::thread writer([&] { EXPECT_EQ(server.put("/a", tag, "2").status / 100, 2); });
  ASSERT_TRUE(eventually([&] { return server.metric("ifmatch_gates_busy") > 0; }));
  EXPECT_EQ(ifmatch({"drain"}, there).status, success);
  EXPECT_TRUE(eventually([&] { return ifmatch({"healthcheck"}, there).status == failed; }));
  EXPECT_EQ(ifmatch({"healthcheck", "--live"}, there).status, success);
  hold->release();
  writer.join();
  EXPECT_EQ(server.proxy.process().wait(), success);
  const Finished gone = ifmatch({"healthcheck", "--live"}, there);
  EXPECT_EQ(gone.status, failed);
  EXPECT_NE(gone.errors.find("no instance answers at " + server.admin_address()),
            std::string::npos);
}

TEST(AdminCommands, UseTheTokenOfAFile) {
  TokenProxy server("127.0.0.1");
  const std::string& file = server.token_file();
  TemporaryFolder folder;
  const std::string wrong = folder.write("wrong", "0123456789abcdef0124\n");
  const std::string address = "127.0.0.1:" + std::to_string(server.proxy.admin_port());
  EXPECT_EQ(ifmatch({"status", "--admin", address, "--token-file", file}).status, success);
  EXPECT_EQ(ifmatch({"reload", "--admin", address},
                    {{"IFMATCH_ADMIN_TOKEN_FILE", file}}).status, success);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"status"}, {"reload"}, {"drain"}}) {
    std::vector<std::string> without = command;
    without.insert(without.end(), {"--admin", address});
    const Finished refused = ifmatch(without);
    EXPECT_EQ(refused.status, failed) << command[0];
    EXPECT_NE(refused.errors.find("401"), std::string::npos) << refused.errors;
    without.insert(without.end(), {"--token-file", wrong});
    EXPECT_EQ(ifmatch(without).status, failed) << command[0];
  }
  EXPECT_EQ(ifmatch({"healthcheck", "--admin", address}).status, success);
}

TEST(AdminCommands, FailInOneSentenceWhereNobodyAnswers) {
  for (const char* const command : {"status", "reload", "drain", "healthcheck"}) {
    const Finished nobody = ifmatch({command, "--admin", "127.0.0.1:1"});
    EXPECT_EQ(nobody.status, failed) << command;
    EXPECT_EQ(nobody.errors.find("ifmatch: no instance answers at 127.0.0.1:1: "), 0U)
        << nobody.errors;
    EXPECT_EQ(ifmatch({command, "--admin", "none"}).status, wrong_usage);
    EXPECT_EQ(ifmatch({command, "--no-such-flag"}).status, wrong_usage);
    EXPECT_EQ(ifmatch({command, "--token-file", "/nonexistent"}).status, wrong_usage);
  }
}

// One that does not have every page yet.
TEST(StatusCommand, ShowsAnOlderInstance) {
  const ScriptedUpstream older([](const Request& request) {
    Reply reply;
    if (request.target == "/api/v1/status") reply.body = R"({"version":"0.1","phase":"serving"})";
    if (request.target == "/api/v1/routes") reply.body = R"({"routes":[]})";
    if (request.target == "/api/v1/upstreams") reply.body = R"({"upstreams":[]})";
    if (reply.body.empty()) reply.status = 404;
    return reply;
  });
  const Finished shown =
      ifmatch({"status", "--admin", "127.0.0.1:" + std::to_string(older.port())});
  EXPECT_EQ(shown.status, success) << shown.errors;
  EXPECT_NE(shown.output.find("ifmatch 0.1"), std::string::npos) << shown.output;
}

TEST(AdminCommands, KnowWhatIsNotIfmatch) {
  const ScriptedUpstream other([](const Request&) { return Reply{.body = "<html>"}; });
  const std::string address = "127.0.0.1:" + std::to_string(other.port());
  EXPECT_EQ(ifmatch({"status", "--admin", address}).status, failed);
  EXPECT_EQ(ifmatch({"drain", "--admin", address}).status, failed);
}

}  // namespace
}  // namespace ifmatch::support
