// Runs one scenario with one failing call and says everything that is not as it must be.
#pragma once

#include <string>
#include <vector>

#include "tests/failure/scenarios.hpp"

namespace ifmatch::failure {

struct Verdict {
  std::vector<std::string> complaints;
  bool fired = false;  // the call was made
  // Calls by side and operation while nothing failed yet or at all.
  std::array<std::array<std::size_t, shim::operation_count>, shim::side_count> counts{};
  // Outcomes that the engine was told.
  std::size_t settled = 0;
  std::size_t in_doubt = 0;
  std::size_t unsent = 0;
};

enum class Pieces : std::uint8_t { whole, octets };  // what a call moves at most

// With an effect that no correct program may notice, or none, the answers are those expected.
[[nodiscard]] Verdict judge(const Scenario& scenario, const shim::Fault& fault,
                            Pieces pieces = Pieces::whole);

// The effects that a call of that kind can have.
[[nodiscard]] std::vector<shim::Effect> effects_of(shim::Side side, shim::Operation operation);

}  // namespace ifmatch::failure
