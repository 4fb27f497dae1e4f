// A port of 127.0.0.1 that neither accepts nor refuses: its accept queue is full. That is how a
// frozen server looks, and one behind a firewall that drops.
#pragma once

#include <string>
#include <vector>

#include "tests/support/socket.hpp"

namespace ifmatch::support {

class SilentPlace {
 public:
  SilentPlace();

  [[nodiscard]] std::uint16_t port() const { return listener_.local_port(); }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

 private:
  Socket listener_;
  std::vector<Socket> waiting_;  // fill the queue
};

}  // namespace ifmatch::support
