// The mark that a process leaves behind: held while it lives, gone after a clean end, found after
// an unclean one.
#include "plugins/ledger/memory.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace ifmatch::plugins {
namespace {

constexpr std::string_view origin = "http://127.0.0.1:3000";

class MemoryLedgers : public ::testing::Test {
 protected:
  MemoryLedgers() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ifmatch-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~MemoryLedgers() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string state_dir() const { return directory_ / "state"; }
  [[nodiscard]] std::size_t marks() const {
    std::size_t found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(state_dir())) {
      found += entry.is_regular_file() ? 1 : 0;
    }
    return found;
  }

  std::filesystem::path directory_;
};

TEST_F(MemoryLedgers, ACleanEndLeavesNothingBehind) {
  for (int life = 0; life < 3; ++life) {
    const auto ledger = make_memory_ledger(state_dir());
    EXPECT_EQ(ledger->claim(origin).predecessor, Predecessor::clean);
    EXPECT_EQ(marks(), 1U);
    ledger->release(origin);
    EXPECT_EQ(marks(), 0U);
  }
}

TEST_F(MemoryLedgers, AnUncleanEndIsFoundUntilItIsReleased) {
  static_cast<void>(make_memory_ledger(state_dir())->claim(origin));
  {
    const auto ledger = make_memory_ledger(state_dir());
    const Claim claim = ledger->claim(origin);
    EXPECT_EQ(claim.predecessor, Predecessor::unclean);
    EXPECT_FALSE(claim.detail.empty());
  }
  const auto ledger = make_memory_ledger(state_dir());
  EXPECT_EQ(ledger->claim(origin).predecessor, Predecessor::unclean);
  ledger->release(origin);
  EXPECT_EQ(make_memory_ledger(state_dir())->claim(origin).predecessor, Predecessor::clean);
}

TEST_F(MemoryLedgers, ALiveInstanceIsNoticed) {
  const auto first = make_memory_ledger(state_dir());
  EXPECT_EQ(first->claim(origin).predecessor, Predecessor::clean);
  const auto second = make_memory_ledger(state_dir());
  EXPECT_EQ(second->claim(origin).predecessor, Predecessor::alive);
  second->release(origin);
  EXPECT_EQ(marks(), 1U) << "the mark of another is not removed";
  EXPECT_EQ(second->claim("http://127.0.0.1:3001").predecessor, Predecessor::clean);
  first->release(origin);
  EXPECT_EQ(second->claim(origin).predecessor, Predecessor::clean);
}

TEST_F(MemoryLedgers, AKilledProcessIsUncleanAndALiveOneAlive) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto ledger = make_memory_ledger(state_dir());
    const char seen = static_cast<char>(ledger->claim(origin).predecessor);
    static_cast<void>(!::write(ready[1], &seen, 1));
    ::pause();
    ::_exit(0);
  }
  char seen = 0;
  ASSERT_EQ(::read(ready[0], &seen, 1), 1);
  EXPECT_EQ(static_cast<Predecessor>(seen), Predecessor::clean);
  EXPECT_EQ(make_memory_ledger(state_dir())->claim(origin).predecessor, Predecessor::alive);
  ::kill(child, SIGKILL);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(make_memory_ledger(state_dir())->claim(origin).predecessor, Predecessor::unclean);
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(MemoryLedgers, OriginsNeverShareAMark) {
  const auto ledger = make_memory_ledger(state_dir());
  const std::vector<std::string_view> origins = {"http://a:80",   "http://A:80", "http:%2F%2Fa:80",
                                                 "http://a%3A80", "..",          "../../x",
                                                 "http://a:80/"};
  for (const std::string_view each : origins) {
    EXPECT_EQ(ledger->claim(each).predecessor, Predecessor::clean) << each;
  }
  EXPECT_EQ(marks(), origins.size());
  for (const std::string_view each : origins) ledger->release(each);
  EXPECT_EQ(marks(), 0U);
}

TEST_F(MemoryLedgers, AnEmptyMarkWasNeverGranted) {
  static_cast<void>(make_memory_ledger(state_dir())->claim(origin));
  for (const auto& entry : std::filesystem::directory_iterator(state_dir())) {
    std::filesystem::resize_file(entry.path(), 0);
  }
  EXPECT_EQ(make_memory_ledger(state_dir())->claim(origin).predecessor, Predecessor::clean);
}

TEST_F(MemoryLedgers, WithoutAPlaceNothingIsProved) {
  const Claim off = make_memory_ledger("none")->claim(origin);
  EXPECT_EQ(off.predecessor, Predecessor::unknown);
  EXPECT_FALSE(off.detail.empty());
  std::ofstream(directory_ / "file") << "x";
  const Claim blocked = make_memory_ledger((directory_ / "file" / "below").string())->claim(origin);
  EXPECT_EQ(blocked.predecessor, Predecessor::unknown);
  EXPECT_NE(blocked.detail.find("file"), std::string::npos);
  const auto ledger = make_memory_ledger("none");
  static_cast<void>(ledger->claim(origin));
  ledger->release(origin);
}

TEST_F(MemoryLedgers, ASymbolicLinkIsNotFollowed) {
  std::filesystem::create_directories(state_dir());
  std::ofstream(directory_ / "victim") << "x";
  static_cast<void>(make_memory_ledger(state_dir())->claim(origin));
  for (const auto& entry : std::filesystem::directory_iterator(state_dir())) {
    const std::filesystem::path mark = entry.path();
    std::filesystem::remove(mark);
    std::filesystem::create_symlink(directory_ / "victim", mark);
    break;
  }
  EXPECT_EQ(make_memory_ledger(state_dir())->claim(origin).predecessor, Predecessor::unknown);
}

TEST_F(MemoryLedgers, OfManyThatStartTogetherOnlyOneIsGranted) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> granted = 0;
    std::vector<std::unique_ptr<Ledger>> ledgers;
    for (int i = 0; i < 4; ++i) ledgers.push_back(make_memory_ledger(state_dir()));
    std::vector<std::thread> threads;
    for (const auto& ledger : ledgers) {
      threads.emplace_back([&granted, &ledger] {
        if (ledger->claim(origin).predecessor != Predecessor::alive) ++granted;
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(granted, 1);
    for (const auto& ledger : ledgers) ledger->release(origin);
    EXPECT_EQ(marks(), 0U);
  }
}

TEST_F(MemoryLedgers, AHandOverNeverGrantsTwoAtOnce) {
  std::atomic<int> holders = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, &holders] {
      const auto ledger = make_memory_ledger(state_dir());
      for (int round = 0; round < 100; ++round) {
        const Predecessor predecessor = ledger->claim(origin).predecessor;
        if (predecessor == Predecessor::alive) continue;
        EXPECT_EQ(predecessor, Predecessor::clean);
        EXPECT_EQ(++holders, 1);
        --holders;
        ledger->release(origin);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace ifmatch::plugins
