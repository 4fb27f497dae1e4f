#include "proxy/net/desks.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <stdexcept>

#include "proxy/net/reload_scope.hpp"

namespace ifmatch::net {

std::shared_ptr<GuardDesk> Desks::find(const std::string& origin) const {
  const auto found = std::ranges::find_if(
      desks_, [&origin](const auto& desk) { return desk->origin() == origin; });
  return found == desks_.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<GuardDesk>> Desks::of(const Site& site) {
  std::vector<std::shared_ptr<GuardDesk>> desks;
  for (std::size_t origin = 0; origin < site.origins().size(); ++origin) {
    std::shared_ptr<GuardDesk> desk;
    {
      const std::lock_guard lock(mutex_);
      desk = find(site.origins()[origin]);
    }
    desks.push_back(desk ? std::move(desk) : claim(site, origin));
  }
  return desks;
}

std::shared_ptr<GuardDesk> Desks::claim(const Site& site, std::size_t origin) {
  const std::string& name = site.origins()[origin];
  const plugins::Claim claim = ledger_.claim(name);
  if (claim.predecessor == plugins::Predecessor::alive) {
    throw std::runtime_error("another instance guards " + name + ": " + claim.detail);
  }
  if (claim.predecessor == plugins::Predecessor::unknown) {
    spdlog::warn("{}: no protection against an unclean end: {}", name, claim.detail);
  }
  guard::EngineLimits limits;
  limits.entries_max = entries_max_;
  // Strangers must not be able to choose paths that collide.
  std::random_device random;
  limits.hash_seed = (std::uint64_t{random()} << 32U) ^ random();
  auto desk = std::make_shared<GuardDesk>(name, limits);
  if (claim.predecessor == plugins::Predecessor::unclean) {
    const auto in_doubt = site.longest_in_doubt(origin);
    spdlog::warn("{}: the last instance did not end cleanly; writes are refused for {} ms", name,
                 in_doubt.count());
    desk->ask([&](guard::Engine& engine) {
      engine.quarantine_everything(Clock::now() + in_doubt);
    });
  }
  const std::lock_guard lock(mutex_);
  desks_.push_back(desk);
  return desk;
}

std::vector<Terms> Desks::turn(const Site& before, const Site& next,
                               const std::vector<std::shared_ptr<GuardDesk>>& desks) {
  const std::lock_guard lock(mutex_);
  const Instant now = Clock::now();
  const std::vector<std::string> rebound = rebound_origins(before, next);
  const auto is_of = [](const Site& site, const std::string& origin) {
    return std::ranges::find(site.origins(), origin) != site.origins().end();
  };
  for (const std::string& origin : rebound) {
    std::chrono::milliseconds in_doubt{0};
    const auto known = std::ranges::find(before.origins(), origin);
    if (known != before.origins().end()) {
      in_doubt = before.longest_in_doubt(
          static_cast<std::size_t>(known - before.origins().begin()));
    }
    find(origin)->reconfigured(now, in_doubt);
  }
  // Once all have turned, so that nobody waits for the stand-ins of this turn: they would wait for
  // each other. Those of earlier turns are waited for, as what they stand for must be.
  std::vector<std::uint64_t> turned;
  for (const std::string& origin : rebound) turned.push_back(find(origin)->generation());
  for (const std::string& origin : rebound) {
    if (!is_of(next, origin)) continue;
    const std::shared_ptr<GuardDesk> desk = find(origin);
    for (std::size_t at = 0; at < rebound.size(); ++at) {
      if (rebound[at] == origin || !is_of(before, rebound[at])) continue;
      waiting_.push_back({desk, desk->stand_in(now), find(rebound[at]), turned[at]});
    }
  }
  std::vector<Terms> terms;
  for (const std::shared_ptr<GuardDesk>& desk : desks) terms.push_back(desk->terms());
  return terms;
}

void Desks::tick(Instant now) {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<GuardDesk>& desk : desks_) desk->tick(now);
  std::erase_if(waiting_, [now](const Waiting& waiting) {
    if (waiting.other->has_older_than(waiting.generation)) return false;
    waiting.desk->stand_in_gone(waiting.stand_in, now);
    return true;
  });
}

void Desks::release_unused() {
  std::vector<std::shared_ptr<GuardDesk>> unused;
  {
    const std::lock_guard lock(mutex_);
    const Instant now = Clock::now();
    std::erase_if(desks_, [&](std::shared_ptr<GuardDesk>& desk) {
      // Only this list knows it: no thread has an edition, nor a plan, that leads to it.
      if (desk.use_count() > 1 || desk->has_unsettled(now)) return false;
      unused.push_back(std::move(desk));
      return true;
    });
  }
  for (const std::shared_ptr<GuardDesk>& desk : unused) {
    ledger_.release(desk->origin());
    spdlog::info("{}: no route leads there any more, and everything is settled", desk->origin());
    for (const std::string& line : observed_lines({{&desk->observatory()}})) {
      spdlog::info("observe: {}", line);
    }
  }
}

void Desks::shut() {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<GuardDesk>& desk : desks_) desk->shut();
}

void Desks::tell_observed() {
  const std::lock_guard lock(mutex_);
  std::vector<const Observatory*> observatories;
  for (const std::shared_ptr<GuardDesk>& desk : desks_) {
    observatories.push_back(&desk->observatory());
  }
  for (const std::string& line : observed_lines(observatories)) spdlog::info("observe: {}", line);
}

// A quarantine that still runs is a write that nobody has accounted for: its mark stays.
void Desks::release_all() {
  const Instant now = Clock::now();
  const std::lock_guard lock(mutex_);
  for (const Waiting& waiting : waiting_) waiting.desk->stand_in_gone(waiting.stand_in, now);
  waiting_.clear();
  for (const std::shared_ptr<GuardDesk>& desk : desks_) {
    const guard::EngineCounts counts =
        desk->ask([](guard::Engine& engine) { return engine.counts(); });
    if (counts.requests == 0 && !counts.everything_in_doubt) {
      ledger_.release(desk->origin());
    } else {
      spdlog::warn("{}: writes are in doubt at the end; the next start begins in quarantine",
                   desk->origin());
    }
  }
}

}  // namespace ifmatch::net
