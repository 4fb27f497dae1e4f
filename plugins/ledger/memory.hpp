// The ledger `memory`: gates and epochs live in this process, so all that outlives it is a mark per
// upstream origin: a file that is locked while the process lives and removed by a clean shutdown.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "plugins/api/ledger.hpp"

namespace ifmatch::plugins {

// `state_dir` as configured: unset tries /var/lib/ifmatch, then $XDG_STATE_HOME/ifmatch, then
// ~/.local/state/ifmatch; "none" keeps no mark. Where no mark can be kept, claim() says
// Predecessor::unknown and why. What is still claimed when it is destroyed stays behind as the mark
// of an unclean end. Not thread-safe.
[[nodiscard]] std::unique_ptr<Ledger> make_memory_ledger(
    const std::optional<std::string>& state_dir);

}  // namespace ifmatch::plugins
