#include "proxy/net/desks.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>

#include "proxy/net/reload_scope.hpp"

namespace ifmatch::net {

bool Desks::Guarded::has(const std::string& place) const {
  return std::ranges::find(places, place) != places.end();
}

std::shared_ptr<GuardDesk> Desks::find(const std::string& place) const {
  const auto found = std::ranges::find_if(
      desks_, [&place](const Guarded& guarded) { return guarded.has(place); });
  return found == desks_.end() ? nullptr : found->desk;
}

std::shared_ptr<GuardDesk> Desks::find(const Origin& origin) const {
  std::shared_ptr<GuardDesk> desk;
  for (const std::string& place : origin.places) {
    std::shared_ptr<GuardDesk> known = find(place);
    if (known && desk && known != desk) {
      throw std::runtime_error(desk->origin() + " and " + known->origin() +
                               " are guarded apart and would become one: that needs a restart");
    }
    if (known) desk = std::move(known);
  }
  return desk;
}

std::vector<std::shared_ptr<GuardDesk>> Desks::of(const Site& site) {
  std::vector<std::shared_ptr<GuardDesk>> desks;
  // All are found before any is claimed: what is refused then leaves nothing behind.
  {
    const std::lock_guard lock(mutex_);
    for (const Origin& origin : site.origins()) desks.push_back(find(origin));
  }
  for (std::size_t index = 0; index < desks.size(); ++index) {
    const Origin& origin = site.origins()[index];
    if (!desks[index]) desks[index] = add_desk(origin.name());
    for (const std::string& place : origin.places) claim(site, index, place, desks[index]);
  }
  return desks;
}

std::shared_ptr<GuardDesk> Desks::add_desk(const std::string& origin) {
  guard::EngineLimits limits;
  limits.entries_max = entries_max_;
  // Strangers must not be able to choose paths that collide.
  std::random_device random;
  limits.hash_seed = (std::uint64_t{random()} << 32U) ^ random();
  auto desk = std::make_shared<GuardDesk>(origin, limits);
  const std::lock_guard lock(mutex_);
  desks_.push_back({desk, {}});
  return desk;
}

void Desks::claim(const Site& site, std::size_t origin, const std::string& place,
                  const std::shared_ptr<GuardDesk>& desk) {
  {
    const std::lock_guard lock(mutex_);
    if (find(place)) return;
  }
  const plugins::Claim claim = ledger_.claim(place);
  if (claim.predecessor == plugins::Predecessor::alive) {
    throw std::runtime_error("another instance guards " + place + ": " + claim.detail);
  }
  if (claim.predecessor == plugins::Predecessor::unknown) {
    spdlog::warn("{}: no protection against an unclean end: {}", place, claim.detail);
  }
  if (claim.predecessor == plugins::Predecessor::unclean) {
    const auto in_doubt = site.longest_in_doubt(origin);
    spdlog::warn("{}: the last instance did not end cleanly; writes are refused for {} ms", place,
                 in_doubt.count());
    desk->ask([&](guard::Engine& engine) {
      engine.quarantine_everything(Clock::now() + in_doubt);
    });
  }
  const std::lock_guard lock(mutex_);
  const auto guarded = std::ranges::find(desks_, desk, &Guarded::desk);
  guarded->places.push_back(place);
}

std::vector<Terms> Desks::turn(const Site& before, const Site& next,
                               const std::vector<std::shared_ptr<GuardDesk>>& desks) {
  const std::lock_guard lock(mutex_);
  const Instant now = Clock::now();
  const auto is_of = [](const Site& site, const std::string& origin) {
    return std::ranges::find(site.origins(), origin, &Origin::name) != site.origins().end();
  };
  // A guard turns once, whatever its origins are called.
  std::set<std::shared_ptr<GuardDesk>> turning;
  std::set<std::shared_ptr<GuardDesk>> used_before;
  std::set<std::shared_ptr<GuardDesk>> used_next;
  for (const std::string& origin : rebound_origins(before, next)) {
    const std::shared_ptr<GuardDesk> desk = find(origin);
    turning.insert(desk);
    if (is_of(before, origin)) used_before.insert(desk);
    if (is_of(next, origin)) used_next.insert(desk);
  }
  for (const std::shared_ptr<GuardDesk>& desk : turning) desk->reconfigured(now);
  // Once all have turned, so that nobody waits for the stand-ins of this turn: they would wait for
  // each other. Those of earlier turns are waited for, as what they stand for must be. Where
  // nothing is older nothing older will come.
  std::vector<std::pair<std::shared_ptr<GuardDesk>, std::uint64_t>> older;
  for (const std::shared_ptr<GuardDesk>& desk : used_before) {
    const std::uint64_t generation = desk->generation();
    if (desk->has_older_than(generation)) older.emplace_back(desk, generation);
  }
  for (const std::shared_ptr<GuardDesk>& desk : used_next) {
    for (const auto& [other, generation] : older) {
      // It waits for its own already.
      if (other != desk) waiting_.push_back({desk, desk->stand_in(now), other, generation});
    }
  }
  std::vector<Terms> terms;
  for (const std::shared_ptr<GuardDesk>& desk : desks) terms.push_back(desk->terms());
  return terms;
}

void Desks::tick(Instant now) {
  const std::lock_guard lock(mutex_);
  for (const Guarded& guarded : desks_) guarded.desk->tick(now);
  std::erase_if(waiting_, [now](const Waiting& waiting) {
    if (waiting.other->has_older_than(waiting.generation)) return false;
    waiting.desk->stand_in_gone(waiting.stand_in, now);
    return true;
  });
}

void Desks::release_unused() {
  std::vector<Guarded> unused;
  {
    const std::lock_guard lock(mutex_);
    const Instant now = Clock::now();
    std::erase_if(desks_, [&](Guarded& guarded) {
      // Only this list knows it: no thread has an edition, nor a plan, that leads to it.
      if (guarded.desk.use_count() > 1 || guarded.desk->has_unsettled(now)) return false;
      unused.push_back(std::move(guarded));
      return true;
    });
  }
  for (const Guarded& guarded : unused) {
    release(guarded);
    spdlog::info("{}: no route leads there any more, and everything is settled",
                 guarded.desk->origin());
    for (const std::string& line : observed_lines({{&guarded.desk->observatory()}})) {
      spdlog::info("observe: {}", line);
    }
  }
}

void Desks::release(const Guarded& guarded) {
  for (const std::string& place : guarded.places) ledger_.release(place);
}

void Desks::shut() {
  const std::lock_guard lock(mutex_);
  for (const Guarded& guarded : desks_) guarded.desk->shut();
}

void Desks::tell_observed() {
  const std::lock_guard lock(mutex_);
  std::vector<const Observatory*> observatories;
  for (const Guarded& guarded : desks_) {
    observatories.push_back(&guarded.desk->observatory());
  }
  for (const std::string& line : observed_lines(observatories)) spdlog::info("observe: {}", line);
}

// A quarantine that still runs is a write that nobody has accounted for: its marks stay.
void Desks::release_all() {
  const Instant now = Clock::now();
  const std::lock_guard lock(mutex_);
  for (const Waiting& waiting : waiting_) waiting.desk->stand_in_gone(waiting.stand_in, now);
  waiting_.clear();
  for (const Guarded& guarded : desks_) {
    const guard::EngineCounts counts =
        guarded.desk->ask([](guard::Engine& engine) { return engine.counts(); });
    if (counts.requests == 0 && !counts.everything_in_doubt) {
      release(guarded);
    } else {
      spdlog::warn("{}: writes are in doubt at the end; the next start begins in quarantine",
                   guarded.desk->origin());
    }
  }
}

}  // namespace ifmatch::net
