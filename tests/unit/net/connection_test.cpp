// A connection that is silent gives the memory of its input back, and goes on as if it had it: what
// comes later is read, deadlines and cancels are told apart from the giving back.
#include "proxy/net/connection.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t capacity = 32 * 1024;

// A connection of which the test is the far end, in time that the test lets pass.
class AConnection : public testing::Test {
 protected:
  AConnection() {
    std::array<int, 2> ends{};
    EXPECT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()));
    far_ = ends[1];
    Socket socket(io_.get_executor());
    socket.assign(tcp::v4(), ends[0]);
    connection_.emplace(std::move(socket), sweeper_);
    sweeper_.sweep(now_);
  }
  ~AConnection() override {
    connection_->cancel();
    turn();
    ::close(far_);
  }

  // What can be done without waiting.
  void turn() {
    io_.restart();
    io_.poll();
  }

  void pass(milliseconds time) {
    for (const Instant until = now_ + time; now_ < until;) {
      now_ += sweep_interval;
      sweeper_.sweep(now_);
      turn();
    }
  }

  void say(std::string_view octets) {
    ASSERT_EQ(static_cast<ssize_t>(octets.size()),
              ::send(far_, octets.data(), octets.size(), MSG_NOSIGNAL));
  }

  Task<void> write(std::string_view octets, std::optional<error_code>& ended) {
    asio::const_buffer buffer(octets.data(), octets.size());
    ended = co_await connection_->write({&buffer, 1}, seconds(5), never);
  }

  void start_read(Clock::duration wait) {
    ended_.reset();
    spawn(io_, read(connection_->after(wait)));
    turn();
  }

  [[nodiscard]] bool holds_memory() const { return connection_->input.has_memory(); }
  [[nodiscard]] std::string readable() const { return std::string(connection_->input.readable()); }

  // Begins a read, and lets pass what makes it wait without memory.
  void fall_silent() {
    start_read(seconds(10));
    EXPECT_TRUE(holds_memory());
    pass(milliseconds(1'100));
    EXPECT_FALSE(holds_memory());
    EXPECT_FALSE(ended_);
  }

  Task<void> read(Instant deadline) { ended_ = co_await connection_->read(capacity, deadline); }

  asio::io_context io_{1};
  Sweeper sweeper_;
  Instant now_ = Clock::now();
  std::optional<Connection> connection_;
  std::optional<error_code> ended_;
  int far_ = -1;
};

TEST_F(AConnection, ReadsWhatComesAfterItFellSilent) {
  for (const std::string_view octets : {"one", "two", "three"}) {
    fall_silent();
    say(octets);
    turn();
    ASSERT_TRUE(ended_);
    EXPECT_FALSE(*ended_);
    EXPECT_EQ(octets, readable());
    connection_->input.consume(octets.size());
  }
}

TEST_F(AConnection, KeepsItsMemoryForAMoment) {
  start_read(seconds(10));
  pass(milliseconds(900));
  EXPECT_TRUE(holds_memory());
  say("one");
  turn();
  EXPECT_EQ("one", readable());
}

TEST_F(AConnection, KeepsWhatWaitsInItsInputHoweverLongItIsSilent) {
  say("one");
  start_read(seconds(10));
  pass(seconds(2));
  EXPECT_EQ("one", readable());
  start_read(seconds(10));
  pass(seconds(2));
  EXPECT_TRUE(holds_memory());
  say("two");
  turn();
  ASSERT_TRUE(ended_);
  EXPECT_EQ("onetwo", readable());
}

TEST_F(AConnection, ThatNobodyReadsGivesItsMemoryBack) {
  say("one");
  start_read(seconds(10));
  connection_->input.consume(3);
  EXPECT_TRUE(holds_memory());
  pass(milliseconds(1'100));
  EXPECT_FALSE(holds_memory());
}

TEST_F(AConnection, MeetsItsDeadlineAfterItFellSilent) {
  fall_silent();
  pass(seconds(8));
  EXPECT_FALSE(ended_);
  pass(seconds(2));
  ASSERT_TRUE(ended_);
  EXPECT_EQ(error_code(asio::error::timed_out), *ended_);
}

TEST_F(AConnection, ObeysAnEarlierDeadlineAfterItFellSilent) {
  fall_silent();
  connection_->bound_read(connection_->after(milliseconds(200)));
  pass(milliseconds(400));
  ASSERT_TRUE(ended_);
  EXPECT_EQ(error_code(asio::error::timed_out), *ended_);
}

// There is nothing that the bound could end, least of all a write, or what is read later.
TEST_F(AConnection, IsBoundOnlyWhileItReads) {
  connection_->bound_read(connection_->after(milliseconds(200)));
  std::optional<error_code> written;
  const std::string much(8 << 20, 'x');
  spawn(io_, write(much, written));
  turn();
  pass(seconds(1));
  EXPECT_FALSE(written);
  connection_->cancel();
  turn();
  EXPECT_TRUE(written);
}

TEST_F(AConnection, TellsOfTheEndOfItsPeerAfterItFellSilent) {
  fall_silent();
  ::shutdown(far_, SHUT_WR);
  turn();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(error_code(asio::error::eof), *ended_);
}

TEST_F(AConnection, CanBeCancelledAfterItFellSilent) {
  fall_silent();
  connection_->cancel();
  turn();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(error_code(asio::error::operation_aborted), *ended_);
}

// The moment between the octet that ends the silence and the read that hears of it.
TEST_F(AConnection, IsCancelledWhileItIsWokenFromItsSilence) {
  for (int turns = 0; turns < 3; ++turns) {
    fall_silent();
    say("one");
    std::function<void(int)> later = [&](int left) {
      if (left > 0) {
        asio::post(io_, [&later, left] { later(left - 1); });
      } else if (!ended_ && connection_->input.readable().empty()) {
        connection_->cancel();
      }
    };
    later(turns);
    turn();
    ASSERT_TRUE(ended_);
    const bool read = !readable().empty();
    EXPECT_EQ(read ? error_code() : error_code(asio::error::operation_aborted), *ended_);
    EXPECT_FALSE(turns == 0 && read);
    connection_->input.consume(readable().size());
    if (!read) {
      start_read(seconds(10));
      turn();
      connection_->input.consume(readable().size());
    }
  }
}

// The moment between the sweep's cancel and the read that hears of it.
TEST_F(AConnection, CanBeCancelledClosedOrLateWhileItFallsSilent) {
  const std::array<std::pair<std::function<void()>, asio::error::basic_errors>, 3> ways{{
      {[this] { connection_->cancel(); }, asio::error::operation_aborted},
      {[this] { sweeper_.sweep(now_ += seconds(11)); }, asio::error::timed_out},
      {[this] { connection_->close(); }, asio::error::operation_aborted},
  }};
  for (const auto& [way, expected] : ways) {
    start_read(seconds(10));
    pass(milliseconds(1'000) - sweep_interval);
    sweeper_.sweep(now_ += 2 * sweep_interval);
    EXPECT_TRUE(holds_memory());
    way();
    turn();
    ASSERT_TRUE(ended_);
    EXPECT_EQ(error_code(expected), *ended_);
  }
}

TEST_F(AConnection, StaysCancelledWhenItWouldFallSilentAtThatMoment) {
  start_read(seconds(10));
  pass(milliseconds(1'000) - sweep_interval);
  connection_->cancel();
  sweeper_.sweep(now_ += 2 * sweep_interval);
  turn();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(error_code(asio::error::operation_aborted), *ended_);
}

TEST_F(AConnection, DoesNotDisturbAWriteThatWaits) {
  std::optional<error_code> written;
  const std::string much(8 << 20, 'x');
  start_read(seconds(10));
  spawn(io_, write(much, written));
  turn();
  pass(seconds(2));
  ASSERT_FALSE(written);
  ASSERT_FALSE(ended_);
  std::string taken(much.size(), 0);
  for (std::size_t size = 0; size < much.size();) {
    const ssize_t got = ::recv(far_, taken.data() + size, taken.size() - size, 0);
    ASSERT_GT(got, 0);
    size += static_cast<std::size_t>(got);
    turn();
  }
  ASSERT_TRUE(written);
  EXPECT_FALSE(*written);
  EXPECT_TRUE(taken == much);
}

}  // namespace
}  // namespace ifmatch::net
