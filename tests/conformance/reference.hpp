// What RFC 9110 section 13 and rules 3.1 and 3.2 of tests/RULES.md say a request means, in the
// plainest words and on text: it shares no code with the program that it judges.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fields.hpp"

namespace ifmatch::conformance {

// What the API would answer to a GET at this moment.
struct Truth {
  int status = 200;
  std::string tag;  // of the representation, with its quotes; only with 200
};

struct Asked {
  std::string method;
  support::Fields fields;
};

struct Meaning {
  int status = 0;
  std::string problem;   // the end of the problem's type; "" where the answer is the API's own
  bool arrives = false;  // the request reaches the API as a write

  friend bool operator==(const Meaning&, const Meaning&) = default;
};

// `recorded` is the version that the proxy may rely on without asking: set only with
// `check: recorded`, and only where it was read and nothing was written through the proxy since.
// A write that arrives is answered with `write_status`.
[[nodiscard]] Meaning reference(const Asked& asked, const Truth& truth,
                                const std::optional<std::string>& recorded, int write_status);

// A field of entity-tags, all its lines joined (RFC 9110 sections 5.3, 8.8.3 and 13.1.1).
struct TagList {
  bool any = false;               // "*"
  std::vector<std::string> tags;  // with quotes, and W/ where weak
};

// Nothing where it is malformed. A list without any tag counts as malformed: the grammar allows an
// empty one, but it says nothing that a client can have meant.
[[nodiscard]] std::optional<TagList> read_tags(std::string_view value);

}  // namespace ifmatch::conformance
