// What is compiled in, by name. main builds one; builtin.cpp lists the entries. There are no static
// registrars: what is not listed there does not exist.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugins/api/ledger.hpp"
#include "plugins/api/version_source.hpp"

namespace ifmatch::plugins {

struct VersionSourceOptions {
  std::optional<std::string> secret;  // etag_secret
};
struct LedgerOptions {
  std::optional<std::string> state_dir;
};

using VersionSourceMaker =
    std::function<std::unique_ptr<VersionSource>(const VersionSourceOptions&)>;
using LedgerMaker = std::function<std::unique_ptr<Ledger>(const LedgerOptions&)>;

class Registry {
 public:
  // REQUIRES: the name is new.
  void add_version_source(std::string name, VersionSourceMaker make);
  void add_ledger(std::string name, LedgerMaker make);

  // Null when there is no such plug-in.
  [[nodiscard]] std::unique_ptr<VersionSource> make_version_source(
      const std::string& name, const VersionSourceOptions& options) const;
  [[nodiscard]] std::unique_ptr<Ledger> make_ledger(const std::string& name,
                                                    const LedgerOptions& options) const;

  [[nodiscard]] std::vector<std::string> version_source_names() const;
  [[nodiscard]] std::vector<std::string> ledger_names() const;

 private:
  std::map<std::string, VersionSourceMaker> version_sources_;
  std::map<std::string, LedgerMaker> ledgers_;
};

// The sources `body`, the ledger `memory`.
[[nodiscard]] Registry builtin_plugins();

}  // namespace ifmatch::plugins
