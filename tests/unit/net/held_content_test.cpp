// Content that is held keeps all its octets wherever it lies, and its memory serves again until it
// has not been needed for a moment.
#include "proxy/net/held_content.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t mib = 1024 * 1024;

// Octets that tell where they are.
std::string numbered(std::size_t size) {
  std::string octets;
  for (int line = 0; octets.size() < size; ++line) octets += std::to_string(line) + "\n";
  octets.resize(size);
  return octets;
}

class ContentMemoryTest : public testing::Test {
 protected:
  void pass(milliseconds time) {
    for (const Instant until = now_ + time; now_ < until;) {
      now_ += sweep_interval;
      sweeper_.sweep(now_);
    }
  }

  Sweeper sweeper_;
  ContentMemory memory_{sweeper_};
  Instant now_ = Clock::now();
};

using AHeldContent = ContentMemoryTest;
using AContentMemory = ContentMemoryTest;

TEST_F(AHeldContent, IsEmptyAtFirst) {
  HeldContent content(memory_);
  EXPECT_TRUE(content.empty());
  EXPECT_EQ("", content.view());
  content.append("");
  EXPECT_TRUE(content.empty());
}

TEST_F(AHeldContent, GrowsAndLosesNothing) {
  const std::string octets = numbered(300'000);
  HeldContent content(memory_);
  for (std::size_t begin = 0; begin < octets.size(); begin += 777) {
    content.append(std::string_view(octets).substr(begin, 777));
  }
  EXPECT_TRUE(content.view() == octets);
}

TEST_F(AHeldContent, IsReadIntoWhereItLies) {
  const std::string octets = numbered(100'000);
  HeldContent content(memory_);
  content.reserve(octets.size());
  content.append(std::string_view(octets).substr(0, 1000));
  const char* const place = content.view().data();
  while (content.view().size() < octets.size()) {
    const std::string_view rest = std::string_view(octets).substr(content.view().size());
    const std::size_t count = std::min<std::size_t>(rest.size(), 12'345);
    ASSERT_GE(content.room().size(), rest.size());
    std::copy_n(rest.begin(), count, content.room().begin());
    content.commit(count);
  }
  EXPECT_TRUE(content.view() == octets);
  EXPECT_EQ(place, content.view().data());
}

TEST_F(AHeldContent, TakesItsOctetsAlongWhenItIsMoved) {
  HeldContent first(memory_);
  first.append("octets");
  const HeldContent second(std::move(first));
  EXPECT_EQ("octets", second.view());
}

TEST_F(AContentMemory, ServesAgain) {
  const char* place = nullptr;
  for (int round = 0; round < 3; ++round) {
    HeldContent content(memory_);
    content.append(numbered(mib));
    EXPECT_TRUE(round == 0 || content.view().data() == place);
    place = content.view().data();
  }
}

TEST_F(AContentMemory, HasOneUserAtATime) {
  std::vector<HeldContent> contents;
  for (int round = 0; round < 2; ++round) {
    for (int index = 0; index < 10; ++index) {
      contents.emplace_back(memory_);
      contents.back().append(std::string(50'000, static_cast<char>('a' + index)));
    }
    for (int index = 0; index < 10; ++index) {
      EXPECT_TRUE(contents[static_cast<std::size_t>(index)].view() ==
                  std::string(50'000, static_cast<char>('a' + index)));
    }
    contents.clear();
  }
}

TEST_F(AContentMemory, KeepsABoundedAmount) {
  std::vector<HeldContent> contents;
  for (int index = 0; index < 100; ++index) {
    contents.emplace_back(memory_);
    contents.back().reserve(mib);
  }
  contents.clear();
  EXPECT_EQ(32 * mib, memory_.kept());
}

TEST_F(AContentMemory, IsGivenBackWhenItWasNotNeededForAMoment) {
  {
    HeldContent first(memory_);
    HeldContent second(memory_);
    first.reserve(mib);
    second.reserve(mib);
  }
  EXPECT_EQ(2 * mib, memory_.kept());
  // One of the two is needed time and again.
  for (int round = 0; round < 30; ++round) {
    HeldContent content(memory_);
    content.reserve(mib);
    pass(milliseconds(100));
  }
  EXPECT_EQ(1 * mib, memory_.kept());
  pass(milliseconds(2'100));
  EXPECT_EQ(0U, memory_.kept());
}

TEST_F(AContentMemory, DoesNotLendALargeBlockForAFewOctets) {
  { HeldContent(memory_).reserve(mib); }
  {
    HeldContent small(memory_);
    small.append("few");
    EXPECT_EQ(mib, memory_.kept());
  }
  EXPECT_LT(mib, memory_.kept());
}

}  // namespace
}  // namespace ifmatch::net
