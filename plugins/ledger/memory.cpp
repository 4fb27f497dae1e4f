#include "plugins/ledger/memory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace ifmatch::plugins {

namespace {

// Between open and lock another instance may remove the file; more rounds than this are no race.
constexpr int rounds_max = 100;

class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] bool is_open() const noexcept { return number_ >= 0; }

 private:
  int number_;
};

std::string error_text(int error) { return std::generic_category().message(error); }

// A file name that keeps the origin readable and never gives two origins the same.
std::string mark_name(std::string_view origin) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string name;
  for (const char octet : origin) {
    const bool is_plain = (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') ||
                          octet == '-' || (octet == '.' && !name.empty());
    if (is_plain) {
      name += octet;
    } else {
      const auto code = static_cast<unsigned char>(octet);
      name += '%';
      name += hex[code >> 4U];
      name += hex[code & 0x0FU];
    }
  }
  return name + ".mark";
}

// Whether the path still leads to the file that is open: otherwise the lock is on a removed one.
bool leads_to(const std::string& path, int descriptor) noexcept {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

bool sync_directory(const std::string& path) noexcept {
  const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory.is_open() && ::fsync(directory.number()) == 0;
}

// An empty mark is one whose maker ended before its claim was granted: it served nothing. So the
// claim is granted only once the content is on the disk.
bool write_mark(const std::string& directory, int descriptor) {
  const std::string content = std::to_string(::getpid()) + "\n";
  return ::pwrite(descriptor, content.data(), content.size(), 0) ==
             static_cast<ssize_t>(content.size()) &&
         ::fsync(descriptor) == 0 && sync_directory(directory);
}

struct Attempt {
  Claim claim;
  Descriptor descriptor;    // open and locked when the mark is ours
  bool is_unusable = false;  // no mark can be kept in this directory
};

Attempt unusable(const std::string& path, int error) {
  return {{Predecessor::unknown, path + ": " + error_text(error)}, Descriptor(), true};
}

// Without the right to write, a mark that another user left behind still tells about itself.
Descriptor open_mark(const std::string& path) noexcept {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (file.is_open() || (errno != EACCES && errno != EROFS)) return file;
  const int error = errno;
  Descriptor readable(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  errno = error;
  return readable;
}

Attempt claim_in(const std::string& directory, std::string_view origin) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return unusable(directory, failed.value());
  const std::string path = directory + "/" + mark_name(origin);
  for (int round = 0; round < rounds_max; ++round) {
    Descriptor file = open_mark(path);
    if (!file.is_open()) return unusable(path, errno);
    // Locked until the descriptor is closed, by us or by the kernel when the process ends.
    if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno != EWOULDBLOCK) return unusable(path, errno);
      return {{Predecessor::alive, path + " is locked: another instance serves " +
                                       std::string(origin)},
              Descriptor(), false};
    }
    if (!leads_to(path, file.number())) continue;
    struct stat status {};
    if (::fstat(file.number(), &status) != 0) return unusable(path, errno);
    if (status.st_size > 0) {
      return {{Predecessor::unclean, path + " was left behind: its instance did not end cleanly"},
              std::move(file), false};
    }
    if (!write_mark(directory, file.number())) {
      const int error = errno;
      ::unlink(path.c_str());
      return unusable(path, error);
    }
    return {{Predecessor::clean, {}}, std::move(file), false};
  }
  return unusable(path, EAGAIN);
}

// Where marks may be kept, best first.
std::vector<std::string> default_directories() {
  std::vector<std::string> directories = {"/var/lib/ifmatch"};
  const char* const state_home = std::getenv("XDG_STATE_HOME");
  const char* const home = std::getenv("HOME");
  // Relative ones are to be ignored, says the XDG base directory specification.
  if (state_home != nullptr && state_home[0] == '/') {
    directories.push_back(std::string(state_home) + "/ifmatch");
  }
  if (home != nullptr && home[0] == '/') {
    directories.push_back(std::string(home) + "/.local/state/ifmatch");
  }
  return directories;
}

class MemoryLedger final : public Ledger {
 public:
  explicit MemoryLedger(const std::optional<std::string>& state_dir)
      : is_off_(state_dir == "none"),
        directories_(state_dir ? std::vector{*state_dir} : default_directories()) {}

  [[nodiscard]] Claim claim(std::string_view origin) override {
    if (is_off_) {
      return {Predecessor::unknown,
              "state_dir is none: an unclean end will not be noticed at the next start"};
    }
    std::string failures;
    for (const std::string& directory : directories_) {
      Attempt attempt = claim_in(directory, origin);
      if (attempt.is_unusable) {
        failures += (failures.empty() ? "" : "; ") + attempt.claim.detail;
        continue;
      }
      if (attempt.descriptor.is_open()) {
        marks_.insert_or_assign(std::string(origin),
                                Mark{directory + "/" + mark_name(origin),
                                     std::move(attempt.descriptor)});
      }
      return attempt.claim;
    }
    return {Predecessor::unknown,
            "no mark can be kept, an unclean end will not be noticed at the next start: " +
                failures};
  }

  void release(std::string_view origin) override {
    const auto found = marks_.find(origin);
    if (found == marks_.end()) return;
    const Mark& mark = found->second;
    // Removed while it is locked: nobody can claim it in between.
    if (leads_to(mark.path, mark.file.number())) ::unlink(mark.path.c_str());
    marks_.erase(found);
  }

 private:
  struct Mark {
    std::string path;
    Descriptor file;
  };
  bool is_off_;
  std::vector<std::string> directories_;
  std::map<std::string, Mark, std::less<>> marks_;
};

}  // namespace

std::unique_ptr<Ledger> make_memory_ledger(const std::optional<std::string>& state_dir) {
  return std::make_unique<MemoryLedger>(state_dir);
}

}  // namespace ifmatch::plugins
