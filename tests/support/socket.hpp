// A socket of 127.0.0.1, or a unix socket, with a deadline on every operation. Errors are exceptions: GoogleTest
// reports them as failures of the test that runs.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/deadline.hpp"

namespace ifmatch::support {

class SupportError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The error of the last system call, in words.
[[nodiscard]] SupportError system_error(std::string_view what);

// 127.0.0.1 with a port in host order; zero lets the system pick one.
[[nodiscard]] sockaddr_in loopback(std::uint16_t port);

class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  // Throws when nobody accepts before the deadline.
  [[nodiscard]] static Socket connect(std::uint16_t port, Deadline deadline = Deadline{});
  // The same, with so small a buffer that a peer soon notices when nobody reads.
  [[nodiscard]] static Socket connect_narrow(std::uint16_t port, Deadline deadline = Deadline{});
  // To a Unix socket that somebody listens on.
  [[nodiscard]] static Socket connect_unix(const std::string& path);
  // Listens on a port that the system picks unless one is given; `local_port` tells which.
  [[nodiscard]] static Socket listen(std::uint16_t port = 0,
                                     const std::string& address = "127.0.0.1");
  // Listens on a unix socket, which is to be found at this path.
  [[nodiscard]] static Socket listen_at(const std::string& path);

  // Zero for a unix socket.
  [[nodiscard]] std::uint16_t local_port() const;
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
  // For what this class does not do: other options, other events to wait for.
  [[nodiscard]] int descriptor() const { return descriptor_; }

  // Returns nothing once `interrupt` was called on a listening socket.
  [[nodiscard]] std::optional<Socket> accept();

  // Returns false when the peer is gone; throws when the deadline came first.
  [[nodiscard]] bool send_all(std::string_view octets, Deadline deadline = Deadline{});
  // Sends few octets, the last ones in one segment with the end of this direction.
  [[nodiscard]] bool send_and_end(std::string_view octets);
  // Sends what can be sent without waiting and returns how much that was; 0 also when the peer is
  // gone.
  [[nodiscard]] std::size_t send_some(std::string_view octets);

  enum class Received { octets, end, reset, timeout };
  // Appends what has arrived to `to`, at most `limit` octets; waits for the first one.
  [[nodiscard]] Received receive(std::string& to, std::size_t limit, Deadline deadline);

  void half_close();
  // Closes with a reset, so that the peer sees a broken connection rather than an end.
  void reset();
  void close();
  // Wakes every thread that waits in this socket. The only member that another thread may call.
  void interrupt() const;

 private:
  void connect_to(std::uint16_t port, Deadline deadline);

  int descriptor_ = -1;
};

// A port that was free a moment ago, for servers that insist on a number.
[[nodiscard]] std::uint16_t free_port();

}  // namespace ifmatch::support
