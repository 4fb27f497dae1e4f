#include "proxy/net/account.hpp"

namespace ifmatch::net {

Decision decision_of(http::Problem problem) noexcept {
  using http::Problem;
  switch (problem) {
    case Problem::stale_version: return Decision::stale;
    case Problem::precondition_missing: return Decision::missing;
    case Problem::already_exists: return Decision::exists;
    case Problem::bad_condition: return Decision::malformed;
    case Problem::ambiguous_path:
    case Problem::ambiguous_method: return Decision::ambiguous;
    case Problem::resource_busy: return Decision::busy;
    case Problem::outcome_unknown: return Decision::in_doubt;
    case Problem::version_unknown: return Decision::unverifiable;
    case Problem::ledger_unavailable: return Decision::ledger;
    case Problem::upstream_unreachable:
    case Problem::upstream_timeout:
    case Problem::body_too_large:
    case Problem::fields_too_large:
    case Problem::target_too_long:
    case Problem::no_route:
    case Problem::bad_request:
    case Problem::method_not_allowed:
    case Problem::request_timeout:
    case Problem::expectation_failed:
    case Problem::not_implemented:
    case Problem::version_not_supported: break;
  }
  return Decision::none;
}

Decision decision_of(guard::Refusal refusal) noexcept {
  switch (refusal) {
    case guard::Refusal::absent:  // whatever the tag named is gone
    case guard::Refusal::stale: return Decision::stale;
    case guard::Refusal::exists: return Decision::exists;
    case guard::Refusal::relayed:
    case guard::Refusal::unverifiable: return Decision::unverifiable;
    case guard::Refusal::busy: return Decision::busy;
    case guard::Refusal::in_doubt: break;
  }
  return Decision::in_doubt;
}

void Reckoning::tell() noexcept {
  // What of the input was read but not consumed yet belongs to this request.
  const std::uint64_t taken =
      client_.octets_in() - client_.input.readable().size() + reader_.unconsumed();
  account_.octets_in = taken - beginning_.octets_in;
  account_.octets_out = client_.octets_out() - beginning_.octets_out;
  // A sink may have come while the request was under way.
  if (account_.start != Instant{}) account_.took = Clock::now() - account_.start;
  for (AccountSink* const sink : sinks_) sink->told(account_);
}

}  // namespace ifmatch::net
