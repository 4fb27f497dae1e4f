#include "proxy/guard/condition.hpp"

#include <algorithm>

namespace ifmatch::guard {

namespace {

Verdict evaluate_absent(const Condition& condition, Absence absence) {
  const bool create_only = condition.if_none_match && condition.if_none_match->any;
  if (create_only) return condition.if_match ? Verdict::gone : Verdict::holds;
  if (absence == Absence::is_answer) return Verdict::absent;
  return condition.if_match ? Verdict::gone : Verdict::holds;
}

Verdict evaluate_version(const Condition& condition, const Version& version) {
  if (condition.if_match && !condition.if_match->any &&
      !names(condition.if_match->versions, version)) {
    return Verdict::differs;
  }
  if (!condition.if_none_match) return Verdict::holds;
  if (condition.if_none_match->any || names(condition.if_none_match->versions, version)) {
    return Verdict::exists;
  }
  // A match of `If-Match` settles which representation is meant. Without one, the tags of
  // `If-None-Match` may have been handed out under any of the candidates.
  return condition.if_match ? Verdict::holds : Verdict::holds_here;
}

}  // namespace

bool names(std::span<const Version> versions, const Version& version) {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

bool says_something(const std::optional<Condition>& condition) {
  return condition && (condition->if_match || condition->if_none_match);
}

Verdict evaluate(const Condition& condition, const Observation& seen, Absence absence) {
  switch (seen.sight) {
    case Sight::version:
      return evaluate_version(condition, seen.version);
    case Sight::absent:
      return evaluate_absent(condition, absence);
    case Sight::relay:
      return Verdict::relayed;
    case Sight::undecidable:
      break;
  }
  return Verdict::undecided;
}

}  // namespace ifmatch::guard
