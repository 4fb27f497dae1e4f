// Trailer fields of a bypass route stay trailer fields in both directions; of a guarded route they
// are dropped, and nowhere does one of them become a header field. And the other ways in which
// content is delimited: HTTP/1.0 on either side, answers until the end, event streams.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/rules.hpp"
#include "tests/support/raw_api.hpp"
#include "tests/support/servers.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view chunks_with_trailers =
    "4\r\nabcd\r\n0\r\nX-Sum: 1\r\nIf-Match: *\r\nX-Sum: 2\r\nContent-Type: text/html\r\n"
    "X-HTTP-Method-Override: DELETE\r\n\r\n";
const Fields passed = {{"X-Sum", "1"}, {"X-Sum", "2"}};

class Trailers : public ::testing::Test {
 protected:
  Trailers() : api(two_routes()), client(api.connect()) {}
  RawApi api;
  RawClient client;
};

TEST_F(Trailers, OfARequestStayTrailers) {
  client.send("POST /pass/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
              "Trailer: X-Sum, If-Match\r\nTE: trailers\r\nConnection: TE\r\n\r\n" +
              std::string(chunks_with_trailers));
  ApiSide upstream = api.accept();
  const Head head = upstream.read_head();
  EXPECT_EQ(find_field(head.fields, "Trailer"), "X-Sum");
  EXPECT_EQ(find_field(head.fields, "TE"), "trailers");
  EXPECT_EQ(find_field(head.fields, "Connection"), "TE");
  EXPECT_FALSE(find_field(head.fields, "X-Sum"));
  EXPECT_FALSE(find_field(head.fields, "If-Match"));
  Fields trailers;
  EXPECT_EQ(upstream.read_body(Framing::chunked, 0, trailers), "abcd");
  EXPECT_EQ(trailers, passed);
  upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(Trailers, OfARequestStayTrailersHoweverItArrives) {
  client.send("POST /pass/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab");
  ApiSide upstream = api.accept();
  EXPECT_FALSE(find_field(upstream.read_head().fields, "Trailer"));
  client.send("cd\r\n0\r\nX-Sum: 1\r\nHo");
  client.send("st: b\r\nX-Sum: 2\r\n\r\n");
  Fields trailers;
  EXPECT_EQ(upstream.read_body(Framing::chunked, 0, trailers), "abcd");
  EXPECT_EQ(trailers, passed);
  upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(Trailers, OfAnAnswerStayTrailers) {
  client.send(client.compose("GET", "/pass/1"));
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Content-Type\r\n"
               "\r\n" +
               std::string(chunks_with_trailers));
  const Response answer = client.read_response();
  EXPECT_EQ(answer.body, "abcd");
  EXPECT_EQ(answer.field("Trailer"), "X-Sum");
  EXPECT_EQ(answer.trailers, passed);
  EXPECT_FALSE(answer.has("X-Sum"));
  // The connections go on behind them.
  client.send(client.compose("GET", "/pass/2"));
  static_cast<void>(upstream.read_head());
  upstream.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n");
  const Head head = client.read_head();
  EXPECT_FALSE(find_field(head.fields, "Trailer"));
  EXPECT_EQ(client.read_octets(9), "4\r\nabcd\r\n");
  upstream.say("0\r\nX-Sum: 3\r\n\r\n");
  EXPECT_EQ(client.read_octets(15), "0\r\nX-Sum: 3\r\n\r\n");
}

TEST_F(Trailers, OfAnAnswerToHttp10AreDropped) {
  client.send("GET /pass/1 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
               std::string(chunks_with_trailers));
  const Head head = client.read_head();
  EXPECT_FALSE(find_field(head.fields, "Transfer-Encoding"));
  EXPECT_FALSE(find_field(head.fields, "Trailer"));
  EXPECT_EQ(client.read_octets(4), "abcd");
  EXPECT_TRUE(client.expect_closed());
}

TEST_F(Trailers, OfGuardedRequestsAndAnswersAreDropped) {
  client.send("GET /doc/1 HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
  ApiSide upstream = api.accept();
  EXPECT_FALSE(find_field(upstream.read_head().fields, "TE"));
  const std::string answer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
      std::string(chunks_with_trailers);
  upstream.say(answer);
  Response got = client.read_response();
  EXPECT_EQ(got.body, "abcd");
  EXPECT_TRUE(got.trailers.empty());
  EXPECT_FALSE(got.has("Trailer"));
  EXPECT_TRUE(is_our_tag(got.tag()));

  // A condition in a trailer is none, so nothing is sent at all.
  client.send("PUT /doc/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
              std::string(chunks_with_trailers));
  expect_problem(client.read_response(), 412, "precondition-missing");
  EXPECT_TRUE(upstream.stays_silent(watched));
}

// A write of a bypass route beside a guarded pattern is held back, and goes on with a length.
TEST(TrailersOfAHeldWrite, AreDropped) {
  ProxyConfig config;
  config.routes =
      "  - { name: item, match: { path: \"/doc/{id}\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  RawApi api(config);
  RawClient client = api.connect();
  client.send("POST /doc HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n"
              "\r\n" +
              std::string(chunks_with_trailers));
  ApiSide upstream = api.accept();
  const Head head = upstream.read_head();
  EXPECT_EQ(find_field(head.fields, "Content-Length"), "4");
  EXPECT_FALSE(find_field(head.fields, "Trailer"));
  EXPECT_EQ(upstream.read(4), "abcd");
  EXPECT_TRUE(upstream.stays_silent(watched));
  upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(Trailers, ThatAreTooLongOrTooManyAreRefused) {
  std::string many;
  for (int count = 0; count < 200; ++count) many += "X-Sum: 1\r\n";
  for (const std::string& section : {"X: " + std::string(70'000, 'x') + "\r\n", many}) {
    RawClient one = api.connect();
    static_cast<void>(one.try_send(
        "POST /pass/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + section +
        "\r\n"));
    EXPECT_EQ(one.read_response().status, 431);
  }
}

// A broken chunk that comes with the head is found before the head is passed on.
TEST_F(Trailers, AndChunksThatAreBrokenAtOnceAreA502) {
  client.send(client.compose("GET", "/pass/1"));
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  expect_problem(client.read_response(), 502, "upstream-unreachable");
  EXPECT_TRUE(upstream.expect_closed());
}

// HTTP/1.0 and content without a length

class AnHttp10Client : public ::testing::TestWithParam<std::string> {};

TEST_P(AnHttp10Client, GetsWhatItCanUnderstand) {
  RawApi api(two_routes());
  RawClient client = api.connect();
  client.send("GET " + GetParam() + " HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  ApiSide upstream = api.accept();
  EXPECT_TRUE(upstream.read_head().start_line.ends_with(" HTTP/1.1"));
  upstream.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  Response answer = client.read_response();
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.field("Connection"), "keep-alive");
  // It was kept, since it was asked for; the next time it is not.
  client.send("GET " + GetParam() + " HTTP/1.0\r\nHost: a\r\n\r\n");
  static_cast<void>(upstream.read_head());
  upstream.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  answer = client.read_response();
  EXPECT_EQ(answer.body, "ok");
  EXPECT_FALSE(answer.has("Transfer-Encoding"));
  EXPECT_NE(answer.field("Connection"), "keep-alive");
  EXPECT_TRUE(client.expect_closed());
}

TEST_P(AnHttp10Client, AndALaterOneAreServedByAnHttp10Api) {
  RawApi api(two_routes());
  for (const std::string version : {"1.0", "1.1"}) {
    RawClient client = api.connect();
    client.send("GET " + GetParam() + " HTTP/" + version + "\r\nHost: a\r\n\r\n");
    ApiSide upstream = api.accept();
    static_cast<void>(upstream.read_head());
    upstream.say("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil ");
    upstream.say("the end");
    upstream.socket().close();
    const Response answer = client.read_response();
    EXPECT_EQ(answer.body, "until the end");
    EXPECT_FALSE(answer.truncated);
    EXPECT_EQ(answer.field("Via"), "1.0 ifmatch");
    if (version == "1.0") {
      EXPECT_TRUE(client.expect_closed());
    } else {
      // We know where it ended, so the connection goes on.
      EXPECT_FALSE(answer.has("Connection"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, AnHttp10Client, ::testing::Values("/pass/1", "/doc/1"),
                         [](const auto& test) {
                           return test.param == "/pass/1" ? "OfABypassRoute" : "OfAGuardedRoute";
                         });

// Event streams

class AnEventStream : public ::testing::TestWithParam<std::string> {};

TEST_P(AnEventStream, IsPassedOnEventByEvent) {
  RawApi api(two_routes());
  RawClient client = api.connect();
  client.send(client.compose("GET", GetParam(), {{"Accept", "text/event-stream"}}));
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
               "ETag: \"theirs\"\r\n\r\n");
  // The head does not wait for the first event, and no event for the next one.
  const Head head = client.read_head();
  EXPECT_EQ(find_field(head.fields, "Transfer-Encoding"), "chunked");
  EXPECT_EQ(find_field(head.fields, "ETag").has_value(), GetParam() == "/pass/1");
  for (int number = 0; number < 5; ++number) {
    upstream.say("data: " + std::to_string(number) + "\n\n");
    EXPECT_EQ(client.read_octets(14), "9\r\ndata: " + std::to_string(number) + "\n\n\r\n");
  }
  upstream.socket().close();
  EXPECT_EQ(client.read_octets(5), "0\r\n\r\n");
}

TEST_P(AnEventStream, EndsWithItsClient) {
  RawApi api(two_routes());
  RawClient client = api.connect();
  client.send(client.compose("GET", GetParam()));
  ApiSide upstream = api.accept();
  static_cast<void>(upstream.read_head());
  upstream.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
  static_cast<void>(client.read_head());
  client.reset();
  bool closed = false;
  for (int number = 0; number < 200 && !closed; ++number) {
    closed = !upstream.socket().send_all("data: 2\n\n") || upstream.expect_closed(Milliseconds(50));
  }
  EXPECT_TRUE(closed);
}

INSTANTIATE_TEST_SUITE_P(, AnEventStream, ::testing::Values("/pass/1", "/doc/1"),
                         [](const auto& test) {
                           return test.param == "/pass/1" ? "OfABypassRoute" : "OfAGuardedRoute";
                         });

// Codings

TEST(CodedContent, OfABypassRoutePassesAsItIs) {
  std::string coded = "\x1f\x8b\x08";
  coded += std::string("\0\0\0\0\0\0\x03\x4b\x04\x00\x43\xbe\xb7\xe8\x01\0\0\0", 18);
  RawApi api(two_routes());
  RawClient client = api.connect();
  client.send(client.compose("POST", "/pass/1",
                             {{"Accept-Encoding", "gzip, br"}, {"Content-Encoding", "gzip"}},
                             coded));
  ApiSide upstream = api.accept();
  const Head head = upstream.read_head();
  EXPECT_EQ(find_field(head.fields, "Accept-Encoding"), "gzip, br");
  EXPECT_EQ(find_field(head.fields, "Content-Encoding"), "gzip");
  EXPECT_EQ(upstream.read(coded.size()), coded);
  upstream.say("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: \"g\"\r\nContent-Length: " +
               std::to_string(coded.size()) + "\r\n\r\n" + coded);
  const Response answer = client.read_response();
  EXPECT_EQ(answer.field("Content-Encoding"), "gzip");
  EXPECT_EQ(answer.tag(), "\"g\"");
  EXPECT_EQ(answer.body, coded);
}

}  // namespace
}  // namespace ifmatch::support
