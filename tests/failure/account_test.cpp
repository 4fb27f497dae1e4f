// What is told of a request, once, when it is over: decisions, probes, octets and times, each as
// the clients and the API saw it.
#include <gtest/gtest.h>

#include "tests/support/world/world.hpp"

namespace ifmatch {
namespace {

using net::Decision;
using std::chrono::milliseconds;
using world::Ask;
using world::Manner;

struct Told {
  std::string method;
  std::string route;
  std::string resource;
  net::Account account;  // its views are no longer valid
};

class Book final : public net::AccountSink {
 public:
  void told(const net::Account& account) noexcept override {
    entries.push_back({account.head->method,
                       account.route == nullptr ? "" : account.route->config->name,
                       std::string(account.resource), account});
  }

  std::vector<Told> entries;
};

class Account : public testing::Test {
 protected:
  Account() {
    world_.add_sink(book_);
    world_.api.put("/confirm/1", {"text/plain", "old"});
    world_.api.put("/recorded/1", {"text/plain", "old"});
    world_.api.put("/free/1", {"text/plain", "free"});
  }

  // Everything that is told of one client's requests, in order.
  const std::vector<Told>& told_of(std::vector<Ask> script) {
    world_.add_client("a", std::move(script));
    EXPECT_TRUE(world_.run(milliseconds(60'000)));
    return book_.entries;
  }

  const Told& told_of_one(Ask ask) {
    const std::vector<Told>& told = told_of(std::vector<Ask>{std::move(ask)});
    EXPECT_EQ(told.size(), 1U);
    return told.back();
  }

  static Ask put(std::string target, std::string fields) {
    return {.method = "PUT", .target = std::move(target), .fields = std::move(fields),
            .content = "new"};
  }

  Book book_;
  world::World world_{4};
};

TEST_F(Account, TellsOfAReadItsRouteAndItsOctets) {
  const Told& told = told_of_one({.method = "GET", .target = "/confirm/1"});
  EXPECT_EQ(told.method, "GET");
  EXPECT_EQ(told.route, "confirm");
  EXPECT_EQ(told.resource, "/confirm/1");
  EXPECT_EQ(told.account.status, 200);
  EXPECT_EQ(told.account.decision, Decision::none);
  EXPECT_TRUE(told.account.forwarded);
  EXPECT_EQ(told.account.ending, net::Ending::whole);
  EXPECT_EQ(told.account.octets_in, world_.clients().front()->stream().given_total());
  EXPECT_EQ(told.account.octets_out, world_.clients().front()->stream().taken_total());
}

TEST_F(Account, SharesTheOctetsOfAPipelineOut) {
  const auto& told = told_of({{.method = "PUT", .target = "/free/1", .content = "first"},
                              {.method = "GET", .target = "/free/1", .when = world::When::at_once},
                              {.method = "GET", .target = "/none", .when = world::When::at_once}});
  ASSERT_EQ(told.size(), 3U);
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  for (const Told& each : told) {
    EXPECT_GT(each.account.octets_in, 0U);
    in += each.account.octets_in;
    out += each.account.octets_out;
  }
  EXPECT_EQ(in, world_.clients().front()->stream().given_total());
  EXPECT_EQ(out, world_.clients().front()->stream().taken_total());
  EXPECT_EQ(told[2].route, "");
  EXPECT_EQ(told[2].account.status, 404);
}

TEST_F(Account, TellsOfAWriteThatPassedItsProbeAndItsWindow) {
  const Told& told = told_of_one(put("/confirm/1", "If-Match: {current}\r\n"));
  EXPECT_EQ(told.account.decision, Decision::pass);
  EXPECT_TRUE(told.account.guarded);
  EXPECT_TRUE(told.account.gated);
  EXPECT_FALSE(told.account.from_record);
  EXPECT_EQ(told.account.probes[0], 1);
  EXPECT_TRUE(told.account.probe_window.has_value());
  EXPECT_FALSE(told.account.outcome_unknown);
  EXPECT_EQ(told.account.status / 100, 2);
}

TEST_F(Account, TellsThatTheRecordDecided) {
  const auto& told = told_of({{.method = "GET", .target = "/recorded/1"},
                              put("/recorded/1", "If-Match: {current}\r\n"),
                              {.method = "GET", .target = "/recorded/1"},
                              put("/recorded/1", "If-Match: {seen}\r\n")});
  ASSERT_EQ(told.size(), 4U);
  for (const std::size_t write : {1U, 3U}) {
    EXPECT_EQ(told[write].account.decision, Decision::pass);
    EXPECT_TRUE(told[write].account.from_record);
    EXPECT_EQ(told[write].account.probes[0], 0);
    EXPECT_FALSE(told[write].account.probe_window.has_value());
  }
}

TEST_F(Account, TellsEachKindOfRefusal) {
  const auto& told =
      told_of({put("/confirm/1", ""), put("/confirm/1", "If-Match: \"other\"\r\n"),
               put("/confirm/1", "If-None-Match: *\r\n"), put("/confirm/1", "If-Match: x\r\n"),
               put("/confirm/7", "If-Match: \"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\r\n"),
               {.method = "DELETE", .target = "/confirm/7",
                .fields = "If-Match: \"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\r\n"},
               {.method = "put", .target = "/confirm/1", .content = "x"}});
  const std::vector<std::pair<Decision, int>> expected{
      {Decision::missing, 412}, {Decision::stale, 412},     {Decision::exists, 412},
      {Decision::malformed, 400}, {Decision::stale, 412},   {Decision::stale, 404},
      {Decision::ambiguous, 501}};
  ASSERT_EQ(told.size(), expected.size());
  for (std::size_t index = 0; index < expected.size(); ++index) {
    SCOPED_TRACE(index);
    EXPECT_EQ(net::name_of(told[index].account.decision), net::name_of(expected[index].first));
    if (index + 1 < expected.size()) {
      EXPECT_EQ(told[index].account.status, expected[index].second);
    }
    EXPECT_FALSE(told[index].account.forwarded);
  }
}

TEST_F(Account, TellsOfAWriteWhoseOutcomeIsUnknownAndOfTheOneThatItHinders) {
  world_.api.manner = [](const shim::StrictMessage& request) {
    Manner manner;
    if (request.method() == "PUT") manner.status = 503;
    return manner;
  };
  const auto& told = told_of({put("/confirm/1", "If-Match: {current}\r\n"),
                              put("/confirm/1", "If-Match: {current}\r\n")});
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].account.decision, Decision::pass);
  EXPECT_TRUE(told[0].account.outcome_unknown);
  EXPECT_EQ(told[1].account.decision, Decision::in_doubt);
  EXPECT_EQ(told[1].account.status, 503);
}

TEST_F(Account, TellsThatNoProbeDecided) {
  world_.api.manner = [](const shim::StrictMessage&) { return Manner{.status = 500}; };
  const Told& told = told_of_one(put("/confirm/1", "If-Match: {current}\r\n"));
  EXPECT_EQ(told.account.decision, Decision::unverifiable);
  EXPECT_EQ(told.account.probes[3], 1);
  EXPECT_EQ(told.account.status, 502);
}

TEST_F(Account, MeasuresWhatIsWaitedFor) {
  world_.api.manner = [](const shim::StrictMessage& request) {
    return Manner{.after = milliseconds(request.method() == "PUT" ? 500 : 200)};
  };
  world_.add_client("b", {put("/confirm/1", "If-Match: {current}\r\n")});
  const auto& told = told_of({{.method = "POST", .target = "/confirm/1", .content = "x"}});
  ASSERT_EQ(told.size(), 2U);
  const net::Account& writer = told[0].account;
  EXPECT_GE(writer.probing, milliseconds(200));
  EXPECT_GE(writer.upstream, milliseconds(500));
  EXPECT_GE(writer.took, milliseconds(700));
  EXPECT_EQ(writer.gate_wait, milliseconds(0));
  const net::Account& waiter = told[1].account;
  EXPECT_GE(waiter.gate_wait, milliseconds(650));
  EXPECT_EQ(waiter.decision, Decision::none);
  EXPECT_GE(waiter.took, waiter.gate_wait + waiter.upstream);
}

TEST_F(Account, CountsAVersionThatChangedAroundTheProxy) {
  world_.add_client("a", {{.method = "GET", .target = "/confirm/1"}});
  ASSERT_TRUE(world_.run(milliseconds(60'000)));
  world_.api.put("/confirm/1", {"text/plain", "changed behind its back"});
  world_.add_client("b", {{.method = "GET", .target = "/confirm/1"}});
  ASSERT_TRUE(world_.run(milliseconds(60'000)));
  ASSERT_EQ(book_.entries.size(), 2U);
  EXPECT_EQ(book_.entries[0].account.out_of_band, 0);
  EXPECT_EQ(book_.entries[1].account.out_of_band, 1);
}

TEST_F(Account, TellsOfWhatIsNoRequest) {
  const std::shared_ptr<shim::Stream> stream = world_.add_connection();
  stream->say("GET /confirm/1 HTTP/1.1\r\n\r\n");
  world_.pass(milliseconds(100));
  ASSERT_EQ(book_.entries.size(), 1U);
  EXPECT_EQ(book_.entries[0].account.status, 400);
  EXPECT_EQ(book_.entries[0].account.route, nullptr);
  EXPECT_EQ(book_.entries[0].account.decision, Decision::none);
}

TEST_F(Account, TellsThatAClientLeft) {
  world_.api.manner = [](const shim::StrictMessage&) { return Manner{.after = milliseconds(500)}; };
  const std::shared_ptr<shim::Stream> stream = world_.add_connection();
  stream->say("GET /free/1 HTTP/1.1\r\nHost: a\r\n\r\n");
  world_.pass(milliseconds(100));
  EXPECT_TRUE(book_.entries.empty());
  stream->break_off();
  world_.pass(milliseconds(1'000));
  ASSERT_EQ(book_.entries.size(), 1U);
  EXPECT_EQ(book_.entries[0].account.ending, net::Ending::client_left);
}

}  // namespace
}  // namespace ifmatch
