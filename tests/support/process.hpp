// A child process with everything that it prints, ended by its pid at the latest when this object
// goes, and by the kernel should the test itself be killed.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/deadline.hpp"

namespace ifmatch::support {

struct ExitStatus {
  int code = 0;    // where signal is 0
  int signal = 0;  // the one that killed it

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ExitStatus& status) {
    return status.signal == 0 ? out << "exit code " << status.code
                              : out << "killed by signal " << status.signal;
  }
};

class Process {
 public:
  struct Options {
    std::map<std::string, std::string> environment;  // added to the test's own, less IFMATCH_*
    std::string folder;                              // working folder; empty: the test's own
    std::string input;                               // what it reads from standard input
  };

  // `arguments` begins with the program, looked up in PATH (and in /usr/sbin). Throws when it
  // cannot be started.
  [[nodiscard]] static Process start(std::vector<std::string> arguments) {
    return Process(std::move(arguments), {});
  }
  [[nodiscard]] static Process start(std::vector<std::string> arguments, Options options) {
    return Process(std::move(arguments), std::move(options));
  }
  Process(const Process&) = delete;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string output() const;
  [[nodiscard]] std::string errors() const;
  // Both streams, for messages of failed tests.
  [[nodiscard]] std::string transcript() const;

  // The first line on either stream that contains `part`, counted from the `skip`th such line.
  // Waits for it; nothing at the deadline or when both streams ended without it.
  [[nodiscard]] std::optional<std::string> wait_for_line(std::string_view part,
                                                         Deadline deadline = Deadline{},
                                                         std::size_t skip = 0);

  void signal(int number) const;
  // Nothing at the deadline. Both streams have been read to their end when it returns a status.
  [[nodiscard]] std::optional<ExitStatus> wait(Deadline deadline = Deadline{});
  [[nodiscard]] bool running();

  // From /proc; only while it runs.
  [[nodiscard]] std::chrono::microseconds cpu_time() const;
  [[nodiscard]] std::uint64_t memory_peak_bytes() const;
  [[nodiscard]] std::size_t open_descriptors() const;

 private:
  Process(std::vector<std::string> arguments, Options options);
  [[nodiscard]] bool wait_for_exit(Deadline deadline);

  pid_t pid_ = -1;
  int handle_ = -1;  // a pidfd, which becomes readable when the process ends
  std::optional<ExitStatus> status_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string output_;
  std::string errors_;
  bool streams_ended_ = false;
  int stop_reading_ = -1;  // closing the other end of this pipe ends the reader
  std::thread reader_;
};

// Runs a program to its end. Throws when it does not end in time.
struct Finished {
  ExitStatus status;
  std::string output;
  std::string errors;
};
[[nodiscard]] Finished run_to_end(std::vector<std::string> arguments, Process::Options options = {},
                                  Deadline deadline = Deadline{});

}  // namespace ifmatch::support
