// WebSockets pass through bypass routes that allow them: a real client and a real server speak
// through the program; and octet by octet, how a tunnel begins, what it carries and how it ends.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <string>

#include "tests/integration/rules.hpp"
#include "tests/integration/websocket.hpp"
#include "tests/support/raw_api.hpp"

namespace ifmatch::support {
namespace {

// A tunnel whose two ends are the test.
struct Joined {
  explicit Joined(ProxyConfig config = with_chat())
      : api(std::move(config)), client(api.connect()) {
    client.send(handshake());
    upstream.emplace(api.accept());
    head = upstream->read_head();
    upstream->say(switching());
    answer = client.read_head();
  }

  RawApi api;
  RawClient client;
  std::optional<ApiSide> upstream;
  Head head;
  Head answer;
};

// Real ones

TEST(AWebSocket, OfARealClientAndARealServerWorks) {
  Process server = Process::start({python, IFMATCH_WEBSOCKET_PEER, "serve"});
  const std::optional<std::string> line = server.wait_for_line("listening on ");
  ASSERT_TRUE(line) << server.transcript();
  ProxyConfig config = with_chat();
  config.upstream_url = "http://127.0.0.1:" + line->substr(line->rfind(' ') + 1);
  ProxyProcess proxy = ProxyProcess::start(config);
  const std::string port = std::to_string(proxy.port());
  const Finished client = run_to_end({python, IFMATCH_WEBSOCKET_PEER, "talk", port, "/chat/room"});
  EXPECT_EQ(client.status, ExitStatus{}) << client.output << client.errors;
  EXPECT_NE(client.output.find("well"), std::string::npos) << client.output;
  // Where it is not allowed the handshake fails, and nothing else does.
  for (const char* target : {"/doc/1", "/other/1"}) {
    const Finished refused = run_to_end({python, IFMATCH_WEBSOCKET_PEER, "talk", port, target});
    EXPECT_NE(refused.output.find("rejected"), std::string::npos) << target << refused.errors;
  }
}

// The handshake

TEST(AWebSocket, IsOfferedAndTakenUpOnBothSides) {
  Joined joined;
  EXPECT_EQ(joined.head.start_line, "GET /chat/1 HTTP/1.1");
  EXPECT_EQ(find_field(joined.head.fields, "Upgrade"), "websocket");
  EXPECT_EQ(find_field(joined.head.fields, "Connection"), "Upgrade");
  EXPECT_EQ(find_field(joined.head.fields, "Sec-WebSocket-Key"), key);
  EXPECT_EQ(joined.answer.start_line, "HTTP/1.1 101 Switching Protocols");
  EXPECT_EQ(find_field(joined.answer.fields, "Upgrade"), "websocket");
  EXPECT_EQ(find_field(joined.answer.fields, "Connection"), "Upgrade");
  EXPECT_EQ(find_field(joined.answer.fields, "Sec-WebSocket-Accept"), accept_value);
  EXPECT_EQ(find_field(joined.answer.fields, "Sec-WebSocket-Protocol"), "chat");
  EXPECT_FALSE(find_field(joined.answer.fields, "Content-Length"));
  EXPECT_FALSE(find_field(joined.answer.fields, "Transfer-Encoding"));
}

TEST(AWebSocket, ThatTheApiDeclinesIsAnOrdinaryAnswer) {
  RawApi api(with_chat());
  RawClient client = api.connect();
  client.send(handshake());
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say(
      "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno");
  const Response answer = client.read_response();
  EXPECT_EQ(answer.status, 426);
  EXPECT_EQ(answer.body, "no");
  EXPECT_FALSE(answer.has("Upgrade"));
  client.send(client.compose("GET", "/chat/2"));
  EXPECT_TRUE(upstream.read_head().start_line.starts_with("GET /chat/2"));
  upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(client.read_response().body, "ok");
}

TEST(AWebSocket, IsIgnoredWhereItIsNotAllowedOrOfferedWithSomethingElse) {
  RawApi api(with_chat());
  RawClient client = api.connect();
  std::optional<ApiSide> upstream;
  std::string h2c = handshake();
  h2c.replace(h2c.find("Upgrade: websocket"), 18, "Upgrade: h2c");
  std::string both = handshake("/chat/1", "Upgrade: h2c\r\n");
  std::string write = handshake();
  write.replace(0, 3, "POST");
  for (const std::string& octets : {handshake("/doc/1"), handshake("/other/1"), h2c, both, write}) {
    client.send(octets);
    if (!upstream) upstream.emplace(api.accept());
    const Head head = upstream->read_head();
    EXPECT_FALSE(find_field(head.fields, "Upgrade")) << octets;
    EXPECT_FALSE(find_field(head.fields, "Connection")) << octets;
    upstream->say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    EXPECT_EQ(client.read_response().status, 200) << octets;
  }
}

class AnUnwelcomeSwitch : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(AnUnwelcomeSwitch, IsA502AndNoTunnel) {
  const auto& [target, answer] = GetParam();
  RawApi api(with_chat());
  RawClient client = api.connect();
  client.send(handshake(target));
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say(answer + "evil");
  expect_problem(client.read_response(), 502, "upstream-unreachable");
  EXPECT_TRUE(upstream.expect_closed());
}

INSTANTIATE_TEST_SUITE_P(
    , AnUnwelcomeSwitch,
    ::testing::Values(
        std::pair{"/doc/1", switching()}, std::pair{"/other/1", switching()},
        std::pair{"/chat/1", switching("AAAAAAAAAAAAAAAAAAAAAAAAAAA=")},
        std::pair{"/chat/1", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\n\r\n"},
        std::pair{"/chat/1", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
                                 std::string(accept_value) + "\r\n\r\n"}));

// What a lax API takes for a guarded path is none that anybody may write to through a tunnel.
TEST(AWebSocket, ToWhatMayBeGuardedIsRefused) {
  ProxyConfig config;
  config.routes =
      "  - { name: documents, match: { path: \"/doc/{id}\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass,\n"
      "      upgrade: [websocket] }\n";
  RawApi api(config);
  for (const char* target : {"/DOC/1", "/doc/1/"}) {
    RawClient client = api.connect();
    client.send(handshake(target));
    expect_problem(client.read_response(), 400, "ambiguous-path");
  }
  EXPECT_TRUE(api.proxy().process().running());
}

TEST(AWebSocket, IsOneLineOfTheAccessLogOnceItIsOver) {
  ProxyConfig config = with_chat();
  config.more = "access_log: stdout\n";
  Joined joined(config);
  joined.client.send("to the API");
  EXPECT_EQ(joined.upstream->read(10), "to the API");
  joined.upstream->say("to the client");
  EXPECT_EQ(joined.client.read_octets(13), "to the client");
  joined.client.half_close();
  EXPECT_TRUE(joined.upstream->expect_closed());
  joined.upstream.reset();
  const auto line = joined.api.proxy().process().wait_for_line("\"target\":\"/chat/1\"");
  ASSERT_TRUE(line);
  EXPECT_NE(line->find("\"status\":101"), std::string::npos) << *line;
  EXPECT_EQ(line->find("\"ending\""), std::string::npos) << *line;
}

// What it carries

TEST(ATunnel, CarriesWhatWasSentAheadOnBothSides) {
  RawApi api(with_chat());
  RawClient client = api.connect();
  client.send(handshake() + "early from the client");
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say(switching() + "early from the API");
  static_cast<void>(client.read_head());
  EXPECT_EQ(client.read_octets(18), "early from the API");
  EXPECT_EQ(upstream.read(21), "early from the client");
  // Octets that look like HTTP are octets.
  const std::string smuggled = "PUT /doc/1 HTTP/1.1\r\nHost: a\r\n\r\n";
  client.send(smuggled);
  EXPECT_EQ(upstream.read(smuggled.size()), smuggled);
}

TEST(ATunnel, CarriesMuchInBothDirectionsInLittleMemory) {
  Joined joined;
  const std::string piece(1024 * 1024, 'x');
  expect_both_ways(joined.client, *joined.upstream, piece, 64);
  if (std::getenv("IFMATCH_TEST_BINARY") == nullptr) {
    EXPECT_LT(joined.api.proxy().process().memory_peak_bytes(), 64ULL * 1024 * 1024);
  }
}

// How it ends

TEST(ATunnel, EndsInOneDirectionAndGoesOnInTheOther) {
  Joined joined;
  joined.client.send("last words");
  joined.client.half_close();
  EXPECT_EQ(joined.upstream->read(10), "last words");
  EXPECT_TRUE(joined.upstream->expect_closed());
  joined.upstream->say("an answer to them");
  EXPECT_EQ(joined.client.read_octets(17), "an answer to them");
  joined.upstream->socket().close();
  EXPECT_TRUE(joined.client.expect_closed());
}

TEST(ATunnel, EndsWithTheApi) {
  Joined joined;
  joined.upstream->say("bye");
  joined.upstream->socket().close();
  EXPECT_EQ(joined.client.read_octets(3), "bye");
  EXPECT_TRUE(joined.client.expect_closed());
}

TEST(ATunnel, EndsWithAClientThatBreaksOff) {
  Joined joined;
  joined.client.reset();
  EXPECT_TRUE(joined.upstream->expect_closed());
  EXPECT_TRUE(joined.api.proxy().process().running());
}

TEST(ATunnel, EndsWhenBothSidesAreSilentForTooLong) {
  Joined joined(with_chat("idle: 100ms, tunnel: 400ms"));
  // Either side keeps it alive, and the connection's own idle time means nothing to it.
  for (int round = 0; round < 6; ++round) {
    EXPECT_TRUE(joined.client.stays_silent(Milliseconds(150)));
    if (round % 2 == 0) {
      joined.client.send("a");
      EXPECT_EQ(joined.upstream->read(1), "a");
    } else {
      joined.upstream->say("b");
      EXPECT_EQ(joined.client.read_octets(1), "b");
    }
  }
  const auto begun = Clock::now();
  EXPECT_TRUE(joined.client.expect_closed(Milliseconds(5'000)));
  EXPECT_TRUE(joined.upstream->expect_closed());
  EXPECT_GE(Clock::now() - begun, Milliseconds(300));
}

TEST(ATunnel, OutlivesTheBeginningOfADrainButNotItsEnd) {
  ProxyConfig config = with_chat();
  config.upstream = "timeouts: { connect: 100ms, response: 200ms }";
  config.more = "shutdown: { drain_timeout: 2s }\n";
  Joined joined(config);
  joined.api.proxy().process().signal(SIGTERM);
  const auto begun = Clock::now();
  ASSERT_TRUE(joined.api.proxy().process().wait_for_line("finishing"));
  joined.client.send("still there?");
  EXPECT_EQ(joined.upstream->read(12), "still there?");
  EXPECT_TRUE(joined.client.expect_closed(Milliseconds(5'000)));
  EXPECT_GE(Clock::now() - begun, Milliseconds(1'000));
  const std::optional<ExitStatus> status = joined.api.proxy().process().wait();
  ASSERT_TRUE(status);
  EXPECT_EQ(*status, ExitStatus{}) << joined.api.proxy().process().transcript();
}

}  // namespace
}  // namespace ifmatch::support
