// Which upstreams lead to one and the same state. Whatever does has one guard: one engine, one set
// of gates, one quarantine.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace ifmatch::net {

struct Origin {
  // One for each place, in the order of the configuration: "http://127.0.0.1:3000",
  // "unix:/run/api.sock". The first one names it.
  std::vector<std::string> places;

  [[nodiscard]] const std::string& name() const noexcept { return places.front(); }
};

struct Origins {
  std::vector<Origin> all;
  std::vector<std::size_t> of_upstream;  // index into `all`
};

// All places of one upstream serve one state, and so do two upstreams that have a place in common,
// however it is spelled.
[[nodiscard]] Origins origins_of(const std::vector<config::Upstream>& upstreams);

// One name for all spellings of a place.
[[nodiscard]] std::string place_name(const config::Endpoint& place);

// What a place is called in Host: "127.0.0.1:3000", "[::1]:3000"; "localhost" for a unix socket.
[[nodiscard]] std::string authority_of(const config::Endpoint& place);

}  // namespace ifmatch::net
