// Completion for shells, written from the command line itself: a command or a flag that is added is
// completed without anybody having to think of it.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace ifmatch::cli {

enum class Shell { bash, zsh, fish };

// A script for the shell to read (`source <(ifmatch completion bash)`). It completes commands,
// flags, the words that a flag chooses from, and files.
[[nodiscard]] std::string completion_script(CLI::App& app, Shell shell);

}  // namespace ifmatch::cli
