// What mode observe tells an operator, and how much it logs.
#include "proxy/net/observatory.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ifmatch::net {
namespace {

using guard::Foresight;
using guard::LostUpdates;

Observed who(std::string_view client, std::string_view route = "order") {
  Observed made{.route = route, .client = client};
  for (std::size_t at = 0; at < client.size() && at < made.instance.size(); ++at) {
    made.instance[at] = static_cast<std::uint8_t>(client[at]);
  }
  return made;
}

const std::vector<guard::Digest> path{guard::Digest{1}};

void write(Observatory& observatory, std::string_view client) {
  observatory.foreseen(who(client), Observatory::Carries::nothing, Foresight::missing);
  const auto write = observatory.write_begins(who(client), path, LostUpdates::Kind::judged);
  observatory.write_ends(who(client), write, path, LostUpdates::Effect::changed);
}

std::string json_of(const std::vector<const Observatory*>& all) { return observed_json(all); }

TEST(Observatory, TellsNothingBeforeAnythingHappened) {
  const Observatory empty;
  EXPECT_EQ(json_of({&empty}), R"({"routes":[],"clients":[]})");
  EXPECT_EQ(json_of({}), R"({"routes":[],"clients":[]})");
}

TEST(Observatory, TellsByRouteAndByClient) {
  Observatory observatory;
  for (const char* client : {"app/1", "app/2"}) {
    observatory.read_ends(who(client), path.front(), observatory.read_begins(), std::nullopt);
  }
  write(observatory, "app/1");
  write(observatory, "app/2");
  observatory.foreseen(who("app/1"), Observatory::Carries::condition, Foresight::unverifiable);
  EXPECT_EQ(json_of({&observatory}),
            R"({"routes":[{"route":"order","writes":3,"with_condition":1,)"
            R"("would_be_refused":{"total":2,"stale":0,"missing":2,"exists":0,"malformed":0,)"
            R"("ambiguous":0},"pass":0,"unverifiable":1,"lost":1,"blind":0}],)"
            R"("clients":[{"client":"app/1","writes":2,"with_condition":1,)"
            R"("would_be_refused":{"total":1,"stale":0,"missing":1,"exists":0,"malformed":0,)"
            R"("ambiguous":0},"pass":0,"unverifiable":1,"lost":0,"blind":0},)"
            R"({"client":"app/2","writes":1,"with_condition":0,)"
            R"("would_be_refused":{"total":1,"stale":0,"missing":1,"exists":0,"malformed":0,)"
            R"("ambiguous":0},"pass":0,"unverifiable":0,"lost":1,"blind":0}]})");
  const std::vector<const Observatory*> all{&observatory};
  EXPECT_EQ(observed_lines(all), (std::vector<std::string>{
                                     "route order: 3 writes, 1 with a condition, 2 would have been "
                                     "refused, 1 updates lost"}));
}

TEST(Observatory, AddsUpOverOrigins) {
  Observatory one;
  Observatory two;
  write(one, "app");
  write(two, "app");
  const std::string json = json_of({&one, &two});
  EXPECT_NE(json.find(R"({"client":"app","writes":2,)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("blind":2)"), std::string::npos) << json;
}

TEST(Observatory, NamesOnlySoManyClients) {
  Observatory observatory;
  for (std::size_t at = 0; at < 2 * Observatory::clients_max; ++at) {
    write(observatory, "client " + std::to_string(at));
  }
  guard::ObservedNames routes(1);
  guard::ObservedNames clients(10 * Observatory::clients_max);
  observatory.add_to(routes, clients);
  EXPECT_EQ(clients.named().size(), Observatory::clients_max);
  EXPECT_EQ(clients.others().writes, Observatory::clients_max);
  EXPECT_NE(json_of({&observatory}).find(R"j({"client":"(others)","writes":256,)j"),
            std::string::npos);
}

TEST(Observatory, WritesNamesAsJson) {
  Observatory observatory;
  write(observatory, "a\"b\\\x01\xff");
  EXPECT_NE(json_of({&observatory}).find(R"("client":"a\"b\\\u0001\ufffd")"), std::string::npos);
}

TEST(Observatory, ShortensTheNameOfAClient) {
  EXPECT_EQ(client_name(""), "(none)");
  EXPECT_EQ(client_name("  "), "(none)");
  EXPECT_EQ(client_name(" curl/7.88 "), "curl/7.88");
  EXPECT_EQ(client_name(std::string(1000, 'x')).size(), Observatory::client_octets_max);
}

TEST(Observatory, LogsAFewFindingsASecondAndTellsOfTheRest) {
  using namespace std::chrono_literals;
  Observatory observatory;
  const std::chrono::steady_clock::time_point start{1h};
  int logged = 0;
  for (int at = 0; at < 25; ++at) logged += observatory.may_log(start).now ? 1 : 0;
  EXPECT_EQ(logged, 10);
  EXPECT_FALSE(observatory.may_log(start + 999ms).now);
  const Observatory::MayLog later = observatory.may_log(start + 1s);
  EXPECT_TRUE(later.now);
  EXPECT_EQ(later.left_out, 16U);
  EXPECT_EQ(observatory.may_log(start + 1s).left_out, 0U);
}

}  // namespace
}  // namespace ifmatch::net
