// Whoever gives way to others is the slowest of those who wait for their clients, and nobody who
// gets on, is young, or waits for something else.
#include "proxy/net/stalls.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <deque>
#include <optional>

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;

class Slow : public testing::Test {
 protected:
  struct Client {
    explicit Client(Slow& test) {
      std::array<int, 2> ends{};
      EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()));
      far = ends[1];
      Socket socket(test.io.get_executor());
      socket.assign(tcp::v4(), ends[0]);
      connection.emplace(std::move(socket), test.sweeper);
      stall.emplace(test.stalls, &test.pool, *connection);
      stall->begin_wait();
    }
    ~Client() { ::close(far); }
    Client(const Client&) = delete;

    void write(std::size_t octets) {
      const std::string text(octets, 'x');
      asio::const_buffer buffer(text.data(), text.size());
      EXPECT_TRUE(connection->write({&buffer, 1}, milliseconds(1), never).await_ready());
    }

    int far = -1;
    std::optional<Connection> connection;
    std::optional<Stall> stall;
  };

  Slow() { sweeper.sweep(now); }
  Client& add() { return clients.emplace_back(*this); }
  void pass(milliseconds time) { sweeper.sweep(now += time); }

  asio::io_context io{1};
  Sweeper sweeper;
  Stalls stalls;
  int pool = 0;
  int another_pool = 0;
  Instant now = Clock::now();
  std::deque<Client> clients;
};

TEST_F(Slow, TheSlowestGivesWayAndThenTheNext) {
  Client& first = add();
  Client& second = add();
  Client& third = add();
  first.write(300);
  second.write(100);
  third.write(200);
  pass(milliseconds(2'000));
  stalls.make_room(&pool, 1, now);
  EXPECT_TRUE(second.stall->cut());
  EXPECT_FALSE(first.stall->cut() || third.stall->cut());
  stalls.make_room(&pool, 1, now);
  EXPECT_TRUE(third.stall->cut());
  stalls.make_room(&pool, 1, now);
  EXPECT_TRUE(first.stall->cut());
  stalls.make_room(&pool, 1, now);
}

TEST_F(Slow, AsManyGiveWayAsAreWanted) {
  Client& first = add();
  Client& second = add();
  Client& third = add();
  first.write(300);
  second.write(100);
  third.write(200);
  pass(milliseconds(2'000));
  stalls.make_room(&pool, 2, now);
  EXPECT_TRUE(second.stall->cut() && third.stall->cut());
  EXPECT_FALSE(first.stall->cut());
  stalls.make_room(&pool, 2, now);
  EXPECT_TRUE(first.stall->cut());
}

TEST_F(Slow, NobodyElseGivesWay) {
  Client& gets_on = add();
  gets_on.write(20'000);
  Client& waits_for_the_api = add();
  waits_for_the_api.stall->end_wait();
  Client& of_another = add();
  pass(milliseconds(2'000));
  stalls.make_room(&another_pool, 1, now);
  EXPECT_FALSE(of_another.stall->cut());
  stalls.make_room(&pool, 1, now);
  EXPECT_TRUE(of_another.stall->cut());
  stalls.make_room(&pool, 1, now);
  pass(milliseconds(400));
  EXPECT_FALSE(gets_on.stall->cut() || waits_for_the_api.stall->cut());
}

TEST_F(Slow, TheYoungGiveWayOnceTheyAreOldEnough) {
  Client& young = add();
  pass(milliseconds(400));
  stalls.make_room(&pool, 1, now);
  EXPECT_FALSE(young.stall->cut());
  pass(milliseconds(200));
  stalls.make_room(&pool, 1, now);
  EXPECT_TRUE(young.stall->cut());
}

TEST_F(Slow, WhoHasLeftIsForgotten) {
  add();
  add();
  add();
  pass(milliseconds(2'000));
  clients[1].stall.reset();
  clients[2].stall.reset();
  clients[0].stall.reset();
  stalls.make_room(&pool, 1, now);
  Client& last = add();
  stalls.make_room(&pool, 1, now);
  EXPECT_FALSE(last.stall->cut());
}

}  // namespace
}  // namespace ifmatch::net
