#include "proxy/net/address_book.hpp"

#include <netdb.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <system_error>
#include <thread>

#include "proxy/http/fields.hpp"

namespace ifmatch::net {
namespace {

// Names are looked up again as they age: resolvers do not tell us for how long an answer holds.
constexpr std::chrono::seconds age_max{10};
// After a lookup that failed. Requests must not become as many questions to a resolver in trouble.
constexpr std::chrono::seconds failure_age_max{1};

std::shared_ptr<Address> address_of(const tcp::endpoint& endpoint) {
  auto address = std::make_shared<Address>();
  address->endpoint = endpoint;
  return address;
}

}  // namespace

struct AddressBook::Lookup {
  std::atomic<bool> done{false};
  std::vector<tcp::endpoint> found;  // to be read once `done`
};

std::vector<tcp::endpoint> AddressBook::look_up_name(const std::string& host,
                                                     std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  std::vector<tcp::endpoint> endpoints;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return endpoints;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    endpoint.resize(entry->ai_addrlen);
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.port(port);
    if (std::ranges::find(endpoints, endpoint) == endpoints.end()) endpoints.push_back(endpoint);
  }
  ::freeaddrinfo(found);
  return endpoints;
}

AddressBook::AddressBook(const config::Endpoint& place, LookUp look_up)
    : host_(place.host), port_(place.port), look_up_(std::move(look_up)) {
  Addresses addresses;
  error_code not_numeric;
  const asio::ip::address numeric = asio::ip::make_address(host_, not_numeric);
  if (!place.socket.empty()) {
    addresses.push_back(std::make_shared<Address>());
    addresses.front()->socket = place.socket;
  } else if (http::equals_ignoring_case(host_, "localhost")) {
    // Always this machine, whatever a resolver says (RFC 6761 section 6.3), also where there is none.
    addresses = {address_of({asio::ip::address_v4::loopback(), port_}),
                 address_of({asio::ip::address_v6::loopback(), port_})};
  } else if (!not_numeric) {
    addresses = {address_of({numeric, port_})};
  } else {
    fixed_ = false;
    takes_turns_ = true;
    return;
  }
  known_ = std::make_shared<const Addresses>(std::move(addresses));
}

AddressBook::Answer AddressBook::look(Instant now) {
  const std::lock_guard lock(mutex_);
  if (!fixed_) {
    if (lookup_ && lookup_->done.load(std::memory_order_acquire)) take_result(now);
    if (!lookup_ && now >= fresh_until_) begin_lookup(now);
  }
  if (known_) return {State::known, known_};
  return {lookup_ ? State::pending : State::unknown, nullptr};
}

void AddressBook::take_result(Instant now) {
  const std::shared_ptr<Lookup> lookup = std::exchange(lookup_, nullptr);
  if (lookup->found.empty()) {
    fresh_until_ = now + failure_age_max;
    return;
  }
  fresh_until_ = now + age_max;
  Addresses addresses;
  for (const tcp::endpoint& endpoint : lookup->found) {
    const auto same = [&endpoint](const std::shared_ptr<Address>& old) {
      return old->endpoint == endpoint;
    };
    std::shared_ptr<Address> address;
    if (known_) {
      const auto old = std::ranges::find_if(*known_, same);
      if (old != known_->end()) address = *old;
    }
    addresses.push_back(address ? address : address_of(endpoint));
  }
  if (known_) {
    for (const std::shared_ptr<Address>& old : *known_) {
      const bool stays = std::ranges::find(addresses, old) != addresses.end();
      if (!stays) old->gone.store(true, std::memory_order_relaxed);
    }
  }
  known_ = std::make_shared<const Addresses>(std::move(addresses));
}

void AddressBook::begin_lookup(Instant now) {
  auto lookup = std::make_shared<Lookup>();
  try {
    std::thread([lookup, look_up = look_up_, host = host_, port = port_] {
      lookup->found = look_up(host, port);
      lookup->done.store(true, std::memory_order_release);
    }).detach();
    lookup_ = std::move(lookup);
  } catch (const std::system_error&) {
    fresh_until_ = now + failure_age_max;  // no thread to be had
  }
}

}  // namespace ifmatch::net
