#include "proxy/net/upstream_state.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "proxy/guard/assert.hpp"
#include "proxy/net/origins.hpp"

namespace ifmatch::net {

std::string_view name_of(Standing standing) noexcept {
  switch (standing) {
    case Standing::good: return "good";
    case Standing::resting: return "resting";
    case Standing::unhealthy: break;
  }
  return "unhealthy";
}

UpstreamPlace::UpstreamPlace(const config::Endpoint& at)
    : endpoint(at),
      name(at.socket.empty() ? authority_of(at) : "unix:" + at.socket),
      addresses(at) {}

UpstreamState::UpstreamState(config::Upstream upstream)
    : limit(upstream.max_connections, upstream.max_waiting),
      config_(std::move(upstream)),
      counts_active_(config_.balance == config::Balance::least_connections &&
                     config_.urls.size() > 1) {
  IFMATCH_ASSERT(!config_.urls.empty() && config_.urls.size() <= places_max);
  for (const config::Endpoint& endpoint : config_.urls) places_.emplace_back(endpoint);
}

void UpstreamState::join(Member& member) {
  const std::lock_guard lock(mutex_);
  members_.push_back(&member);
}

void UpstreamState::leave(Member& member) {
  const std::lock_guard lock(mutex_);
  std::erase(members_, &member);
}

std::size_t UpstreamState::members() const {
  const std::lock_guard lock(mutex_);
  return members_.size();
}

void UpstreamState::ask_for_room() {
  const std::lock_guard lock(mutex_);
  for (Member* const member : members_) {
    const bool has_idle = std::ranges::any_of(member->tallies, [](const PlaceTally& tally) {
      return tally.idle.load(std::memory_order_relaxed) > 0;
    });
    if (has_idle) member->be_asked_for_room();
  }
}

std::optional<std::size_t> UpstreamState::choose(Instant now, Places tried, std::size_t& turn) {
  if (places_.size() == 1) return tried == 0 ? std::optional<std::size_t>(0) : std::nullopt;
  std::array<Candidate, places_max> candidates;
  for (std::size_t index = 0; index < places_.size(); ++index) {
    candidates[index] = {places_[index].standing(now),
                         places_[index].active.load(std::memory_order_relaxed)};
  }
  const auto chosen =
      net::choose({candidates.data(), places_.size()}, config_.balance, tried, turn);
  if (chosen) places_[*chosen].rest.trying(now, config_.timeouts.connect);
  return chosen;
}

void UpstreamState::connected(std::size_t index) noexcept {
  UpstreamPlace& place = places_[index];
  place.connects.fetch_add(1, std::memory_order_relaxed);
  if (!place.rest.is_failing()) return;
  place.rest.succeeded();
  spdlog::info("upstream {}: {} accepts connections again", config_.name, place.endpoint.url);
}

void UpstreamState::failed_to_connect(std::size_t index, Instant now, std::string_view why) {
  UpstreamPlace& place = places_[index];
  place.failures.fetch_add(1, std::memory_order_relaxed);
  const bool known = place.rest.is_failing();
  place.rest.failed(now);
  if (!known) spdlog::warn("upstream {}: {}: {}", config_.name, place.endpoint.url, why);
}

void UpstreamState::checked(std::size_t index, CheckedHealth::Outcome outcome,
                            CheckedHealth::Change change, std::string_view why) {
  UpstreamPlace& place = places_[index];
  if (outcome == CheckedHealth::Outcome::failed) {
    place.failed_checks.fetch_add(1, std::memory_order_relaxed);
  }
  if (change == CheckedHealth::Change::none) return;
  const bool healthy = change == CheckedHealth::Change::became_healthy;
  place.checked_healthy.store(healthy, std::memory_order_relaxed);
  if (healthy) {
    spdlog::info("upstream {}: {} is healthy", config_.name, place.endpoint.url);
  } else {
    spdlog::warn("upstream {}: {} is unhealthy: {}", config_.name, place.endpoint.url, why);
  }
}

UpstreamSnapshot UpstreamState::snapshot() const {
  UpstreamSnapshot seen{.name = config_.name, .open = limit.open(), .waiting = limit.waiting(),
                        .places = {}};
  const Instant now = Clock::now();
  for (const UpstreamPlace& place : places_) {
    seen.places.push_back({.url = place.endpoint.url,
                           .standing = place.standing(now),
                           .connects = place.connects.load(std::memory_order_relaxed),
                           .failures = place.failures.load(std::memory_order_relaxed),
                           .failed_checks = place.failed_checks.load(std::memory_order_relaxed)});
  }
  const std::lock_guard lock(mutex_);
  for (const Member* const member : members_) {
    for (std::size_t index = 0; index < places_.size(); ++index) {
      seen.places[index].idle += member->tallies[index].idle.load(std::memory_order_relaxed);
      seen.places[index].active += member->tallies[index].active.load(std::memory_order_relaxed);
    }
  }
  return seen;
}

}  // namespace ifmatch::net
