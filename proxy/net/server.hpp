// The threads, the listening sockets and the end of both. One io_context per thread, each with its
// own acceptor of every listener (SO_REUSEPORT), so that threads share nothing but the guard.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugins/api/ledger.hpp"
#include "proxy/net/control.hpp"
#include "proxy/net/site.hpp"

namespace ifmatch::net {

class AccountSink;

enum class Ended : std::uint8_t {
  drained,    // everything was answered
  cut_short,  // the drain time-out passed, or a second signal came
  failed,     // a thread ended by an exception
};

class Server {
 public:
  // Both must outlive the server.
  Server(Site& site, plugins::Ledger& ledger);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Claims the origins and binds every listener. Throws std::runtime_error with a sentence that
  // names the address, or the origin, when that fails.
  void start();

  // Tells `sink` of every request on that thread. It must outlive the server. REQUIRES: start()
  // was not called yet.
  void add_sink(std::size_t thread, AccountSink& sink);

  [[nodiscard]] Control& control() noexcept;

  // The addresses that are listened on, with their real ports. REQUIRES: start() returned.
  [[nodiscard]] std::vector<std::string> addresses() const;

  // Serves until TERM or INT: then finishes the requests under way, within the drain time-out. A
  // second signal ends at once. Blocks.
  [[nodiscard]] Ended run();

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace ifmatch::net
