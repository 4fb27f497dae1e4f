// The gates and stamps that one request needs, in the one order in which all requests take them:
// names first, then paths segment by segment, an enclosing path before what it encloses.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/guard/gates.hpp"
#include "proxy/guard/types.hpp"

namespace ifmatch::guard {

struct Node;

// More segments than these never come: the caller has answered 414 (its folded path is refused).
inline constexpr std::size_t segments_max = 32;

struct Step {
  std::string_view key;    // into the request's own strings
  Mode mode = Mode::none;  // none: stamped, but no gate is taken
  bool own = false;        // its own path or name
  bool enclosing = false;  // encloses one of its own paths (with two own paths, both may be true)
  Node* node = nullptr;    // set while the request keeps its nodes, or within the call that looked
                           // them up
};
using Footprint = std::vector<Step>;

// How a request holds what is its own, and what encloses that.
struct Modes {
  Mode own = Mode::none;
  Mode enclosing = Mode::none;
};

// Calls `visit` with every proper enclosing path of `path`, the root first, none for the root.
template <typename Visit>
void for_each_enclosing(std::string_view path, Visit visit) {
  if (path.size() <= 1) return;
  visit(path.substr(0, 1));
  for (std::size_t at = path.find('/', 1); at != path.npos; at = path.find('/', at + 1)) {
    visit(path.substr(0, at));
  }
}

// True if `one` comes before `other` in the order of gates.
[[nodiscard]] bool comes_before(std::string_view one, std::string_view other);

// The steps in order, each gate once, in the stricter mode where it is needed twice. The steps
// look into the strings of `resource`, which must stay where they are.
[[nodiscard]] Footprint footprint_of(ResourceView resource, Modes modes);
// The same in the memory of an earlier one.
void make_footprint(Footprint& steps, ResourceView resource, Modes modes);

}  // namespace ifmatch::guard
