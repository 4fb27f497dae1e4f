// Where everything meets: the plug-ins that are compiled in, and the command line that uses them.
#include <cstdio>
#include <exception>

#include "plugins/registry.hpp"
#include "proxy/cli/cli.hpp"

int main(int count, char** arguments) {
  try {
    return ifmatch::cli::run_command_line(count, arguments, ifmatch::plugins::builtin_plugins());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ifmatch: %s\n", error.what());
    return 1;
  }
}
