// The reason for all this: many clients read, change and write the same few documents while the API
// is slow, answers get lost and clients hang up. Straight at the API updates are lost; through
// ifmatch none is.
//
// Every write carries a new id and the id of the version it was based on. The API records the
// writes that it applied, in order. A lost update is an applied write whose base is not the id of
// the write applied directly before it: that one's change was overwritten unseen.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

constexpr int clients = 32;
constexpr int resources = 4;
constexpr Milliseconds duration{4'000};

std::string path_of(int resource) {
  return "/orders/" + std::to_string(resource);
}

std::string document(const std::string& id, const std::string& base) {
  return "{\"id\":\"" + id + "\",\"base\":\"" + base + "\"}";
}

// What the clients were told about each of their writes.
class Told {
 public:
  void applied(const std::string& id) { add(applied_, id); }
  void refused(const std::string& id) { add(refused_, id); }
  [[nodiscard]] const std::set<std::string>& applied() const { return applied_; }
  [[nodiscard]] const std::set<std::string>& refused() const { return refused_; }

 private:
  void add(std::set<std::string>& to, const std::string& id) {
    const std::lock_guard lock(mutex_);
    to.insert(id);
  }

  std::mutex mutex_;
  std::set<std::string> applied_;
  std::set<std::string> refused_;
};

// One client: reads a document, bases a write on it, and sometimes hangs up in the middle.
class Client {
 public:
  Client(int number, std::uint16_t port, std::uint64_t seed, Told& told)
      : number_(number), port_(port), chance_(seed), told_(told) {}

  void run(Deadline deadline) {
    while (!deadline.expired()) {
      try {
        read_and_write();
      } catch (const SupportError&) {
        // The API or the proxy dropped the connection: the outcome stays unknown.
        connection_.reset();
      }
    }
  }

 private:
  void read_and_write() {
    if (!connection_) connection_ = std::make_unique<RawClient>(RawClient::connect(port_));
    const std::string path = path_of(std::uniform_int_distribution<>(0, resources - 1)(chance_));
    const Response read = connection_->request("GET", path);
    if (read.status != 200) return;
    const std::string id = std::to_string(number_) + "-" + std::to_string(++written_);
    const std::string body = document(id, json_member(read.body, "id"));
    Fields fields = {{"Content-Type", "application/json"}};
    if (read.has("ETag")) fields.emplace_back("If-Match", read.tag());
    const std::string octets = connection_->compose("PUT", path, fields, body);

    constexpr double hang_up_after_sending = 0.05;
    constexpr double hang_up_while_sending = 0.1;
    const double draw = std::uniform_real_distribution<>(0, 1)(chance_);
    if (draw < hang_up_while_sending) {
      const bool whole = draw < hang_up_after_sending;
      connection_->send(whole ? octets : octets.substr(0, octets.size() - body.size() / 2));
      connection_->reset();
      connection_.reset();
      if (!whole) told_.refused(id);
      return;
    }
    connection_->send(octets);
    const Response answer = connection_->read_response();
    if (answer.status == 200) told_.applied(id);
    if (answer.status == 412 || answer.status == 503) told_.refused(id);
    if (answer.field("Connection") == "close") connection_.reset();
  }

  const int number_;
  const std::uint16_t port_;
  std::mt19937_64 chance_;
  Told& told_;
  std::unique_ptr<RawClient> connection_;
  int written_ = 0;
};

class LostUpdates : public ::testing::Test {
 protected:
  void SetUp() override {
    RecordProperty("seed", std::to_string(seed));
    for (int resource = 0; resource < resources; ++resource) {
      store.put(path_of(resource), document("first", ""));
    }
  }

  void let_clients_loose(std::uint16_t port) {
    const Deadline deadline(duration);
    std::vector<std::jthread> threads;
    for (int number = 0; number < clients; ++number) {
      threads.emplace_back([this, number, port, deadline] {
        Client(number, port, seed + static_cast<std::uint64_t>(number), told).run(deadline);
      });
    }
  }

  // How many applied writes are not based on the one before; how many there are in `applied`.
  int count_lost(std::size_t& applied) const {
    int lost = 0;
    for (int resource = 0; resource < resources; ++resource) {
      std::string current = "first";
      for (const AppliedWrite& write : store.applied(path_of(resource))) {
        if (json_member(write.body, "base") != current) ++lost;
        current = json_member(write.body, "id");
        ++applied;
      }
    }
    return lost;
  }

  // A write that was answered with success was applied once, a refused one never.
  void expect_that_answers_were_true() const {
    std::map<std::string, int> times;
    for (const AppliedWrite& write : store.applied()) ++times[json_member(write.body, "id")];
    for (const auto& [id, count] : times) {
      EXPECT_EQ(count, 1) << id << ", seed " << seed;
      EXPECT_FALSE(told.refused().contains(id)) << id << ", seed " << seed;
    }
    for (const std::string& id : told.applied()) {
      EXPECT_TRUE(times.contains(id)) << id << ", seed " << seed;
    }
  }

  const std::uint64_t seed = std::random_device{}();
  DocumentStore store{{.work_time_max = Milliseconds{8},
                       .drop_before_applying = 0.01,
                       .apply_then_drop = 0.01,
                       .seed = seed}};
  ScriptedUpstream upstream{store.behaviour()};
  Told told;
};

TEST_F(LostUpdates, HappenStraightAtTheApi) {
  let_clients_loose(upstream.port());
  std::size_t applied = 0;
  EXPECT_GT(count_lost(applied), 0) << "seed " << seed;
  EXPECT_GT(applied, 100U);
}

class LostUpdatesThrough : public LostUpdates, public ::testing::WithParamInterface<std::string> {};

TEST_P(LostUpdatesThrough, IfmatchHappenNever) {
  ProxyConfig config;
  config.upstream_url = upstream.url();
  config.defaults = "in_doubt: 100ms, check: " + GetParam();
  ProxyProcess proxy = ProxyProcess::start(config);
  let_clients_loose(proxy.port());
  EXPECT_EQ(proxy.stop(), ExitStatus{}) << proxy.process().transcript();

  std::size_t applied = 0;
  EXPECT_EQ(count_lost(applied), 0) << "seed " << seed;
  EXPECT_GT(applied, 50U) << "seed " << seed;
  expect_that_answers_were_true();
}

INSTANTIATE_TEST_SUITE_P(, LostUpdatesThrough, ::testing::Values("confirm", "recorded"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace ifmatch::support
