#include "tests/simulation/outcome.hpp"

#include <algorithm>
#include <functional>
#include <span>

namespace ifmatch::simulation {

namespace {

std::string list(std::span<const char* const> names, std::span<const unsigned> counts) {
  std::string told;
  for (std::size_t at = 0; at < names.size(); ++at) {
    if (at != 0) told += ' ';
    told += std::string(names[at]) + ' ' + std::to_string(counts[at]);
  }
  return told;
}

}  // namespace

void Outcome::add(const Outcome& other) {
  std::ranges::transform(wrong_, other.wrong_, wrong_.begin(), std::plus<>());
  std::ranges::transform(seen_, other.seen_, seen_.begin(), std::plus<>());
}

std::string Outcome::wrongs_told() const {
  return list(wrong_names, wrong_);
}

std::string Outcome::told() const {
  return wrongs_told() + "\n| " + list(seen_names, seen_);
}

}  // namespace ifmatch::simulation
