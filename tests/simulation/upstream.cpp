#include "tests/simulation/upstream.hpp"

#include <algorithm>
#include <cstring>

namespace ifmatch::simulation {

namespace {

using Covering = std::array<std::array<bool, cells.size()>, cells.size()>;

// Whether the first is the second, or encloses it.
constexpr Covering covering = [] {
  Covering made{};
  for (Cell outer = 0; outer < cells.size(); ++outer) {
    for (Cell inner = 0; inner < cells.size(); ++inner) {
      const std::string_view above = cells[outer];
      const std::string_view below = cells[inner];
      made[outer][inner] =
          below == above || (below.starts_with(above) && below[above.size()] == '/');
    }
  }
  return made;
}();

Version version_of(std::uint64_t shown, unsigned variant) {
  const std::uint64_t word = Random::mix(shown + variant * 7919);
  Version version{};
  std::memcpy(version.data(), &word, sizeof word);
  return version;
}

// Tags of `If-None-Match` are no precondition and claim nothing.
bool satisfies(std::uint64_t shown, unsigned variant, const Condition& condition) {
  const bool exists = shown != 0;
  if (condition.if_match && !exists) return false;
  if (condition.if_match && !condition.if_match->any) {
    const std::vector<Version>& versions = condition.if_match->versions;
    const Version version = version_of(shown, variant);
    if (std::find(versions.begin(), versions.end(), version) == versions.end()) return false;
  }
  return !(condition.if_none_match && condition.if_none_match->any && exists);
}

bool satisfies(std::uint64_t shown, const Condition& condition) {
  for (unsigned variant = 0; variant < variants; ++variant) {
    if (satisfies(shown, variant, condition)) return true;
  }
  return false;
}

}  // namespace

std::string tag_of(const Version& version) {
  constexpr unsigned octet = 256;
  return '"' + std::to_string(version[0] * octet + version[1]) + '"';
}

std::string shown_by(const Observation& seen) {
  switch (seen.sight) {
    case guard::Sight::version:
      return tag_of(seen.version);
    case guard::Sight::absent:
      return "nothing";
    case guard::Sight::relay:
      return "a refusal";
    case guard::Sight::undecidable:
      break;
  }
  return "garbage";
}

bool is_collection(Cell cell) {
  return std::ranges::count(covering[cell], true) > 1;
}

Upstream::Upstream(Contents contents) : contents_(contents) {
  for (State& state : states_) state.value = next_value(0);
  for (Cell cell = 0; cell < cells.size(); ++cell) {
    history_[cell].push_back({representation(cell), {}});
  }
}

Observation Upstream::look(Cell cell, Viewer viewer, unsigned variant) const {
  return look_back(cell, viewer, variant, changes(cell));
}

Observation Upstream::look_back(Cell cell, Viewer viewer, unsigned variant,
                                std::size_t changes) const {
  const std::uint64_t shown = history_[cell][changes - 1].shown[viewer];
  if (shown == 0) return {guard::Sight::absent, {}};
  return {guard::Sight::version, version_of(shown, variant)};
}

std::size_t Upstream::changes_until(Cell cell, Instant then) const {
  std::size_t count = changes(cell);
  while (count > 1 && history_[cell][count - 1].by.landed > then) --count;
  return count;
}

bool Upstream::failed_since(Cell cell, Viewer viewer, const Condition& condition,
                            Instant from) const {
  const std::vector<Past>& history = history_[cell];
  const auto failed = [&](unsigned variant) {
    for (std::size_t at = history.size(); at-- > 0;) {
      if (!satisfies(history[at].shown[viewer], variant, condition)) return true;
      if (history[at].by.landed < from) return false;
    }
    return false;
  };
  for (unsigned variant = 0; variant < variants; ++variant) {
    if (!failed(variant)) return false;
  }
  return true;
}

Audit Upstream::land(Cell cell, Effect effect, const Claim& claim) {
  const Audit verdict = audit(cell, claim);
  apply(cell, effect, claim.viewer);
  for (Cell other = 0; other < cells.size(); ++other) {
    const Shown shown = representation(other);
    changed_[other] = shown != history_[other].back().shown;
    if (changed_[other]) history_[other].push_back({shown, claim.as});
  }
  if (edits_.size() <= claim.as.edit) edits_.resize(claim.as.edit + 1);
  edits_[claim.as.edit] = {cell, changes(cell)};
  return verdict;
}

void Upstream::apply(Cell cell, Effect effect, Viewer viewer) {
  State& own = states_[cell];
  if (effect == Effect::touch) {
    if (own.exists) own.value = next_value(own.value);
    return;
  }
  if (effect == Effect::replace) {
    if (!own.exists) own.hidden = 0;
    own.exists = true;
    own.value = next_value(own.value);
    // Who does not see the hidden part leaves it as it is.
    if (viewer == sees_all) own.hidden = own.hidden == 0 ? next_value(0) : 0;
  }
  // A replacement or removal of a collection reaches all that is in it.
  for (Cell other = 0; other < cells.size(); ++other) {
    State& below = states_[other];
    if (!covering[cell][other] || !below.exists) continue;
    if (effect == Effect::remove) {
      below.exists = false;
    } else if (other != cell) {
      below.value = next_value(below.value);
    }
  }
}

// Repeated contents go round a small circle, so that every one of them comes back.
std::uint64_t Upstream::next_value(std::uint64_t present) {
  constexpr std::uint64_t circle = 2;
  return contents_ == Contents::repeated ? present % circle + 1 : ++last_value_;
}

Upstream::Shown Upstream::representation(Cell cell) const {
  Shown shown{};
  if (!states_[cell].exists) return shown;
  shown.fill(1);
  for (Cell other = 0; other < cells.size(); ++other) {
    const State& part = states_[other];
    if (!covering[cell][other] || !part.exists) continue;
    for (std::uint64_t& digest : shown) digest = Random::mix(digest + part.value * 31 + other);
    if (part.hidden == 0) continue;
    shown[sees_all] = Random::mix(shown[sees_all] + part.hidden * 37 + other);
  }
  for (std::uint64_t& digest : shown) digest |= 1U;
  return shown;
}

// An edit that lands once more, over what somebody else made of the resource since it landed first:
// its writer was told that nothing had been written, or the proxy sent it twice. What names the
// current content may then still undo what its writer never knew to be a change of its own.
bool Upstream::undoes_another(const Claim& claim) const {
  if (claim.as.edit >= edits_.size()) return false;
  const Landed& first = edits_[claim.as.edit];
  if (first.changes == 0) return false;
  const std::vector<Past>& history = history_[first.cell];
  const auto shown = [&](std::size_t at) { return history[at].shown[claim.viewer]; };
  if (shown(history.size() - 1) == shown(first.changes - 1)) return false;
  return std::any_of(history.begin() + static_cast<std::ptrdiff_t>(first.changes), history.end(),
                     [&](const Past& past) { return past.by.edit != claim.as.edit; });
}

// Walks back to where the condition held. Every change passed on the way is one that this write
// overwrites unseen; that is excused only for those whom no rule could stop.
Audit Upstream::audit(Cell cell, const Claim& claim) const {
  if (claim.condition == nullptr) return Audit::as_claimed;
  if (undoes_another(claim)) return Audit::lost_update;
  const std::vector<Past>& history = history_[cell];
  const auto held = [&](std::size_t at) {
    return satisfies(history[at].shown[claim.viewer], *claim.condition);
  };
  if (held(history.size() - 1)) {
    for (std::size_t at = history.size(); claim.known != 0 && at-- > claim.known;) {
      if (!held(at)) return Audit::as_claimed_again;
    }
    return Audit::as_claimed;
  }
  Audit excuse = Audit::slipped_around;
  for (std::size_t at = history.size(); at-- > 0;) {
    if (held(at)) return excuse;
    // What this writer's user cannot see is not overwritten either.
    const bool unseen =
        at != 0 && history[at].shown[claim.viewer] == history[at - 1].shown[claim.viewer];
    if (unseen) continue;
    const Change& by = history[at].by;
    const bool between_probe_and_write = by.writer == Writer::around && by.landed >= claim.looked;
    const bool let_go_later = by.writer == Writer::observed && by.send_order > claim.as.send_order;
    if (!between_probe_and_write && !let_go_later) return Audit::lost_update;
    if (let_go_later) excuse = Audit::slipped_observed;
  }
  return Audit::lost_update;
}

}  // namespace ifmatch::simulation
