// Flags and variables, written into the tree of the files before it is read: so they are checked
// by the same code, and win over the files without a second set of rules.
#pragma once

#include <deque>

#include "config/loader.hpp"
#include "config/reader.hpp"

namespace ifmatch::config {

// A deque, because nodes point at their source.
using Sources = std::deque<Source>;

// True if a flag or the environment names an upstream.
[[nodiscard]] bool names_upstream(const Inputs& inputs);

// REQUIRES: `root` is a map without duplicate keys; `sources` outlives it.
void apply_overrides(const Inputs& inputs, Completeness completeness, Sources& sources, Node& root,
                     Report& report);

}  // namespace ifmatch::config
