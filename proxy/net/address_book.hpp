// The addresses of one url of an upstream, shared by all threads. A name is looked up again as its
// answer ages; meanwhile, and while the resolver fails, the old answer is used.
//
// Lookups run on threads of their own that know nothing of us: getaddrinfo() takes as long as it
// likes and cannot be cancelled, and neither a request nor the end of the program may wait for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "proxy/net/asio.hpp"
#include "proxy/net/health.hpp"

namespace ifmatch::net {

struct Address {
  tcp::endpoint endpoint;
  std::string socket;  // the path of a unix socket, instead of an endpoint
  Rest rest;           // survives a lookup that finds it again
  std::atomic<bool> gone{false};  // the name leads there no longer
};

using Addresses = std::vector<std::shared_ptr<Address>>;

class AddressBook {
 public:
  // Blocks for as long as it pleases the resolver; empty when it failed.
  using LookUp = std::function<std::vector<tcp::endpoint>(const std::string& host,
                                                          std::uint16_t port)>;

  explicit AddressBook(const config::Endpoint& place, LookUp look_up = look_up_name);

  enum class State : std::uint8_t {
    known,
    pending,  // a lookup is under way and there is no older answer
    unknown,  // the last lookup failed, a moment ago
  };
  struct Answer {
    State state = State::unknown;
    std::shared_ptr<const Addresses> addresses;  // null unless known
  };
  // What is known. Begins a lookup when that is old. Never waits; any thread may call. An address
  // that an answer has no longer is `gone` from then on, for those who keep connections to it.
  [[nodiscard]] Answer look(Instant now);

  // Whether all addresses are to be used in turn; otherwise the first that works.
  [[nodiscard]] bool takes_turns() const noexcept { return takes_turns_; }

 private:
  [[nodiscard]] static std::vector<tcp::endpoint> look_up_name(const std::string& host,
                                                               std::uint16_t port);
  struct Lookup;
  void take_result(Instant now);
  void begin_lookup(Instant now);

  const std::string host_;
  const std::uint16_t port_;
  const LookUp look_up_;
  bool fixed_ = true;  // nothing to look up
  bool takes_turns_ = false;

  std::mutex mutex_;
  std::shared_ptr<const Addresses> known_;
  Instant fresh_until_{};
  std::shared_ptr<Lookup> lookup_;  // the one under way: there is at most one
};

}  // namespace ifmatch::net
