// Entity-tag lists and preconditions, compared with a slow second reading of RFC 9110.
//
// Input: lines. The first octet of the first line has the options, every further line is one field
// line: M is If-Match, N If-None-Match, U If-Unmodified-Since, anything else another field; what
// follows is the value. tags_of() below has the three versions that may be current.
#include <array>

#include "proxy/guard/condition.hpp"
#include "proxy/http/conditions.hpp"
#include "proxy/http/entity_tag.hpp"
#include "tests/fuzz/property.hpp"
#include "tests/fuzz/rfc9110_conditions.hpp"

namespace ifmatch::fuzz {
namespace {

using http::FieldId;

// A quoted tag as section 5 of RFC 4648 encodes it, bit by bit.
rfc9110::Tag tag_of(const guard::Version& version) {
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string bits;
  for (const unsigned octet : version) {
    for (int bit = 7; bit >= 0; --bit) bits += static_cast<char>('0' + ((octet >> bit) & 1U));
  }
  std::string opaque = "\"im1-";
  for (std::size_t i = 0; i < bits.size(); i += 6) {
    opaque += alphabet[std::stoul(bits.substr(i, 6), nullptr, 2)];
  }
  return {false, opaque + "\""};
}

// "im1-AAAA...", "im1-____..." and one with every kind of digit.
std::array<guard::Version, 3> versions() {
  std::array<guard::Version, 3> all{};
  all[1].fill(0xFF);
  for (std::size_t i = 0; i < all[2].size(); ++i) all[2][i] = static_cast<std::uint8_t>(i * 11);
  return all;
}

struct Sent {
  http::ConditionOptions options;
  http::Fields fields;
  std::vector<std::string> if_match;
  std::vector<std::string> if_none_match;
  bool if_unmodified_since = false;
};

Sent sent_in(std::string_view text) {
  Sent sent;
  const std::vector<std::string_view> lines = lines_of(text, 16);
  const unsigned options = lines[0].empty() ? 0 : static_cast<unsigned char>(lines[0][0]);
  sent.options = {.accept_rewritten = (options & 1U) != 0, .wildcard_refused = (options & 2U) != 0};
  for (std::size_t i = 1; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const std::string_view value = lines[i].substr(1);
    if (lines[i][0] == 'M') {
      sent.fields.add(i % 2 == 0 ? "If-Match" : "if-match", value);
      sent.if_match.emplace_back(value);
    } else if (lines[i][0] == 'N') {
      sent.fields.add(i % 2 == 0 ? "If-None-Match" : "IF-NONE-MATCH", value);
      sent.if_none_match.emplace_back(value);
    } else if (lines[i][0] == 'U') {
      sent.fields.add("If-Unmodified-Since", value);
      sent.if_unmodified_since = true;
    } else {
      sent.fields.add("If-Matched", value);
    }
  }
  return sent;
}

rfc9110::Tag plain(const http::EntityTag& tag) {
  return {tag.weak, "\"" + std::string(tag.opaque) + "\""};
}

void check_tag(const http::EntityTag& tag) {
  const std::string written = to_string(tag);
  const auto again = http::parse_entity_tag(written);
  IFMATCH_PROPERTY(again && plain(*again) == plain(tag), "a tag that is written is read the same",
                   written);
  const auto own = http::parse_own(tag);
  if (own) {
    IFMATCH_PROPERTY(tag_of(*own).opaque == plain(tag).opaque,
                     "a tag of ours has one spelling per version", written);
    IFMATCH_PROPERTY(http::format_tag(*own) == plain(tag).opaque,
                     "the tag of the version of a tag is that tag", written);
  }
  const auto rewritten = http::recognise_rewritten(tag);
  IFMATCH_PROPERTY(!rewritten || rfc9110::is_rewritten_from(plain(tag), tag_of(*rewritten)),
                   "a rewritten tag comes from the version that is read from it", written);
  IFMATCH_PROPERTY(!(rewritten && own) || (tag.weak && *rewritten == *own),
                   "a tag as it was handed out is not a rewritten one", written);
}

void check_list(const http::Fields& fields, FieldId id, const std::vector<std::string>& lines,
                const std::optional<rfc9110::List>& expected) {
  if (lines.empty()) return;
  const std::string where = fields.joined(id);
  const auto read = http::parse_entity_tags(fields, id);
  IFMATCH_PROPERTY(read.has_value() == expected.has_value(),
                   "a list is refused exactly where RFC 9110 has none", where);
  const auto single = http::parse_entity_tag(lines[0]);
  const auto single_expected = rfc9110::entity_tag(rfc9110::without_white_space(lines[0]));
  IFMATCH_PROPERTY(single.has_value() == single_expected.has_value() &&
                       (!single || plain(*single) == *single_expected),
                   "one tag is read as RFC 9110 has it", lines[0]);
  if (!read) return;
  IFMATCH_PROPERTY(read->any == expected->any, "only a lone * is a wildcard", where);
  IFMATCH_PROPERTY(read->tags.size() == expected->tags.size(), "no tag is lost or made up", where);
  std::string written;
  for (std::size_t i = 0; i < read->tags.size(); ++i) {
    IFMATCH_PROPERTY(plain(read->tags[i]) == expected->tags[i], "each tag is read as it was sent",
                     where);
    check_tag(read->tags[i]);
    written += (i == 0 ? "" : ",") + to_string(read->tags[i]);
  }
  if (read->any) written = "*";
  http::Fields rewritten;
  rewritten.add(lines.size() % 2 == 0 ? "If-Match" : "If-None-Match", written);
  const auto again = http::parse_entity_tags(rewritten, rewritten.id(0));
  IFMATCH_PROPERTY(again && again->any == read->any && again->tags.size() == read->tags.size(),
                   "a list that is written is read the same", where);
}

// The write's verdict about one sight, as an outcome of RFC 9110.
rfc9110::Outcome outcome_of(guard::Verdict verdict, const std::string& where) {
  switch (verdict) {
    case guard::Verdict::holds:
    case guard::Verdict::holds_here:
      return rfc9110::Outcome::proceed;
    case guard::Verdict::differs:
    case guard::Verdict::exists:
    case guard::Verdict::gone:
      return rfc9110::Outcome::failed;
    default:
      broken(__FILE__, __LINE__, "a version or its absence is never undecided", where);
  }
}

void check_verdicts(const guard::Condition& condition, const rfc9110::Preconditions& expected,
                    const std::string& where) {
  using guard::Absence;
  using guard::Verdict;
  const auto is_strong = [](const rfc9110::Tag& tag) { return !tag.weak; };
  const bool all_weak = expected.if_match && !expected.if_match->any &&
                        std::ranges::none_of(expected.if_match->tags, is_strong);
  for (const guard::Version& version : versions()) {
    const rfc9110::Tag current = tag_of(version);
    const Verdict verdict =
        evaluate(condition, {guard::Sight::version, version}, Absence::is_a_state);
    const auto outcome = outcome_of(verdict, where);
    IFMATCH_PROPERTY(outcome == evaluate_write(expected, current),
                     "a write is let through exactly where RFC 9110 lets it", where);
    IFMATCH_PROPERTY(!all_weak || expected.accept_rewritten || verdict == Verdict::differs,
                     "a weak tag never satisfies If-Match", where);
    const http::ReadVerdict read = http::evaluate_read(condition, version);
    const auto read_outcome = read == http::ReadVerdict::proceed ? rfc9110::Outcome::proceed
                              : read == http::ReadVerdict::not_modified
                                  ? rfc9110::Outcome::not_modified
                                  : rfc9110::Outcome::failed;
    IFMATCH_PROPERTY(read_outcome == evaluate_read(expected, current),
                     "a read is answered as RFC 9110 13.2.2 orders it", where);
  }
  const guard::Observation absent{guard::Sight::absent, {}};
  const Verdict state = evaluate(condition, absent, Absence::is_a_state);
  IFMATCH_PROPERTY(outcome_of(state, where) == evaluate_write(expected, std::nullopt),
                   "of an absent resource a PUT is decided as RFC 9110 has it", where);
  // Rule 3.2.4: for other methods the 404 itself is the answer, but for `If-None-Match: *`.
  const bool create_only = expected.if_none_match && expected.if_none_match->any;
  const Verdict answer = evaluate(condition, absent, Absence::is_answer);
  IFMATCH_PROPERTY(answer == (create_only ? state : Verdict::absent),
                   "a 404 is the answer of a method that does not create", where);
  for (const guard::Sight sight : {guard::Sight::relay, guard::Sight::undecidable}) {
    const Verdict verdict = evaluate(condition, {sight, {}}, Absence::is_a_state);
    IFMATCH_PROPERTY(verdict == Verdict::relayed || verdict == Verdict::undecided,
                     "without a sight of the resource nothing holds", where);
  }
}

void check_flags(const http::ParsedConditions& parsed, const Sent& sent,
                 const rfc9110::Preconditions& expected, const std::string& where) {
  const bool any_match = expected.if_match && expected.if_match->any;
  const bool create_only = expected.if_none_match && expected.if_none_match->any;
  const bool counts = expected.if_match && !(any_match && sent.options.wildcard_refused);
  IFMATCH_PROPERTY(parsed.has_precondition == (counts || create_only),
                   "a precondition counts as one by rule 3.2.1", where);
  IFMATCH_PROPERTY(
      parsed.decides == (expected.if_match || create_only || sent.if_unmodified_since),
      "what asks for a decision gets one by rule 3.2.10", where);
  IFMATCH_PROPERTY(parsed.wildcard_refused == (any_match && sent.options.wildcard_refused),
                   "a refused wildcard is remembered", where);
  const auto& told = expected.if_match ? expected.if_match : expected.if_none_match;
  const std::size_t tags = !told ? 0 : told->any ? 1 : told->tags.size();
  IFMATCH_PROPERTY(sent_tags(sent.fields).size() == std::min<std::size_t>(tags, 16),
                   "the answer can tell what was sent", where);
}

void check(const Sent& sent) {
  const std::string where = "M:" + sent.fields.joined(FieldId::if_match) +
                            " N:" + sent.fields.joined(FieldId::if_none_match);
  rfc9110::Preconditions expected;
  expected.accept_rewritten = sent.options.accept_rewritten;
  if (!sent.if_match.empty()) expected.if_match = rfc9110::list_of(sent.if_match);
  if (!sent.if_none_match.empty()) expected.if_none_match = rfc9110::list_of(sent.if_none_match);
  check_list(sent.fields, FieldId::if_match, sent.if_match, expected.if_match);
  check_list(sent.fields, FieldId::if_none_match, sent.if_none_match, expected.if_none_match);

  constexpr std::size_t tags_max = 256;  // longer lists are refused
  const auto is_refused = [](const std::vector<std::string>& lines, const auto& list) {
    return !lines.empty() && (!list || list->tags.size() > tags_max);
  };
  const auto parsed = http::parse_conditions(sent.fields, sent.options);
  IFMATCH_PROPERTY(parsed.has_error() == (is_refused(sent.if_match, expected.if_match) ||
                                          is_refused(sent.if_none_match, expected.if_none_match)),
                   "conditions are refused exactly where one of the lists is", where);
  if (!parsed) {
    IFMATCH_PROPERTY(parsed.error().problem == http::Problem::bad_condition,
                     "malformed conditions are bad conditions", where);
    return;
  }
  check_flags(*parsed, sent, expected, where);
  IFMATCH_PROPERTY(parsed->condition.has_value() == (expected.if_match || expected.if_none_match),
                   "there is a condition exactly where one was sent", where);
  if (!parsed->condition) return;
  check_verdicts(*parsed->condition, expected, where);
  const std::string told = render(stale_version(sent.fields, *parsed, versions()[0]));
  IFMATCH_PROPERTY(std::ranges::none_of(told, [](char octet) { return octet >= 0 && octet < 32; }),
                   "what was sent is told without control characters", told);
}

}  // namespace
}  // namespace ifmatch::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ifmatch::fuzz::check(ifmatch::fuzz::sent_in(ifmatch::fuzz::text_of(data, size)));
  return 0;
}
