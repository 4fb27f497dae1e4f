#include "proxy/net/listening.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace ifmatch::net {
namespace {

constexpr int backlog = 4096;  // the kernel lowers it to net.core.somaxconn
constexpr int free_port_attempts = 10;
constexpr mode_t socket_mode = 0660;  // whoever is in the group may connect
constexpr std::string_view unix_prefix = "unix:";
constexpr std::string_view handed_prefix = "fd:";

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] const sockaddr* get() const noexcept {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
  template <typename Kind>
  [[nodiscard]] Kind& as() noexcept {
    return reinterpret_cast<Kind&>(storage);
  }
};

[[noreturn]] void fail(const std::string& address, const std::string& why) {
  throw std::runtime_error("cannot listen on " + address + ": " + why);
}

[[noreturn]] void fail(const std::string& address) {
  fail(address, std::generic_category().message(errno));
}

// REQUIRES: the loader has checked that it is HOST:PORT with a numeric host.
SocketAddress parse_tcp(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const auto port =
      static_cast<std::uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10));
  SocketAddress parsed;
  if (host.size() > 2 && host.front() == '[') {
    host = host.substr(1, host.size() - 2);
    auto& v6 = parsed.as<sockaddr_in6>();
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    parsed.size = sizeof v6;
    if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) fail(address, "it is not numeric");
  } else {
    auto& v4 = parsed.as<sockaddr_in>();
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    parsed.size = sizeof v4;
    if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) != 1) fail(address, "it is not numeric");
  }
  return parsed;
}

SocketAddress address_of_socket(int descriptor, const std::string& address) {
  SocketAddress bound;
  bound.size = sizeof bound.storage;
  if (::getsockname(descriptor, bound.get(), &bound.size) != 0) fail(address);
  return bound;
}

std::string to_text(SocketAddress bound) {
  std::array<char, INET6_ADDRSTRLEN> host{};
  switch (bound.storage.ss_family) {
    case AF_INET: {
      const auto& v4 = bound.as<sockaddr_in>();
      ::inet_ntop(AF_INET, &v4.sin_addr, host.data(), host.size());
      return std::string(host.data()) + ":" + std::to_string(ntohs(v4.sin_port));
    }
    case AF_INET6: {
      const auto& v6 = bound.as<sockaddr_in6>();
      ::inet_ntop(AF_INET6, &v6.sin6_addr, host.data(), host.size());
      return "[" + std::string(host.data()) + "]:" + std::to_string(ntohs(v6.sin6_port));
    }
    case AF_UNIX: return std::string(unix_prefix) + bound.as<sockaddr_un>().sun_path;
    default: return "a socket of an unknown kind";
  }
}

Descriptor open_socket(int family, const std::string& address) {
  Descriptor made(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (made.number() < 0) fail(address);
  return made;
}

void set_option(int descriptor, int level, int option, const std::string& address) {
  const int on = 1;
  if (::setsockopt(descriptor, level, option, &on, sizeof on) != 0) fail(address);
}

enum class Sharing : std::uint8_t { alone, shared };

Descriptor bind_tcp(const SocketAddress& to, Sharing sharing, const std::string& address) {
  const int family = to.storage.ss_family;
  Descriptor made = open_socket(family, address);
  set_option(made.number(), SOL_SOCKET, SO_REUSEADDR, address);
  if (family == AF_INET6) set_option(made.number(), IPPROTO_IPV6, IPV6_V6ONLY, address);
  if (sharing == Sharing::shared) set_option(made.number(), SOL_SOCKET, SO_REUSEPORT, address);
  if (::bind(made.number(), to.get(), to.size) != 0) fail(address);
  if (::listen(made.number(), backlog) != 0) fail(address);
  return made;
}

// One socket for each thread, on a port that is ours alone.
Listeners bind_all(SocketAddress to, const std::string& address, std::size_t threads) {
  {
    // SO_REUSEPORT would let us join another process on its port: look without it first.
    const Descriptor alone = bind_tcp(to, Sharing::alone, address);
    to = address_of_socket(alone.number(), address);
  }
  Listeners listeners{.address = to_text(to)};
  for (std::size_t thread = 0; thread < threads; ++thread) {
    listeners.sockets.push_back(bind_tcp(to, Sharing::shared, address));
  }
  return listeners;
}

Listeners listen_tcp(const std::string& address, std::size_t threads) {
  const SocketAddress wanted = parse_tcp(address);
  const bool any_port = address.ends_with(":0");
  for (int attempt = 1;; ++attempt) {
    try {
      return bind_all(wanted, address, threads);
    } catch (const std::runtime_error&) {
      // A port that was free a moment ago is another's now: another one will do as well.
      if (!any_port || attempt == free_port_attempts) throw;
    }
  }
}

// One socket for all threads: there is no SO_REUSEPORT for these.
void share(int descriptor, Listeners& listeners, std::size_t threads, const std::string& address) {
  for (std::size_t thread = 0; thread < threads; ++thread) {
    listeners.sockets.emplace_back(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (listeners.sockets.back().number() < 0) fail(address);
  }
}

// A file that a process left behind is in the way of the next. One on which somebody listens, and
// one that is no socket, is not ours to remove.
void remove_stale(const SocketAddress& to, const std::string& path, const std::string& address) {
  struct stat file {};
  if (::lstat(path.c_str(), &file) != 0) return;
  if (!S_ISSOCK(file.st_mode)) fail(address, "there is a file of that name which is no socket");
  const Descriptor caller = open_socket(AF_UNIX, address);
  if (::connect(caller.number(), to.get(), to.size) == 0 || errno == EAGAIN) {
    fail(address, "another process listens there");
  }
  if (errno != ECONNREFUSED) fail(address);
  if (::unlink(path.c_str()) != 0) fail(address);
}

Listeners listen_unix(const std::string& address, std::size_t threads) {
  const std::string path = address.substr(unix_prefix.size());
  SocketAddress to;
  auto& name = to.as<sockaddr_un>();
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) fail(address, "the path is too long for a socket");
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  to.size = sizeof name;
  remove_stale(to, path, address);
  const Descriptor made = open_socket(AF_UNIX, address);
  if (::bind(made.number(), to.get(), to.size) != 0) fail(address);
  Listeners listeners{.address = address, .file = SocketFile(path)};
  // Nobody can connect before it listens.
  if (::chmod(path.c_str(), socket_mode) != 0) fail(address);
  if (::listen(made.number(), backlog) != 0) fail(address);
  share(made.number(), listeners, threads, address);
  return listeners;
}

void check_handed(int descriptor, const std::string& address) {
  int value = 0;
  socklen_t size = sizeof value;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &value, &size) != 0 || value != SOCK_STREAM) {
    fail(address, "what was handed over is no stream socket");
  }
  size = sizeof value;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) != 0 || value == 0) {
    fail(address, "the socket that was handed over does not listen (is Accept=no set?)");
  }
  const int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) fail(address);
}

Listeners listen_handed(const std::string& address, std::size_t threads,
                        const Supervisor& supervisor) {
  const std::string name = address.substr(handed_prefix.size());
  const std::vector<int> handed = supervisor.sockets(name);
  if (handed.empty()) {
    std::string known;
    for (const std::string& other : supervisor.names()) {
      known += (known.empty() ? "there are: " : ", ") + other;
    }
    if (known.empty()) known = "none was: is a socket unit active?";
    fail(address, "no socket of that name was handed over (" + known + ")");
  }
  Listeners listeners;
  for (const int descriptor : handed) {
    check_handed(descriptor, address);
    listeners.address += (listeners.address.empty() ? "" : " and ") +
                         to_text(address_of_socket(descriptor, address));
    share(descriptor, listeners, threads, address);
  }
  return listeners;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat file {};
  if (::lstat(path_.c_str(), &file) == 0) {
    device_ = file.st_dev;
    inode_ = file.st_ino;
  }
}

SocketFile& SocketFile::operator=(SocketFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

SocketFile::~SocketFile() {
  struct stat file {};
  if (path_.empty() || ::lstat(path_.c_str(), &file) != 0) return;
  if (file.st_dev == device_ && file.st_ino == inode_) ::unlink(path_.c_str());
}

Listeners listen_on(const std::string& address, std::size_t threads,
                    const Supervisor& supervisor) {
  if (address.starts_with(unix_prefix)) return listen_unix(address, threads);
  if (address.starts_with(handed_prefix)) return listen_handed(address, threads, supervisor);
  return listen_tcp(address, threads);
}

}  // namespace ifmatch::net
