// How many connections one listener has, over all threads, and who waits to accept the next one.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "proxy/net/asio.hpp"

namespace ifmatch::net {

class Admission {
 public:
  // False where `limit` are inside already: nobody is let in then.
  [[nodiscard]] bool enter(std::size_t limit) noexcept;
  // Wakes those who wait. Any thread.
  void leave();
  [[nodiscard]] std::size_t inside() const noexcept { return inside_.load(); }

  // Until there are fewer than `limit` inside, as far as anybody can tell, or `at_most` has passed.
  // `io` is that of the calling thread.
  [[nodiscard]] Task<void> wait(asio::io_context& io, std::size_t limit, Clock::duration at_most);

 private:
  struct Bell;
  struct Waiting;

  std::atomic<std::size_t> inside_{0};
  std::atomic<std::size_t> waiting_{0};  // so that who leaves looks no further where nobody waits
  std::mutex mutex_;
  std::vector<std::shared_ptr<Bell>> bells_;
};

}  // namespace ifmatch::net
