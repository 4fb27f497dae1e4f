// What can go wrong on the way, as a value: whose fault, what kind, how much of the request had
// left by then. One function maps it to an answer.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/http/message.hpp"
#include "proxy/http/problem.hpp"

namespace ifmatch::http {

enum class Origin : std::uint8_t { client, upstream, us };
enum class FaultKind : std::uint8_t {
  closed,     // the peer closed or reset the connection
  timeout,    // a deadline passed
  malformed,  // its octets are not HTTP
  too_large,  // a limit of ours
  refused,    // no connection could be made
  exhausted,  // connections, descriptors or memory of ours
};
enum class Sent : std::uint8_t { nothing, some, all };

struct Fault {
  Origin origin = Origin::us;
  FaultKind kind = FaultKind::closed;
  Sent sent = Sent::nothing;
  std::string detail;  // for the log and the answer: a sentence without private data
};

// The answer for a fault of the upstream or of ours (and of a client that still listens). Without a
// kind it is taken for a write's: an upstream that failed after octets of it had left leaves its
// outcome unknown, which is 502, or 504 after a time-out. After a client's fault the connection is
// closed. A client's `too_large` is that of its content; for a header section say
// Problem::fields_too_large or target_too_long instead.
[[nodiscard]] ProblemDetails problem_of(const Fault& fault);
[[nodiscard]] ProblemDetails problem_of(const Fault& fault, MethodKind kind);

// The 502 to a write that the API has settled with an answer of that status which exceeds a limit
// of ours: unlike after a fault a success was applied, and an error is told as one.
[[nodiscard]] ProblemDetails answer_too_large(int status = 200);

// For the log: "upstream", "timeout", "nothing".
[[nodiscard]] std::string_view name_of(Origin origin) noexcept;
[[nodiscard]] std::string_view name_of(FaultKind kind) noexcept;
[[nodiscard]] std::string_view name_of(Sent sent) noexcept;

}  // namespace ifmatch::http
