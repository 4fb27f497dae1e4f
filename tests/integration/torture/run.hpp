// One run of the torture: clients against processes that fail, a phase of peace in which every
// resource must be writable again, and the verdict.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "tests/integration/torture/checker.hpp"
#include "tests/integration/torture/client.hpp"
#include "tests/integration/torture/soak.hpp"
#include "tests/integration/torture/stage.hpp"

namespace ifmatch::torture {

enum class Plan {
  everything,     // every fault
  proxy_survives  // all but those that end the proxy: the soak
};

struct Options {
  std::chrono::seconds time{60};
  std::uint64_t seed = 0;
  unsigned clients = 24;
  Front front = Front::ifmatch;
  Plan plan = Plan::everything;
  std::string samples;               // a file for the samples of a soak; empty: none
  std::ostream* progress = nullptr;  // told about faults, and each minute of a soak
};

struct Report {
  Options options;
  Findings findings;
  ClientCounts counts;
  Stage::Counts faults;
  std::map<std::string, std::uint64_t> mishaps;
  std::vector<std::string> shut;  // resources that could not be written in the end
  std::vector<Sample> samples;

  // Everything that must not be, in words; empty after a good run. A run straight at the upstream
  // is good when losses show.
  [[nodiscard]] std::vector<std::string> failures() const;
};

// Throws when a process ended by itself.
[[nodiscard]] Report run(const Options& options);

std::ostream& operator<<(std::ostream& out, const Report& report);

}  // namespace ifmatch::torture
