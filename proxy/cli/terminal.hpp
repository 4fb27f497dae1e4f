// Text that came over a socket, before it is shown to a person.
#pragma once

#include <string>

namespace ifmatch::cli {

// Puts a question mark for whatever could move the cursor of a terminal, or is no UTF-8.
void make_printable(std::string& text);

}  // namespace ifmatch::cli
