// The processes of a run, the faults that can be done to them from outside, and the proof that each
// fault took place. Everything here runs on the main thread: a child dies with the thread that
// started it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/torture/client.hpp"
#include "tests/support/proxy_process.hpp"
#include "tests/support/socket.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ifmatch::torture {

enum class Front { ifmatch, nothing };  // nothing: the clients go straight at the upstream

class Stage {
 public:
  using Milliseconds = std::chrono::milliseconds;
  using Counts = std::map<std::string, std::uint64_t>;

  Stage(Front front, std::uint64_t seed, Arena& arena);
  Stage(const Stage&) = delete;

  // Each returns when everybody may work again.
  void kill_proxy();  // with writes under way that land after its death
  void kill_proxy_beside_frozen_upstream();
  void stop_proxy(Milliseconds time);  // its accept queues full of connections
  void stop_proxy_and_kill_upstream();
  void exhaust_descriptors(Milliseconds time);
  void kill_upstream();
  void freeze_upstream(Milliseconds time);
  void fill_accept_queue_of_upstream();

  // No mishaps from now on.
  void calm();
  // Lets the proxy finish and end; throws when it does not, or not with success.
  void end();
  // Throws when one of the processes has ended by itself.
  void expect_running();

  [[nodiscard]] support::Process& proxy() { return proxy_->process(); }
  [[nodiscard]] const std::string& journal() const { return journal_; }
  // How often each fault took place.
  [[nodiscard]] const Counts& faults() const { return faults_; }
  // Those that a run in front of which ifmatch stands, or not, must have seen.
  [[nodiscard]] static std::vector<std::string> expected_faults(Front front);

  // Nothing for so long, but for the clients.
  static void pass(Milliseconds time);

 private:
  void start_upstream();
  void start_proxy();
  void tell_upstream(int signal, Milliseconds time) const;
  [[nodiscard]] bool wait_until_stopped(const support::Process& process) const;
  // Connections that nobody speaks on, as many as can be made.
  [[nodiscard]] std::vector<support::Socket> flood(std::uint16_t port, std::size_t count) const;

  const Front front_;
  const std::uint64_t seed_;
  Arena& arena_;
  support::TemporaryFolder folder_;
  std::string journal_;
  support::Socket reserved_;  // the upstream's port, while nobody listens there
  std::uint16_t upstream_port_ = 0;
  int starts_ = 0;
  std::unique_ptr<support::Process> upstream_;
  std::optional<support::ProxyProcess> proxy_;
  Counts faults_;
};

}  // namespace ifmatch::torture
