// The switches of a running server, and what they show: reload, drain, reopen the logs, readiness.
// Signals, the admin API and systemd all come through here, from whatever thread they are on; the
// server (server.cpp) does what they ask, on a thread of its own, one after another.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::net {

enum class Phase : std::uint8_t {
  starting,  // not every listener is bound, or not every origin claimed
  serving,
  leaving,   // told to end: still serves, so that balancers can notice that it is not ready
  draining,  // accepts nobody, finishes the requests under way
  ended,
};

// "starting", "serving", ... for answers and logs.
[[nodiscard]] std::string_view name_of(Phase phase) noexcept;

enum class Applied : std::uint8_t { yes, no };

// What became of one reload. The text has one line for each finding, as the loader prints them:
// why it was refused, or the warnings of one that was applied. "" where there is nothing to say.
struct ReloadOutcome {
  Applied applied = Applied::no;
  std::string text;
};

struct LifeState {
  using Time = std::chrono::system_clock::time_point;

  Phase phase = Phase::starting;
  Time started_at{};
  Time configured_at{};              // when the configuration in force came into force
  std::uint64_t reloads_applied = 0;
  std::uint64_t reloads_refused = 0;
  std::optional<Time> last_reload_at;  // of the latest, applied or refused; unset: none yet
  ReloadOutcome last_reload{Applied::yes, {}};  // of it; `yes` while there was none
};

class Control {
 public:
  using Reloaded = std::function<void(const ReloadOutcome&)>;
  using Handler = std::function<void()>;
  using ReloadHandler = std::function<void(Reloaded)>;

  Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // All of these may be called from any thread and return at once.

  // Reads the configuration again and puts it into force. `done` is called exactly once, on a
  // thread of the server's that it must not keep: post from there. A server that is draining, or
  // has no configuration to read again, refuses.
  void reload(Reloaded done);

  // As TERM: not ready, then no longer accepting, then the end. Once is enough.
  void drain();

  // Calls everybody who has asked for on_reopen_logs(), on this thread.
  void reopen_logs() const;

  [[nodiscard]] LifeState state() const;

  // Whether new work is welcome. Costs one load.
  [[nodiscard]] bool ready() const noexcept {
    return phase_.load(std::memory_order_relaxed) == Phase::serving;
  }

  // `reopen` must be callable from any thread for as long as the control lives. It is called by
  // SIGUSR1.
  void on_reopen_logs(Handler reopen);

  // For the server, which alone knows how. An empty handler: there is nobody to ask.
  void attach(ReloadHandler reload, Handler drain);
  void enter(Phase phase);
  // A configuration has come into force, or was refused.
  void note(const ReloadOutcome& outcome);

 private:
  std::atomic<Phase> phase_{Phase::starting};
  mutable std::mutex mutex_;
  LifeState state_;
  ReloadHandler reload_;
  Handler drain_;
  std::vector<Handler> reopeners_;
};

}  // namespace ifmatch::net
