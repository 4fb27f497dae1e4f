// What a reload changes for the guards. Where it leaves names, modes, methods and version rules of
// an origin alone, its gates and records go on as if nothing had happened.
#pragma once

#include <string>
#include <vector>

#include "proxy/net/site.hpp"

namespace ifmatch::net {

// The origins, of either site, of which some request might be named, held, decided or tagged
// otherwise by the one than by the other. In doubt an origin is among them: that costs a moment's
// wait, the contrary an update.
[[nodiscard]] std::vector<std::string> rebound_origins(const Site& before, const Site& next);

// A sentence for each key that differs and takes effect at the next start only. `started` is what
// the process was started with.
[[nodiscard]] std::vector<std::string> awaits_restart(const config::Config& started,
                                                      const config::Config& next);

// By listener of `next`: the index of the listener of `before` whose sockets serve it, too.
[[nodiscard]] std::vector<std::optional<std::size_t>> kept_listeners(
    const std::vector<config::Listener>& before, const std::vector<config::Listener>& next);

}  // namespace ifmatch::net
