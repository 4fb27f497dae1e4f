#include "proxy/net/supervisor.hpp"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace ifmatch::net {
namespace {

// A status is one line.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

void notify(const std::string& state) {
  // Nobody may be there to hear it; that is no error of ours.
  static_cast<void>(::sd_notify(0, state.c_str()));
}

std::uint64_t monotonic_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000U +
         static_cast<std::uint64_t>(now.tv_nsec) / 1'000U;
}

}  // namespace

Supervisor::Supervisor() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(0, &microseconds) > 0) {
    watchdog_ = std::chrono::microseconds(microseconds);
  }
  constexpr int unset_environment = 1;
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(unset_environment, &names);
  for (int index = 0; index < count; ++index) {
    handed_.push_back({names[index], SD_LISTEN_FDS_START + index});
    std::free(names[index]);
  }
  std::free(names);
}

Supervisor::~Supervisor() {
  for (const Handed& handed : handed_) ::close(handed.descriptor);
}

void Supervisor::ready(const std::string& status) const {
  notify("READY=1\nSTATUS=" + one_line(status));
}

void Supervisor::reloading() const {
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_microseconds()) +
         "\nSTATUS=reading the configuration again");
}

void Supervisor::stopping(const std::string& status) const {
  notify("STOPPING=1\nSTATUS=" + one_line(status));
}

void Supervisor::beat() const { notify("WATCHDOG=1"); }

std::vector<int> Supervisor::sockets(const std::string& name) const {
  std::vector<int> found;
  for (const Handed& handed : handed_) {
    if (handed.name == name) found.push_back(handed.descriptor);
  }
  return found;
}

std::vector<std::string> Supervisor::names() const {
  std::vector<std::string> names;
  for (const Handed& handed : handed_) {
    if (std::ranges::find(names, handed.name) == names.end()) names.push_back(handed.name);
  }
  return names;
}

}  // namespace ifmatch::net
