// What the upstream did, in a file that survives it: one line for each applied write, in the order
// of applying, and one for each mishap. A write is applied when its line is complete: the upstream
// writes the line before it answers, and drops a broken last line when it starts again.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/torture/landscape.hpp"

namespace ifmatch::torture {

// Of CLOCK_MONOTONIC, which all processes of a machine share.
using Instant = std::chrono::steady_clock::time_point;

struct AppliedWrite {
  Instant at;
  Method method = Method::put;
  std::size_t resource = 0;  // of a POST: the new member
  WriteId id = no_write;
  WriteId base = no_write;         // what its author had read
  WriteId overwritten = no_write;  // what was there when it was applied
  std::size_t padding = 0;
};

struct JournalText {
  std::vector<AppliedWrite> applied;
  std::map<std::string, std::uint64_t> mishaps;  // how often each
};

// Throws when a line cannot be understood.
[[nodiscard]] JournalText read_journal(const std::string& path, const Landscape& landscape);

class Journal {
 public:
  // Goes on with the file, less a broken last line.
  Journal(const std::string& path, const Landscape& landscape);
  Journal(const Journal&) = delete;
  ~Journal();

  // Both throw when the line could not be written.
  void add(const AppliedWrite& write);
  void add_mishap(std::string_view name);

 private:
  void append(const std::string& line);

  const Landscape& landscape_;
  int file_ = -1;
};

}  // namespace ifmatch::torture
