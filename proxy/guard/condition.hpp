// What a precondition says about one sight of the resource. A pure function of both: the engine
// combines the verdicts of several candidates, and RFC 9110 section 13.2.2 gives the order
// (`If-Match` first, then `If-None-Match`).
#pragma once

#include "proxy/guard/types.hpp"

namespace ifmatch::guard {

enum class Verdict : std::uint8_t {
  holds,       // decisive: the write may go
  holds_here,  // `If-None-Match` with tags: none of them is shown here; the others must agree
  differs,  // a version that `If-Match` does not name; another candidate may show one that it does
  exists,   // decisive: `If-None-Match` fails
  gone,     // decisive: nothing is there and `If-Match` fails
  absent,   // decisive: nothing is there, and that is the answer to hand on
  relayed,  // decisive: the probe's answer is handed on
  undecided,  // this sight says nothing
};

// Whether a 404 or 410 is itself the answer of a request without `If-None-Match: *`.
enum class Absence : std::uint8_t { is_answer, is_a_state };

[[nodiscard]] Verdict evaluate(const Condition& condition, const Observation& seen,
                               Absence absence);

// False for a condition that names nothing: there is nothing to decide then.
[[nodiscard]] bool says_something(const std::optional<Condition>& condition);

[[nodiscard]] bool names(std::span<const Version> versions, const Version& version);

}  // namespace ifmatch::guard
