// An HTTP/1.1 server on a port of 127.0.0.1, or on a unix socket, that does what the test says, good
// or bad, and keeps a log of every request that reached it: "a refused write never reached the API"
// is a question to this log. One thread per connection; all of them end with the server.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/deadline.hpp"
#include "tests/support/fields.hpp"
#include "tests/support/message_reader.hpp"
#include "tests/support/socket.hpp"

namespace ifmatch::support {

struct Request {
  std::string method;
  std::string target;
  std::string version;
  Fields fields;
  Fields trailers;
  std::string body;              // the first Options::kept_body_bytes of it
  std::uint64_t body_bytes = 0;  // all of it
  std::size_t head_bytes = 0;    // the header section as received
  int connection = 0;            // counts from 1 in the order of arrival
  Clock::time_point received;

  [[nodiscard]] std::string field(std::string_view name) const {
    return find_field(fields, name).value_or("");
  }
  [[nodiscard]] bool has(std::string_view name) const {
    return find_field(fields, name).has_value();
  }
};

// Holds answers back until the test lets them go.
class Hold {
 public:
  void release();
  // Returns at once when released; false at the deadline.
  [[nodiscard]] bool wait(Deadline deadline = Deadline{});
  // Waits until somebody is held; false at the deadline.
  [[nodiscard]] bool wait_until_held(Deadline deadline = Deadline{});

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  bool held_ = false;
};

// How a message ends that is not simply sent.
enum class Mishap {
  none,
  close_unanswered,  // the connection ends without an octet
  reset_unanswered,  // it is reset without an octet
  truncate,          // it ends after Reply::truncate_after octets of the message
};

struct Reply {
  int status = 200;
  Fields fields;
  std::string body;
  Framing framing = Framing::content_length;
  std::string verbatim;      // sent instead of a composed message where it is not empty
  std::vector<int> interim;  // 1xx answers sent before, at once
  Milliseconds delay{0};     // before the first octet of the answer
  std::shared_ptr<Hold> hold;
  std::function<Reply()> later;       // called after delay and hold, gives the real reply
  std::uint64_t generated_bytes = 0;  // a body of so many 'x', made while it is sent
  std::size_t piece_bytes = 0;        // sent in pieces of so many octets ..
  Milliseconds pause{0};              // .. with a pause after each
  Mishap mishap = Mishap::none;
  std::size_t truncate_after = 0;
  bool close_after = false;  // says "Connection: close" and does it
  // Ends the connection in the very segment of its last octet, without saying so before.
  bool ends_with_last_octet = false;
  std::string endless;       // sent behind the rest again and again until the peer is gone
  bool reads_on = false;     // an early reply: the body is read afterwards, the connection kept
  // With `afterwards` nothing further is read until it is released. Then `postscript` goes out,
  // which nobody asked for, and `finished` is released.
  std::shared_ptr<Hold> afterwards;
  std::string postscript;
  std::shared_ptr<Hold> finished;
};

class ScriptedUpstream {
 public:
  using Behaviour = std::function<Reply(const Request&)>;
  // Asked when only the header section has arrived. A reply is sent before the body was read, and
  // the connection closed unless Reply::reads_on.
  using EarlyBehaviour = std::function<std::optional<Reply>(const Request&)>;

  struct Options {
    Milliseconds idle_timeout{60'000};  // a silent connection is closed after it
    std::size_t kept_body_bytes = 64 * 1024 * 1024;
    EarlyBehaviour early;
    std::uint16_t port = 0;  // zero lets the system pick one
    std::string address = "127.0.0.1";
    std::string socket;      // the path of a unix socket, instead of a port
  };

  explicit ScriptedUpstream(Behaviour behaviour) : ScriptedUpstream(std::move(behaviour), {}) {}
  ScriptedUpstream(Behaviour behaviour, Options options);
  ScriptedUpstream(const ScriptedUpstream&) = delete;
  ~ScriptedUpstream();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const {
    if (!options_.socket.empty()) return "unix:" + options_.socket;
    return "http://" + options_.address + ":" + std::to_string(port_);
  }

  // Replaces the behaviour for requests that arrive from now on.
  void behave(Behaviour behaviour);

  [[nodiscard]] std::vector<Request> requests() const;
  [[nodiscard]] std::vector<Request> requests(std::string_view method) const;
  [[nodiscard]] std::size_t count(std::string_view method) const;
  // How many requests arrived whose method is neither GET nor HEAD.
  [[nodiscard]] std::size_t writes() const;
  // Waits until so many requests with this method have arrived; false at the deadline.
  [[nodiscard]] bool wait_for(std::string_view method, std::size_t count,
                              Deadline deadline = Deadline{}) const;
  void forget();

  [[nodiscard]] int connections_accepted() const { return accepted_; }
  [[nodiscard]] bool wait_for_open_connections(int count, Deadline deadline = Deadline{}) const;

  // Ends listener and connections. The destructor does it, too.
  void stop();

 private:
  struct Connection {
    Socket socket;
    int number = 0;
    std::thread thread;
    std::atomic<bool> done = false;
  };
  enum class Next { keep_alive, close };

  void accept_connections();
  void join_finished();
  void serve(Connection& connection);
  [[nodiscard]] std::optional<Request> read_request(Connection& connection, MessageReader& reader,
                                                    std::optional<Reply>& early);
  [[nodiscard]] bool read_body(MessageReader& reader, Request& request);
  [[nodiscard]] Next answer(Connection& connection, const Request& request, Reply reply);
  [[nodiscard]] bool send_paced(Connection& connection, std::string_view octets,
                                const Reply& reply);
  [[nodiscard]] bool send_generated(Connection& connection, const Reply& reply);
  [[nodiscard]] bool send_afterwards(Connection& connection, const Reply& reply);
  // Returns false when the server stops first.
  [[nodiscard]] bool wait_for_release(Hold& hold);
  // Waits that long, or until the server stops; false when it stops.
  [[nodiscard]] bool pause(Milliseconds duration);
  [[nodiscard]] bool stopping() const;
  [[nodiscard]] Behaviour behaviour() const;
  void record(const Request& request);

  const Options options_;
  Socket listener_;
  std::uint16_t port_ = 0;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Behaviour behaviour_;
  std::vector<Request> log_;
  std::list<Connection> connections_;  // finished ones are removed when the next one comes
  int open_ = 0;
  bool stopping_ = false;

  std::atomic<int> accepted_ = 0;
  std::thread acceptor_;
};

}  // namespace ifmatch::support
