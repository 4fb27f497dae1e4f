// The proxy is only as safe as its reading of the octets: ambiguous, oversized and malformed
// requests are refused with the status that fits, and none of them reaches the API in any form.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

enum class After { closed, any };

struct Refusal {
  std::string name;
  std::string octets;
  std::vector<int> statuses;  // one of these
  std::string type;           // empty: any of ours
  After after = After::closed;
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << refusal.name;
}

ProxyConfig tight_limits() {
  ProxyConfig config;
  config.listener =
      "timeouts: { header: 500ms }, "
      "limits: { header_bytes: 4KiB, header_fields: 32, target_bytes: 1KiB }";
  config.defaults = "max_body: 1KiB";
  return config;
}

std::string get(const std::string& fields) {
  return "GET /orders/42 HTTP/1.1\r\nHost: api.test\r\n" + fields + "\r\n";
}

std::string put(const std::string& fields, const std::string& body) {
  return "PUT /orders/42 HTTP/1.1\r\nHost: api.test\r\nIf-Match: *\r\n" + fields + "\r\n" + body;
}

std::string get_target(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: api.test\r\n\r\n";
}

class Hygiene : public ::testing::TestWithParam<Refusal> {};

TEST_P(Hygiene, RefusesAndForwardsNothing) {
  const Refusal& refusal = GetParam();
  GuardedStore api(tight_limits());
  api.store.put("/orders/42", "{}");
  RawClient client = RawClient::connect(api.proxy.port());
  static_cast<void>(client.try_send(refusal.octets));
  const Response answer = client.read_response();
  EXPECT_NE(std::find(refusal.statuses.begin(), refusal.statuses.end(), answer.status),
            refusal.statuses.end())
      << answer.status << " " << answer.body;
  EXPECT_EQ(answer.field("Content-Type"), "application/problem+json");
  if (!refusal.type.empty()) {
    EXPECT_EQ(json_member(answer.body, "type"), "urn:ifmatch:problem:" + refusal.type);
  }
  if (answer.status == 405) {
    EXPECT_TRUE(answer.has("Allow"));
  }
  if (refusal.after == After::closed) {
    EXPECT_TRUE(client.expect_closed());
  }
  // A further request shows that it goes on serving, and that nothing came before it.
  EXPECT_EQ(api.request("GET", "/orders/42").status, 200);
  EXPECT_EQ(api.upstream.requests().size(), 1U);
}

const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: api.test\r\n\r\n";

std::vector<Refusal> framing() {
  const std::string chunks = "2\r\n{}\r\n0\r\n\r\n";
  std::vector<Refusal> cases;
  const auto add = [&](std::string name, std::string octets) {
    cases.push_back({std::move(name), std::move(octets), {400}, "bad-request"});
  };
  add("LengthAndChunked",
      put("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + smuggled));
  add("ChunkedAndLength", put("Transfer-Encoding: chunked\r\nContent-Length: 12\r\n", chunks));
  add("GzipCoding", put("Transfer-Encoding: gzip\r\n", "{}" + smuggled));
  add("GzipAndLength", put("Transfer-Encoding: gzip\r\nContent-Length: 2\r\n", "{}"));
  add("GzipThenChunked", put("Transfer-Encoding: gzip, chunked\r\n", chunks));
  add("ChunkedThenIdentity", put("Transfer-Encoding: chunked, identity\r\n", chunks));
  add("ChunkedTwice", put("Transfer-Encoding: chunked, chunked\r\n", chunks));
  add("ChunkedOnTwoLines",
      put("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks));
  add("EmptyElementBeforeChunked", put("Transfer-Encoding: ,chunked\r\n", chunks));
  add("ChunkedWithParameter", put("Transfer-Encoding: chunked;q=1\r\n", chunks));
  add("EmptyTransferEncoding", put("Transfer-Encoding:\r\n", ""));
  add("ChunkedOnHttp10",
      "PUT /orders/42 HTTP/1.0\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);
  add("LengthAsAList", put("Content-Length: 2, 2\r\n", "{}"));
  add("LengthTwiceEqual", put("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"));
  add("LengthTwiceDifferent", put("Content-Length: 2\r\nContent-Length: 9\r\n", "{}"));
  add("LengthWithSign", put("Content-Length: +2\r\n", "{}"));
  add("LengthNegative", put("Content-Length: -2\r\n", "{}"));
  add("LengthInHexadecimal", put("Content-Length: 0x2\r\n", "{}"));
  cases.push_back({"LengthBeyondAnyNumber",
                   put("Content-Length: 18446744073709551618\r\n", "{}"),
                   {400, 413},
                   ""});
  add("ChunkSizeOfNoDigits", put("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"));
  add("ChunkSizeBeyondAnyNumber",
      put("Transfer-Encoding: chunked\r\n", "10000000000000002\r\n{}\r\n0\r\n\r\n"));
  add("ChunkLongerThanItSays", put("Transfer-Encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n"));
  return cases;
}

std::vector<Refusal> sections() {
  std::vector<Refusal> cases;
  const auto add = [&](std::string name, std::string octets) {
    cases.push_back({std::move(name), std::move(octets), {400}, "bad-request", After::any});
  };
  add("NoHost", "GET /orders/42 HTTP/1.1\r\nAccept: */*\r\n\r\n");
  add("TwoHosts", get("Host: api.test\r\n"));
  add("TwoDifferentHosts", get("Host: other.test\r\n"));
  add("HostWithBlank", "GET /orders/42 HTTP/1.1\r\nHost: api test\r\n\r\n");
  add("HostWithPath", "GET /orders/42 HTTP/1.1\r\nHost: api.test/x\r\n\r\n");
  add("AbsoluteFormOfAnotherHost",
      "GET http://other.test/orders/42 HTTP/1.1\r\nHost: api.test\r\n\r\n");
  add("AuthorityFormForGet", get_target("api.test:80"));
  add("AsteriskFormForGet", get_target("*"));
  add("BlankBeforeColon", get("X-Name : value\r\n"));
  add("FoldedLine", get("X-Name: one\r\n two\r\n"));
  add("LineWithoutColon", get("X-Name\r\n"));
  add("NulInValue", get(std::string("X-Name: a\0b\r\n", 13)));
  add("BareCarriageReturnInValue", get("X-Name: a\rb\r\n"));
  for (const std::string name : {"If-Match", "If-None-Match", "If-Unmodified-Since"}) {
    std::string letters = name;
    std::erase(letters, '-');
    cases.push_back({"ConnectionNominates" + letters,
                     put("Content-Length: 2\r\nConnection: " + name + "\r\n", "{}"),
                     {400},
                     "bad-condition",
                     After::any});
  }
  for (const std::string name : {"Host", "Authorization"}) {
    add("ConnectionNominates" + name, get("Connection: close, " + name + "\r\n"));
  }
  add("ConnectionNominatesContentLength",
      put("Content-Length: 2\r\nConnection: Content-Length\r\n", "{}"));
  add("ContentRangeOnPut", put("Content-Length: 2\r\nContent-Range: bytes 0-1/2\r\n", "{}"));
  return cases;
}

std::vector<Refusal> methods_and_versions() {
  return {
      {"Connect",
       "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n",
       {405},
       "method-not-allowed",
       After::any},
      {"Trace",
       "TRACE /orders/42 HTTP/1.1\r\nHost: api.test\r\n\r\n",
       {405},
       "method-not-allowed",
       After::any},
      {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}, ""},
      {"MajorVersion2", "GET /orders/42 HTTP/2.0\r\nHost: api.test\r\n\r\n", {400, 505}, ""},
      {"Http09", "GET /orders/42\r\n\r\n", {400, 505}, ""},
      {"NoHttpAtAll", "\x16\x03\x01\x02\r\n\r\n", {400}, "bad-request"},
      {"UnknownExpectation",
       put("Content-Length: 2\r\nExpect: 200-ok\r\n", "{}"),
       {417},
       "expectation-failed",
       After::any},
  };
}

std::vector<Refusal> paths() {
  std::vector<Refusal> cases;
  const auto add = [&](std::string name, const std::string& target) {
    cases.push_back({std::move(name), get_target(target), {400}, "ambiguous-path", After::any});
  };
  add("DotSegment", "/orders/./42");
  add("DoubleDotSegment", "/orders/../orders/42");
  add("DoubleDotAtTheEnd", "/orders/42/..");
  add("EncodedDotSegment", "/orders/%2e/42");
  add("EncodedDoubleDotSegment", "/orders/%2E%2e/orders/42");
  add("EncodedSlash", "/orders%2F42");
  add("EncodedBackslash", "/orders%5c42");
  add("EmptySegment", "/orders//42");
  add("EncodedNul", "/orders/42%00");
  add("BrokenEscape", "/orders/%4");
  add("EscapeOfNoDigits", "/orders/%zz");
  add("LonePercentSign", "/orders/42%");
  return cases;
}

std::vector<Refusal> sizes() {
  std::string many;
  for (int field = 0; field < 64; ++field) many += "X-" + std::to_string(field) + ": 1\r\n";
  const std::string large(2000, 'x');
  return {
      {"LongField",
       get("X-Long: " + std::string(8 * 1024, 'x') + "\r\n"),
       {431},
       "fields-too-large"},
      {"ManyFields", get(many), {431}, "fields-too-large"},
      {"LongTarget", get_target("/" + std::string(2 * 1024, 'x')), {414}, "target-too-long"},
      {"LongBody", put("Content-Length: 2000\r\n", large), {413}, "body-too-large", After::any},
      {"LongChunkedBody",
       put("Transfer-Encoding: chunked\r\n", "7d0\r\n" + large + "\r\n0\r\n\r\n"),
       {413},
       "body-too-large",
       After::any},
      {"LongTrailers",
       put("Transfer-Encoding: chunked\r\n",
           "2\r\n{}\r\n0\r\nX-Long: " + std::string(8 * 1024, 'x') + "\r\n\r\n"),
       {400, 413, 431},
       ""},
      {"LongChunkExtension",
       put("Transfer-Encoding: chunked\r\n",
           "2;" + std::string(64 * 1024, 'x') + "\r\n{}\r\n0\r\n\r\n"),
       {400, 413, 431},
       ""},
  };
}

std::string name_of(const ::testing::TestParamInfo<Refusal>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Framing, Hygiene, ::testing::ValuesIn(framing()), name_of);
INSTANTIATE_TEST_SUITE_P(Sections, Hygiene, ::testing::ValuesIn(sections()), name_of);
INSTANTIATE_TEST_SUITE_P(MethodsAndVersions, Hygiene, ::testing::ValuesIn(methods_and_versions()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Paths, Hygiene, ::testing::ValuesIn(paths()), name_of);
INSTANTIATE_TEST_SUITE_P(Sizes, Hygiene, ::testing::ValuesIn(sizes()), name_of);

TEST(SlowHeader, IsAnsweredWith408AndClosed) {
  GuardedStore api(tight_limits());
  RawClient client = RawClient::connect(api.proxy.port());
  client.send("GET /orders/42 HTTP/1.1\r\nHost: api.test\r\nX-Slow");
  expect_problem(client.read_response(), 408, "request-timeout");
  EXPECT_TRUE(client.expect_closed());
  EXPECT_TRUE(api.upstream.requests().empty());
}

TEST(Pipeline, IsAnsweredInOrder) {
  GuardedStore api;
  api.store.put("/slow", "\"slow\"");
  api.store.put("/quick", "\"quick\"");
  api.upstream.behave([inner = api.store.behaviour()](const Request& request) {
    Reply reply = inner(request);
    if (request.target == "/slow") reply.delay = Milliseconds{100};
    return reply;
  });
  RawClient client = RawClient::connect(api.proxy.port());
  client.send(client.compose("GET", "/slow") + client.compose("GET", "/quick") +
              client.compose("PUT", "/quick", {}, "{}") + client.compose("GET", "/slow"));
  EXPECT_EQ(client.read_response().body, "\"slow\"");
  EXPECT_EQ(client.read_response().body, "\"quick\"");
  expect_problem(client.read_response(), 412, "precondition-missing");
  EXPECT_EQ(client.read_response().body, "\"slow\"");
  EXPECT_EQ(api.upstream.writes(), 0U);
}

TEST(Forwarding, WritesTheMessageAnewWithoutHopByHopFields) {
  GuardedStore api;
  api.store.put("/orders/42", "{}");
  const Response answer = api.request("GET", "/orders/42",
                                      {{"Connection", "keep-alive, X-Private"},
                                       {"X-Private", "1"},
                                       {"Keep-Alive", "timeout=5"},
                                       {"TE", "trailers"},
                                       {"Proxy-Connection", "keep-alive"},
                                       {"X-Public", "1"}});
  EXPECT_EQ(answer.status, 200);
  const Request forwarded = api.upstream.requests("GET").at(0);
  for (const std::string_view dropped : {"X-Private", "Keep-Alive", "TE", "Proxy-Connection"}) {
    EXPECT_FALSE(forwarded.has(dropped)) << dropped;
  }
  EXPECT_EQ(forwarded.field("X-Public"), "1");
  EXPECT_EQ(count_fields(forwarded.fields, "Host"), 1U);
}

TEST(Forwarding, TakesTheAbsoluteFormOfTheSameHost) {
  GuardedStore api;
  api.store.put("/orders/42", "{}");
  RawClient client = RawClient::connect(api.proxy.port());
  client.send("GET http://api.test/orders/42 HTTP/1.1\r\nHost: api.test\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(api.upstream.requests("GET").at(0).target, "/orders/42");
}

// Answers of the upstream that cannot be trusted become a 502 without a tag.
class BadAnswer : public ::testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(BadAnswer, BecomesA502WithoutATag) {
  ScriptedUpstream upstream([octets = GetParam().second](const Request&) {
    Reply reply;
    reply.verbatim = octets;
    reply.close_after = true;
    return reply;
  });
  ProxyProcess proxy = ProxyProcess::start_in_front_of(upstream.url());
  const Response answer = request_once(proxy.port(), "GET", "/orders/42");
  EXPECT_EQ(answer.status, 502) << answer.body;
  EXPECT_FALSE(answer.has("ETag"));
  EXPECT_EQ(proxy.stop(), ExitStatus{});
}

INSTANTIATE_TEST_SUITE_P(
    OfTheUpstream, BadAnswer,
    ::testing::Values(
        std::pair("TruncatedBody", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"),
        std::pair("TruncatedChunks",
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
        std::pair("TruncatedHeader", "HTTP/1.1 200 OK\r\nContent-"),
        std::pair("LengthAndChunked",
                  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "2\r\n{}\r\n0\r\n\r\n"),
        std::pair("TwoLengths",
                  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        std::pair("UnaskedUpgrade",
                  "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                  "Upgrade: websocket\r\n\r\n"),
        std::pair("NoHttp", "hello\r\n\r\n")),
    [](const auto& test) { return test.param.first; });

}  // namespace
}  // namespace ifmatch::support
