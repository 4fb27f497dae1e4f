#include "proxy/net/access_log.hpp"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <utility>

namespace ifmatch::net {
namespace {

// A line is written after so long at the latest, or when there is so much of them.
constexpr std::chrono::milliseconds gathering{100};
constexpr std::size_t piece_octets = 64 * 1024;
// So much waits in memory for each thread that serves; further lines are dropped. A fifth of a
// second at the highest rate that a thread serves: the one that writes may have to wait for a core.
constexpr std::size_t waiting_octets_max = 2 * 1024 * 1024;
// A burst must not be paid for in memory for ever.
constexpr std::size_t kept_octets_max = 256 * 1024;
// What is left at the end is tried to be written for so long.
constexpr std::chrono::seconds farewell{1};
constexpr int poll_milliseconds = 100;
constexpr mode_t file_mode = 0640;  // addresses and targets are not for everybody's eyes

std::uint64_t lines_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
}

}  // namespace

AccessLog::AccessLog(const config::AccessLog& config, std::size_t threads) : config_(config) {
  if (config_.path == config::access_log_off) return;
  open();
  for (std::size_t i = 0; i < threads; ++i) sinks_.emplace_back(*this, config_.format);
  thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  if (thread_.joinable()) {
    {
      const std::lock_guard lock(mutex_);
      stop_at_ = Clock::now() + farewell;
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  if (file_ > STDERR_FILENO) ::close(file_);
}

void AccessLog::open() {
  if (config_.path == config::access_log_stdout) {
    file_ = STDOUT_FILENO;
  } else {
    // Without waiting: a pipe that nobody reads yet is an error and no reason to hang.
    file_ = ::open(config_.path.c_str(),
                   O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, file_mode);
  }
  struct stat status{};
  if (file_ < 0 || ::fstat(file_, &status) != 0) {
    throw std::runtime_error("cannot write the access log " + config_.path + ": " +
                             std::strerror(errno));
  }
  regular_ = S_ISREG(status.st_mode);
}

void AccessLog::open_again() {
  if (config_.path == config::access_log_stdout) return;
  const int old = std::exchange(file_, -1);
  try {
    open();
    ::close(old);
    spdlog::info("the access log {} was opened anew", config_.path);
  } catch (const std::runtime_error& error) {
    file_ = old;
    spdlog::error("{}; the old file is written on", error.what());
  }
}

void AccessLog::reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopening_ = true;
  }
  changed_.notify_one();
}

void AccessLog::wake(Hurry hurry) {
  {
    const std::lock_guard lock(mutex_);
    pending_ = true;
    urgent_ = urgent_ || hurry == Hurry::now;
  }
  changed_.notify_one();
}

void AccessLog::run() {
  std::string lines;
  std::unique_lock lock(mutex_);
  for (bool ending = false; !ending;) {
    const auto called = [this] { return stopping_ || reopening_ || urgent_; };
    changed_.wait(lock, [&] { return called() || pending_; });
    changed_.wait_for(lock, gathering, called);
    ending = stopping_;
    const bool reopens = std::exchange(reopening_, false);
    pending_ = urgent_ = false;
    lock.unlock();
    for (Sink& sink : sinks_) {
      sink.take(lines);
      write(lines);
    }
    if (reopens) open_again();
    tell_of_drops();
    lock.lock();
  }
}

void AccessLog::write(std::string_view lines) {
  while (!lines.empty()) {
    // What poll() promises of a pipe is room for so much.
    const std::size_t most = regular_ ? lines.size() : std::min<std::size_t>(lines.size(), PIPE_BUF);
    if (!regular_ && !wait_until_writable()) return drop(lines_in(lines));
    const ssize_t written = ::write(file_, lines.data(), most);
    if (written >= 0) {
      lines.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR || errno == EAGAIN) continue;
    const int reason = errno;
    if (failures_.tell(Clock::now()) > 0) {
      spdlog::error("cannot write the access log {}: {}", config_.path, std::strerror(reason));
    }
    return drop(lines_in(lines));
  }
}

// False when the end has come and nobody reads.
bool AccessLog::wait_until_writable() {
  for (;;) {
    pollfd look{.fd = file_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&look, 1, poll_milliseconds);
    if (ready > 0) return true;
    tell_of_drops();
    if (stopping_ && Clock::now() >= stop_at_.load()) return false;
  }
}

void AccessLog::drop(std::uint64_t lines) { dropped_.fetch_add(lines, std::memory_order_relaxed); }

void AccessLog::tell_of_drops() {
  const std::uint64_t all = dropped();
  const std::size_t untold = drops_.tell(Clock::now(), all - std::exchange(drops_told_, all));
  if (untold > 0) {
    spdlog::warn("{} lines of the access log were lost: {} takes them too slowly", untold,
                 config_.path);
  }
}

void AccessLog::Sink::told(const Account& account) noexcept {
  bool first = false;
  bool full = false;
  try {
    const auto time = began(account);
    const std::lock_guard lock(mutex_);
    const std::size_t before = lines_.size();
    if (before + access_line_octets_max > waiting_octets_max) {
      log_.drop(1);
      return;
    }
    writer_.append(lines_, format_, account, time);
    first = before == 0;
    full = before < piece_octets && lines_.size() >= piece_octets;
  } catch (const std::bad_alloc&) {
    log_.drop(1);
    return;
  }
  if (first || full) log_.wake(full ? Hurry::now : Hurry::none);
}

void AccessLog::Sink::take(std::string& lines) {
  lines.clear();
  if (lines.capacity() > kept_octets_max) lines = std::string();
  const std::lock_guard lock(mutex_);
  lines_.swap(lines);
}

std::chrono::system_clock::time_point AccessLog::Sink::began(const Account& account) {
  const bool timed = account.start != Instant{};
  const Instant now = timed ? account.start + account.took : Clock::now();
  if (now - compared_at_ > std::chrono::seconds(1)) {
    compared_at_ = Clock::now();
    wall_then_ = std::chrono::system_clock::now();
  }
  const Clock::duration since = (timed ? account.start : now) - compared_at_;
  return wall_then_ + std::chrono::duration_cast<std::chrono::system_clock::duration>(since);
}

}  // namespace ifmatch::net
