// Other people's HTTP on both sides: curl and Python as clients and servers of HTTP/1.0 and 1.1,
// nginx and Apache as APIs.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/integration/rules.hpp"
#include "tests/support/servers.hpp"

namespace ifmatch::support {
namespace {

// /doc is guarded, all else is not.
ProxyConfig guarded_documents(const std::string& url) {
  ProxyConfig config;
  config.upstream_url = url;
  config.routes =
      "  - { name: documents, match: { path: \"/doc/**\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  return config;
}

struct Curl {
  explicit Curl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"curl", "-sS", "-i", "--max-time", "20", "--noproxy", "*"});
    finished = run_to_end(std::move(arguments));
  }
  [[nodiscard]] bool said(std::string_view text) const {
    return finished.output.find(text) != std::string::npos;
  }
  Finished finished;
};

template <typename Server>
class Behind : public ::testing::Test {};
using Servers = ::testing::Types<NginxWebdav, ApacheWebdav>;
TYPED_TEST_SUITE(Behind, Servers);

TYPED_TEST(Behind, CurlIsServedInBothVersionsAndWaitsForContinue) {
  TypeParam server;
  ProxyProcess proxy = ProxyProcess::start(guarded_documents(server.url()));
  const std::string base = "http://127.0.0.1:" + std::to_string(proxy.port());
  TemporaryFolder folder;
  const std::string content(300'000, 'x');
  const std::string file = folder.write("content", content);
  // Streamed, and the API is the one that is asked first.
  for (const char* how : {"-T", "--data-binary"}) {
    const std::string what = how == std::string_view("-T") ? file : "@" + file;
    const Curl put({"-X", "PUT", "-H", "Expect: 100-continue", how, what, base + "/free"});
    EXPECT_EQ(put.finished.status, ExitStatus{}) << put.finished.errors;
    EXPECT_TRUE(put.said("HTTP/1.1 100 Continue")) << put.finished.output;
    EXPECT_TRUE(put.said("HTTP/1.1 201") || put.said("HTTP/1.1 204")) << put.finished.output;
  }
  // In chunks.
  const Curl chunked({"-X", "PUT", "-H", "Transfer-Encoding: chunked", "-T", file, base + "/free"});
  EXPECT_TRUE(chunked.said("HTTP/1.1 204")) << chunked.finished.output;
  for (const char* version : {"--http1.0", "--http1.1"}) {
    const Curl got({version, base + "/free"});
    EXPECT_EQ(got.finished.status, ExitStatus{}) << got.finished.errors;
    EXPECT_TRUE(got.said("HTTP/1.1 200"));
    EXPECT_TRUE(got.finished.output.ends_with(content));
    const Curl head({version, "-I", base + "/free"});
    EXPECT_TRUE(head.said("Content-Length: 300000")) << head.finished.output;
  }
  // A range of a bypass route is the API's own matter.
  const Curl range({"-r", "0-9", base + "/free"});
  EXPECT_TRUE(range.said("HTTP/1.1 206")) << range.finished.output;
  EXPECT_TRUE(range.finished.output.ends_with("\r\n\r\nxxxxxxxxxx"));
}

// Python's own server speaks HTTP/1.0 and ends its answers by closing.
TEST(BehindPython, FilesAreReadInBothVersions) {
  TemporaryFolder folder;
  static_cast<void>(folder.write("free", "free"));
  static_cast<void>(folder.write("doc.txt", "document"));
  for (const std::string protocol : {"HTTP/1.0", "HTTP/1.1"}) {
    const std::string port = std::to_string(free_port());
    Process server = Process::start({"/usr/bin/python3", "-u", "-m", "http.server", port, "--bind",
                                     "127.0.0.1", "--protocol", protocol, "--directory",
                                     folder.path().string()});
    ASSERT_TRUE(server.wait_for_line("Serving HTTP on")) << server.transcript();
    ProxyConfig config = guarded_documents("http://127.0.0.1:" + port);
    config.routes =
        "  - { name: documents, match: { path: \"/doc.txt\" }, upstream: api }\n"
        "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
    ProxyProcess proxy = ProxyProcess::start(config);
    RawClient client = RawClient::connect(proxy.port());
    for (int round = 0; round < 3; ++round) {
      EXPECT_EQ(client.request("GET", "/free").body, "free");
      const Response document = client.request("GET", "/doc.txt");
      EXPECT_EQ(document.body, "document");
      EXPECT_TRUE(is_our_tag(document.tag()));
      EXPECT_EQ(client.request("HEAD", "/doc.txt").tag(), document.tag());
      EXPECT_EQ(client.request("GET", "/doc.txt", {{"If-None-Match", document.tag()}}).status, 304);
      // It knows no PUT: what it says of it is handed on.
      EXPECT_EQ(client.request("PUT", "/free", {}, "x").status, 501);
    }
    const Curl old({"--http1.0", "http://127.0.0.1:" + std::to_string(proxy.port()) + "/doc.txt"});
    EXPECT_TRUE(old.finished.output.ends_with("document")) << old.finished.output;
  }
}

}  // namespace
}  // namespace ifmatch::support
