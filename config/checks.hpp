// What can be said only about several keys together: a route that no request can reach, an
// upstream that nobody uses, a shutdown that ends before a write may.
#pragma once

#include "config/config.hpp"
#include "config/reader.hpp"

namespace ifmatch::config {

// Adds findings to the report. Routes whose path is empty were at fault already and are left out.
void check_together(const Config& config, const Places& places, Completeness completeness,
                    Report& report);

}  // namespace ifmatch::config
