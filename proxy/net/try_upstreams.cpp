#include "proxy/net/try_upstreams.hpp"

#include <memory>

#include "proxy/net/connector.hpp"

namespace ifmatch::net {
namespace {

struct Trial {
  asio::io_context io{1};
  Sweeper sweeper;
  std::size_t pending = 0;
};

Task<void> try_place(Trial& trial, std::shared_ptr<UpstreamState> state, std::size_t place,
                     TriedPlace& tried) {
  Connector connector(trial.io, trial.sweeper, *state);
  const Instant deadline = trial.sweeper.after(state->config().timeouts.connect);
  const auto connected = co_await connector.connect(place, deadline);
  if (connected.has_error()) tried.failure = connected.error().detail;
  --trial.pending;
}

Task<void> sweep_while_pending(Trial& trial) {
  Timer timer(trial.io.get_executor());
  while (trial.pending > 0) {
    timer.expires_after(sweep_interval);
    co_await timer.async_wait(as_tuple);
    trial.sweeper.sweep(Clock::now());
  }
}

}  // namespace

std::vector<TriedPlace> try_upstreams(const config::Config& config) {
  std::vector<TriedPlace> all;
  for (const config::Upstream& upstream : config.upstreams) {
    for (const config::Endpoint& endpoint : upstream.urls) {
      all.push_back({.upstream = upstream.name, .url = endpoint.url, .failure = {}});
    }
  }
  Trial trial;
  trial.pending = all.size();
  std::size_t next = 0;
  for (const config::Upstream& upstream : config.upstreams) {
    const auto state = std::make_shared<UpstreamState>(upstream);
    // Findings about its files are told by whoever loads the configuration.
    std::vector<config::Finding> findings;
    if (upstream.has_tls()) state->use_tls(TlsClient::build(upstream, findings));
    if (upstream.has_tls() && !state->tls()) {
      for (std::size_t place = 0; place < state->size(); ++place) {
        all[next++].failure = "Its certificates cannot be used.";
        --trial.pending;
      }
      continue;
    }
    for (std::size_t place = 0; place < state->size(); ++place) {
      spawn(trial.io, try_place(trial, state, place, all[next++]));
    }
  }
  spawn(trial.io, sweep_while_pending(trial));
  trial.io.run();
  return all;
}

}  // namespace ifmatch::net
