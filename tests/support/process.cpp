#include "tests/support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/socket.hpp"

extern char** environ;  // NOLINT: POSIX names it so and declares it nowhere.

namespace ifmatch::support {
namespace {

struct Pipe {
  int reading = -1;
  int writing = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_error("pipe");
  return {ends[0], ends[1]};
}

// The test's own environment less what would configure ifmatch, plus what the caller adds.
std::vector<std::string> make_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string name(text.substr(0, text.find('=')));
    if (!name.starts_with("IFMATCH_") && !added.contains(name)) environment.emplace_back(text);
  }
  for (const auto& [name, value] : added) environment.push_back(name + "=" + value);
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const path = std::getenv("PATH");
  std::istringstream folders(std::string(path == nullptr ? "" : path) + ":/usr/sbin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string candidate = folder + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  throw SupportError("there is no program " + name);
}

// The text goes into a pipe that nobody reads yet, so it must be short.
int input_with(const std::string& text) {
  constexpr std::size_t pipe_bytes = 64 * 1024;
  if (text.size() > pipe_bytes) throw SupportError("standard input is too long for this helper");
  const Pipe pipe = make_pipe();
  const ssize_t written = ::write(pipe.writing, text.data(), text.size());
  ::close(pipe.writing);
  if (written != static_cast<ssize_t>(text.size())) throw system_error("write");
  return pipe.reading;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// In the child, between fork and exec: only what is safe there.
[[noreturn]] void become(const char* program, char* const* arguments, char* const* environment,
                         const char* folder, int input, int output, int errors, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool ready = ::dup2(input, 0) == 0 && ::dup2(output, 1) == 1 && ::dup2(errors, 2) == 2 &&
                     (*folder == '\0' || ::chdir(folder) == 0);
  if (ready) ::execve(program, arguments, environment);
  ::_exit(127);
}

}  // namespace

Process::Process(std::vector<std::string> arguments, Options options) {
  const std::string program = find_program(arguments.at(0));
  std::vector<std::string> environment = make_environment(options.environment);
  const std::vector<char*> argument_pointers = pointers(arguments);
  const std::vector<char*> environment_pointers = pointers(environment);
  const int input = input_with(options.input);
  const Pipe output = make_pipe();
  const Pipe errors = make_pipe();
  const Pipe stop = make_pipe();

  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    become(program.c_str(), argument_pointers.data(), environment_pointers.data(),
           options.folder.c_str(), input, output.writing, errors.writing, parent);
  }
  ::close(input);
  ::close(output.writing);
  ::close(errors.writing);
  if (pid_ < 0) throw system_error("fork");
  handle_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  stop_reading_ = stop.writing;
  reader_ = std::thread([this, output, errors, stop] {
    std::array<pollfd, 3> streams{
        {{output.reading, POLLIN, 0}, {errors.reading, POLLIN, 0}, {stop.reading, POLLIN, 0}}};
    std::array<char, 16 * 1024> octets{};
    while ((streams[0].fd >= 0 || streams[1].fd >= 0) && streams[2].revents == 0) {
      ::poll(streams.data(), streams.size(), -1);
      for (std::size_t stream = 0; stream < 2; ++stream) {
        if (streams[stream].fd < 0 || streams[stream].revents == 0) continue;
        const ssize_t got = ::read(streams[stream].fd, octets.data(), octets.size());
        const std::lock_guard lock(mutex_);
        if (got > 0) {
          (stream == 0 ? output_ : errors_).append(octets.data(), static_cast<std::size_t>(got));
        } else {
          streams[stream].fd = -1;
        }
        changed_.notify_all();
      }
    }
    ::close(output.reading);
    ::close(errors.reading);
    ::close(stop.reading);
    const std::lock_guard lock(mutex_);
    streams_ended_ = true;
    changed_.notify_all();
  });
}

Process::~Process() {
  if (!status_) {
    signal(SIGKILL);
    static_cast<void>(wait_for_exit(Deadline{}));
  }
  ::close(stop_reading_);
  reader_.join();
  ::close(handle_);
}

std::string Process::output() const {
  const std::lock_guard lock(mutex_);
  return output_;
}

std::string Process::errors() const {
  const std::lock_guard lock(mutex_);
  return errors_;
}

std::string Process::transcript() const {
  return "standard error:\n" + errors() + "\nstandard output:\n" + output();
}

std::optional<std::string> Process::wait_for_line(std::string_view part, Deadline deadline,
                                                  std::size_t skip) {
  std::unique_lock lock(mutex_);
  std::optional<std::string> found;
  const auto look = [&] {
    std::size_t seen = 0;
    for (const std::string* const stream : {&errors_, &output_}) {
      for (std::size_t begin = 0; begin < stream->size();) {
        const auto end = stream->find('\n', begin);
        if (end == std::string::npos) break;
        const auto line = std::string_view(*stream).substr(begin, end - begin);
        if (line.find(part) != std::string_view::npos && seen++ == skip) found = line;
        begin = end + 1;
      }
    }
    return found.has_value() || streams_ended_;
  };
  changed_.wait_until(lock, deadline.at(), look);
  return found;
}

void Process::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

bool Process::wait_for_exit(Deadline deadline) {
  if (status_) return true;
  for (;;) {
    pollfd waiting{handle_, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, deadline.remaining_milliseconds());
    if (ready > 0) break;
    if (ready == 0) return false;
    if (errno != EINTR) throw system_error("poll");
  }
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) throw system_error("waitpid");
  status_ =
      WIFSIGNALED(status) ? ExitStatus{0, WTERMSIG(status)} : ExitStatus{WEXITSTATUS(status), 0};
  return true;
}

std::optional<ExitStatus> Process::wait(Deadline deadline) {
  if (!wait_for_exit(deadline)) return std::nullopt;
  // A grandchild may keep the streams open; then what came so far must do.
  constexpr Milliseconds streams_wait{2'000};
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, streams_wait, [this] { return streams_ended_; });
  return status_;
}

bool Process::running() {
  return !wait_for_exit(Deadline(Milliseconds{0}));
}

std::chrono::microseconds Process::cpu_time() const {
  const std::string stat = read_file("/proc/" + std::to_string(pid_) + "/stat");
  // The name in parentheses may hold blanks; utime and stime are the 12th and 13th after it.
  std::istringstream after_name(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int field = 0; field < 11; ++field) after_name >> skipped;
  long long user = 0;
  long long system = 0;
  after_name >> user >> system;
  return std::chrono::microseconds((user + system) * 1'000'000 / ::sysconf(_SC_CLK_TCK));
}

std::uint64_t Process::memory_peak_bytes() const {
  std::istringstream status(read_file("/proc/" + std::to_string(pid_) + "/status"));
  for (std::string name; status >> name;) {
    if (name == "VmHWM:") {
      std::uint64_t kibibytes = 0;
      status >> kibibytes;
      return kibibytes * 1024;
    }
  }
  throw SupportError("no VmHWM for process " + std::to_string(pid_));
}

std::size_t Process::open_descriptors() const {
  const std::filesystem::directory_iterator entries("/proc/" + std::to_string(pid_) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

Finished run_to_end(std::vector<std::string> arguments, Process::Options options,
                    Deadline deadline) {
  const std::string program = arguments.at(0);
  Process process = Process::start(std::move(arguments), std::move(options));
  const auto status = process.wait(deadline);
  if (!status) throw SupportError(program + " did not end in time; " + process.transcript());
  return {*status, process.output(), process.errors()};
}

}  // namespace ifmatch::support
