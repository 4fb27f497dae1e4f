#include "plugins/registry.hpp"

#include <utility>

#include "proxy/guard/assert.hpp"

namespace ifmatch::plugins {

namespace {

template <typename Map>
std::vector<std::string> names_of(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, make] : map) names.push_back(name);
  return names;
}

}  // namespace

void Registry::add_version_source(std::string name, VersionSourceMaker make) {
  IFMATCH_ASSERT(version_sources_.emplace(std::move(name), std::move(make)).second);
}

void Registry::add_ledger(std::string name, LedgerMaker make) {
  IFMATCH_ASSERT(ledgers_.emplace(std::move(name), std::move(make)).second);
}

std::unique_ptr<VersionSource> Registry::make_version_source(
    const std::string& name, const VersionSourceOptions& options) const {
  const auto found = version_sources_.find(name);
  return found == version_sources_.end() ? nullptr : found->second(options);
}

std::unique_ptr<Ledger> Registry::make_ledger(const std::string& name,
                                              const LedgerOptions& options) const {
  const auto found = ledgers_.find(name);
  return found == ledgers_.end() ? nullptr : found->second(options);
}

std::vector<std::string> Registry::version_source_names() const {
  return names_of(version_sources_);
}

std::vector<std::string> Registry::ledger_names() const { return names_of(ledgers_); }

}  // namespace ifmatch::plugins
