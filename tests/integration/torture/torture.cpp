// The torture of the real program from the command line: ifmatch_torture [--seconds N] [--seed N]
// [--clients N] [--straight | --soak [--samples FILE]]. Prints a table; ends with 1 when a promise
// was broken (with --straight: when no update was lost).
#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <random>

#include "tests/integration/torture/run.hpp"

int main(int count, char** arguments) {
  using namespace ifmatch::torture;
  Options options;
  options.seed = std::random_device{}();
  options.progress = &std::cerr;
  long long seconds = options.time.count();
  CLI::App app("Tortures ifmatch with many clients and many faults and looks for lost updates");
  app.add_option("--seconds", seconds, "How long")->check(CLI::Range(1, 86'400));
  app.add_option("--seed", options.seed, "For repeating a run, as far as the machine allows it");
  app.add_option("--clients", options.clients, "How many")->check(CLI::Range(1, 200));
  const std::string straight_help = "Without ifmatch: updates must be lost";
  const CLI::Option* const straight = app.add_flag("--straight", straight_help);
  const std::string soak_help =
      "The proxy is never killed; its memory and descriptors must not grow";
  const CLI::Option* const soak = app.add_flag("--soak", soak_help);
  app.add_option("--samples", options.samples, "CSV file for the samples of a soak");
  CLI11_PARSE(app, count, arguments);
  options.time = std::chrono::seconds(seconds);
  if (*straight) options.front = Front::nothing;
  if (*soak) options.plan = Plan::proxy_survives;
  if (*straight && *soak) {
    std::cerr << "--straight and --soak exclude each other\n";
    return 2;
  }
  try {
    const Report report = run(options);
    std::cout << report;
    return report.failures().empty() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "seed " << options.seed << ": " << error.what() << "\n";
    return 1;
  }
}
