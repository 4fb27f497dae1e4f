// Trace context (W3C Trace Context, section 3): the field that ties what several programs say about
// one request together. We keep no spans of our own, so a valid traceparent goes on unchanged, and
// the API's spans stay children of the caller's; we only learn the trace's id from it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/http/fields.hpp"

namespace ifmatch::http {

inline constexpr std::size_t trace_id_octets = 32;
inline constexpr std::size_t traceparent_octets = 55;  // of version 00, the one that we make

// The trace's id within `traceparent`; "" where it is malformed: upper case, an id of zeros, the
// version ff, octets behind a version 00. Of later versions the beginning is read, as the standard
// asks.
[[nodiscard]] std::string_view trace_id_of(std::string_view traceparent) noexcept;

// The value of the one valid traceparent among the fields, "" where there is none. Sent twice it
// means nothing.
[[nodiscard]] std::string_view valid_traceparent(const Fields& fields) noexcept;

// A context that begins here. `random` becomes the trace's id and the parent's. It is marked as
// sampled: the access log has recorded this request, and an API that follows its parent's word
// would otherwise stop to trace.
[[nodiscard]] std::array<char, traceparent_octets> make_traceparent(
    const std::array<std::uint64_t, 3>& random) noexcept;

}  // namespace ifmatch::http
