// The tools of the tests do what they say: framing is read and written right, faults are the faults
// that were asked for, and child processes are seen, heard and ended.
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/document_store.hpp"
#include "tests/support/process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/scripted_upstream.hpp"

namespace ifmatch::support {
namespace {

TEST(DocumentStoreBehaviour, KeepsDocumentsAndRecordsWritesInOrder) {
  DocumentStore store;
  ScriptedUpstream upstream(store.behaviour());
  RawClient client = RawClient::connect(upstream.port());
  EXPECT_EQ(client.request("GET", "/a").status, 404);
  EXPECT_EQ(client.request("PUT", "/a", {}, "{}").status, 201);
  EXPECT_EQ(client.request("PUT", "/a", {}, "[1]").status, 200);
  EXPECT_EQ(client.request("GET", "/a?query").body, "[1]");
  EXPECT_EQ(client.request("HEAD", "/a").field("content-length"), "3");
  EXPECT_EQ(client.request("POST", "/c", {}, "new").field("Location"), "/c/1");
  EXPECT_EQ(client.request("DELETE", "/a").status, 204);
  EXPECT_EQ(store.applied("/a").size(), 3U);
  EXPECT_EQ(store.applied().at(2).body, "new");
  EXPECT_EQ(upstream.connections_accepted(), 1);
  EXPECT_EQ(upstream.writes(), 4U);
}

TEST(DocumentStoreBehaviour, BreaksDownAsAsked) {
  DocumentStore drops({.drop_before_applying = 1});
  ScriptedUpstream unapplied(drops.behaviour());
  EXPECT_THROW(request_once(unapplied.port(), "PUT", "/a", {}, "{}"), SupportError);
  EXPECT_EQ(drops.get("/a"), std::nullopt);

  DocumentStore loses({.apply_then_drop = 1});
  ScriptedUpstream unanswered(loses.behaviour());
  EXPECT_THROW(request_once(unanswered.port(), "PUT", "/a", {}, "{}"), SupportError);
  EXPECT_EQ(loses.get("/a"), "{}");
}

TEST(ScriptedAnswer, IsFramedAsAsked) {
  ScriptedUpstream upstream([](const Request& request) {
    Reply reply;
    reply.body = "abcdef";
    if (request.target == "/chunked") reply.framing = Framing::chunked;
    if (request.target == "/until-close") reply.framing = Framing::until_close;
    if (request.target == "/interim") reply.interim = {102, 103};
    if (request.target == "/slow") {
      reply.piece_bytes = 7;
      reply.pause = Milliseconds{1};
    }
    if (request.target == "/verbatim")
      reply.verbatim = "HTTP/1.1 299 Odd\r\nContent-Length: 0\r\n\r\n";
    return reply;
  });
  RawClient client = RawClient::connect(upstream.port());
  for (const std::string_view target : {"/", "/chunked", "/slow", "/interim"}) {
    EXPECT_EQ(client.request("GET", target).body, "abcdef") << target;
  }
  EXPECT_EQ(client.request("GET", "/interim").interim, (std::vector<int>{102, 103}));
  EXPECT_EQ(client.request("GET", "/verbatim").status, 299);
  EXPECT_EQ(client.request("GET", "/until-close").body, "abcdef");
  EXPECT_TRUE(client.expect_closed());
}

TEST(ScriptedAnswer, IsMadeWhileItIsSent) {
  constexpr std::uint64_t octets = 10'000'001;
  ScriptedUpstream upstream([](const Request& request) {
    Reply reply;
    reply.generated_bytes = octets;
    if (request.target == "/chunked") reply.framing = Framing::chunked;
    return reply;
  });
  RawClient client = RawClient::connect(upstream.port());
  for (const std::string_view target : {"/", "/chunked"}) {
    client.send(client.compose("GET", target));
    const Response answer = client.read_response_into([](std::string_view) {}, patience);
    EXPECT_EQ(answer.body_bytes, octets);
    EXPECT_FALSE(answer.truncated);
  }
}

TEST(ScriptedAnswer, FailsAsAsked) {
  ScriptedUpstream upstream([](const Request& request) {
    Reply reply;
    reply.body = std::string(100, 'x');
    if (request.target == "/close") reply.mishap = Mishap::close_unanswered;
    if (request.target == "/reset") reply.mishap = Mishap::reset_unanswered;
    if (request.target == "/truncate") {
      reply.mishap = Mishap::truncate;
      reply.truncate_after = 80;
    }
    return reply;
  });
  EXPECT_THROW(request_once(upstream.port(), "GET", "/close"), SupportError);
  EXPECT_THROW(request_once(upstream.port(), "GET", "/reset"), SupportError);
  EXPECT_TRUE(request_once(upstream.port(), "GET", "/truncate").truncated);
}

TEST(ScriptedAnswer, WaitsUntilItIsReleased) {
  const auto hold = std::make_shared<Hold>();
  ScriptedUpstream upstream([hold](const Request&) {
    Reply reply;
    reply.hold = hold;
    return reply;
  });
  RawClient client = RawClient::connect(upstream.port());
  client.send(client.compose("PUT", "/a", {}, "{}"));
  EXPECT_TRUE(upstream.wait_for("PUT", 1));
  EXPECT_TRUE(hold->wait_until_held());
  EXPECT_TRUE(client.stays_silent(Milliseconds{20}));
  hold->release();
  EXPECT_EQ(client.read_response().status, 200);
}

TEST(ScriptedAnswer, MayComeBeforeTheBody) {
  ScriptedUpstream::Options options;
  options.early = [](const Request&) {
    Reply reply;
    reply.status = 403;
    return reply;
  };
  ScriptedUpstream upstream([](const Request&) { return Reply{}; }, options);
  const Fields fields = {{"Content-Length", "1000000"}};
  EXPECT_EQ(request_once(upstream.port(), "PUT", "/a", fields).status, 403);
}

TEST(ScriptedUpstreamServer, ReadsChunksAndKeepsTrailersApart) {
  ScriptedUpstream upstream([](const Request&) { return Reply{}; });
  RawClient client = RawClient::connect(upstream.port());
  client.request("PUT", "/a", {{"Transfer-Encoding", "chunked"}},
                 "3;extension\r\nabc\r\n0\r\nX-Trailer: yes\r\n\r\n");
  const Request request = upstream.requests("PUT").at(0);
  EXPECT_EQ(request.body, "abc");
  EXPECT_FALSE(request.has("X-Trailer"));
  EXPECT_EQ(find_field(request.trailers, "x-trailer"), "yes");
}

TEST(ScriptedUpstreamServer, ClosesIdleConnections) {
  ScriptedUpstream::Options options;
  options.idle_timeout = Milliseconds{50};
  ScriptedUpstream upstream([](const Request&) { return Reply{}; }, options);
  RawClient client = RawClient::connect(upstream.port());
  EXPECT_EQ(client.request("GET", "/a").status, 200);
  EXPECT_TRUE(client.expect_closed());
  EXPECT_TRUE(upstream.wait_for_open_connections(0));
}

TEST(ChildProcess, IsHeardAndSeen) {
  Process::Options options;
  options.input = "word\n";
  options.folder = "/";
  Process child = Process::start(
      {"sh", "-c", "echo error >&2; read x; echo got $x in $PWD; while :; do :; done"}, options);
  EXPECT_EQ(child.wait_for_line("got"), "got word in /");
  EXPECT_EQ(child.wait_for_line("error"), "error");
  EXPECT_TRUE(eventually([&] { return child.cpu_time() > std::chrono::milliseconds{20}; }));
  EXPECT_GT(child.memory_peak_bytes(), 100'000U);
  EXPECT_GE(child.open_descriptors(), 3U);
  EXPECT_TRUE(child.running());
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(), (ExitStatus{0, SIGTERM}));
}

TEST(ChildProcess, GivesItsExitCodeAndSilenceIsNoLine) {
  EXPECT_EQ(run_to_end({"sh", "-c", "exit 7"}).status, (ExitStatus{7, 0}));
  Process silent = Process::start({"true"});
  EXPECT_EQ(silent.wait_for_line("anything"), std::nullopt);
  EXPECT_EQ(silent.wait(), ExitStatus{});
}

}  // namespace
}  // namespace ifmatch::support
