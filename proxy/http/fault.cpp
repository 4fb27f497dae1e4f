#include "proxy/http/fault.hpp"

#include <cstdio>

#include "proxy/guard/assert.hpp"
#include "proxy/http/result.hpp"

namespace ifmatch::http {

namespace {

// Long enough that a crowd spreads, short enough that a person does not notice.
constexpr std::chrono::seconds retry_soon{1};

ProblemDetails problem_of_client(const Fault& fault) {
  ProblemDetails details;
  switch (fault.kind) {
    case FaultKind::timeout: details.problem = Problem::request_timeout; break;
    case FaultKind::too_large: details.problem = Problem::body_too_large; break;
    case FaultKind::exhausted:
      details.problem = Problem::resource_busy;
      details.retry_after = retry_soon;
      break;
    case FaultKind::closed:
    case FaultKind::malformed:
    case FaultKind::refused: details.problem = Problem::bad_request; break;
  }
  details.detail = fault.detail;
  details.afterwards = Afterwards::close;
  return details;
}

}  // namespace

ProblemDetails problem_of(const Fault& fault) { return problem_of(fault, MethodKind::unsafe); }

ProblemDetails problem_of(const Fault& fault, MethodKind kind) {
  if (fault.origin == Origin::client) return problem_of_client(fault);
  ProblemDetails details;
  if (kind == MethodKind::unsafe && fault.sent != Sent::nothing) {
    // From its first octet on a write may have landed, whoever failed after it.
    details.problem = Problem::outcome_unknown;
    details.status = fault.kind == FaultKind::timeout ? 504 : 502;
    details.detail =
        "The write was sent and its outcome could not be learnt: it may or may not have been "
        "applied. Read the resource with Cache-Control: no-cache before you retry.";
    return details;
  }
  if (fault.origin == Origin::us || fault.kind == FaultKind::exhausted) {
    details.problem = Problem::resource_busy;
    details.retry_after = retry_soon;
  } else if (fault.kind == FaultKind::timeout) {
    details.problem = Problem::upstream_timeout;
  } else {
    details.problem = Problem::upstream_unreachable;
  }
  details.detail = fault.detail;
  return details;
}

ProblemDetails answer_too_large(int status) {
  ProblemDetails details;
  details.problem = Problem::body_too_large;
  details.status = 502;
  if (status < 200 || status >= 300) {
    details.detail = "The API has answered the write with the status " + std::to_string(status) +
                     ", and its answer was too large to be handed on. Read the resource to see "
                     "what is there.";
    return details;
  }
  details.detail =
      "The API has answered, so the write took place, but its answer was too large to be handed "
      "on. Read the resource to see the result.";
  return details;
}

std::string_view name_of(Origin origin) noexcept {
  switch (origin) {
    case Origin::client: return "client";
    case Origin::upstream: return "upstream";
    case Origin::us: return "us";
  }
  return "";
}

std::string_view name_of(FaultKind kind) noexcept {
  switch (kind) {
    case FaultKind::closed: return "closed";
    case FaultKind::timeout: return "timeout";
    case FaultKind::malformed: return "malformed";
    case FaultKind::too_large: return "too_large";
    case FaultKind::refused: return "refused";
    case FaultKind::exhausted: return "exhausted";
  }
  return "";
}

std::string_view name_of(Sent sent) noexcept {
  switch (sent) {
    case Sent::nothing: return "nothing";
    case Sent::some: return "some";
    case Sent::all: return "all";
  }
  return "";
}

void throw_exception_from_error(const ProblemDetails& details,
                                const boost::source_location& where) {
  const std::string_view type = text_of(details.problem).type;
  std::fprintf(stderr, "ifmatch: a refused request was taken for a checked one: %.*s\n",
               static_cast<int>(type.size()), type.data());
  fail_assertion("the result holds a value", where.file_name(), static_cast<int>(where.line()));
}

void throw_exception_from_error(const Fault& fault, const boost::source_location& where) {
  const std::string_view kind = name_of(fault.kind);
  std::fprintf(stderr, "ifmatch: a fault was taken for a value: %.*s\n",
               static_cast<int>(kind.size()), kind.data());
  fail_assertion("the result holds a value", where.file_name(), static_cast<int>(where.line()));
}

}  // namespace ifmatch::http
