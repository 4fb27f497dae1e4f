#include "tests/support/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ifmatch::support {

constexpr int backlog = 512;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

namespace {

template <typename Address>
const sockaddr* generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

sockaddr_un at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw SupportError("the path is too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Waits for readiness; false at the deadline.
bool wait_for(int descriptor, short events, Deadline deadline) {
  for (;;) {
    pollfd waiting{descriptor, events, 0};
    const int ready = ::poll(&waiting, 1, deadline.remaining_milliseconds());
    if (ready > 0) return true;
    if (ready == 0 && deadline.expired()) return false;
    if (ready < 0 && errno != EINTR) throw system_error("poll");
  }
}

int new_socket() {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) throw system_error("socket");
  return descriptor;
}

void send_at_once(int descriptor) {
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

SupportError system_error(std::string_view what) {
  return SupportError(std::string(what) + ": " + std::strerror(errno));
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

Socket Socket::connect(std::uint16_t port, Deadline deadline) {
  Socket socket(new_socket());
  socket.connect_to(port, deadline);
  return socket;
}

Socket Socket::connect_narrow(std::uint16_t port, Deadline deadline) {
  Socket socket(new_socket());
  constexpr int octets = 4096;
  ::setsockopt(socket.descriptor_, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
  socket.connect_to(port, deadline);
  return socket;
}

void Socket::connect_to(std::uint16_t port, Deadline deadline) {
  const sockaddr_in address = loopback(port);
  if (::connect(descriptor_, generic(address), sizeof address) != 0) {
    if (errno != EINPROGRESS) throw system_error("connect");
    if (!wait_for(descriptor_, POLLOUT, deadline)) throw SupportError("connect: too slow");
    socklen_t length = sizeof errno;
    ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &errno, &length);
    if (errno != 0) throw system_error("connect");
  }
  send_at_once(descriptor_);
}

Socket Socket::connect_unix(const std::string& path) {
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = at(path);
  if (::connect(socket.descriptor_, generic(address), sizeof address) != 0) {
    throw system_error("connect");
  }
  return socket;
}

Socket Socket::listen(std::uint16_t port, const std::string& numeric) {
  Socket socket(new_socket());
  // Connections of a server that was stopped a moment ago may linger on its port.
  const int on = 1;
  ::setsockopt(socket.descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  if (::inet_pton(AF_INET, numeric.c_str(), &address.sin_addr) != 1) {
    throw SupportError("not an address: " + numeric);
  }
  if (::bind(socket.descriptor_, generic(address), sizeof address) != 0) throw system_error("bind");
  if (::listen(socket.descriptor_, backlog) != 0) throw system_error("listen");
  return socket;
}

Socket Socket::listen_at(const std::string& path) {
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = at(path);
  if (::bind(socket.descriptor_, generic(address), sizeof address) != 0) {
    throw system_error("bind");
  }
  if (::listen(socket.descriptor_, backlog) != 0) throw system_error("listen");
  return socket;
}

std::uint16_t Socket::local_port() const {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw system_error("getsockname");
  }
  if (address.sin_family != AF_INET) return 0;
  return ntohs(address.sin_port);
}

std::optional<Socket> Socket::accept() {
  for (;;) {
    pollfd waiting{descriptor_, POLLIN, 0};
    if (::poll(&waiting, 1, -1) < 0 && errno != EINTR) return std::nullopt;
    const int peer = ::accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer >= 0) {
      send_at_once(peer);
      return Socket(peer);
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) return std::nullopt;
  }
}

bool Socket::send_all(std::string_view octets, Deadline deadline) {
  while (!octets.empty()) {
    const ssize_t sent = ::send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      octets.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!wait_for(descriptor_, POLLOUT, deadline)) throw SupportError("send: too slow");
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool Socket::send_and_end(std::string_view octets) {
  const ssize_t sent =
      ::send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_MORE);
  half_close();
  return sent == static_cast<ssize_t>(octets.size());
}

std::size_t Socket::send_some(std::string_view octets) {
  const ssize_t sent = ::send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

Socket::Received Socket::receive(std::string& to, std::size_t limit, Deadline deadline) {
  const std::size_t before = to.size();
  to.resize(before + limit);
  for (;;) {
    const ssize_t got = ::recv(descriptor_, to.data() + before, limit, 0);
    const int error = errno;
    if (got > 0) {
      to.resize(before + static_cast<std::size_t>(got));
      return Received::octets;
    }
    if (got < 0 && error == EINTR) continue;
    if (got < 0 && error == EAGAIN && wait_for(descriptor_, POLLIN, deadline)) continue;
    to.resize(before);
    if (got == 0) return Received::end;
    return error == EAGAIN ? Received::timeout : Received::reset;
  }
}

void Socket::half_close() {
  ::shutdown(descriptor_, SHUT_WR);
}

void Socket::reset() {
  const linger at_once{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Socket::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

void Socket::interrupt() const {
  ::shutdown(descriptor_, SHUT_RDWR);
}

std::uint16_t free_port() {
  return Socket::listen().local_port();
}

}  // namespace ifmatch::support
