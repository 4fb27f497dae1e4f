// The JSON Schema of a configuration, for editors: written from the very table that the loader
// checks against (keys.hpp), so that the two cannot come apart.
#pragma once

#include <string>

namespace ifmatch::config {

// A schema of the 2020-12 draft, as JSON text with a line feed at its end. What a single file may
// hold passes it; it is more lenient than the loader, which knows how values go together.
[[nodiscard]] std::string json_schema();

}  // namespace ifmatch::config
