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

// So much poll() promises that a pipe has room for, and so much is written in one piece: nothing
// that others write to the same pipe comes between.
std::string_view whole_lines_for_a_pipe(std::string_view lines) {
  if (lines.size() <= PIPE_BUF) return lines;
  const std::string_view most = lines.substr(0, PIPE_BUF);
  const std::size_t end = most.rfind('\n');
  return end == std::string_view::npos ? most : most.substr(0, end + 1);
}

}  // namespace

class AccessLog::Place {
 public:
  explicit Place(const config::AccessLog& asked) : config(asked) {
    if (!on()) return;
    if (config.path == config::access_log_stdout) {
      file = STDOUT_FILENO;
    } else {
      // Without waiting: a pipe that nobody reads yet is an error and no reason to hang.
      file = ::open(config.path.c_str(),
                    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, file_mode);
    }
    struct stat status{};
    if (file < 0 || ::fstat(file, &status) != 0) {
      throw std::runtime_error("cannot write the access log " + config.path + ": " +
                               std::strerror(errno));
    }
    regular = S_ISREG(status.st_mode);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    if (file > STDERR_FILENO) ::close(file);
  }

  [[nodiscard]] bool on() const { return config.path != config::access_log_off; }

  const config::AccessLog config;
  int file = -1;
  bool regular = false;  // a file on a disk: it is written without asking whether that is possible
};

AccessLog::PlacePtr AccessLog::open(const config::AccessLog& config) {
  return std::make_shared<const Place>(config);
}

AccessLog::AccessLog(const config::AccessLog& config, std::size_t threads)
    : asked_(config), place_(open(config)), on_(place_->on()) {
  for (std::size_t i = 0; i < threads; ++i) sinks_.emplace_back(*this, config.format);
  if (on_) thread_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_at_ = Clock::now() + farewell;
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void AccessLog::move_to(PlacePtr place) {
  const bool on = place->on();
  asked_ = place->config;
  // Where nothing is written there are no lines of another format.
  if (!on_) {
    for (Sink& sink : sinks_) sink.set_format(place->config.format);
  }
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(place);
  }
  on_ = on;
  if (on && !thread_.joinable()) thread_ = std::thread([this] { run(); });
  changed_.notify_one();
}

void AccessLog::open_again() {
  if (!place_->on() || place_->config.path == config::access_log_stdout) return;
  try {
    settle_in(open(place_->config));
    spdlog::info("the access log {} was opened anew", place_->config.path);
  } catch (const std::runtime_error& error) {
    spdlog::error("{}; the old file is written on", error.what());
  }
}

void AccessLog::settle_in(PlacePtr place) {
  place_ = std::move(place);
  torn_ = false;
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
    const auto called = [this] { return stopping_ || reopening_ || urgent_ || next_; };
    changed_.wait(lock, [&] { return called() || pending_; });
    changed_.wait_for(lock, gathering, called);
    ending = stopping_;
    const bool reopens = std::exchange(reopening_, false);
    PlacePtr next = std::exchange(next_, nullptr);
    pending_ = urgent_ = false;
    lock.unlock();
    // From nowhere there is nothing to take along.
    if (next && !place_->on()) settle_in(std::exchange(next, nullptr));
    leaves_ = next != nullptr;
    for (Sink& sink : sinks_) {
      sink.take(lines, next ? next->config.format : place_->config.format);
      write(lines);
    }
    tell_of_drops();
    if (next) {
      settle_in(std::move(next));
    } else if (reopens) {
      open_again();
    }
    lock.lock();
  }
}

void AccessLog::write(std::string_view lines) {
  // What is told in the moment in which the log is turned off nobody wants.
  if (lines.empty() || !place_->on()) return;
  // A line that a full disk has cut off ends here: the next one must not run into it.
  if (torn_ && !put("\n").empty()) return drop(lines_in(lines));
  const std::string_view rest = put(lines);
  const std::size_t written = lines.size() - rest.size();
  torn_ = written > 0 && lines[written - 1] != '\n';
  drop(lines_in(rest));
}

// Returns what could not be written.
std::string_view AccessLog::put(std::string_view lines) {
  while (!lines.empty()) {
    if (!place_->regular && !wait_until_writable()) break;
    const std::string_view piece = place_->regular ? lines : whole_lines_for_a_pipe(lines);
    const ssize_t written = ::write(place_->file, piece.data(), piece.size());
    if (written >= 0) {
      lines.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    if (errno == EINTR || errno == EAGAIN) continue;
    const int reason = errno;
    if (failures_.tell(Clock::now()) > 0) {
      spdlog::error("cannot write the access log {}: {}", place_->config.path,
                    std::strerror(reason));
    }
    break;
  }
  return lines;
}

// False when nobody reads, and the end has come or the log goes on elsewhere.
bool AccessLog::wait_until_writable() {
  for (;;) {
    pollfd look{.fd = place_->file, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&look, 1, poll_milliseconds);
    if (ready > 0) return true;
    tell_of_drops();
    if (stopping_ && Clock::now() >= stop_at_.load()) return false;
    const std::lock_guard lock(mutex_);
    if (leaves_ || next_) return false;
  }
}

void AccessLog::drop(std::uint64_t lines) { dropped_.fetch_add(lines, std::memory_order_relaxed); }

void AccessLog::tell_of_drops() {
  const std::uint64_t all = dropped();
  const std::size_t untold = drops_.tell(Clock::now(), all - std::exchange(drops_told_, all));
  if (untold > 0) {
    spdlog::warn("{} lines of the access log were lost: {} did not take them", untold,
                 place_->config.path);
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

void AccessLog::Sink::set_format(config::LogFormat format) {
  const std::lock_guard lock(mutex_);
  format_ = format;
}

void AccessLog::Sink::take(std::string& lines, config::LogFormat next) {
  lines.clear();
  if (lines.capacity() > kept_octets_max) lines = std::string();
  const std::lock_guard lock(mutex_);
  lines_.swap(lines);
  format_ = next;
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
