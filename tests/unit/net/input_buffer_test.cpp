// The input buffer grows to what it is allowed and no further, moves what is unread and loses
// nothing of it.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/net/connection.hpp"

namespace ifmatch::net {
namespace {

constexpr std::size_t kib = 1024;

// Puts all of `octets` in, as a socket would; false when the limit came first.
bool fill(InputBuffer& buffer, std::string_view octets, std::size_t capacity_max) {
  while (!octets.empty()) {
    const std::span<char> room = buffer.prepare(capacity_max);
    if (room.empty()) return false;
    const std::size_t count = std::min(room.size(), octets.size());
    std::copy_n(octets.begin(), count, room.begin());
    buffer.commit(count);
    octets.remove_prefix(count);
  }
  return true;
}

// Octets that tell where they are.
std::string numbered(std::size_t size) {
  std::string octets;
  for (int line = 0; octets.size() < size; ++line) octets += std::to_string(line) + "\n";
  octets.resize(size);
  return octets;
}

TEST(AnInputBuffer, HoldsNothingAtFirst) {
  InputBuffer buffer;
  EXPECT_EQ(buffer.readable(), "");
  buffer.consume(0);
  buffer.release();
  EXPECT_EQ(buffer.readable(), "");
}

TEST(AnInputBuffer, GrowsUpToTheLimitAndKeepsWhatIsUnread) {
  InputBuffer buffer;
  const std::string octets = numbered(100 * kib);
  EXPECT_TRUE(fill(buffer, octets, 100 * kib));
  EXPECT_EQ(buffer.readable(), octets);
  EXPECT_TRUE(buffer.prepare(100 * kib).empty());
  EXPECT_EQ(buffer.readable(), octets);
}

TEST(AnInputBuffer, IsNotLargerThanASmallLimit) {
  InputBuffer buffer;
  EXPECT_EQ(buffer.prepare(10).size(), 10U);
  EXPECT_FALSE(fill(buffer, numbered(11), 10));
  EXPECT_EQ(buffer.readable(), numbered(10));
}

TEST(AnInputBuffer, HasRoomAgainForWhatWasConsumed) {
  InputBuffer buffer;
  const std::string octets = numbered(32 * kib);
  EXPECT_TRUE(fill(buffer, octets, 32 * kib));
  buffer.consume(10);
  EXPECT_EQ(buffer.prepare(32 * kib).size(), 10U);
  EXPECT_TRUE(fill(buffer, "0123456789", 32 * kib));
  EXPECT_EQ(buffer.readable(), octets.substr(10) + "0123456789");
  EXPECT_TRUE(buffer.prepare(32 * kib).empty());
}

TEST(AnInputBuffer, GrowsUnderALargerLimitThanBefore) {
  InputBuffer buffer;
  EXPECT_TRUE(fill(buffer, numbered(10), 10));
  EXPECT_TRUE(buffer.prepare(10).empty());
  EXPECT_FALSE(buffer.prepare(11).empty());
  EXPECT_EQ(buffer.readable(), numbered(10));
}

TEST(AnInputBuffer, PassesAnyAmountThroughASmallLimit) {
  InputBuffer buffer;
  const std::string octets = numbered(10 * kib);
  std::string passed;
  for (std::size_t begin = 0; begin < octets.size(); begin += 7) {
    ASSERT_TRUE(fill(buffer, std::string_view(octets).substr(begin, 7), 16));
    const std::size_t count = std::min<std::size_t>(buffer.readable().size(), 5 + begin % 5);
    passed += buffer.readable().substr(0, count);
    buffer.consume(count);
    if (buffer.readable().size() > 8) {
      passed += buffer.readable();
      buffer.consume(buffer.readable().size());
    }
  }
  EXPECT_EQ(passed + std::string(buffer.readable()), octets);
}

TEST(AnInputBuffer, GivesItsMemoryBackOnlyWhenNothingWaitsInIt) {
  InputBuffer buffer;
  EXPECT_TRUE(fill(buffer, numbered(64 * kib), 64 * kib));
  buffer.consume(64 * kib - 3);
  const std::string left(buffer.readable());
  buffer.release();
  EXPECT_EQ(buffer.readable(), left);
  buffer.consume(3);
  EXPECT_EQ(buffer.prepare(64 * kib).size(), 64 * kib);
  buffer.release();
  EXPECT_EQ(buffer.prepare(64 * kib).size(), 16 * kib);
}

}  // namespace
}  // namespace ifmatch::net
