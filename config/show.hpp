// Prints a configuration as the YAML that would give it again, with everything resolved.
#pragma once

#include <string>

#include "config/config.hpp"
#include "config/loader.hpp"

namespace ifmatch::config {

// Every key with its value in force; load() reads it back to an equal Config. The secret is shown
// as hidden, beside the file that it came from. Values of probe fields that look like credentials
// are hidden, too, and are the one thing that does not come back.
[[nodiscard]] std::string show(const Config& config);

// The same with a comment after each key that tells where its value came from: "default",
// "file:line", "environment VAR" or "flag --mode".
[[nodiscard]] std::string show(const Config& config, const Origins& origins);

}  // namespace ifmatch::config
