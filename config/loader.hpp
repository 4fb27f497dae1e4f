// The way in: files, environment and flags become one checked Config, or a list of everything that
// is wrong with them. This and show.hpp are all that the rest of the program needs from here.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/diagnostic.hpp"
#include "config/scalars.hpp"

namespace ifmatch::config {

struct InputFile {
  std::string path;                 // as the operator named it; "-" is standard input
  std::optional<std::string> text;  // given: used instead of reading the file. Required for "-"
};

// What flags say, as typed; the loader checks it like any other value.
struct Overrides {
  std::optional<std::string> listen;     // --listen HOST:PORT
  std::optional<std::string> upstream;   // --upstream URL
  std::optional<std::string> admin;      // --admin HOST:PORT, or none
  std::optional<std::string> mode;       // --mode; it is defaults.mode, which a route's own beats
  std::optional<std::string> threads;    // --threads N
  std::optional<std::string> log_level;  // --log-level LEVEL
  std::vector<std::string> set;          // --set routes.order.mode=bypass, in their order
};

// What can be said about a value only with libraries that are not at hand here.
struct Finding {
  Severity severity = Severity::error;
  std::string code;     // "E320"
  std::string key;      // the key path of the value: "listeners.public.tls.key"
  std::string message;  // as in Diagnostic
  std::string help;
};
using Inspect = std::function<std::vector<Finding>(const Config&)>;

struct Inputs {
  std::vector<InputFile> files;
  Environment environment;  // empty: no variable is set
  Overrides overrides;
  Inspect inspect;          // asked about a configuration that is whole and has no error so far
};

// Key path ("routes.order.mode") to "file:line", "environment VAR" or "flag --mode". A key that is
// absent has its default, or for a route the value under "defaults".
using Origins = std::map<std::string, std::string>;

struct LoadResult {
  std::optional<Config> config;  // present if and only if no diagnostic is an error
  Config refused;                // else as much of it as could be read
  std::vector<Diagnostic> diagnostics;
  Origins origins;
};

// Never throws for what an input holds, and reports all it finds in one run.
[[nodiscard]] LoadResult load(const Inputs& inputs);

// The file to read when no -c is given: $IFMATCH_CONFIG, whether it exists or not (a file that was
// named and is missing is fatal), else /etc/ifmatch/ifmatch.yaml if it exists, else nothing.
[[nodiscard]] std::optional<std::string> default_file(const Environment& environment);

// Reads the variables of this process. Not to be used while another thread changes them.
[[nodiscard]] Environment process_environment();

}  // namespace ifmatch::config
