// A hundred reloads while clients read, change and write counters on connections that they keep.
// The configurations differ in all that a reload may change: names, rules, listeners, time-outs,
// and which of two ways leads to the API. Nobody may notice.
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr int reloads = 100;
constexpr std::size_t clients = 8;
constexpr std::array<std::string_view, 3> counters{"/c/1", "/c/2", "/c/3"};

class Counted {
 public:
  void add(std::size_t counter) {
    const std::lock_guard lock(mutex_);
    ++written_[counter];
  }
  [[nodiscard]] int written(std::size_t counter) const { return written_[counter]; }
  void answered(std::size_t client) {
    const std::lock_guard lock(mutex_);
    ++answered_[client];
    changed_.notify_all();
  }
  // Waits until everybody has been answered; false at the deadline.
  [[nodiscard]] bool wait_for_everybody(Deadline deadline = Deadline{}) {
    std::unique_lock lock(mutex_);
    const auto before = answered_;
    return changed_.wait_until(lock, deadline.at(), [&] {
      for (std::size_t client = 0; client < clients; ++client) {
        if (answered_[client] == before[client]) return false;
      }
      return true;
    });
  }
  void complain(std::string what) {
    const std::lock_guard lock(mutex_);
    complaints_.push_back(std::move(what));
  }
  [[nodiscard]] std::vector<std::string> complaints() const {
    const std::lock_guard lock(mutex_);
    return complaints_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::array<int, counters.size()> written_{};
  std::array<int, clients> answered_{};
  std::vector<std::string> complaints_;
};

// Every other client is slow with its content, so that some of it comes after a reload.
Response put(RawClient& client, std::size_t client_number, std::string_view target,
             const Fields& fields, std::string_view body) {
  if (client_number % 2 == 0) return client.request("PUT", target, fields, body);
  const std::string whole = client.compose("PUT", target, fields, body);
  client.send(whole.substr(0, whole.size() - body.size()));
  std::this_thread::sleep_for(Milliseconds(3));
  client.send(body);
  return client.read_response();
}

// Reads a counter and writes it back with one more, again and again.
void count_up(std::uint16_t port, std::size_t client_number, const std::atomic<bool>& over,
              Counted& counted) {
  try {
    RawClient client = RawClient::connect(port);
    for (std::size_t turn = client_number; !over; ++turn) {
      const std::size_t counter = turn % counters.size();
      const Response read = client.request("GET", counters[counter]);
      counted.answered(client_number);
      if (read.status != 200) {
        counted.complain("GET: " + std::to_string(read.status) + " " + read.body);
        continue;
      }
      const std::string next = std::to_string(std::stoi(read.body) + 1);
      const Response written =
          put(client, client_number, counters[counter], {{"If-Match", read.tag()}}, next);
      counted.answered(client_number);
      if (written.status == 200) {
        counted.add(counter);
      } else if (written.status != 412) {
        counted.complain("PUT: " + std::to_string(written.status) + " " + written.body);
      }
    }
  } catch (const std::exception& error) {
    counted.complain(std::string("a connection broke: ") + error.what());
  }
}

// Writes a document of its own without conditions, through a route that some of the configurations
// guard and others let pass.
void write_freely(std::uint16_t port, const std::atomic<bool>& over, Counted& counted) {
  try {
    RawClient client = RawClient::connect(port);
    while (!over) {
      const Response written = client.request("PUT", "/free/1", {}, "x");
      if (written.status != 200 && written.status != 412) {
        counted.complain("free PUT: " + std::to_string(written.status) + " " + written.body);
      }
    }
  } catch (const std::exception& error) {
    counted.complain(std::string("a connection broke: ") + error.what());
  }
}

struct Variation {
  std::string upstream;
  std::string routes;
  bool other_way = false;
};

const std::array<Variation, 4>& variations() {
  static const std::string rest =
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  static const std::array<Variation, 4> all{{
      {.upstream = "timeouts: { connect: 2s, response: 5s }",
       .routes = "  - { name: counter, match: { path: \"/c/{id}\" }, upstream: api }\n" + rest},
      {.upstream = "timeouts: { connect: 2s, response: 6s }",
       .routes = "  - { name: one, match: { path: \"/c/{id}\" }, upstream: api, "
                 "resource: \"counters\" }\n"
                 "  - { name: free, match: { path: \"/free/**\" }, upstream: api }\n" + rest},
      {.upstream = "timeouts: { connect: 2s, response: 6s }",
       .routes = "  - { name: counter, match: { path: \"/c/{id}\" }, upstream: api, "
                 "check: recorded, resource: \"/counters/{id}\" }\n" + rest},
      {.upstream = "timeouts: { connect: 2s, response: 5s }",
       .routes = "  - { name: everything, match: { path: \"/**\" }, upstream: api, "
                 "reads: wait }\n",
       .other_way = true},
  }};
  return all;
}

TEST(AHundredReloads, FailNoRequestAndLoseNoUpdate) {
  DocumentStore store({.work_time_max = Milliseconds(4)});
  for (const std::string_view counter : counters) store.put(counter, "0");
  store.put("/free/1", "x");
  const ScriptedUpstream upstream(store.behaviour());
  const ScriptedUpstream other_way(store.behaviour());
  const auto config_of = [&](const Variation& variation) {
    ProxyConfig config;
    config.upstream_url = (variation.other_way ? other_way : upstream).url();
    config.upstream = variation.upstream;
    config.routes = variation.routes;
    return config;
  };
  ProxyProcess proxy = ProxyProcess::start(config_of(variations().front()));

  std::atomic<bool> over = false;
  Counted counted;
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < clients; ++number) {
    threads.emplace_back(count_up, proxy.port(), number, std::cref(over), std::ref(counted));
  }
  threads.emplace_back(write_freely, proxy.port(), std::cref(over), std::ref(counted));
  int applied = 0;
  for (std::size_t reload = 1; reload <= reloads; ++reload) {
    // A reload spoils what was decided and not yet sent, and a write is decided three times at most:
    // so nobody sees more than two reloads within one request.
    EXPECT_TRUE(counted.wait_for_everybody());
    std::string text = config_of(variations()[reload % variations().size()]).yaml();
    if (reload % 3 == 0) {
      text.insert(text.find("upstreams:"), "  - { name: second, address: \"127.0.0.1:0\" }\n");
    }
    if (proxy.reload(text)) ++applied;
  }
  over = true;
  for (std::thread& thread : threads) thread.join();

  EXPECT_EQ(applied, reloads) << proxy.process().errors();
  EXPECT_EQ(counted.complaints(), std::vector<std::string>{});
  int total = 0;
  for (std::size_t counter = 0; counter < counters.size(); ++counter) {
    EXPECT_EQ(store.get(counters[counter]), std::to_string(counted.written(counter)))
        << "updates of " << counters[counter] << " are lost";
    total += counted.written(counter);
  }
  EXPECT_GE(total, reloads);
  EXPECT_EQ(proxy.stop(), (ExitStatus{0, 0})) << proxy.process().transcript();
}

}  // namespace
}  // namespace ifmatch::support
