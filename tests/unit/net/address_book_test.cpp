// What is known of the addresses of a place while time passes and the resolver does what it likes.
// Time is the test's own; only the threads of the lookups are real.
#include "proxy/net/address_book.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>

namespace ifmatch::net {
namespace {

using State = AddressBook::State;
using std::chrono::milliseconds;
using std::chrono::seconds;

tcp::endpoint endpoint(const char* address) { return {asio::ip::make_address(address), 3000}; }

// Answers each lookup as it is told to, once it is let to. Outlived by nobody that it serves.
class Resolver {
 public:
  void know(std::vector<tcp::endpoint> answer) {
    const std::lock_guard lock(shared_->mutex);
    shared_->answer = std::move(answer);
  }
  void hold() {
    const std::lock_guard lock(shared_->mutex);
    shared_->held = true;
  }
  void release() {
    const std::lock_guard lock(shared_->mutex);
    shared_->held = false;
    shared_->changed.notify_all();
  }
  [[nodiscard]] int lookups() const { return shared_->lookups; }

  [[nodiscard]] AddressBook::LookUp function() const {
    return [shared = shared_](const std::string&, std::uint16_t) {
      ++shared->lookups;
      std::unique_lock lock(shared->mutex);
      shared->changed.wait(lock, [&] { return !shared->held; });
      return shared->answer;
    };
  }

 private:
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<tcp::endpoint> answer;
    bool held = false;
    std::atomic<int> lookups = 0;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

class AddressBooks : public testing::Test {
 protected:
  ~AddressBooks() override { resolver.release(); }

  // Looks until no lookup is under way any more.
  AddressBook::Answer settled(Instant now) {
    for (;;) {
      const AddressBook::Answer answer = book.look(now);
      if (answer.state != State::pending) return answer;
      std::this_thread::yield();
    }
  }
  // Looks until the first address is this one.
  void expect_first(const char* address, Instant now) {
    for (int i = 0; i < 10'000; ++i) {
      const AddressBook::Answer answer = book.look(now);
      if (answer.addresses && answer.addresses->front()->endpoint == endpoint(address)) return;
      std::this_thread::sleep_for(milliseconds(1));
    }
    ADD_FAILURE() << address << " does not show";
  }

  Resolver resolver;
  const Instant start = Clock::now();
  AddressBook book{{.url = "http://api.test:3000", .host = "api.test", .port = 3000},
                   resolver.function()};
};

TEST_F(AddressBooks, KnowNumbersAndSocketsWithoutAsking) {
  for (const config::Endpoint& place :
       {config::Endpoint{.host = "127.0.0.1", .port = 3000},
        config::Endpoint{.host = "::1", .port = 3000}, config::Endpoint{.socket = "/run/a"}}) {
    AddressBook fixed(place, resolver.function());
    EXPECT_EQ(fixed.look(start).state, State::known);
    EXPECT_EQ(fixed.look(start + seconds(3'600)).addresses->size(), 1U);
  }
  AddressBook local({.host = "localhost", .port = 3000}, resolver.function());
  EXPECT_EQ(local.look(start).addresses->size(), 2U);
  EXPECT_FALSE(local.takes_turns());
  EXPECT_EQ(resolver.lookups(), 0);
}

TEST_F(AddressBooks, AskOnceWhileAnAnswerIsAwaitedAndWhileItIsYoung) {
  resolver.hold();
  resolver.know({endpoint("10.0.0.1"), endpoint("10.0.0.2")});
  EXPECT_EQ(book.look(start).state, State::pending);
  EXPECT_EQ(book.look(start + seconds(60)).state, State::pending);
  resolver.release();
  EXPECT_EQ(settled(start).addresses->size(), 2U);
  EXPECT_EQ(book.look(start + milliseconds(9'999)).state, State::known);
  EXPECT_EQ(resolver.lookups(), 1);
  EXPECT_TRUE(book.takes_turns());
}

TEST_F(AddressBooks, UseTheOldAnswerWhileANewOneIsAwaited) {
  resolver.know({endpoint("10.0.0.1")});
  (void)settled(start);
  resolver.hold();
  resolver.know({endpoint("10.0.0.2")});
  const Instant later = start + seconds(10);
  EXPECT_EQ(book.look(later).addresses->front()->endpoint, endpoint("10.0.0.1"));
  EXPECT_EQ(book.look(later + seconds(600)).addresses->front()->endpoint, endpoint("10.0.0.1"));
  resolver.release();
  expect_first("10.0.0.2", later);
  EXPECT_EQ(resolver.lookups(), 2);
}

TEST_F(AddressBooks, KeepTheOldAnswerWhenTheResolverFails) {
  resolver.know({endpoint("10.0.0.1")});
  (void)settled(start);
  resolver.know({});
  Instant now = start;
  for (; resolver.lookups() < 6; now += seconds(1)) {
    EXPECT_EQ(book.look(now).state, State::known);
    std::this_thread::yield();
  }
  EXPECT_EQ(book.look(now).addresses->front()->endpoint, endpoint("10.0.0.1"));
}

TEST_F(AddressBooks, AskAgainASecondAfterAFailureAndNotBefore) {
  EXPECT_EQ(settled(start).state, State::unknown);
  EXPECT_EQ(book.look(start + milliseconds(999)).state, State::unknown);
  EXPECT_EQ(resolver.lookups(), 1);
  resolver.know({endpoint("10.0.0.1")});
  EXPECT_EQ(settled(start + seconds(1)).state, State::known);
}

TEST_F(AddressBooks, RememberHowAnAddressFaredWhenItIsFoundAgain) {
  resolver.know({endpoint("10.0.0.1")});
  settled(start).addresses->front()->rest.failed(start);
  resolver.know({endpoint("10.0.0.2"), endpoint("10.0.0.1")});
  (void)book.look(start + seconds(10));
  expect_first("10.0.0.2", start + seconds(10));
  const auto addresses = book.look(start + seconds(10)).addresses;
  EXPECT_FALSE(addresses->at(0)->rest.is_failing());
  EXPECT_TRUE(addresses->at(1)->rest.is_failing());
}

// For those who keep connections: what is no longer in an answer is to be left.
TEST_F(AddressBooks, TellOfAnAddressThatItIsGone) {
  resolver.know({endpoint("10.0.0.1"), endpoint("10.0.0.2")});
  const AddressBook::Answer before = settled(start);
  resolver.know({});
  (void)book.look(start + seconds(10));
  while (resolver.lookups() < 2) std::this_thread::yield();
  (void)settled(start + seconds(20));
  for (const auto& address : *before.addresses) EXPECT_FALSE(address->gone);
  resolver.know({endpoint("10.0.0.3"), endpoint("10.0.0.2")});
  (void)book.look(start + seconds(30));
  expect_first("10.0.0.3", start + seconds(60));
  EXPECT_TRUE(before.addresses->at(0)->gone);
  EXPECT_FALSE(before.addresses->at(1)->gone);
}

}  // namespace
}  // namespace ifmatch::net
