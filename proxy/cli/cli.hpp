// The command line: what was typed becomes one call of a command. Exit codes: 0 ok, 1 failed while
// running, 2 wrong usage, 78 wrong configuration (EX_CONFIG of sysexits.h).
#pragma once

#include "plugins/registry.hpp"

namespace ifmatch::cli {

inline constexpr int exit_ok = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_config = 78;

[[nodiscard]] int run_command_line(int count, char** arguments, const plugins::Registry& plugins);

}  // namespace ifmatch::cli
