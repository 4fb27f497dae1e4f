// What clients do while one call fails: short histories over keep-alive sessions, one for each way
// that a request can take through the proxy.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/world/world.hpp"

namespace ifmatch::failure {

struct Party {
  std::string name;
  std::vector<world::Ask> script;
  std::vector<int> expected;  // the statuses where nothing fails
};

struct Scenario {
  std::string name;
  std::vector<Party> parties;
  std::function<world::Manner(const shim::StrictMessage&)> manner;
  std::size_t upstream_connections = 1;
  // A read beforehand: then the record knows a version and a connection lies idle.
  std::string warmed_by;
  std::size_t room = 0;  // octets that a stream takes before a write has to wait; 0: plenty
  enum class UnderTls : std::uint8_t { nobody, clients, upstream };
  UnderTls under_tls = UnderTls::nobody;
};

[[nodiscard]] const std::vector<Scenario>& scenarios();

// What is there when each begins.
[[nodiscard]] const std::vector<std::pair<std::string, world::Document>>& documents();

}  // namespace ifmatch::failure
