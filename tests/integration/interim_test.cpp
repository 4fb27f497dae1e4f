// Interim answers reach clients that know them, at once and without validators of a guarded route;
// and who waits for 100 (Continue) on a bypass route hears what the API says, or us, never both.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/rules.hpp"
#include "tests/support/raw_api.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view hints =
    "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nETag: \"theirs\"\r\n"
    "Connection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view final_answer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

class Hints : public ::testing::TestWithParam<std::string> {
 protected:
  static bool guarded() { return GetParam().find("/doc") != std::string::npos; }
  static std::string method() { return GetParam().substr(0, GetParam().find(' ')); }
  static std::string target() { return GetParam().substr(GetParam().find(' ') + 1); }
};

TEST_P(Hints, ReachTheClientBeforeTheAnswer) {
  RawApi api(two_routes());
  RawClient client = api.connect();
  const bool write = method() != "GET";
  client.send(client.compose(method(), target(), write ? Fields{{"If-Match", "*"}} : Fields{},
                             write ? "{}" : ""));
  ApiSide upstream = api.accept();
  Head arrived = upstream.read_head();
  if (write && guarded()) {
    // The probe first, whose interim answers are ours.
    ASSERT_TRUE(arrived.start_line.starts_with("GET "));
    upstream.say(std::string(hints) + std::string(final_answer));
    arrived = upstream.read_head();
  }
  ASSERT_TRUE(arrived.start_line.starts_with(method()));
  upstream.say(hints);
  const Head interim = client.read_head();
  EXPECT_EQ(interim.start_line, "HTTP/1.1 103 Early Hints");
  EXPECT_EQ(find_field(interim.fields, "Link"), "</style.css>; rel=preload");
  EXPECT_EQ(find_field(interim.fields, "Via"), "1.1 ifmatch");
  EXPECT_EQ(find_field(interim.fields, "ETag").has_value(), !guarded());
  for (const char* name : {"X-Hop", "Connection", "Content-Length", "Transfer-Encoding"}) {
    EXPECT_FALSE(find_field(interim.fields, name)) << name;
  }
  EXPECT_TRUE(client.stays_silent(watched));
  if (write) {
    EXPECT_EQ(upstream.read(2), "{}");
  }
  upstream.say(final_answer);
  const Response answer = client.read_response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "ok");
  EXPECT_FALSE(answer.has("Link"));
}

TEST_P(Hints, AreNotForHttp10) {
  RawApi api(two_routes());
  RawClient client = api.connect();
  const bool write = method() != "GET";
  client.send(method() + " " + target() + " HTTP/1.0\r\nHost: a\r\n" +
              (write ? "If-Match: *\r\nContent-Length: 0\r\n\r\n" : "\r\n"));
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say(std::string(hints) + std::string(final_answer));
  if (write && guarded()) {
    static_cast<void>(upstream.read_head());
    upstream.say(std::string(hints) + std::string(final_answer));
  }
  const Response answer = client.read_response();
  EXPECT_TRUE(answer.interim.empty());
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(client.expect_closed());
}

INSTANTIATE_TEST_SUITE_P(, Hints,
                         ::testing::Values("GET /pass/1", "PUT /pass/1", "GET /doc/1",
                                           "PUT /doc/1"),
                         [](const auto& test) {
                           return test.param.substr(0, 3) +
                                  (test.param.find("doc") != std::string::npos ? "Guarded"
                                                                               : "Bypass");
                         });

TEST(InterimAnswers, WithoutEndArePassedOnOnlyForAWhile) {
  ProxyConfig config = two_routes();
  config.upstream = "timeouts: { connect: 2s, response: 600ms }";
  RawApi api(config);
  RawClient client = api.connect();
  client.send(client.compose("GET", "/pass/1"));
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  std::string many;
  for (int count = 0; count < 500; ++count) many += "HTTP/1.1 102 Processing\r\n\r\n";
  upstream.say(many);
  const Response answer = client.read_response();
  expect_problem(answer, 504, "upstream-timeout");
  EXPECT_EQ(answer.interim.size(), 100U);
}

// Each piece ends one and begins the next, so that none of them is ever late.
TEST(InterimAnswers, WithoutEndDoNotProlongTheWaitHoweverTheyArrive) {
  ProxyConfig config = two_routes();
  config.upstream = "timeouts: { connect: 2s, response: 300ms }";
  RawApi api(config);
  for (const char* target : {"/pass/1", "/doc/1"}) {
    RawClient client = api.connect();
    // One that is told of none of them.
    client.send("GET " + std::string(target) + " HTTP/1.0\r\nHost: a\r\n\r\n");
    ApiSide upstream = api.accept();
    static_cast<void>(upstream.read_head());
    upstream.say("HTTP/1.1 102 Pro");
    bool answered = false;
    for (int pieces = 0; pieces < 200 && !answered; ++pieces) {
      static_cast<void>(upstream.socket().send_all("cessing\r\n\r\nHTTP/1.1 102 Pro"));
      answered = client.hears_within(Milliseconds(25));
    }
    ASSERT_TRUE(answered) << target;
    expect_problem(client.read_response(), 504, "upstream-timeout");
  }
}

// Rule 3.2.8: a write is settled at the pace of the API, whatever its client takes.
TEST(InterimAnswers, ThatTheClientDoesNotReadHoldNoWriteUp) {
  // One connection to the API, so that all that is said to it is said on that one.
  ProxyConfig config = two_routes();
  config.upstream = "max_connections: 1, timeouts: { connect: 10s, response: 10s }";
  RawApi api(config);
  RawClient deaf = RawClient::connect_narrow(api.proxy().port());
  deaf.send(deaf.compose("GET", "/pass/1"));
  ApiSide first = api.accept();
  static_cast<void>(first.read_head());
  first.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  deaf.send(deaf.compose("PUT", "/doc/1", {{"If-Match", "*"}}, "{}"));
  static_cast<void>(first.read_head());
  first.say(final_answer);
  static_cast<void>(first.read_head());
  EXPECT_EQ(first.read(2), "{}");
  std::string long_hints;
  for (int count = 0; count < 90; ++count) {
    long_hints += "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(30'000, 'x') + "\r\n\r\n";
  }
  first.say(long_hints + std::string(final_answer));
  // The gate is free again although nobody reads.
  RawClient other = api.connect();
  other.send(other.compose("PUT", "/doc/1", {{"If-Match", "*"}}, "{}"));
  // One probe, or two where the gate was not free yet when it came.
  support::Head asked = first.read_head();
  while (asked.start_line.starts_with("GET")) {
    first.say(final_answer);
    asked = first.read_head();
  }
  EXPECT_EQ(first.read(2), "{}");
  first.say(final_answer);
  EXPECT_EQ(other.read_response().status, 200);
  // And what it is told is whole, however late it reads.
  EXPECT_EQ(deaf.read_response().body, "ok");
  const Response answer = deaf.read_response();
  EXPECT_EQ(answer.body, "ok");
  EXPECT_GT(answer.interim.size(), 0U);
}

// Expect

class AnExpectation : public ::testing::Test {
 protected:
  explicit AnExpectation() : api(two_routes()), client(api.connect()) {}

  // Begins an upload whose client waits, and returns the API's side of it.
  ApiSide begin(const Fields& framing = {{"Content-Length", "4"}}) {
    Fields fields = framing;
    fields.emplace_back("Expect", "100-continue");
    client.send(client.compose("POST", "/pass/1", fields));
    ApiSide upstream = api.accept();
    const Head head = upstream.read_head();
    EXPECT_EQ(find_field(head.fields, "Expect"), "100-continue");
    return upstream;
  }

  RawApi api;
  RawClient client;
};

TEST_F(AnExpectation, IsMetByTheApi) {
  ApiSide upstream = begin();
  upstream.say("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.read_interim(), 100);
  EXPECT_TRUE(upstream.stays_silent(watched));
  client.send("abcd");
  EXPECT_EQ(upstream.read(4), "abcd");
  upstream.say(final_answer);
  EXPECT_EQ(client.read_response().body, "ok");
  // Both connections go on.
  client.send(client.compose("GET", "/pass/2"));
  EXPECT_TRUE(upstream.read_head().start_line.starts_with("GET /pass/2"));
  upstream.say(final_answer);
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(AnExpectation, OfChunksIsMetByTheApi) {
  ApiSide upstream = begin({{"Transfer-Encoding", "chunked"}});
  upstream.say("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.read_interim(), 100);
  client.send("4\r\nabcd\r\n0\r\n\r\n");
  Fields trailers;
  EXPECT_EQ(upstream.read_body(Framing::chunked, 0, trailers), "abcd");
  upstream.say(final_answer);
  EXPECT_EQ(client.read_response().body, "ok");
}

TEST_F(AnExpectation, IsMetByUsWhereTheApiSaysNothing) {
  const auto begun = Clock::now();
  ApiSide upstream = begin();
  EXPECT_EQ(client.read_interim(), 100);
  EXPECT_GE(Clock::now() - begun, Milliseconds(900));
  client.send("abcd");
  EXPECT_EQ(upstream.read(4), "abcd");
  // What it says too late is not said twice.
  upstream.say("HTTP/1.1 100 Continue\r\n\r\n" + std::string(final_answer));
  const Response answer = client.read_response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.interim.empty());
}

TEST_F(AnExpectation, ThatIsRefusedSendsNoContent) {
  for (const int status : {417, 413, 200}) {
    RawApi another(two_routes());
    RawClient waiting = another.connect();
    waiting.send(waiting.compose("POST", "/pass/1",
                                 {{"Content-Length", "4"}, {"Expect", "100-continue"}}));
    ApiSide upstream = another.accept();
    static_cast<void>(upstream.read_head());
    upstream.say("HTTP/1.1 " + std::to_string(status) +
                 " No\r\nContent-Length: 2\r\n\r\nno");
    const Response answer = waiting.read_response();
    EXPECT_EQ(answer.status, status);
    EXPECT_TRUE(answer.interim.empty());
    EXPECT_EQ(answer.body, "no");
    // Whether content follows nobody knows, so neither connection is used again; none is sent on.
    EXPECT_EQ(answer.field("Connection"), "close");
    static_cast<void>(waiting.try_send("abcd"));
    EXPECT_TRUE(upstream.expect_closed());
    EXPECT_TRUE(waiting.expect_closed());
  }
}

TEST_F(AnExpectation, WithHintsBeforeItIsMetAfterThem) {
  ApiSide upstream = begin();
  upstream.say(std::string(hints) + "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(client.read_interim(), 103);
  EXPECT_EQ(client.read_interim(), 100);
  client.send("abcd");
  EXPECT_EQ(upstream.read(4), "abcd");
  upstream.say(final_answer);
  EXPECT_EQ(client.read_response().body, "ok");
}

// Whoever is answered is asked for nothing any more, least of all amid the answer.
TEST_F(AnExpectation, IsNotMetOnceTheAnswerHasBegun) {
  ApiSide upstream = begin();
  upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.read_head().start_line, "HTTP/1.1 200 OK");
  upstream.say("ab");
  EXPECT_EQ(client.read_octets(2), "ab");
  // Longer than the API is given to say 100.
  EXPECT_TRUE(client.stays_silent(Milliseconds(1'300)));
  upstream.say("cd");
  EXPECT_EQ(client.read_octets(2), "cd");
  EXPECT_TRUE(client.expect_closed());
}

TEST_F(AnExpectation, EndsWithItsClient) {
  ApiSide upstream = begin();
  client.close();
  EXPECT_TRUE(upstream.expect_closed());
}

TEST_F(AnExpectation, OfAClientThatDoesNotWaitIsNotPassedOn) {
  client.send(client.compose("POST", "/pass/1", {{"Expect", "100-continue"}}, "abcd"));
  ApiSide upstream = api.accept();
  EXPECT_FALSE(find_field(upstream.read_head().fields, "Expect"));
  EXPECT_EQ(upstream.read(4), "abcd");
  upstream.say(final_answer);
  EXPECT_EQ(client.read_response().status, 200);
}

// On a guarded route we are the ones who ask for the content (rule 3.2.2).
TEST_F(AnExpectation, OfAGuardedWriteNeverReachesTheApi) {
  client.send(client.compose("PUT", "/doc/1", {{"If-Match", "*"},
                                               {"Content-Length", "2"},
                                               {"Expect", "100-continue"}}));
  EXPECT_EQ(client.read_interim(), 100);
  client.send("{}");
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say(final_answer);
  const Head write = upstream.read_head();
  EXPECT_TRUE(write.start_line.starts_with("PUT"));
  EXPECT_FALSE(find_field(write.fields, "Expect"));
  EXPECT_EQ(upstream.read(2), "{}");
  upstream.say("HTTP/1.1 100 Continue\r\n\r\n" + std::string(final_answer));
  const Response answer = client.read_response();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.interim.empty());
}

// RFC 9110 section 9.3.7.
// Once all of it has been sent the API has so long to answer as it always has.
TEST(AnUploadInPieces, ThatIsNeverAnsweredIsA504) {
  ProxyConfig config = two_routes();
  config.upstream = "timeouts: { connect: 2s, response: 300ms }";
  RawApi api(config);
  RawClient client = api.connect();
  client.send(client.compose("POST", "/pass/1", {{"Content-Length", "4"}}));
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  for (const char* piece : {"ab", "cd"}) {
    client.send(piece);
    EXPECT_EQ(upstream.read(2), piece);
  }
  EXPECT_EQ(client.read_response().status, 504);
}

TEST(TheServerAsAWhole, IsAskedWithoutTheApi) {
  RawApi api(two_routes());
  RawClient client = api.connect();
  for (int round = 0; round < 2; ++round) {
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    const Response answer = client.read_response();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.field("Content-Length"), "0");
    EXPECT_NE(answer.field("Allow").find("PATCH"), std::string::npos);
  }
}

}  // namespace
}  // namespace ifmatch::support
