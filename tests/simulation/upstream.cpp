#include "tests/simulation/upstream.hpp"

#include <algorithm>
#include <string_view>

#include "tests/simulation/random.hpp"

namespace ifmatch::simulation {

namespace {

// True if `inner` is `outer` or lies below it.
bool covers(Cell outer, Cell inner) {
  const std::string_view above = cells[outer];
  const std::string_view below = cells[inner];
  return below == above || (below.starts_with(above) && below[above.size()] == '/');
}

Version version_of(std::uint64_t shown, unsigned variant) {
  Version version{};
  for (std::size_t at = 0; at < version.size(); ++at) {
    version[at] = static_cast<std::uint8_t>(Random::mix(shown + variant * 7919 + at * 104729));
  }
  return version;
}

bool names_shown(const std::vector<Version>& versions, std::uint64_t shown) {
  for (unsigned variant = 0; variant < variants; ++variant) {
    const Version version = version_of(shown, variant);
    if (std::find(versions.begin(), versions.end(), version) != versions.end()) return true;
  }
  return false;
}

// Tags of `If-None-Match` are no precondition and claim nothing.
bool satisfies(std::uint64_t shown, const Condition& condition) {
  const bool exists = shown != 0;
  if (condition.if_match && !exists) return false;
  if (condition.if_match && !condition.if_match->any &&
      !names_shown(condition.if_match->versions, shown)) {
    return false;
  }
  return !(condition.if_none_match && condition.if_none_match->any && exists);
}

}  // namespace

Cell cell_of(Target target) {
  const std::string_view path = targets[target];
  const std::string_view real = path == "/w" ? "/m" : path == "/p" ? "/a/x" : path;
  return static_cast<Cell>(std::find(cells.begin(), cells.end(), real) - cells.begin());
}

Upstream::Upstream() {
  for (State& state : states_) state.value = ++last_value_;
  for (Cell cell = 0; cell < cells.size(); ++cell) {
    history_[cell].push_back({representation(cell), {}});
  }
}

Observation Upstream::look(Cell cell, unsigned variant) const {
  const std::uint64_t shown = representation(cell);
  if (shown == 0) return {guard::Sight::absent, {}};
  return {guard::Sight::version, version_of(shown, variant)};
}

bool Upstream::satisfied(Cell cell, const Condition& condition) const {
  return satisfies(representation(cell), condition);
}

bool Upstream::failed_since(Cell cell, const Condition& condition, Instant from) const {
  const std::vector<Past>& history = history_[cell];
  for (std::size_t at = history.size(); at-- > 0;) {
    if (!satisfies(history[at].shown, condition)) return true;
    if (history[at].by.landed < from) return false;
  }
  return false;
}

Audit Upstream::land(Cell cell, Effect effect, const Claim& claim) {
  const Audit verdict = audit(cell, claim);
  for (Cell other = 0; other < cells.size(); ++other) {
    State& state = states_[other];
    if (other == cell && effect == Effect::replace) state = {true, ++last_value_};
    if (other == cell && effect == Effect::touch && state.exists) state.value = ++last_value_;
    if (effect == Effect::touch || !covers(cell, other)) continue;
    // A replacement or removal of a collection reaches all that is in it.
    if (effect == Effect::remove) state.exists = false;
    if (effect == Effect::replace && other != cell && state.exists) state.value = ++last_value_;
  }
  for (Cell other = 0; other < cells.size(); ++other) {
    const std::uint64_t shown = representation(other);
    changed_[other] = shown != history_[other].back().shown;
    if (changed_[other]) history_[other].push_back({shown, claim.as});
  }
  return verdict;
}

std::uint64_t Upstream::representation(Cell cell) const {
  if (!states_[cell].exists) return 0;
  std::uint64_t shown = 1;
  for (Cell other = 0; other < cells.size(); ++other) {
    if (!covers(cell, other) || !states_[other].exists) continue;
    shown = Random::mix(shown + states_[other].value * 31 + other);
  }
  return shown | 1U;
}

// Walks back to where the condition held. Every change passed on the way is one that this write
// overwrites unseen; that is excused only for those whom no rule could stop.
Audit Upstream::audit(Cell cell, const Claim& claim) const {
  if (claim.condition == nullptr || satisfied(cell, *claim.condition)) return Audit::as_claimed;
  const std::vector<Past>& history = history_[cell];
  for (std::size_t at = history.size(); at-- > 0;) {
    if (satisfies(history[at].shown, *claim.condition)) return Audit::slipped_around;
    const Change& by = history[at].by;
    const bool slipped_between_probe_and_write =
        by.writer == Writer::around && by.landed >= claim.probe_began;
    const bool let_go_later = by.writer == Writer::observed && by.send_order > claim.as.send_order;
    if (!slipped_between_probe_and_write && !let_go_later) return Audit::lost_update;
  }
  return Audit::lost_update;
}

}  // namespace ifmatch::simulation
