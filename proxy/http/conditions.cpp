#include "proxy/http/conditions.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "proxy/http/entity_tag.hpp"

namespace ifmatch::http {

namespace {

// More tags than this in one field serve nobody: a client names the versions that it holds.
constexpr std::size_t tags_max = 256;
constexpr std::size_t sent_max = 16;

ProblemDetails bad_condition(std::string detail) {
  ProblemDetails details;
  details.problem = Problem::bad_condition;
  details.detail = std::move(detail);
  return details;
}

Checked<EntityTagList> read_list(const Fields& fields, FieldId id, std::string_view name) {
  std::optional<EntityTagList> list = parse_entity_tags(fields, id);
  if (!list) {
    return bad_condition(std::string(name) +
                         " is malformed: it must be either a single * or a list of entity-tags, "
                         "each in double quotes.");
  }
  if (list->tags.size() > tags_max) {
    return bad_condition(std::string(name) + " lists more than " + std::to_string(tags_max) +
                         " entity-tags.");
  }
  return std::move(*list);
}

// Strong comparison (RFC 9110 section 13.1.1): a weak tag never matches, unless the operator said
// that weakness is the work of an intermediary.
guard::IfMatch reduce_if_match(const EntityTagList& list, const ConditionOptions& options,
                               ParsedConditions& parsed) {
  guard::IfMatch reduced;
  reduced.any = list.any;
  bool foreign_tag_seen = false;
  for (const EntityTag& tag : list.tags) {
    if (const auto own = parse_own(tag); own && !tag.weak) {
      reduced.versions.push_back(*own);
    } else if (const auto rewritten = recognise_rewritten(tag)) {
      if (options.accept_rewritten) {
        reduced.versions.push_back(*rewritten);
      } else {
        parsed.rewritten_tag_seen = true;
      }
    } else {
      foreign_tag_seen = true;
    }
  }
  parsed.only_foreign_tags = foreign_tag_seen && reduced.versions.empty();
  return reduced;
}

// Weak comparison (RFC 9110 section 13.1.2): the opaque parts decide.
guard::IfNoneMatch reduce_if_none_match(const EntityTagList& list,
                                        const ConditionOptions& options) {
  guard::IfNoneMatch reduced;
  reduced.any = list.any;
  for (const EntityTag& tag : list.tags) {
    if (const auto own = parse_own(tag)) {
      reduced.versions.push_back(*own);
    } else if (const auto rewritten = recognise_rewritten(tag);
               rewritten && options.accept_rewritten) {
      reduced.versions.push_back(*rewritten);
    }
  }
  return reduced;
}

bool contains(const std::vector<guard::Version>& versions, const guard::Version& version) noexcept {
  return std::ranges::find(versions, version) != versions.end();
}

ProblemDetails refused(Problem problem, const Fields& fields,
                       const std::optional<guard::Version>& current) {
  ProblemDetails details;
  details.problem = problem;
  details.sent = sent_tags(fields);
  if (current) details.current = format_tag(*current);
  return details;
}

}  // namespace

bool is_conditional_field(FieldId id) noexcept {
  switch (id) {
    case FieldId::if_match:
    case FieldId::if_none_match:
    case FieldId::if_modified_since:
    case FieldId::if_unmodified_since:
    case FieldId::if_range:
    case FieldId::range:
      return true;
    default:
      return false;
  }
}

bool is_conditional_field(std::string_view name) noexcept {
  return is_conditional_field(identify(name));
}

Checked<ParsedConditions> parse_conditions(const Fields& fields, const ConditionOptions& options) {
  ParsedConditions parsed;
  if (fields.has(FieldId::if_match)) {
    const Checked<EntityTagList> list = read_list(fields, FieldId::if_match, "If-Match");
    if (!list) return list.error();
    parsed.condition.emplace().if_match = reduce_if_match(*list, options, parsed);
    parsed.wildcard_refused = list->any && options.wildcard_refused;
    parsed.has_precondition = !parsed.wildcard_refused;
    parsed.decides = true;
  }
  if (fields.has(FieldId::if_none_match)) {
    const Checked<EntityTagList> list = read_list(fields, FieldId::if_none_match, "If-None-Match");
    if (!list) return list.error();
    if (!parsed.condition) parsed.condition.emplace();
    parsed.condition->if_none_match = reduce_if_none_match(*list, options);
    // With tags it says what the client does not want, not what it has seen.
    parsed.has_precondition = parsed.has_precondition || list->any;
    parsed.decides = parsed.decides || list->any;
  }
  if (fields.has(FieldId::if_unmodified_since)) {
    parsed.has_if_unmodified_since = true;
    parsed.decides = true;
  }
  return parsed;
}

std::vector<std::string> sent_tags(const Fields& fields) {
  const FieldId id = fields.has(FieldId::if_match) ? FieldId::if_match : FieldId::if_none_match;
  if (!fields.has(id)) return {};
  const std::optional<EntityTagList> list = parse_entity_tags(fields, id);
  if (!list) return {};
  if (list->any) return {"*"};
  std::vector<std::string> sent;
  for (const EntityTag& tag : list->tags) {
    if (sent.size() == sent_max) break;
    sent.push_back(to_string(tag));
  }
  return sent;
}

ReadVerdict evaluate_read(const guard::Condition& condition,
                          const std::optional<guard::Version>& current) noexcept {
  if (const auto& wanted = condition.if_match; wanted && !wanted->any) {
    if (!current || !contains(wanted->versions, *current)) return ReadVerdict::failed;
  }
  if (const auto& unwanted = condition.if_none_match) {
    if (unwanted->any) return ReadVerdict::not_modified;
    if (current && contains(unwanted->versions, *current)) return ReadVerdict::not_modified;
  }
  return ReadVerdict::proceed;
}

ProblemDetails stale_version(const Fields& fields, const ParsedConditions& conditions,
                             const std::optional<guard::Version>& current) {
  ProblemDetails details = refused(Problem::stale_version, fields, current);
  if (conditions.rewritten_tag_seen) {
    details.detail =
        "The entity-tag was changed on its way: an intermediary made it weak (W/) or appended the "
        "name of a content coding, and such a tag never satisfies If-Match. Send the tag as this "
        "server gave it, or let the operator set accept_rewritten_tags. Then read again with "
        "Cache-Control: no-cache, apply your change to what you get, and retry.";
  } else if (conditions.only_foreign_tags) {
    details.detail =
        "No entity-tag that was sent is one of this server's. Read the resource again with "
        "Cache-Control: no-cache, apply your change to what you get, and retry with the ETag of "
        "that answer.";
  }
  return details;
}

ProblemDetails precondition_missing(const Fields& fields, const ParsedConditions& conditions) {
  ProblemDetails details = refused(Problem::precondition_missing, fields, std::nullopt);
  if (conditions.wildcard_refused) {
    details.detail =
        "If-Match: * does not count here, because it protects nobody's change. Read the resource, "
        "then send the ETag of that answer as If-Match.";
  } else if (conditions.has_if_unmodified_since) {
    details.detail =
        "If-Unmodified-Since does not count here, because this server hands out no Last-Modified. "
        "Read the resource, then send the ETag of that answer as If-Match.";
  }
  return details;
}

ProblemDetails already_exists(const Fields& fields, const std::optional<guard::Version>& current) {
  return refused(Problem::already_exists, fields, current);
}

}  // namespace ifmatch::http
