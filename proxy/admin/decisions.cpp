#include "proxy/admin/decisions.hpp"

#include <algorithm>

namespace ifmatch::admin {

std::string_view reason_of(const Decided& decided) noexcept {
  using net::Decision;
  switch (decided.decision) {
    case Decision::pass:
      if (decided.outcome_unknown) {
        return "its condition held and it was sent, but what came of it could not be learnt";
      }
      if (decided.from_record) return "the record shows the version that its condition names";
      if (decided.probed) return "a probe showed the version that its condition names";
      return "it has no condition, and on_missing allows that";
    case Decision::stale:
      if (decided.status == 404 || decided.status == 410) {
        return "a probe showed that the resource is gone";
      }
      if (decided.from_record) return "the record shows another version than If-Match names";
      if (decided.probed) return "a probe showed another version than If-Match names";
      return "If-Match names a version that is not the current one";
    case Decision::missing: return "it has no precondition, and the route demands one";
    case Decision::exists: return "If-None-Match failed: the resource exists";
    case Decision::malformed: return "its precondition cannot be read";
    case Decision::ambiguous: return "the API might read its path or its method in another way";
    case Decision::busy: return "its gate, a connection or memory was not to be had in time";
    case Decision::in_doubt: return "the outcome of an earlier write to it is unknown";
    case Decision::unverifiable: return "no probe could show the current version";
    case Decision::ledger: return "the ledger cannot be reached";
    case Decision::none: break;
  }
  return "";
}

void DecisionRing::copy_to(std::vector<Decided>& out) const {
  const std::size_t kept = std::min(made_, entries_.size());
  out.insert(out.end(), entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(kept));
}

std::vector<Decided> latest_of(std::vector<Decided> all) {
  std::ranges::stable_sort(all, std::greater<>(), &Decided::at);
  if (all.size() > decisions_max) all.resize(decisions_max);
  return all;
}

void keep_shown(std::string& into, std::string_view text) {
  into.assign(text.substr(0, shown_octets_max));
}

}  // namespace ifmatch::admin
