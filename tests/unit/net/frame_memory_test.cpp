// Frames that a thread keeps are given back at its end, wherever they were made.
#include "proxy/net/frame_memory.hpp"

#include <gtest/gtest.h>
#include <malloc.h>

#include <thread>
#include <vector>

namespace ifmatch::net {
namespace {

constexpr std::size_t frame_octets = 3000;

TEST(AFrame, OfAnotherThreadIsFreedWhenTheThreadThatKeptItEnds) {
  std::vector<void*> frames(200);
  const std::size_t before = ::mallinfo2().uordblks;
  for (void*& frame : frames) frame = take_frame(frame_octets);
  std::thread([&frames] {
    for (void* const frame : frames) give_frame(frame, frame_octets);
  }).join();
  EXPECT_LT(::mallinfo2().uordblks, before + frames.size() * frame_octets / 2);
}

TEST(AFrame, IsUsedAgainByTheThreadThatGaveItBack) {
  void* const first = take_frame(frame_octets);
  give_frame(first, frame_octets);
  void* const second = take_frame(frame_octets);
#ifndef IFMATCH_KEEPS_NO_MEMORY
  EXPECT_EQ(first, second);
#endif
  give_frame(second, frame_octets);
}

}  // namespace
}  // namespace ifmatch::net
