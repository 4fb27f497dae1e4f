#include "tests/conformance/reference.hpp"

namespace ifmatch::conformance {

namespace {

// The value of a field given on any number of lines (RFC 9110 section 5.3).
std::optional<std::string> joined(const support::Fields& fields, std::string_view name) {
  std::optional<std::string> value;
  for (const auto& [line_name, line] : fields) {
    if (!support::same_name(line_name, name)) continue;
    value = value ? *value + ", " + line : line;
  }
  return value;
}

std::string opaque_part(const std::string& tag) {
  return tag.starts_with("W/") ? tag.substr(2) : tag;
}

// RFC 9110 section 8.8.3.2, both ways.
bool strongly_equal(const std::string& a, const std::string& b) {
  return !a.starts_with("W/") && !b.starts_with("W/") && a == b;
}

bool weakly_equal(const std::string& a, const std::string& b) {
  return opaque_part(a) == opaque_part(b);
}

// RFC 9110 section 13.1.1, of a representation that is there.
bool if_match_holds(const TagList& list, const std::string& current) {
  if (list.any) return true;
  for (const std::string& tag : list.tags) {
    if (strongly_equal(tag, current)) return true;
  }
  return false;
}

// RFC 9110 section 13.1.2, of a representation that is there.
bool if_none_match_holds(const TagList& list, const std::string& current) {
  if (list.any) return false;
  for (const std::string& tag : list.tags) {
    if (weakly_equal(tag, current)) return false;
  }
  return true;
}

Meaning refused(int status, std::string problem) {
  return {status, std::move(problem), false};
}

Meaning passed_on(int status) {
  return {status, "", false};
}

// Section 13.2.2 for GET and HEAD. No modification date was ever handed out, so both date fields
// are ignored (sections 13.1.3 and 13.1.4).
Meaning read(const Truth& truth, const std::optional<TagList>& if_match,
             const std::optional<TagList>& if_none_match) {
  // Section 13.2.1: conditions count only where the answer would be a success, and only of a full
  // 200 is there a version to compare with (rule 3.1.2).
  if (truth.status != 200) return passed_on(truth.status);
  if (if_match && !if_match_holds(*if_match, truth.tag)) return refused(412, "stale-version");
  if (if_none_match && !if_none_match_holds(*if_none_match, truth.tag)) return passed_on(304);
  return passed_on(200);
}

}  // namespace

std::optional<TagList> read_tags(std::string_view value) {
  TagList list;
  const auto skip_blanks = [&value] {
    while (!value.empty() && (value[0] == ' ' || value[0] == '\t')) value.remove_prefix(1);
  };
  skip_blanks();
  if (value.starts_with('*')) {
    value.remove_prefix(1);
    skip_blanks();
    list.any = true;
    return value.empty() ? std::optional(list) : std::nullopt;
  }
  while (true) {
    skip_blanks();
    if (value.empty()) break;
    if (value[0] == ',') {
      value.remove_prefix(1);
      continue;
    }
    const std::size_t opening = value.starts_with("W/") ? 2 : 0;
    if (value.size() <= opening || value[opening] != '"') return std::nullopt;
    const std::size_t closing = value.find('"', opening + 1);
    if (closing == std::string_view::npos) return std::nullopt;
    const std::string_view tag = value.substr(0, closing + 1);
    // etagc: no blank, no control (section 8.8.3).
    for (const char octet : tag) {
      if (octet == ' ' || octet == '\t' || octet == '\x7f') return std::nullopt;
    }
    list.tags.emplace_back(tag);
    value.remove_prefix(closing + 1);
    skip_blanks();
    if (!value.empty() && value[0] != ',') return std::nullopt;
  }
  return list.tags.empty() ? std::nullopt : std::optional(list);
}

Meaning reference(const Asked& asked, const Truth& truth,
                  const std::optional<std::string>& recorded, int write_status) {
  std::optional<TagList> if_match;
  if (const auto value = joined(asked.fields, "If-Match")) {
    if_match = read_tags(*value);
    if (!if_match) return refused(400, "bad-condition");  // rule 3.2.1
  }
  std::optional<TagList> if_none_match;
  if (const auto value = joined(asked.fields, "If-None-Match")) {
    if_none_match = read_tags(*value);
    if (!if_none_match) return refused(400, "bad-condition");
  }
  if (asked.method == "GET" || asked.method == "HEAD") return read(truth, if_match, if_none_match);

  const bool has_date = joined(asked.fields, "If-Unmodified-Since").has_value();
  const bool creates = if_none_match && if_none_match->any;
  const bool guarded = asked.method == "PUT" || asked.method == "PATCH" || asked.method == "DELETE";
  // Rule 3.2.10: whoever sends a precondition is held to it, whatever the method.
  const bool decided = guarded || if_match || has_date || creates;
  // Rule 3.2.1: the date counts as missing, and tags in If-None-Match protect nobody's change.
  if (decided && !if_match && !creates) return refused(412, "precondition-missing");

  const Meaning forwarded{write_status, "", true};
  if (!if_match && !if_none_match) return forwarded;

  // Rule 3.2.3, `check: recorded`: what is recorded is enough, if it matches.
  if (recorded && if_match && if_match_holds(*if_match, *recorded) &&
      (!if_none_match || if_none_match_holds(*if_none_match, *recorded))) {
    return forwarded;
  }

  // Rule 3.2.4: what the writer may not see, nobody decides.
  if (truth.status == 401 || truth.status == 403 || truth.status == 429 ||
      (truth.status >= 300 && truth.status < 400)) {
    return passed_on(truth.status);
  }
  if (truth.status == 404 || truth.status == 410) {
    if (asked.method != "PUT" && !creates) return passed_on(truth.status);
    // Of what is not there, If-Match is false and If-None-Match true (sections 13.1.1, 13.1.2).
    return if_match ? refused(412, "stale-version") : forwarded;
  }
  if (truth.status != 200) return refused(502, "version-unknown");

  if (if_match && !if_match_holds(*if_match, truth.tag)) return refused(412, "stale-version");
  if (if_none_match && !if_none_match_holds(*if_none_match, truth.tag)) {
    return refused(412, "already-exists");
  }
  return forwarded;
}

}  // namespace ifmatch::conformance
