#include "tests/integration/torture/checker.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace ifmatch::torture {
namespace {

constexpr std::size_t examples_max = 12;

class Check {
 public:
  Check(const Landscape& landscape, const std::vector<AppliedWrite>& applied)
      : landscape_(landscape), applied_(applied), shown_(landscape.size()) {
    for (auto& changes : shown_) changes.push_back({Instant::min(), no_write});
  }

  void walk_chain() {
    State state(landscape_);
    for (const AppliedWrite& write : applied_) {
      ++findings.applied;
      const std::string what = describe(write);
      const WriteId current = state.current(write.resource);
      if (write.overwritten != current) {
        broken(what + ": the journal says that it overwrote " + std::to_string(write.overwritten) +
               ", but " + std::to_string(current) + " was there");
      }
      if (write.method != Method::post && write.base != current) {
        ++findings.lost;
        example("lost: " + what + " overwrote " + std::to_string(current));
      }
      for (const std::size_t changed : state.apply(write.method, write.resource, write.id)) {
        shown_[changed].emplace_back(write.at, state.current(changed));
      }
      if (!by_id_.emplace(write.id, &write).second) broken(what + " was applied twice");
    }
  }

  void compare(const Attempt& attempt) {
    const auto found = by_id_.find(attempt.id);
    const std::string what = "write " + std::to_string(attempt.id);
    if (attempt.verdict == Verdict::applied && found == by_id_.end()) {
      broken(what + " was answered with success and never applied");
    }
    if (attempt.verdict == Verdict::refused && found != by_id_.end()) {
      broken(what + " was refused and applied all the same");
    }
    if (attempt.verdict == Verdict::applied && found != by_id_.end()) {
      const Instant at = found->second->at;
      if (at < attempt.begun || at > attempt.ended) {
        broken(what + " was applied at another time than it was answered");
      }
    }
  }

  // Looks back from the end of the read for a moment at which that write was shown.
  void compare(const Sighting& sighting) {
    const auto& changes = shown_[sighting.resource];
    auto after = std::ranges::upper_bound(changes, sighting.ended, {}, &Change::first);
    while (after != changes.begin()) {
      --after;
      if (after->second == sighting.shown) return;
      if (after->first < sighting.begun) break;
    }
    broken("a read of " + landscape_[sighting.resource].path + " showed " +
           std::to_string(sighting.shown) + ", which was not there at that time");
  }

  Findings findings;

 private:
  using Change = std::pair<Instant, WriteId>;

  std::string describe(const AppliedWrite& write) const {
    return std::string(name_of(write.method)) + " " + landscape_[write.resource].path + " " +
           std::to_string(write.id) + " based on " + std::to_string(write.base);
  }
  void broken(const std::string& text) {
    ++findings.broken;
    example("broken: " + text);
  }
  void example(const std::string& text) {
    if (findings.examples.size() < examples_max) findings.examples.push_back(text);
  }

  const Landscape& landscape_;
  const std::vector<AppliedWrite>& applied_;
  std::vector<std::vector<Change>> shown_;  // for each resource, in the order of time
  std::unordered_map<WriteId, const AppliedWrite*> by_id_;
};

}  // namespace

Findings check(const Landscape& landscape, const std::vector<AppliedWrite>& applied,
               const std::vector<Attempt>& attempts, const std::vector<Sighting>& sightings) {
  Check check(landscape, applied);
  check.walk_chain();
  for (const Attempt& attempt : attempts) check.compare(attempt);
  for (const Sighting& sighting : sightings) check.compare(sighting);
  return std::move(check.findings);
}

}  // namespace ifmatch::torture
