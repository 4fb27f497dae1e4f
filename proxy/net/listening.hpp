// Sockets that listen, whatever their kind: TCP, a Unix socket by its path, or one that systemd
// handed over.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "proxy/net/supervisor.hpp"

namespace ifmatch::net {

// A descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();

  [[nodiscard]] int number() const noexcept { return number_; }
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

 private:
  int number_;
};

// The file of a Unix socket, which goes with it, unless it is another's by then.
class SocketFile {
 public:
  SocketFile() = default;
  // REQUIRES: `path` was bound a moment ago.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}
  SocketFile& operator=(SocketFile&& other) noexcept;
  ~SocketFile();

 private:
  std::string path_;
  unsigned long device_ = 0;
  unsigned long inode_ = 0;
};

struct Listeners {
  std::vector<Descriptor> sockets;  // one for each thread
  std::string address;              // for people, with the real port
  SocketFile file;
};

// Binds `address` (as in the configuration) for so many threads, and listens. Throws
// std::runtime_error with a sentence.
[[nodiscard]] Listeners listen_on(const std::string& address, std::size_t threads,
                                  const Supervisor& supervisor);

}  // namespace ifmatch::net
