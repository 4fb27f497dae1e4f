#include "proxy/net/edition.hpp"

#include <algorithm>

namespace ifmatch::net {

Edition::Edition(asio::io_context& io, Sweeper& sweeper, Stalls& stalls,
                 std::shared_ptr<const Plan> plan, const Edition* previous)
    : plan_(std::move(plan)), hashers_(plan_->site->routes.size()) {
  site().bodies.set_limit(site().config.limits.buffered_bodies);
  for (const std::shared_ptr<UpstreamState>& upstream : site().upstreams) {
    std::shared_ptr<UpstreamPool> pool;
    if (previous != nullptr) {
      const auto same = std::ranges::find_if(
          previous->pools_, [&](const auto& kept) { return kept->state() == upstream; });
      if (same != previous->pools_.end()) pool = *same;
    }
    if (!pool) {
      pool = std::make_shared<UpstreamPool>(io, sweeper, upstream);
      pool->crowded = [&stalls, &sweeper, made = pool.get()](std::size_t wanted) {
        stalls.make_room(made, wanted, sweeper.now());
      };
    }
    pools_.push_back(std::move(pool));
  }
}

Edition::~Edition() = default;

UpstreamPool& Edition::pool_of(const SiteRoute& route) const {
  return *pools_[route.config->upstream];
}

Lent<plugins::VersionHasher> Edition::lend_hasher(const SiteRoute& route) {
  const auto index = static_cast<std::size_t>(&route - site().routes.data());
  return hashers_[index].lend([&route] { return route.version->make_hasher(); });
}

const config::Listener* Edition::listener(DoorId door) const {
  const auto found = std::ranges::find(plan_->doors, door);
  if (found == plan_->doors.end()) return nullptr;
  return &site().config.listeners[static_cast<std::size_t>(found - plan_->doors.begin())];
}

void Edition::show_pools(std::size_t thread) const {
  for (std::size_t upstream = 0; upstream < pools_.size(); ++upstream) {
    const PoolNumbers numbers = pools_[upstream]->numbers();
    UpstreamCounts& shown = site().upstream_tallies[upstream]->of(thread);
    shown.idle.set(numbers.idle);
    shown.active.set(numbers.active);
    shown.waiting.set(numbers.waiting);
  }
}

void Edition::retire(const Edition* successor) {
  for (const std::shared_ptr<UpstreamPool>& pool : pools_) {
    const bool kept = successor != nullptr &&
                      std::ranges::find(successor->pools_, pool) != successor->pools_.end();
    if (!kept) pool->retire();
  }
}

}  // namespace ifmatch::net
