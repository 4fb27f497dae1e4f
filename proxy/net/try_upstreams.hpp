// Connects once to every place of every upstream, all at the same time, and sends nothing: what an
// operator asks for before a deployment.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace ifmatch::net {

struct TriedPlace {
  std::string upstream;
  std::string url;
  std::string failure;  // a sentence; empty where a connection came about
};

// Takes as long as the longest connect time-out at most. In the order of the configuration.
[[nodiscard]] std::vector<TriedPlace> try_upstreams(const config::Config& config);

}  // namespace ifmatch::net
