// What the guard says about a request, in the words of metrics and logs.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/guard/engine.hpp"
#include "proxy/http/problem.hpp"

namespace ifmatch::net {

// What the guard said about a request. `none`: it was not asked, or the request never came so far.
enum class Decision : std::uint8_t {
  none,
  pass,          // a guarded write that was let through; what became of it is another matter
  stale,         // the version that the client knows is not the current one, or is gone
  missing,       // no precondition where one is required
  exists,        // If-None-Match failed
  malformed,     // a precondition that cannot be read
  ambiguous,     // a path or a method that the API might read in another way
  busy,          // no gate, no memory or no decision within the time
  in_doubt,      // an earlier write's outcome is unknown
  unverifiable,  // no probe could show the current version
  ledger,        // the store that instances share cannot be reached
};
inline constexpr std::array<std::string_view, 11> decision_names{
    "none",      "pass", "stale",    "missing",      "exists", "malformed",
    "ambiguous", "busy", "in_doubt", "unverifiable", "ledger"};
[[nodiscard]] constexpr std::string_view name_of(Decision decision) noexcept {
  return decision_names[static_cast<std::size_t>(decision)];
}

// What an answer of our own says about the decision behind it.
[[nodiscard]] Decision decision_of(http::Problem problem) noexcept;
[[nodiscard]] Decision decision_of(guard::Refusal refusal) noexcept;

// What probes showed, in the order of guard::Sight; indexes Account::probes.
inline constexpr std::array<std::string_view, 4> probe_result_names{"version", "absent", "relayed",
                                                                    "undecidable"};

}  // namespace ifmatch::net
