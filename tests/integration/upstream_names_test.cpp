// Upstreams that are given by name: all addresses of it are used, dead ones are passed over, and a
// resolver that hangs holds up nobody, least of all the end of the program.
#include <gtest/gtest.h>

#include <signal.h>

#include <cstdlib>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/people/7";

class UpstreamNames : public testing::Test {
 protected:
  UpstreamNames() { store.put(std::string(path), "[0]"); }

  // `names` are the lines that the resolver knows. Where no connection is kept every request needs
  // a new one.
  ProxyProcess start(const std::string& names, std::uint16_t port,
                     const std::string& idle = "0s") {
    folder.write("names", names);
    const std::string file = folder.write(
        "ifmatch.yaml",
        "version: 1\nlisteners: [{ address: \"127.0.0.1:0\" }]\n"
        "upstreams: { api: { url: \"http://api.test:" + std::to_string(port) +
            "\", timeouts: { connect: 500ms, idle: " + idle + " } } }\n"
            "routes: [{ name: everything, match: { path: \"/**\" }, upstream: api }]\n"
            "state_dir: none\nthreads: 1\n");
    // A program built with the address sanitizer wants to be told that another library comes first.
    const char* const options = std::getenv("ASAN_OPTIONS");
    const std::string given = options == nullptr ? "" : std::string(options) + ":";
    return ProxyProcess::start_with(
        {"run", "-c", file},
        {{"LD_PRELOAD", IFMATCH_TEST_NAMES_LIBRARY},
         {"ASAN_OPTIONS", given + "verify_asan_link_order=0"},
         {"IFMATCH_TEST_NAMES", (folder.path() / "names").string()}});
  }
  static Response get(const ProxyProcess& proxy) {
    return request_once(proxy.port(), "GET", path);
  }
  TemporaryFolder folder;
  DocumentStore store;
};

TEST_F(UpstreamNames, AllAddressesOfANameAreUsed) {
  ScriptedUpstream first(store.behaviour(), {.address = "127.0.0.2"});
  ScriptedUpstream second(store.behaviour(), {.port = first.port(), .address = "127.0.0.3"});
  const ProxyProcess proxy = start("api.test 127.0.0.2 127.0.0.3\n", first.port());
  for (int i = 0; i < 8; ++i) EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(first.count("GET"), 4U);
  EXPECT_EQ(second.count("GET"), 4U);
}

TEST_F(UpstreamNames, AnAddressThatRefusesIsPassedOver) {
  ScriptedUpstream there(store.behaviour());
  const ProxyProcess proxy = start("api.test 127.0.0.2 127.0.0.1 127.0.0.3\n", there.port());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(get(proxy).status, 200);
  const Response read = get(proxy);
  EXPECT_EQ(request_once(proxy.port(), "PUT", path, {{"If-Match", read.tag()}}, "[1]").status, 200);
  EXPECT_EQ(store.get(path), "[1]");
}

TEST_F(UpstreamNames, ANameThatDoesNotExistYetIsAskedForAgain) {
  ScriptedUpstream there(store.behaviour());
  const ProxyProcess proxy = start("\n", there.port());
  expect_problem(get(proxy), 502, "upstream-unreachable");
  folder.write("names", "api.test 127.0.0.1\n");
  EXPECT_TRUE(eventually([&] { return get(proxy).status == 200; }));
}

// A name that was made to lead elsewhere is followed, however well its connections are used.
TEST_F(UpstreamNames, AKeptConnectionIsNotUsedForLongerThanItsAddressIsTheNames) {
  ScriptedUpstream first(store.behaviour(), {.address = "127.0.0.2"});
  ScriptedUpstream second(store.behaviour(), {.port = first.port(), .address = "127.0.0.3"});
  const ProxyProcess proxy = start("api.test 127.0.0.2\n", first.port(), "1h");
  EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(get(proxy).status, 200);
  EXPECT_EQ(first.connections_accepted(), 1) << "it is kept";
  folder.write("names", "api.test 127.0.0.3\n");
  EXPECT_TRUE(eventually([&] { return get(proxy).status == 200 && second.count("GET") > 0; },
                         Deadline{Milliseconds{30'000}}));
  EXPECT_TRUE(first.wait_for_open_connections(0));
}

TEST_F(UpstreamNames, AHangingLookupHoldsUpNeitherAnAnswerNorTheEnd) {
  ScriptedUpstream there(store.behaviour());
  ProxyProcess proxy = start("api.test hangs\n", there.port());
  const auto began = Clock::now();
  expect_problem(get(proxy), 504, "upstream-timeout");
  expect_problem(request_once(proxy.port(), "PUT", path, {{"If-Match", "*"}}, "[1]"), 504,
                 "upstream-timeout");
  EXPECT_LT(Clock::now() - began, Milliseconds{4'000});
  EXPECT_EQ(proxy.stop(Deadline{Milliseconds{5'000}}), ExitStatus{});
}

}  // namespace
}  // namespace ifmatch::support
