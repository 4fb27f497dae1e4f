// Who waits to accept is woken by who leaves, also from another thread, or by time, nothing else.
#include "proxy/net/admission.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace ifmatch::net {
namespace {

using std::chrono::seconds;

Task<void> wait(Admission& admission, asio::io_context& io, std::size_t limit, bool& let_in,
                Clock::duration at_most = seconds(30)) {
  co_await admission.wait(io, limit, at_most);
  let_in = true;
}

TEST(Admission, LetsInAtOnceWhereThereIsRoom) {
  asio::io_context io(1);
  Admission admission;
  ASSERT_TRUE(admission.enter(2));
  bool let_in = false;
  spawn(io, wait(admission, io, 2, let_in));
  io.poll();
  EXPECT_TRUE(let_in);
}

TEST(Admission, LetsInNobodyBeyondItsLimitFromWhateverThread) {
  Admission admission;
  std::atomic<int> inside{0};
  std::vector<std::thread> threads;
  for (int count = 0; count < 4; ++count) {
    threads.emplace_back([&] {
      for (int attempt = 0; attempt < 1000; ++attempt) inside += admission.enter(1500) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(inside, 1500);
  EXPECT_EQ(admission.inside(), 1500U);
  admission.leave();
  EXPECT_TRUE(admission.enter(1500));
  EXPECT_FALSE(admission.enter(1500));
}

TEST(Admission, LetsInWhoWaitsWhenSomebodyLeaves) {
  asio::io_context io(1);
  Admission admission;
  ASSERT_TRUE(admission.enter(2));
  bool let_in = false;
  spawn(io, wait(admission, io, 1, let_in));
  io.poll();
  EXPECT_FALSE(let_in);
  std::thread other([&] { admission.leave(); });
  other.join();
  io.restart();
  io.run_for(seconds(10));
  EXPECT_TRUE(let_in);
  EXPECT_EQ(admission.inside(), 0U);
}

TEST(Admission, IsAskedAgainAfterAWhile) {
  asio::io_context io(1);
  Admission admission;
  ASSERT_TRUE(admission.enter(2));
  bool let_in = false;
  spawn(io, wait(admission, io, 1, let_in, std::chrono::milliseconds(20)));
  io.run_for(seconds(10));
  EXPECT_TRUE(let_in);
}

TEST(Admission, OutlivesThoseWhoWait) {
  Admission admission;
  ASSERT_TRUE(admission.enter(2));
  ASSERT_TRUE(admission.enter(2));
  bool let_in = false;
  {
    asio::io_context io(1);
    spawn(io, wait(admission, io, 1, let_in));
    io.poll();
    admission.leave();
  }
  admission.leave();
  EXPECT_FALSE(let_in);
}

}  // namespace
}  // namespace ifmatch::net
