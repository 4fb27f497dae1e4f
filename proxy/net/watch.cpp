#include "proxy/net/watch.hpp"

#include <sys/inotify.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <system_error>

namespace ifmatch::net {
namespace {

// How long nothing may have happened before the files are taken for complete, and how long that is
// waited for where something happens all the time.
constexpr std::chrono::milliseconds settle{150};
constexpr std::chrono::seconds settle_max{2};
// Where the file system does not tell what happens in it.
constexpr std::chrono::seconds look_every{5};

constexpr std::uint32_t events = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE |
                                 IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR;

std::filesystem::path folder_of(const std::filesystem::path& file) {
  const std::filesystem::path folder = file.parent_path();
  return folder.empty() ? std::filesystem::path(".") : folder;
}

int open_inotify() {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) {
    throw std::runtime_error("--watch: " + std::generic_category().message(errno));
  }
  return descriptor;
}

}  // namespace

Watch::Watch(asio::io_context& io, std::function<void()> changed)
    : changed_(std::move(changed)),
      inotify_(io.get_executor(), open_inotify()),
      timer_(io.get_executor()) {}

void Watch::follow(Files files) {
  files_ = std::move(files);
  add_folders();
  // What happened before the folders were watched.
  stirred_ = true;
  timer_.cancel();
}

// The folder of the name, in which links are exchanged, and that of the file behind them, which may
// be written in its place. Adding one again changes nothing.
void Watch::add_folders() {
  std::set<std::filesystem::path> folders;
  for (const std::string& file : files_.names) {
    folders.insert(folder_of(file));
    std::error_code missing;
    const std::filesystem::path behind = std::filesystem::canonical(file, missing);
    if (!missing) folders.insert(folder_of(behind));
  }
  for (const std::filesystem::path& folder : folders) {
    // One that is missing is looked for again.
    static_cast<void>(::inotify_add_watch(inotify_.native_handle(), folder.c_str(), events));
  }
}

Task<void> Watch::listen() {
  std::array<char, 4096> room;
  for (;;) {
    auto [failure, count] =
        co_await inotify_.async_read_some(asio::buffer(room.data(), room.size()), as_tuple);
    if (failure) co_return;
    stirred_ = true;
    timer_.cancel();
  }
}

Task<void> Watch::look() {
  std::optional<Instant> stirred_since;
  for (;;) {
    const Instant now = Clock::now();
    if (stirred_ && !stirred_since) stirred_since = now;
    Instant until = now + look_every;
    if (stirred_since) until = std::min(now + settle, *stirred_since + settle_max);
    timer_.expires_at(until);
    auto [stirred] = co_await timer_.async_wait(as_tuple);
    if (stirred) continue;
    stirred_ = false;
    stirred_since.reset();
    add_folders();
    if (files_.have_changed()) changed_();
  }
}

}  // namespace ifmatch::net
