// The active health checks: each place of an upstream that has them is asked again and again, on one
// thread for all, and what that shows is written into the state that all threads share.
#pragma once

#include "proxy/net/sweeper.hpp"
#include "proxy/net/upstream_state.hpp"

namespace ifmatch::net {

// Begins to check the places of an upstream, if its configuration says so and nobody does yet. It
// goes on until nobody uses the state any more, or `io` ends. REQUIRES: called on the thread of `io`,
// or before it runs; `sweeper` outlives `io`.
void begin_health_checks(asio::io_context& io, Sweeper& sweeper,
                         const std::shared_ptr<UpstreamState>& state);

}  // namespace ifmatch::net
