// Who owns a coroutine of net/, and how it ends: by itself, by an exception, or with its io_context.
#include "proxy/net/task.hpp"

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace ifmatch::net {
namespace {

namespace asio = boost::asio;

// Writes its name down when it is destroyed.
class Trace {
 public:
  Trace(std::vector<std::string>& ended, std::string name)
      : ended_(ended), name_(std::move(name)) {}
  ~Trace() { ended_.push_back(name_); }
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

 private:
  std::vector<std::string>& ended_;
  std::string name_;
};

Task<void> wait_for_ever(asio::io_context& io, std::vector<std::string>& ended) {
  const Trace trace(ended, "inner");
  asio::steady_timer timer(io, asio::steady_timer::time_point::max());
  co_await timer.async_wait(as_tuple);
  ended.push_back("resumed");
}

Task<void> wait_below(asio::io_context& io, std::vector<std::string>& ended) {
  const Trace trace(ended, "outer");
  co_await wait_for_ever(io, ended);
}

TEST(Task, EndsWithItsContextFromTheInnermostOutwards) {
  std::vector<std::string> ended;
  bool done = false;
  {
    asio::io_context io;
    spawn(io, wait_below(io, ended), [&done](const std::exception_ptr&) { done = true; });
    io.poll();
    EXPECT_TRUE(ended.empty());
  }
  EXPECT_EQ(ended, (std::vector<std::string>{"inner", "outer"}));
  EXPECT_FALSE(done);
}

Task<void> hold(std::shared_ptr<int> held) {
  static_cast<void>(held);
  co_return;
}

TEST(Task, IsFreedWhereItNeverBegan) {
  const auto held = std::make_shared<int>(1);
  {
    asio::io_context io;
    spawn(io, hold(held));
    static_cast<void>(hold(held));
  }
  EXPECT_EQ(held.use_count(), 1);
}

Task<int> one_more(int number) { co_return number + 1; }
Task<int> known(int number) { return number + 1; }

Task<void> count(int rounds, int& reached) {
  for (int round = 0; round < rounds; ++round) {
    reached = co_await one_more(reached);
    reached = co_await known(reached);
  }
}

// As a pipeline of requests none of which has to wait, also where nothing is optimised.
TEST(Task, TakesNoStackForWhatEndsWithoutWaiting) {
  asio::io_context io;
  int reached = 0;
  spawn(io, count(200'000, reached));
  io.run();
  EXPECT_EQ(reached, 400'000);
}

Task<int> next_turn(asio::io_context& io, int number) {
  co_await asio::post(io, as_tuple);
  co_return number + 1;
}

Task<void> count_turns(asio::io_context& io, int rounds, int& reached) {
  for (int round = 0; round < rounds; ++round) reached = co_await next_turn(io, reached);
}

TEST(Task, TakesNoStackForWhatEndsAfterWaiting) {
  asio::io_context io;
  int reached = 0;
  spawn(io, count_turns(io, 100'000, reached));
  io.run();
  EXPECT_EQ(reached, 100'000);
}

Task<int> fail(asio::io_context& io) {
  co_await asio::post(io, as_tuple);
  throw std::runtime_error("failed");
}

Task<void> fail_below(asio::io_context& io, std::vector<std::string>& ended) {
  const Trace trace(ended, "outer");
  static_cast<void>(co_await fail(io));
  ended.push_back("resumed");
}

TEST(Task, HandsAnExceptionToWhoeverSpawnedIt) {
  asio::io_context io;
  std::vector<std::string> ended;
  std::exception_ptr failure;
  spawn(io, fail_below(io, ended),
        [&failure](const std::exception_ptr& thrown) { failure = thrown; });
  io.run();
  EXPECT_EQ(ended, std::vector<std::string>{"outer"});
  ASSERT_TRUE(failure);
  EXPECT_THROW(std::rethrow_exception(failure), std::runtime_error);
}

// An operation that takes what shall follow it, and then cannot begin.
template <typename Token>
auto begin_in_vain(Token&& token) {
  return asio::async_initiate<Token, void(int)>(
      [](auto completion) {
        const auto taken = std::move(completion);
        throw std::runtime_error("not begun");
      },
      token);
}

Task<void> catch_what_did_not_begin(std::vector<std::string>& ended) {
  const Trace trace(ended, "frame");
  try {
    co_await begin_in_vain(as_tuple);
  } catch (const std::runtime_error&) {
    ended.push_back("caught");
  }
}

TEST(Task, OutlivesAnOperationThatCannotBegin) {
  asio::io_context io;
  std::vector<std::string> ended;
  spawn(io, catch_what_did_not_begin(ended));
  io.run();
  EXPECT_EQ(ended, (std::vector<std::string>{"caught", "frame"}));
}

}  // namespace
}  // namespace ifmatch::net
