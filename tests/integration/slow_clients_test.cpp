// Clients that hold on to what they use up: slow headers, slow content, slow reading, ranges, and
// thousands of connections at once. Each test measures what others get meanwhile: no request of
// theirs may fail, and none may take long.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/rules.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view path = "/doc/1";

// Short deadlines, so that a test sees them pass. /doc is guarded, all else is not.
ProxyConfig impatient(std::string timeouts =
                          "header: 2s, body: 2s, idle: 20s, write: 2s") {
  ProxyConfig config;
  config.listener = "timeouts: { " + timeouts + " }";
  config.routes =
      "  - { name: documents, match: { path: \"/doc/**\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  return config;
}

// A well-behaved client that reads and writes on until it is told to stop.
class Others {
 public:
  explicit Others(std::uint16_t port) : thread_([this, port] { run(port); }) {}
  Others(const Others&) = delete;
  ~Others() { stop(); }

  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void expect_served(Milliseconds p99_max = Milliseconds(1'000)) {
    stop();
    ASSERT_GT(took_.size(), 50U);
    std::ranges::sort(took_);
    const auto p99 = took_[took_.size() * 99 / 100];
    std::cerr << took_.size() << " requests of others, " << failed_ << " failed, median "
              << took_[took_.size() / 2].count() << " us, p99 " << p99.count() << " us, slowest "
              << took_.back().count() << " us\n";
    EXPECT_EQ(failed_, 0) << why_;
    EXPECT_LT(p99, p99_max);
  }

 private:
  void run(std::uint16_t port) {
    std::optional<RawClient> kept;
    for (int number = 0; !stopping_; ++number) {
      const auto begin = Clock::now();
      try {
        // Every fourth comes on a connection of its own, every fifth writes; some take the bypass.
        if (number % 4 == 0 || !kept) kept.emplace(RawClient::connect(port));
        const bool writes = number % 5 == 0;
        const std::string target = number % 3 == 0 ? "/pass/1" : std::string(path);
        const Response answer =
            writes ? kept->request("PUT", target, {{"If-Match", "*"}}, "[1]")
                   : kept->request("GET", target);
        if (answer.status != 200) {
          ++failed_;
          why_ = std::to_string(answer.status) + " " + answer.body;
        }
      } catch (const std::exception& failure) {
        ++failed_;
        why_ = failure.what();
        kept.reset();
      }
      took_.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin));
      ::poll(nullptr, 0, 5);
    }
  }

  std::atomic<bool> stopping_ = false;
  std::vector<std::chrono::microseconds> took_;
  int failed_ = 0;
  std::string why_;
  std::thread thread_;
};

// What every test of these begins with: an API with a document and something large.
struct Api {
  explicit Api(ProxyConfig config = impatient()) : guarded(std::move(config)) {
    guarded.store.put(path, "[1]");
    guarded.store.put("/pass/1", "[1]");
    guarded.upstream.behave([inner = guarded.store.behaviour()](const Request& request) {
      if (!request.target.ends_with("/large")) return inner(request);
      Reply reply;
      reply.generated_bytes = 4 * 1024 * 1024;
      return reply;
    });
  }
  std::uint16_t port() const { return guarded.proxy.port(); }

  GuardedStore guarded;
};

// slowhttptest, Debian's collection of slow attacks.

struct Attack {
  std::string name;
  std::vector<std::string> arguments;
  std::string target;
};

void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

class ASlowAttack : public ::testing::TestWithParam<Attack> {};

TEST_P(ASlowAttack, KeepsNobodyElseFromBeingServed) {
  // Fewer connections to the API than there are attackers, so that these can use all of them up.
  ProxyConfig config = impatient();
  config.upstream = "max_connections: 64, timeouts: { connect: 2s, response: 10s }";
  Api api(config);
  std::vector<std::string> arguments{"slowhttptest", "-l", "8", "-r", "200", "-u",
                                     "http://127.0.0.1:" + std::to_string(api.port()) +
                                         GetParam().target};
  arguments.insert(arguments.end(), GetParam().arguments.begin(), GetParam().arguments.end());
  Others others(api.port());
  const Finished attack = run_to_end(arguments, {}, Deadline(Milliseconds(40'000)));
  others.expect_served();
  EXPECT_NE(attack.output.find("service available"), std::string::npos) << attack.output;
  EXPECT_EQ(attack.output.rfind("service available:   NO"), std::string::npos) << attack.output;
}

INSTANTIATE_TEST_SUITE_P(
    , ASlowAttack,
    ::testing::Values(Attack{"Headers", {"-H", "-c", "400", "-i", "1"}, "/doc/1"},
                      Attack{"GuardedContent",
                             {"-B", "-c", "400", "-i", "1", "-s", "8192"},
                             "/doc/1"},
                      Attack{"StreamedContent",
                             {"-B", "-c", "400", "-i", "1", "-s", "8192"},
                             "/pass/1"},
                      Attack{"GuardedReading",
                             {"-X", "-c", "150", "-n", "1", "-w", "10", "-y", "20", "-z", "5"},
                             "/doc/large"},
                      Attack{"StreamedReading",
                             {"-X", "-c", "150", "-n", "1", "-w", "10", "-y", "20", "-z", "5"},
                             "/large"},
                      Attack{"Ranges", {"-R", "-c", "400", "-a", "5", "-b", "500"}, "/doc/1"}),
    [](const auto& test) { return test.param.name; });

// Deadlines, each alone

TEST(ASlowHeader, IsCutWhateverKeepsComing) {
  Api api(impatient("header: 400ms"));
  RawClient client = RawClient::connect(api.port());
  const auto begin = Clock::now();
  const std::string head = "GET /doc/1 HTTP/1.1\r\nHost: a\r\nX-Filling: " + std::string(500, 'x');
  std::size_t sent = 0;
  while (sent < head.size() && client.try_send(head.substr(sent, 1)) &&
         !client.hears_within(Milliseconds(20))) {
    ++sent;
  }
  EXPECT_LT(sent, 200U);
  expect_problem(client.read_response(), 408, "request-timeout");
  EXPECT_TRUE(client.expect_closed());
  EXPECT_GE(Clock::now() - begin, Milliseconds(400));
}

// What is held in memory has to get on: silences alone would let it be held for a day.
TEST(SlowContent, ThatIsHeldIsCutWhateverKeepsComing) {
  Api api(impatient("body: 400ms"));
  RawClient client = RawClient::connect(api.port());
  client.send(client.compose("PUT", path, {{"If-Match", "*"}, {"Content-Length", "100000"}}));
  std::size_t sent = 0;
  while (sent < 500 && client.try_send("x") && !client.hears_within(Milliseconds(20))) ++sent;
  EXPECT_LT(sent, 200U);
  expect_problem(client.read_response(), 408, "request-timeout");
  EXPECT_TRUE(client.expect_closed());
  EXPECT_EQ(api.guarded.upstream.count("PUT"), 0U);
}

TEST(SlowContent, ThatGetsOnIsTaken) {
  Api api(impatient("body: 400ms"));
  RawClient client = RawClient::connect(api.port());
  constexpr std::size_t piece = 4000;
  client.send(client.compose("PUT", path, {{"If-Match", "*"}, {"Content-Length", "40000"}}));
  for (int count = 0; count < 10; ++count) {
    EXPECT_FALSE(client.hears_within(Milliseconds(100)));
    client.send(std::string(piece, 'x'));
  }
  EXPECT_EQ(client.read_response().status, 200);
}

TEST(ASlowReader, ThatTakesNothingIsCut) {
  for (const char* target : {"/large", "/doc/large"}) {
    Api api(impatient("write: 400ms"));
    RawClient client = RawClient::connect_narrow(api.port());
    client.send(client.compose("GET", target));
    // It reads only once everything that the connection held must have been given back.
    EXPECT_TRUE(eventually([&] {
      return api.guarded.upstream.wait_for_open_connections(0, Deadline(Milliseconds(10))) ||
             api.guarded.upstream.connections_accepted() > 0;
    }));
    ::poll(nullptr, 0, 1'500);
    const Response answer = client.read_response();
    EXPECT_TRUE(answer.truncated || answer.status != 200) << target;
  }
}

// A few hundred clients that send an octet now and then hold all connections to the API; whoever
// gets on takes theirs.
TEST(SlowUploads, GiveWayWhenConnectionsRunOut) {
  ProxyConfig config = impatient("body: 20s");
  config.upstream = "max_connections: 8, timeouts: { connect: 5s, response: 20s }";
  config.more = "threads: 1\n";
  Api api(config);
  std::vector<RawClient> slow;
  for (int count = 0; count < 8; ++count) {
    slow.push_back(RawClient::connect(api.port()));
    slow.back().send(slow.back().compose("POST", "/pass/slow", {{"Content-Length", "1000"}}, "x"));
  }
  ASSERT_TRUE(api.guarded.upstream.wait_for_open_connections(8));
  // Old enough to be judged, and each with an octet more than before.
  ::poll(nullptr, 0, 1'200);
  for (RawClient& client : slow) client.send("x");
  Others others(api.port());
  ::poll(nullptr, 0, 2'000);
  others.expect_served();
  int cut = 0;
  for (RawClient& client : slow) {
    if (!client.hears_within(Milliseconds(10))) continue;
    ++cut;
    expect_problem(client.read_response(), 408, "request-timeout");
  }
  EXPECT_GE(cut, 1);
  EXPECT_LT(cut, 8) << "no more than were in the way";
}

// All that stand in the queue at once have their turn within the time for which one waits there, also
// who comes last.
TEST(SlowUploads, GiveWayAsFastAsOthersQueue) {
  constexpr int places = 40;
  constexpr int queueing = 60;
  ProxyConfig config = impatient("body: 20s");
  config.upstream = "max_connections: 40, timeouts: { connect: 3s, response: 20s }";
  config.more = "threads: 1\n";
  Api api(config);
  std::vector<RawClient> slow;
  for (int count = 0; count < places + queueing; ++count) {
    slow.push_back(RawClient::connect(api.port()));
    slow.back().send(slow.back().compose("POST", "/pass/slow", {{"Content-Length", "1000"}}, "x"));
  }
  ASSERT_TRUE(api.guarded.upstream.wait_for_open_connections(places));
  EXPECT_EQ(api.guarded.request("GET", "/pass/1").status, 200);
}

// Connections

TEST(FiveThousandConnections, HalfOfThemSlowKeepNobodyFromBeingServed) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  constexpr rlim_t needed = 12'000;
  if (limit.rlim_max < needed) GTEST_SKIP() << "the hard limit of descriptors is too low";
  const rlimit before = limit;
  limit.rlim_cur = needed;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  {
    Api api(impatient("header: 20s, body: 20s, idle: 60s, write: 20s"));
    std::vector<Socket> held;
    constexpr int many = 5000;
    held.reserve(many);
    for (int number = 0; number < many; ++number) {
      held.push_back(Socket::connect_narrow(api.port()));
      // A quarter each: silent, in a header, in guarded content, and reading nothing of an answer.
      if (number % 4 == 1) {
        ASSERT_TRUE(held.back().send_all("GET /doc/1 HTTP/1.1\r\nHost: a\r\nX"));
      }
      if (number % 4 == 2) {
        ASSERT_TRUE(held.back().send_all("PUT /doc/2 HTTP/1.1\r\nHost: a\r\nIf-Match: *\r\n"
                                         "Content-Length: 100\r\n\r\nx"));
      }
      if (number % 4 == 3) {
        ASSERT_TRUE(held.back().send_all("GET /doc/1 HTTP/1.1\r\nHost: a\r\n\r\n"));
      }
    }
    ASSERT_TRUE(eventually([&] {
      return api.guarded.proxy.process().open_descriptors() > static_cast<std::size_t>(many);
    }));
    Others others(api.port());
    // Another octet from each of the slow ones, again and again, while the others go on.
    for (int round = 0; round < 3; ++round) {
      for (int number = 0; number < many; ++number) {
        if (number % 4 == 1 || number % 4 == 2) static_cast<void>(held[number].send_some("x"));
      }
      ::poll(nullptr, 0, 500);
    }
    others.expect_served();
    EXPECT_GT(api.guarded.proxy.process().open_descriptors(), static_cast<std::size_t>(many))
        << "they are still there";
    const std::uint64_t memory = api.guarded.proxy.process().memory_peak_bytes();
    std::cerr << "memory at most " << memory / 1024 / 1024 << " MiB\n";
    if (std::getenv("IFMATCH_TEST_BINARY") == nullptr) {
      EXPECT_LT(memory, 400ULL << 20U);
    }
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

// The next in the queue is let in when one leaves, not at the next look.
TEST(AFullListener, LetsTheNextInAtOnce) {
  ProxyConfig config;
  config.listener = "max_connections: 2";
  config.more = "threads: 1\n";
  GuardedStore api(config);
  api.store.put(path, "[1]");
  std::vector<std::chrono::microseconds> waits;
  RawClient standing = RawClient::connect(api.proxy.port());
  EXPECT_EQ(standing.request("GET", path).status, 200);
  for (int round = 0; round < 15; ++round) {
    RawClient inside = RawClient::connect(api.proxy.port());
    EXPECT_EQ(inside.request("GET", path).status, 200);
    RawClient outside = RawClient::connect(api.proxy.port());
    outside.send(outside.compose("GET", path));
    EXPECT_TRUE(outside.stays_silent(Milliseconds(30)));
    const auto begin = Clock::now();
    inside.close();
    EXPECT_EQ(outside.read_response().status, 200);
    waits.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin));
  }
  std::ranges::sort(waits);
  EXPECT_LT(waits[waits.size() / 2], std::chrono::milliseconds(25));
}

// Each thread accepts for itself, and none of them more than there is room for over all.
TEST(AFullListener, IsFullOnAllThreadsTogether) {
  ProxyConfig config;
  config.listener = "max_connections: 2";
  config.more = "threads: 8\n";
  GuardedStore api(config);
  api.store.put(path, "[1]");
  std::vector<RawClient> clients;
  for (int count = 0; count < 16; ++count) {
    clients.push_back(RawClient::connect(api.proxy.port()));
    clients.back().send(clients.back().compose("GET", path));
  }
  const auto served = [&clients] {
    return std::ranges::count_if(
        clients, [](const RawClient& client) { return client.hears_within(Milliseconds(0)); });
  };
  ASSERT_TRUE(eventually([&] { return served() >= 2; }));
  ::poll(nullptr, 0, 300);
  EXPECT_EQ(served(), 2);
  // All of them come in, as others leave.
  for (std::size_t left = clients.size(); left > 0; --left) {
    const auto next = std::ranges::find_if(
        clients, [](const RawClient& client) { return client.hears_within(Milliseconds(0)); });
    if (next == clients.end()) {
      ASSERT_TRUE(eventually([&] { return served() > 0; }));
      ++left;
      continue;
    }
    EXPECT_EQ(next->read_response().status, 200);
    next->close();
    clients.erase(next);
  }
}

TEST(AWantOfDescriptors, PausesAcceptingAndIsOverWhenOneIsClosed) {
  GuardedStore api(on_one_thread());
  api.store.put(path, "[1]");
  EXPECT_EQ(api.request("GET", path).status, 200);
  const pid_t pid = api.proxy.process().pid();
  rlimit limit{};
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, nullptr, &limit), 0);
  const rlim_t enough = limit.rlim_cur;
  limit.rlim_cur = api.proxy.process().open_descriptors() + 3;
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr), 0);
  std::vector<RawClient> clients;
  for (int count = 0; count < 10; ++count) clients.push_back(RawClient::connect(api.proxy.port()));
  ASSERT_TRUE(api.proxy.process().wait_for_line("accept:"));
  // Those inside are served, on the connection to the API that there is.
  EXPECT_EQ(clients.front().request("GET", path).status, 200);
  clients.back().send(clients.back().compose("GET", path));
  EXPECT_TRUE(clients.back().stays_silent(watched));
  // Whoever keeps it short of descriptors must not fill the log, too.
  EXPECT_FALSE(api.proxy.process().wait_for_line("accept:", Deadline(Milliseconds(500)), 1));
  // As they leave, those behind them come in, though the limit stays.
  for (std::size_t index = 0; index + 1 < clients.size(); ++index) clients[index].close();
  EXPECT_EQ(clients.back().read_response().status, 200);
  limit.rlim_cur = enough;
  ASSERT_EQ(::prlimit(pid, RLIMIT_NOFILE, &limit, nullptr), 0);
  EXPECT_EQ(api.request("GET", path).status, 200);
}

// Memory

TEST(TheBudgetOfHeldContent, IsTakenByWhatArrivesAndNotByPromises) {
  ProxyConfig config = on_one_thread();
  config.more += "limits: { buffered_bodies: 4MiB }\n";
  GuardedStore api(config);
  api.store.put(path, "[1]");
  // Promises of hundreds of megabytes, of which next to nothing comes.
  std::vector<RawClient> idle;
  for (int count = 0; count < 30; ++count) {
    idle.push_back(begin(api, "PUT", "/doc/" + std::to_string(1000 + count),
                         {{"If-Match", "*"}, {"Content-Length", "8000000"}}, "x"));
  }
  EXPECT_EQ(put_plain(api, path, "*", "[2]").status, 200);
  // What has come is counted: when that is too much, writes are refused before anything was sent.
  int more = 0;
  bool refused = false;
  while (!refused && more < 400) {
    idle.push_back(begin(api, "PUT", "/doc/" + std::to_string(2000 + ++more),
                         {{"If-Match", "*"}, {"Content-Length", "8000000"}}, "x"));
    if (more % 10 == 0) refused = put_plain(api, path, "*", "[3]").status == 503;
  }
  EXPECT_TRUE(refused);
  EXPECT_GT(more, 100) << "each of them holds little";
  const std::size_t writes = api.upstream.writes();
  expect_problem(put_plain(api, path, "*", "[3]"), 503, "resource-busy");
  EXPECT_EQ(api.upstream.writes(), writes);
  // Reads go on, and when they are gone so do writes.
  EXPECT_EQ(api.request("GET", path).status, 200);
  idle.clear();
  EXPECT_TRUE(eventually([&] { return put_plain(api, path, "*", "[4]").status == 200; }));
}

}  // namespace
}  // namespace ifmatch::support
