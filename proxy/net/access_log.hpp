// The access log: one line for each request, written in large pieces by a thread of its own. The
// threads that serve only append to buffers in memory; when the log cannot be written as fast as
// requests come, lines are dropped and counted, and nobody waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "proxy/net/access_line.hpp"
#include "proxy/net/throttle.hpp"

namespace ifmatch::net {

class AccessLog {
 public:
  // What a configuration asks for, opened.
  class Place;
  using PlacePtr = std::shared_ptr<const Place>;
  // Throws std::runtime_error with a sentence when the file cannot be opened.
  [[nodiscard]] static PlacePtr open(const config::AccessLog& config);

  // Opens the file as open() does, and starts the thread that writes unless the log is off.
  // `threads` of the server will use it.
  AccessLog(const config::AccessLog& config, std::size_t threads);
  // Writes what is left, for a second at most. REQUIRES: nobody is told anything any more.
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Whom a thread has to tell, while it listens: while the log is on. nullptr for a thread that it
  // was not told of.
  [[nodiscard]] AccountSink* sink(std::size_t thread) noexcept {
    return thread < sinks_.size() ? &sinks_[thread] : nullptr;
  }

  // What it was told last: where it goes on from now.
  [[nodiscard]] const config::AccessLog& asked() const noexcept { return asked_; }
  // Goes on at another place, after what was told so far has gone to the old one. Called by one
  // thread at a time, whichever; asked() by the same.
  void move_to(PlacePtr place);

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
    [[nodiscard]] bool listens() const noexcept override { return log_.on_; }
    void set_format(config::LogFormat format);
    // Exchanges what has been gathered for an empty buffer. What comes next has this format.
    void take(std::string& lines, config::LogFormat next);

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
  [[nodiscard]] std::string_view put(std::string_view lines);
  [[nodiscard]] bool wait_until_writable();
  void open_again();
  void settle_in(PlacePtr place);
  void drop(std::uint64_t lines);
  void tell_of_drops();

  config::AccessLog asked_;
  PlacePtr place_;       // this and the next two are the writing thread's, once it runs
  bool torn_ = false;    // what was written there ends within a line
  bool leaves_ = false;  // what is written now is the last there
  std::deque<Sink> sinks_;  // a deque: they do not move
  std::atomic<bool> on_;
  std::atomic<std::uint64_t> dropped_{0};
  std::uint64_t drops_told_ = 0;
  Throttle drops_{std::chrono::seconds(10)};
  Throttle failures_{std::chrono::seconds(10)};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool pending_ = false;
  bool urgent_ = false;
  bool reopening_ = false;
  PlacePtr next_;  // where to go on; null: where it is
  std::atomic<bool> stopping_{false};
  std::atomic<Instant> stop_at_{never};
  std::thread thread_;
};

}  // namespace ifmatch::net
