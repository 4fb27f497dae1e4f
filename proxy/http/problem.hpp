// Answers of our own: problem details (RFC 9457) with a stable type.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ifmatch::http {

enum class Problem : std::uint8_t {
  stale_version,
  precondition_missing,
  already_exists,
  bad_condition,
  ambiguous_path,
  ambiguous_method,
  resource_busy,
  outcome_unknown,
  upstream_unreachable,
  upstream_timeout,
  version_unknown,
  ledger_unavailable,
  body_too_large,
  fields_too_large,
  target_too_long,
  no_route,
  bad_request,
  method_not_allowed,
  request_timeout,
  expectation_failed,
  not_implemented,
  version_not_supported,
};

// What becomes of the connection. After a framing error nothing further is parsed.
enum class Afterwards : std::uint8_t { keep, close };

// Everything a problem answer may tell. Only `problem` is needed.
struct ProblemDetails {
  Problem problem = Problem::bad_request;
  int status = 0;                      // 0: the status that belongs to the problem
  std::string detail;                  // "": the sentence that belongs to the problem
  std::vector<std::string> sent;       // entity-tags as sent, quotes included
  std::optional<std::string> current;  // entity-tag, quotes included
  std::string route;                   // name of the route, "" when none matched
  std::string instance;                // "urn:uuid:..."; "" leaves it out
  std::string allow;                   // the Allow field, with 405
  std::optional<std::chrono::seconds> retry_after;  // the Retry-After field
  Afterwards afterwards = Afterwards::keep;
  std::vector<std::pair<std::string, std::string>> extra_fields;  // further fields of the answer
};

struct ProblemText {
  int status;
  std::string_view type;    // "urn:ifmatch:problem:stale-version"
  std::string_view title;
  std::string_view detail;  // the default sentence
};
[[nodiscard]] const ProblemText& text_of(Problem problem) noexcept;

// The status that the answer has.
[[nodiscard]] int status_of(const ProblemDetails& details) noexcept;

// Whether the answer depends on the moment and must say `Cache-Control: no-store`.
[[nodiscard]] bool is_momentary(Problem problem) noexcept;

// Appends text as a JSON string with its quotes. Control characters are escaped and octets that are
// not UTF-8 replaced, so that the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

// The JSON of the answer (application/problem+json).
[[nodiscard]] std::string render(const ProblemDetails& details);

// The standard reason phrase of a status, "" for an unknown one.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

}  // namespace ifmatch::http
