// The faulty upstream as a process of its own, so that it can be killed and started again:
// ifmatch_torture_upstream PORT JOURNAL SEED LATEST_MILLISECONDS. Prints its port when it listens.
#include <signal.h>

#include <iostream>
#include <string>
#include <thread>

#include "tests/integration/torture/faulty_upstream.hpp"

int main(int count, char** arguments) {
  if (count != 5) {
    std::cerr << "usage: " << arguments[0] << " PORT JOURNAL SEED LATEST_MILLISECONDS\n";
    return 2;
  }
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  try {
    ifmatch::torture::FaultyUpstream::Options options;
    options.port = static_cast<std::uint16_t>(std::stoul(arguments[1]));
    options.journal = arguments[2];
    options.seed = std::stoull(arguments[3]);
    options.latest = std::chrono::milliseconds(std::stoul(arguments[4]));
    ifmatch::torture::FaultyUpstream upstream(options);
    std::cout << "listening on " << upstream.port() << std::endl;
    std::thread([&upstream] { upstream.obey_signals(); }).detach();
    upstream.serve();
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
