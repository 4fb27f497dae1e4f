// What systemd is told about this process (sd_notify(3)), and what it hands over: sockets that it
// listens on (sd_listen_fds(3)). Without systemd all of it does nothing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace ifmatch::net {

class Supervisor {
 public:
  // Takes the sockets that were handed over; nobody else of this process gets them. To be made
  // before there are threads.
  Supervisor();
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void ready(const std::string& status) const;
  // REQUIRES: ready() follows, whatever becomes of the reload.
  void reloading() const;
  void stopping(const std::string& status) const;

  // How often beat() is expected at least; unset where nobody watches.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const noexcept {
    return watchdog_;
  }
  void beat() const;

  // The listening sockets with this name (FileDescriptorName=), which stay this object's.
  [[nodiscard]] std::vector<int> sockets(const std::string& name) const;
  // All names, for messages.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  struct Handed {
    std::string name;
    int descriptor = -1;
  };

  std::optional<std::chrono::microseconds> watchdog_;
  std::vector<Handed> handed_;
};

}  // namespace ifmatch::net
