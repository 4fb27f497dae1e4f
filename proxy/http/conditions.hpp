// The conditional fields of a request (RFC 9110 section 13), reduced to what the guard decides on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/guard/types.hpp"
#include "proxy/http/fields.hpp"
#include "proxy/http/problem.hpp"
#include "proxy/http/result.hpp"

namespace ifmatch::http {

// If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range and Range: what a
// guarded request loses on its way upstream.
[[nodiscard]] bool is_conditional_field(FieldId id) noexcept;
[[nodiscard]] bool is_conditional_field(std::string_view name) noexcept;

struct ConditionOptions {
  bool accept_rewritten = false;  // map tags back that an intermediary changed
  bool wildcard_refused = false;  // `If-Match: *` counts as missing
};

struct ParsedConditions {
  // Unset where the request has neither If-Match nor If-None-Match. A refused `If-Match: *` is in
  // it all the same: where a missing precondition is allowed, it still has to hold.
  std::optional<guard::Condition> condition;

  bool has_precondition = false;  // If-Match (and no refused wildcard), or `If-None-Match: *`
  bool has_if_unmodified_since = false;  // counts as missing: no Last-Modified was handed out
  bool wildcard_refused = false;         // there was an `If-Match: *` that does not count
  bool rewritten_tag_seen = false;  // If-Match has a tag of ours, changed and not mapped back
  bool only_foreign_tags = false;   // no tag of If-Match is one of ours

  // If-Match, If-Unmodified-Since or `If-None-Match: *` is there: whatever its unsafe method, the
  // request takes the gate exclusively.
  bool decides = false;
};

// Refused with Problem::bad_condition when a list is malformed, or too long.
[[nodiscard]] Checked<ParsedConditions> parse_conditions(const Fields& fields,
                                                         const ConditionOptions& options);

// The tags of If-Match, else of If-None-Match, as they were sent; at most 16 of them, none of a list
// that is malformed.
[[nodiscard]] std::vector<std::string> sent_tags(const Fields& fields);

enum class ReadVerdict : std::uint8_t { proceed, not_modified, failed };

// Evaluates the condition of a GET or HEAD whose answer is a full 200, in the order of RFC 9110
// section 13.2.2. `current` is unset where no version could be derived: then only "*" matches.
[[nodiscard]] ReadVerdict evaluate_read(const guard::Condition& condition,
                                        const std::optional<guard::Version>& current) noexcept;

// The answer to a write whose precondition failed: names the tags that were sent, and, when one of
// them was changed on its way, the cause. Here and below `fields` are those of the request, and
// `conditions` what was read out of them.
[[nodiscard]] ProblemDetails stale_version(const Fields& fields, const ParsedConditions& conditions,
                                           const std::optional<guard::Version>& current);

// The answer to a write without a precondition: says which field is wanted, and why one that was
// sent does not count.
[[nodiscard]] ProblemDetails precondition_missing(const Fields& fields,
                                                  const ParsedConditions& conditions);

// The answer to a write with `If-None-Match` whose resource exists.
[[nodiscard]] ProblemDetails already_exists(const Fields& fields,
                                            const std::optional<guard::Version>& current);

}  // namespace ifmatch::http
