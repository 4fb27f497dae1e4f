// Takes TLS off, or puts it on, between a plain client or server of the tests and ifmatch: so that
// whatever they can do in the clear they can do under TLS, with every choice of a TLS peer in the
// hands of the test. One thread per connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/certificates.hpp"
#include "tests/support/deadline.hpp"
#include "tests/support/socket.hpp"

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace ifmatch::support {

// What was agreed on for one connection.
struct Agreed {
  bool failed = false;
  std::string error;        // of the handshake, or of reading later on
  std::string version;      // "TLSv1.3"
  std::string cipher;
  std::string protocol;     // by ALPN
  std::string server_name;  // that was asked for
  std::string subject;      // the name in the other side's certificate
  bool resumed = false;
  bool told_end = false;    // the other side said that nothing follows (close_notify)
};

class TlsRelay {
 public:
  enum class Side { server, client };      // towards ifmatch
  enum class Ending { told, silent };      // whether the end of the plain side becomes close_notify
  enum class Acting { prompt, stalled };   // stalled: it accepts and never says a word
  struct Options {
    std::optional<Certificate> certificate;
    std::string trusts;       // PEM file; as a client "" accepts everybody, as a server asks nobody
    std::string server_name;  // asked for and expected; a client's
    std::string versions;     // "1.2" or "1.3" alone; "1.1" for what must be refused
    std::string ciphers;      // of 1.2
    std::vector<std::string> protocols = {"http/1.1"};  // ALPN; none: no such extension
    std::string preface;  // what a client says in the clear before it begins
    Ending ending = Ending::told;
    Acting acting = Acting::prompt;
  };

  // As a server: what comes to port() under TLS goes to `port` in the clear. As a client the other
  // way round.
  TlsRelay(Side side, std::uint16_t port, Options options);
  ~TlsRelay();
  TlsRelay(const TlsRelay&) = delete;
  TlsRelay& operator=(const TlsRelay&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Waits until so many handshakes have ended, well or badly, and tells of all of them.
  [[nodiscard]] std::vector<Agreed> agreed(std::size_t count = 1) const;
  // The same, once so many connections that had a handshake are over.
  [[nodiscard]] std::vector<Agreed> ended(std::size_t count = 1) const;
  // Waits until whatever has been handed to it so far has gone on. False where that never was so.
  [[nodiscard]] bool settle() const;

 private:
  class Pump;
  void accept_all();
  void serve(Socket accepted);
  void pump(Socket& plain, Socket& secure, ssl_st* ssl, std::size_t index);
  std::optional<std::size_t> shake_hands(ssl_st* ssl, int handle);
  static int keep_session(ssl_st* ssl, ssl_session_st* session);

  Side side_;
  std::uint16_t target_;
  Options options_;
  std::shared_ptr<ssl_ctx_st> context_;
  std::shared_ptr<ssl_session_st> session_;  // a client's latest
  Socket listening_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::vector<Agreed> agreed_;
  std::vector<std::uint64_t> idle_turns_;  // by connection: looks that found nothing to move
  std::size_t ended_ = 0;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace ifmatch::support
