// The access log: one line for each request, written in large pieces by a thread of its own. The
// threads that serve only append to buffers in memory; when the log cannot be written as fast as
// requests come, lines are dropped and counted, and nobody waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "proxy/net/access_line.hpp"
#include "proxy/net/throttle.hpp"

namespace ifmatch::net {

class AccessLog {
 public:
  // Opens the file and starts the thread that writes, unless the log is off. Throws
  // std::runtime_error with a sentence when the file cannot be opened. `threads` of the server
  // will use it.
  AccessLog(const config::AccessLog& config, std::size_t threads);
  // Writes what is left, for a second at most. REQUIRES: nobody is told anything any more.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Whom a thread has to tell; nullptr where the log is off, and for a thread that it was not told
  // of.
  [[nodiscard]] AccountSink* sink(std::size_t thread) noexcept {
    return thread < sinks_.size() ? &sinks_[thread] : nullptr;
  }

  // Opens the file anew, after what was told so far has gone to the old one: after a rotation. May
  // be called from any thread.
  void reopen();

  // Lines that were lost, all in all.
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 private:
  // The lines of one thread that serves.
  class Sink final : public AccountSink {
   public:
    Sink(AccessLog& log, config::LogFormat format) : log_(log), format_(format) {}
    void told(const Account& account) noexcept override;
    // Exchanges what has been gathered for an empty buffer.
    void take(std::string& lines);

   private:
    [[nodiscard]] std::chrono::system_clock::time_point began(const Account& account);

    AccessLog& log_;
    config::LogFormat format_;
    AccessLineWriter writer_;
    // The wall clock is looked at once a second; between, it goes as the steady one does.
    Instant compared_at_{};
    std::chrono::system_clock::time_point wall_then_;
    std::mutex mutex_;  // almost never contended: the other side comes ten times a second
    std::string lines_;
  };

  enum class Hurry : std::uint8_t { none, now };
  void wake(Hurry hurry);
  void run();
  void write(std::string_view lines);
  [[nodiscard]] bool wait_until_writable();
  void open();
  void open_again();
  void drop(std::uint64_t lines);
  void tell_of_drops();

  config::AccessLog config_;
  int file_ = -1;
  bool regular_ = false;  // a file on a disk: it is written without asking whether that is possible
  std::deque<Sink> sinks_;  // a deque: they do not move
  std::atomic<std::uint64_t> dropped_{0};
  std::uint64_t drops_told_ = 0;
  Throttle drops_{std::chrono::seconds(10)};
  Throttle failures_{std::chrono::seconds(10)};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool pending_ = false;
  bool urgent_ = false;
  bool reopening_ = false;
  std::atomic<bool> stopping_{false};
  std::atomic<Instant> stop_at_{never};
  std::thread thread_;
};

}  // namespace ifmatch::net
