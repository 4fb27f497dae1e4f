// The list of what is compiled in. A new source or ledger is added here, and nowhere else.
#include "plugins/ledger/memory.hpp"
#include "plugins/registry.hpp"
#include "plugins/version/body.hpp"

namespace ifmatch::plugins {

Registry builtin_plugins() {
  Registry registry;
  registry.add_version_source("body", [](const VersionSourceOptions& options) {
    return make_body_source(options.secret);
  });
  registry.add_ledger("memory", [](const LedgerOptions& options) {
    return make_memory_ledger(options.state_dir);
  });
  return registry;
}

}  // namespace ifmatch::plugins
