// A bypass route streams: bodies of any size pass through in both directions with a bounded memory,
// and an API that is down or slow is told apart.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr std::uint64_t mebibyte = 1024ULL * 1024;
constexpr Milliseconds transfer_wait{200'000};

// With IFMATCH_LONG=1 as much as nobody could hold.
std::uint64_t large() {
  const char* const asked = std::getenv("IFMATCH_LONG");
  const bool is_long = asked != nullptr && std::string_view(asked) == "1";
  return is_long ? 10 * 1024 * mebibyte : 256 * mebibyte;
}

// A sanitizer keeps freed memory and shadows all of it, so that only buffered gibibytes would be seen.
std::uint64_t memory_max() {
  const bool sanitized = std::getenv("IFMATCH_TEST_BINARY") != nullptr;
  return (sanitized ? 768ULL : 48ULL) * mebibyte;
}

ProxyConfig bypass_everything() {
  ProxyConfig config;
  config.routes =
      "  - { name: everything, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  return config;
}

class BypassDownload : public ::testing::TestWithParam<Framing> {};

TEST_P(BypassDownload, OfMuchTakesLittleMemory) {
  ScriptedUpstream upstream([](const Request&) {
    Reply reply;
    reply.framing = GetParam();
    reply.generated_bytes = large();
    return reply;
  });
  ProxyConfig config = bypass_everything();
  config.upstream_url = upstream.url();
  ProxyProcess proxy = ProxyProcess::start(config);
  RawClient client = RawClient::connect(proxy.port());
  client.send(client.compose("GET", "/large"));
  const Response answer = client.read_response_into([](std::string_view) {}, transfer_wait);
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.truncated);
  EXPECT_EQ(answer.body_bytes, large());
  EXPECT_LT(proxy.process().memory_peak_bytes(), memory_max());
}

INSTANTIATE_TEST_SUITE_P(, BypassDownload,
                         ::testing::Values(Framing::content_length, Framing::chunked),
                         [](const auto& test) {
                           return test.param == Framing::chunked ? "Chunked" : "WithLength";
                         });

TEST(BypassUpload, OfMuchTakesLittleMemory) {
  ScriptedUpstream::Options options;
  options.kept_body_bytes = 0;
  ScriptedUpstream upstream([](const Request&) { return Reply{}; }, options);
  ProxyConfig config = bypass_everything();
  config.upstream_url = upstream.url();
  ProxyProcess proxy = ProxyProcess::start(config);
  RawClient client = RawClient::connect(proxy.port());
  client.send(client.compose("PUT", "/large", {{"Content-Length", std::to_string(large())}}));
  const std::string piece(1024 * 1024, 'x');
  for (std::uint64_t sent = 0; sent < large(); sent += piece.size()) client.send(piece);
  EXPECT_EQ(client.read_response(RawClient::Body::as_framed, transfer_wait).status, 200);
  EXPECT_EQ(upstream.requests("PUT").at(0).body_bytes, large());
  EXPECT_LT(proxy.process().memory_peak_bytes(), memory_max());
}

TEST(Bypass, LeavesValidatorsAndConditionsToTheUpstream) {
  DocumentStore::Options options;
  options.fields = {{"ETag", "\"7\""}};
  GuardedStore api(bypass_everything(), options);
  api.store.put("/a", "{}");
  EXPECT_EQ(api.request("GET", "/a").tag(), "\"7\"");
  EXPECT_EQ(api.request("PUT", "/a", {{"If-Match", "\"7\""}}, "[]").status, 200);
  EXPECT_EQ(api.upstream.requests("PUT").at(0).field("If-Match"), "\"7\"");
  EXPECT_EQ(api.request("PUT", "/a", {}, "{}").status, 200);
}

class UpstreamTrouble : public ::testing::TestWithParam<std::string> {
 protected:
  static ProxyConfig config(const std::string& url) {
    ProxyConfig config;
    config.upstream_url = url;
    config.upstream = "timeouts: { connect: 2s, response: 300ms }";
    config.defaults = "mode: " + GetParam();
    return config;
  }
};

TEST_P(UpstreamTrouble, OfOneThatIsDownIsA502) {
  ProxyProcess proxy =
      ProxyProcess::start(config("http://127.0.0.1:" + std::to_string(free_port())));
  expect_problem(request_once(proxy.port(), "GET", "/a"), 502, "upstream-unreachable");
}

TEST_P(UpstreamTrouble, OfOneThatIsTooSlowIsA504) {
  const auto hold = std::make_shared<Hold>();
  ScriptedUpstream upstream([hold](const Request&) {
    Reply reply;
    reply.hold = hold;
    return reply;
  });
  ProxyProcess proxy = ProxyProcess::start(config(upstream.url()));
  expect_problem(request_once(proxy.port(), "GET", "/a"), 504, "upstream-timeout");
  hold->release();
}

INSTANTIATE_TEST_SUITE_P(, UpstreamTrouble, ::testing::Values("enforce", "bypass"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace ifmatch::support
