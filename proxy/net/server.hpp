// The threads, and what they serve: from the first claim to the last settled write, with as many
// configurations in between as are loaded. One io_context per thread, so that threads share nothing
// but the guards. A further thread, which serves nobody, obeys signals and the control.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "plugins/api/ledger.hpp"
#include "proxy/net/control.hpp"
#include "proxy/net/site.hpp"
#include "proxy/net/supervisor.hpp"
#include "proxy/net/watched_files.hpp"

namespace ifmatch::net {

class AccountSink;
class GuardDesk;

enum class Ended : std::uint8_t {
  drained,    // everything was answered
  cut_short,  // the drain time-out passed, or a second signal came
  failed,     // a thread ended by an exception
};

// A configuration that was read again: a site, or the reason why there is none.
struct Loaded {
  std::shared_ptr<const Site> site;  // null: refused
  std::string text;                  // see ReloadOutcome
  Files files;                       // that it was read from, looked at before they were read
  std::function<void()> applied;     // called as it comes into force; may be empty
};

// Reads the configuration; called on the control's thread.
using Loader = std::function<Loaded(const std::shared_ptr<SiteMemory>& memory)>;

class Server {
 public:
  // `ledger` and `supervisor` must outlive the server. Without a loader there is nothing to reload.
  Server(std::shared_ptr<const Site> site, plugins::Ledger& ledger, const Supervisor& supervisor,
         Loader loader = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Claims the origins and binds every listener. Throws std::runtime_error with a sentence that
  // names the address, or the origin, when that fails.
  void start();

  // Tells `sink` of every request on that thread. It must outlive the server. REQUIRES: start()
  // was not called yet.
  void add_sink(std::size_t thread, AccountSink& sink);

  // Reloads whenever the files change from here on. Throws std::runtime_error where that cannot be
  // found out. REQUIRES: start() returned, and run() was not called yet.
  void watch(Files files);

  // Calls `look` with the configuration in force and the guards of its origins, by origin. Any
  // thread, as long as the server lives. REQUIRES: start() returned.
  using Look = std::function<void(const Site&, std::span<const std::shared_ptr<GuardDesk>>)>;
  void look(const Look& look) const;

  // The addresses that are listened on, with their real ports. Any thread. REQUIRES: start()
  // returned.
  [[nodiscard]] std::vector<std::string> addresses() const;

  [[nodiscard]] Control& control() noexcept;

  // Tells the supervisor that it is ready, and serves until TERM, INT or the control says to drain:
  // then it is no longer ready, serves on for the delay before the stop, and finishes the requests
  // under way within the drain time-out. A second signal ends at once. Blocks.
  [[nodiscard]] Ended run();

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace ifmatch::net
