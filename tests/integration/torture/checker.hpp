// The judge: walks the chain of applied writes and compares it with what every client was told. It
// knows nothing of tags or of ifmatch, only of ids.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/integration/torture/journal.hpp"
#include "tests/integration/torture/landscape.hpp"

namespace ifmatch::torture {

// What a client may conclude from how its write ended.
enum class Verdict {
  applied,  // answered with success: it is in the journal exactly once
  refused,  // told that nothing was written, or never sent whole: it is not in the journal
  unknown,  // anything else: it is there at most once
};

// A write as its client saw it.
struct Attempt {
  WriteId id = no_write;
  Verdict verdict = Verdict::unknown;
  Instant begun;
  Instant ended;
};

// A read: which write the document showed, and when it was asked for and answered.
struct Sighting {
  std::size_t resource = 0;
  WriteId shown = no_write;  // also of a resource that was absent
  Instant begun;
  Instant ended;
};

struct Findings {
  std::uint64_t applied = 0;          // writes in the journal
  std::uint64_t lost = 0;             // writes that overwrote what their author had not read
  std::uint64_t broken = 0;           // other promises that were broken
  std::vector<std::string> examples;  // some of both, in words
};

// A loss is an applied write that is not based on the very document it overwrote. A POST overwrites
// nothing. Broken promises: a verdict that the journal contradicts, a write applied twice or
// outside of the time between its being sent and answered with success, a journal that contradicts
// itself, and a read that shows what was not there at any moment while it lasted.
[[nodiscard]] Findings check(const Landscape& landscape, const std::vector<AppliedWrite>& applied,
                             const std::vector<Attempt>& attempts,
                             const std::vector<Sighting>& sightings);

}  // namespace ifmatch::torture
