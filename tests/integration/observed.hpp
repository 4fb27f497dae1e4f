// What mode observe says at its end, as numbers.
#pragma once

#include <cstdio>
#include <ostream>
#include <string>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {

struct Counted {
  int writes = 0;
  int with_condition = 0;
  int refused = 0;
  int lost = 0;

  friend bool operator==(const Counted&, const Counted&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Counted& counted) {
    return out << counted.writes << " writes, " << counted.with_condition << " with a condition, "
               << counted.refused << " refused, " << counted.lost << " lost";
  }
};

// Tells it to end, and reads the counts of the only route; all zero where it says nothing.
inline Counted counted_at_the_end(ProxyProcess& proxy) {
  proxy.process().signal(SIGTERM);
  const auto line = proxy.process().wait_for_line(" updates lost");
  Counted counted;
  if (!line) return counted;
  const std::string numbers = line->substr(line->find(": ", line->find("route ")) + 2);
  std::sscanf(numbers.c_str(), "%d writes, %d with a condition, %d would have been refused, %d",
              &counted.writes, &counted.with_condition, &counted.refused, &counted.lost);
  return counted;
}

inline Counted counted_at_the_end(GuardedStore& api) {
  api.ended = true;
  return counted_at_the_end(api.proxy);
}

}  // namespace ifmatch::support
