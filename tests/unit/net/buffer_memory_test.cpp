// Each buffer belongs to one user at a time, whichever thread took it and gave it back.
#include "proxy/net/buffer_memory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

namespace ifmatch::net {
namespace {

constexpr std::size_t many = 300;  // more than a thread keeps at hand, and than are mapped at once

std::vector<char*> take_many() {
  std::vector<char*> buffers;
  for (std::size_t index = 0; index < many; ++index) {
    buffers.push_back(take_buffer());
    std::memset(buffers.back(), static_cast<int>(index % 128), buffer_octets);
  }
  return buffers;
}

// Each holds all of what was written into it, so no two share an octet.
void expect_untouched(const std::vector<char*>& buffers) {
  for (std::size_t index = 0; index < buffers.size(); ++index) {
    EXPECT_TRUE(std::all_of(buffers[index], buffers[index] + buffer_octets,
                            [&](char octet) { return octet == static_cast<char>(index % 128); }));
  }
}

void give(const std::vector<char*>& buffers) { std::ranges::for_each(buffers, give_buffer); }

TEST(BufferMemory, HasOneUserAtATime) {
  for (int round = 0; round < 3; ++round) {
    const std::vector<char*> first = take_many();
    const std::vector<char*> second = take_many();
    expect_untouched(first);
    give(first);
    const std::vector<char*> third = take_many();
    expect_untouched(second);
    expect_untouched(third);
    give(second);
    give(third);
  }
}

TEST(BufferMemory, MayBeGivenBackByAThreadThatDidNotTakeIt) {
  std::vector<char*> taken;
  std::thread([&taken] { taken = take_many(); }).join();
  expect_untouched(taken);
  std::thread([&taken] { give(taken); }).join();
  const std::vector<char*> again = take_many();
  expect_untouched(again);
  give(again);
}

}  // namespace
}  // namespace ifmatch::net
