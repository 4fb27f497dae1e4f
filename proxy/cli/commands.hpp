// The commands behind the command line. Each returns an exit code and prints for a person unless
// told otherwise.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/loader.hpp"
#include "plugins/registry.hpp"
#include "proxy/cli/doctor_fetch.hpp"

namespace ifmatch::cli {

// What every command that reads a configuration may be told.
struct ConfigOptions {
  std::vector<std::string> files;  // "-" is standard input
  config::Overrides overrides;
};

// Whoever only asks a question need not be allowed to read the keys.
enum class TlsFiles { inspected, unread };

// Reads the files that were named, or the default one. Standard input is read once.
[[nodiscard]] config::Inputs inputs_of(const ConfigOptions& options,
                                       TlsFiles tls_files = TlsFiles::inspected);

// Loads and prints every finding to standard error. Unset when there is an error.
[[nodiscard]] std::optional<config::Config> load_or_report(const config::Inputs& inputs);

// run.cpp
enum class Watching { no, yes };  // yes: reload whenever the files have changed
[[nodiscard]] int run(const ConfigOptions& options, Watching watching,
                      const plugins::Registry& plugins);

// connect.cpp
// One error for each place of an upstream that cannot be connected to. Adds a line for each of the
// others to `reached`. REQUIRES: the configuration is valid.
[[nodiscard]] std::vector<config::Diagnostic> unreachable_upstreams(
    const config::LoadResult& loaded, std::string& reached);

// inspect.cpp
enum class Strictness { lenient, strict };  // strict: a warning fails, too
enum class Connecting { no, yes };  // yes: every upstream is tried, too
[[nodiscard]] int validate(const ConfigOptions& options, Strictness strictness,
                           config::Format format, Connecting connecting);
enum class ShowOrigin { no, yes };
[[nodiscard]] int show_config(const ConfigOptions& options, ShowOrigin origin);
[[nodiscard]] int explain(const ConfigOptions& options, const std::string& method,
                          const std::string& url, const std::vector<std::string>& fields,
                          const plugins::Registry& plugins);
struct EtagQuestion {
  std::string route;  // "" when there is only one
  std::string file;   // "-" is standard input
  std::string media_type = "application/json";
  std::string content_coding;
};
[[nodiscard]] int etag(const ConfigOptions& options, const EtagQuestion& question,
                       const plugins::Registry& plugins);

// doctor.cpp
enum class DoctorWrite {
  made_up,  // a method that nobody knows
  puts,     // a PUT of the content that was read
};
struct DoctorQuestion {
  std::string url;
  std::vector<std::string> fields;  // "Name: value"
  std::string ca_file;              // "": what the system trusts
  Verification verification = Verification::required;
  DoctorWrite write = DoctorWrite::made_up;
  bool as_json = false;
};
[[nodiscard]] int doctor(const ConfigOptions& options, const DoctorQuestion& question,
                         const plugins::Registry& plugins);

}  // namespace ifmatch::cli
