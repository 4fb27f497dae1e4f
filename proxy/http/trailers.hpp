// Trailer sections on their way through (RFC 9110 section 6.5). Trailer fields stay trailer fields;
// whatever means something in a header section is left out, because somebody behind us may merge
// the two.
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/fields.hpp"

namespace ifmatch::http {

// Whether a trailer field of that name may be passed on: none that speaks of framing, routing,
// authentication, conditions, modifiers or the content (RFC 9110 section 6.5.1).
[[nodiscard]] bool may_trail(std::string_view name) noexcept;

// Appends the lines that may be passed on, each with its end. Lines that are no field lines at all
// are left out, and so is what the header section of the same message, `head`, says is for one hop.
void write_trailers(std::string& out, const Fields& trailers, const Fields& head);

// What the message says of its trailer section, as a line with its end: the names that Trailer
// lists and that may be passed on. "" where there are none.
[[nodiscard]] std::string trailer_announcement(const Fields& fields);

}  // namespace ifmatch::http
