// The real ifmatch program as a child process, on a port that the system picks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ifmatch::support {

// A configuration with one listener and one upstream, from pieces of YAML. Every piece may be left
// out; those of one line are the inside of a flow mapping.
struct ProxyConfig {
  std::string upstream_url;
  std::string listener;  // "limits: { target_bytes: 1KiB }"
  std::string upstream = "timeouts: { connect: 2s, response: 5s }";
  std::string defaults;  // "on_missing: 428, max_body: 1KiB"
  // Whole lines; the upstream's name is "api".
  std::string routes = "  - { name: everything, match: { path: \"/**\" }, upstream: api }\n";
  std::string more;  // whole lines at the top level
  std::string state_dir = "none";

  [[nodiscard]] std::string yaml() const;
};

// Path of the program under test: of this build, or what IFMATCH_TEST_BINARY names (one that was
// built with a sanitizer).
[[nodiscard]] std::string ifmatch_binary();

class ProxyProcess {
 public:
  // Writes the configuration to a file, starts `ifmatch run` with it and further arguments, and
  // waits until it is ready. Throws, with what it printed, when it does not get there.
  [[nodiscard]] static ProxyProcess start(std::string_view yaml,
                                          const std::vector<std::string>& arguments = {});
  [[nodiscard]] static ProxyProcess start(const ProxyConfig& config) {
    return start(config.yaml());
  }
  // Guards everything in front of the upstream, with every default but the port.
  [[nodiscard]] static ProxyProcess start_in_front_of(const std::string& upstream_url);
  // Starts the program with exactly these arguments, and this environment, and waits until ready.
  [[nodiscard]] static ProxyProcess start_with(const std::vector<std::string>& arguments,
                                               std::map<std::string, std::string> environment = {},
                                               std::size_t listeners = 1);

  // In place of a number of listeners: do not wait for ports, only for the first line.
  static constexpr std::size_t ready_without_port = 0;

  // The first listener's.
  [[nodiscard]] std::uint16_t port() const { return ports_.front(); }
  [[nodiscard]] const std::vector<std::uint16_t>& ports() const { return ports_; }
  // The admin server's. It is off unless an argument ("--admin", "127.0.0.1:0") or the YAML says
  // otherwise: its default address is one for the whole machine.
  [[nodiscard]] std::uint16_t admin_port();
  [[nodiscard]] Process& process() { return *process_; }

  // Replaces the configuration and sends HUP, and waits until the new one is in force; false when it
  // was refused. REQUIRES: it was started by start().
  [[nodiscard]] bool reload(std::string_view yaml);
  [[nodiscard]] bool reload(const ProxyConfig& config) { return reload(config.yaml()); }
  [[nodiscard]] const TemporaryFolder& folder() const { return *folder_; }

  // Asks it to end and waits. Throws when it does not.
  ExitStatus stop(Deadline deadline = Deadline{});

 private:
  ProxyProcess() = default;
  void wait_until_ready(std::size_t listeners);

  std::unique_ptr<TemporaryFolder> folder_;  // outlives the process
  std::unique_ptr<Process> process_;
  std::vector<std::uint16_t> ports_;
  std::size_t reloads_ = 0;
};

}  // namespace ifmatch::support
