// Lines of the access log: what is in them, and that nobody can forge, break or blow them up.
#include "proxy/net/access_line.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ifmatch::net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

// 2026-11-25T07:24:43.007Z
const std::chrono::system_clock::time_point when{1'795'591'483'007ms};

class AccessLines : public ::testing::Test {
 protected:
  AccessLines() {
    head.method = "PUT";
    head.target = "/v1/orders/42?x=1";
    head.fields.add("Host", "shop.example");
    head.fields.add("User-Agent", "curl/7.88");
    head.fields.add("Authorization", "Bearer hush");
    head.fields.add("Cookie", "session=hush");
    configured.name = "order";
    route.config = &configured;
    account.head = &head;
    account.client_address = "192.0.2.7";
    account.route = &route;
    account.decision = Decision::pass;
    account.status = 200;
    account.forwarded = true;
    account.upstream_address = "127.0.0.1:3000";
    account.octets_in = 123;
    account.octets_out = 4567;
    account.took = 12'345us;
    account.upstream = 11'002us;
    account.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  }
  std::string line(config::LogFormat format) {
    std::string out;
    writer.append(out, format, account, when);
    return out;
  }
  std::string json() { return line(config::LogFormat::json); }
  std::string text() { return line(config::LogFormat::text); }

  http::RequestHead head;
  config::Route configured;
  SiteRoute route;
  Account account;
  AccessLineWriter writer;
};

TEST_F(AccessLines, InJsonTellEverything) {
  EXPECT_EQ(json(),
            "{\"time\":\"2026-11-25T07:24:43.007Z\",\"client\":\"192.0.2.7\",\"method\":\"PUT\","
            "\"target\":\"/v1/orders/42?x=1\",\"host\":\"shop.example\",\"protocol\":\"HTTP/1.1\","
            "\"route\":\"order\",\"status\":200,\"decision\":\"pass\",\"octets_in\":123,"
            "\"octets_out\":4567,\"duration_ms\":12.345,\"upstream\":\"127.0.0.1:3000\","
            "\"upstream_ms\":11.002,\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\","
            "\"user_agent\":\"curl/7.88\"}\n");
}

TEST_F(AccessLines, InTextBeginLikeTheCombinedFormat) {
  EXPECT_EQ(text(),
            "192.0.2.7 - - [25/Nov/2026:07:24:43 +0000] \"PUT /v1/orders/42?x=1 HTTP/1.1\" 200 4567 "
            "\"-\" \"curl/7.88\" host=\"shop.example\" route=order decision=pass in=123 "
            "duration=0.012345 upstream=127.0.0.1:3000 upstream_duration=0.011002 "
            "trace=4bf92f3577b34da6a3ce929d0e0e4736\n");
}

TEST_F(AccessLines, TellWhyAnAnswerIsOurs) {
  account.decision = Decision::stale;
  account.problem = http::Problem::stale_version;
  account.status = 412;
  account.forwarded = false;
  account.probing = 1ms;
  account.gated = true;
  account.gate_wait = 2ms;
  account.outcome_unknown = true;
  account.ending = Ending::client_left;
  EXPECT_NE(json().find("\"status\":412,\"decision\":\"stale\",\"problem\":\"stale-version\","
                        "\"ending\":\"client_left\",\"outcome_unknown\":true,"),
            std::string::npos)
      << json();
  EXPECT_NE(json().find("\"gate_ms\":2.000,\"probe_ms\":1.000,\"trace_id\""), std::string::npos);
  EXPECT_EQ(json().find("upstream"), std::string::npos);
  EXPECT_NE(text().find(" decision=stale problem=stale-version ending=client_left outcome=unknown "),
            std::string::npos)
      << text();
}

TEST_F(AccessLines, CanBeOfARequestOfWhichNothingIsKnown) {
  const http::RequestHead nothing;
  account = Account{.head = &nothing, .status = 400};
  EXPECT_EQ(json(),
            "{\"time\":\"2026-11-25T07:24:43.007Z\",\"client\":\"\",\"method\":\"\",\"target\":\"\","
            "\"host\":\"\",\"protocol\":\"\",\"route\":\"\",\"status\":400,\"decision\":\"none\","
            "\"octets_in\":0,\"octets_out\":0,\"duration_ms\":0.000,\"user_agent\":\"\"}\n");
  EXPECT_EQ(text(),
            "- - - [25/Nov/2026:07:24:43 +0000] \"- - -\" 400 0 \"-\" \"-\" host=\"-\" route=- "
            "decision=none in=0 duration=0.000000 trace=-\n");
}

TEST_F(AccessLines, HoldNoSecrets) {
  EXPECT_EQ((json() + text()).find("hush"), std::string::npos);
}

TEST_F(AccessLines, CannotBeForged) {
  const std::string forged = "a\"\\\r\n192.0.2.8 - - \x1b[2J\x7f\0\xff\xc3\xa9"s;
  head.method = forged;
  head.target = forged;
  head.fields.add("Referer", forged);
  head.fields.remove("User-Agent");
  head.fields.add("User-Agent", forged);
  head.fields.remove("Host");
  head.fields.add("Host", forged);
  const std::string shown_text = R"(a\x22\x5C\x0D\x0A192.0.2.8 - - \x1B[2J\x7F\x00\xFF\xC3\xA9)";
  const std::string shown_json =
      R"(a\"\\\u000d\u000a192.0.2.8 - - \u001b[2J\u007f\u0000\ufffd)" "\xc3\xa9";
  for (const std::string& line : {json(), text()}) {
    EXPECT_EQ(line.find_first_of("\r\x1b\x7f"), std::string::npos) << line;
    EXPECT_EQ(line.find('\0'), std::string::npos) << line;
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
  }
  EXPECT_NE(text().find("\"" + shown_text + " " + shown_text + " HTTP/1.1\""), std::string::npos)
      << text();
  for (const std::string_view name : {"method", "target", "host", "user_agent", "referer"}) {
    EXPECT_NE(json().find("\"" + std::string(name) + "\":\"" + shown_json + "\""),
              std::string::npos)
        << json();
  }
}

TEST_F(AccessLines, AreBounded) {
  for (const std::string& octet : {"x"s, "\""s, "\x01"s, "\xff"s}) {
    std::string huge;
    for (int i = 0; i < 100'000; ++i) huge += octet;
    head.method = huge;
    head.target = huge;
    head.fields.clear();
    for (const char* const name : {"Host", "User-Agent", "Referer"}) head.fields.add(name, huge);
    EXPECT_LE(json().size(), access_line_octets_max);
    EXPECT_LE(text().size(), access_line_octets_max);
    EXPECT_NE(json().find("...\",\"host\""), std::string::npos) << "what was cut off is marked";
  }
}

TEST_F(AccessLines, KeepTheDateOfTheirOwnSecond) {
  EXPECT_NE(json().find("07:24:43.007Z"), std::string::npos);
  std::string out;
  writer.append(out, config::LogFormat::json, account, when + 993ms);
  writer.append(out, config::LogFormat::json, account, when - 8ms);
  EXPECT_NE(out.find("07:24:44.000Z"), std::string::npos) << out;
  EXPECT_NE(out.find("07:24:42.999Z"), std::string::npos) << out;
}

}  // namespace
}  // namespace ifmatch::net
