// The axes of the precondition truth table: methods, combinations of conditional fields, and what
// happened to the resource before. Every cell of their product is tried.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fields.hpp"

namespace ifmatch::conformance {

// The entity-tags that combinations are made of. `unseen` looks like one of ours and never was.
struct Tags {
  std::string current;
  std::string old;
  std::string unseen = "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
};

[[nodiscard]] std::vector<std::string> methods();

struct Combination {
  std::string name;
  support::Fields fields;
};
[[nodiscard]] std::vector<Combination> combinations(const Tags& tags);

// What befell a resource before the request of the cell.
enum class Event {
  holds_old,      // it has the old content
  holds_current,  // it has the current content, put there around the proxy
  is_read,        // a client reads it through the proxy
  is_written,     // a client replaces it through the proxy by the current content
  is_deleted,     // a client deletes it through the proxy
  vanishes,       // it is deleted around the proxy
};

struct State {
  std::string_view name;
  std::vector<Event> history;
  int status;  // what a GET of it gets now
  // What a valid entry of the record says at the end of the history.
  enum class Recorded { nothing, old, current } recorded;
};
[[nodiscard]] std::vector<State> states();

}  // namespace ifmatch::conformance
