// Preconditions: RFC 9110 section 13, reduced to what the guard decides on, evaluated for reads.
#include "proxy/http/conditions.hpp"

#include <gtest/gtest.h>

#include "proxy/http/entity_tag.hpp"
#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::contains;
using testing::fields_of;
using testing::version_of;

const guard::Version one = version_of(1);
const guard::Version two = version_of(2);

ParsedConditions parse(testing::Lines lines, ConditionOptions options = {}) {
  Checked<ParsedConditions> parsed = parse_conditions(fields_of(lines), options);
  EXPECT_TRUE(parsed.has_value());
  return parsed ? *parsed : ParsedConditions{};
}

ProblemDetails stale(testing::Lines lines, const std::optional<guard::Version>& current) {
  return stale_version(fields_of(lines), parse(lines), current);
}

TEST(Conditions, KnowsEveryConditionalField) {
  for (const std::string_view name : {"If-Match", "if-none-match", "If-Modified-Since",
                                      "If-Unmodified-Since", "IF-RANGE", "Range"}) {
    EXPECT_TRUE(is_conditional_field(name)) << name;
  }
  EXPECT_FALSE(is_conditional_field("If"));
  EXPECT_FALSE(is_conditional_field("Content-Range"));
}

TEST(Conditions, AreAbsentWithoutFields) {
  const ParsedConditions parsed = parse({{"Host", "a"}, {"If-Modified-Since", "x"}});
  EXPECT_FALSE(parsed.condition);
  EXPECT_FALSE(parsed.has_precondition);
  EXPECT_FALSE(parsed.decides);
}

TEST(Conditions, IfMatchTakesOwnStrongTagsOnly) {
  const std::string value = format_tag(one) + ", W/" + format_tag(two) + ", \"foreign\"";
  const ParsedConditions parsed = parse({{"If-Match", value}});
  ASSERT_TRUE(parsed.condition && parsed.condition->if_match);
  EXPECT_FALSE(parsed.condition->if_match->any);
  EXPECT_EQ(parsed.condition->if_match->versions, std::vector{one});
  EXPECT_EQ(sent_tags(fields_of({{"If-Match", value}})),
            (std::vector<std::string>{format_tag(one), "W/" + format_tag(two), "\"foreign\""}));
  EXPECT_TRUE(parsed.has_precondition);
  EXPECT_TRUE(parsed.decides);
  EXPECT_TRUE(parsed.rewritten_tag_seen);
  EXPECT_FALSE(parsed.only_foreign_tags);
}

TEST(Conditions, AForeignTagIsAPreconditionThatFails) {
  const ParsedConditions parsed = parse({{"If-Match", "\"abc\""}});
  EXPECT_TRUE(parsed.has_precondition);
  EXPECT_TRUE(parsed.condition->if_match->versions.empty());
  EXPECT_TRUE(parsed.only_foreign_tags);
}

TEST(Conditions, RewrittenTagsCountOnlyWhereAccepted) {
  const std::string tag = format_tag(one);
  const std::string gzipped = tag.substr(0, tag.size() - 1) + "-gzip\"";
  for (const std::string& changed : {"W/" + tag, gzipped, "W/" + gzipped}) {
    const ParsedConditions strict = parse({{"If-Match", changed}});
    EXPECT_TRUE(strict.condition->if_match->versions.empty()) << changed;
    EXPECT_TRUE(strict.rewritten_tag_seen) << changed;
    const ParsedConditions lenient = parse({{"If-Match", changed}}, {.accept_rewritten = true});
    EXPECT_EQ(lenient.condition->if_match->versions, std::vector{one}) << changed;
    EXPECT_FALSE(lenient.rewritten_tag_seen) << changed;
  }
}

TEST(Conditions, AnUntouchedTagIsNoRewrittenOne) {
  EXPECT_FALSE(parse({{"If-Match", format_tag(one)}}).rewritten_tag_seen);
}

TEST(Conditions, TheWildcardMayBeRefused) {
  const ParsedConditions allowed = parse({{"If-Match", "*"}});
  EXPECT_TRUE(allowed.condition->if_match->any);
  EXPECT_TRUE(allowed.has_precondition);
  const ParsedConditions refused = parse({{"If-Match", "*"}}, {.wildcard_refused = true});
  EXPECT_FALSE(refused.has_precondition);
  EXPECT_TRUE(refused.wildcard_refused);
  EXPECT_TRUE(refused.decides);
  EXPECT_TRUE(contains(precondition_missing({}, refused).detail, "If-Match: *"));
}

TEST(Conditions, TagsAreNotAffectedByARefusedWildcard) {
  EXPECT_TRUE(
      parse({{"If-Match", format_tag(one)}}, {.wildcard_refused = true}).has_precondition);
}

TEST(Conditions, IfNoneMatchIsAPreconditionOnlyAsWildcard) {
  const ParsedConditions create = parse({{"If-None-Match", "*"}});
  EXPECT_TRUE(create.has_precondition);
  EXPECT_TRUE(create.decides);
  EXPECT_TRUE(create.condition->if_none_match->any);
  const ParsedConditions tags = parse({{"If-None-Match", format_tag(one)}});
  EXPECT_FALSE(tags.has_precondition);
  EXPECT_FALSE(tags.decides);
  EXPECT_EQ(tags.condition->if_none_match->versions, std::vector{one});
  EXPECT_EQ(sent_tags(fields_of({{"If-None-Match", format_tag(one)}})),
            std::vector{format_tag(one)});
}

TEST(Conditions, IfNoneMatchComparesWeakly) {
  const ParsedConditions parsed = parse({{"If-None-Match", "W/" + format_tag(one) + ", \"x\""}});
  EXPECT_EQ(parsed.condition->if_none_match->versions, std::vector{one});
  const std::string tag = format_tag(one);
  const std::string gzipped = tag.substr(0, tag.size() - 1) + "-gzip\"";
  EXPECT_TRUE(parse({{"If-None-Match", gzipped}}).condition->if_none_match->versions.empty());
  EXPECT_EQ(parse({{"If-None-Match", gzipped}}, {.accept_rewritten = true})
                .condition->if_none_match->versions,
            std::vector{one});
}

TEST(Conditions, IfUnmodifiedSinceCountsAsMissingButTakesTheGate) {
  const ParsedConditions parsed =
      parse({{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}});
  EXPECT_FALSE(parsed.condition);
  EXPECT_FALSE(parsed.has_precondition);
  EXPECT_TRUE(parsed.has_if_unmodified_since);
  EXPECT_TRUE(parsed.decides);
  EXPECT_TRUE(contains(precondition_missing({}, parsed).detail, "If-Unmodified-Since"));
}

TEST(Conditions, MalformedListsAreRefusedWithTheNameOfTheField) {
  for (const std::string_view name : {"If-Match", "If-None-Match"}) {
    for (const std::string_view value : {"", ",", "abc", "*, \"a\"", "\"a", "w/\"a\""}) {
      const auto parsed = parse_conditions(fields_of({{name, value}}), {});
      ASSERT_FALSE(parsed.has_value()) << name << ": " << value;
      EXPECT_EQ(parsed.error().problem, Problem::bad_condition);
      EXPECT_TRUE(contains(parsed.error().detail, name));
    }
  }
}

TEST(Conditions, AMalformedIfNoneMatchIsRefusedBesideAGoodIfMatch) {
  EXPECT_FALSE(parse_conditions(
                   fields_of({{"If-Match", format_tag(one)}, {"If-None-Match", "x"}}), {})
                   .has_value());
}

TEST(Conditions, ListsAreBounded) {
  std::string many;
  for (int i = 0; i < 300; ++i) many += "\"a\",";
  EXPECT_FALSE(parse_conditions(fields_of({{"If-Match", many}}), {}).has_value());
  EXPECT_TRUE(parse({{"If-Match", many.substr(0, 400)}}).has_precondition);
  EXPECT_EQ(sent_tags(fields_of({{"If-Match", many.substr(0, 400)}})).size(), 16U);
}

// The whole truth table: every kind of If-Match against every kind of If-None-Match and of current
// representation, in the order of RFC 9110 section 13.2.2.
TEST(ReadVerdicts, FollowTheOrderOfTheStandard) {
  enum class Kind { absent, any, same, other, several, empty };
  constexpr Kind kinds[] = {Kind::absent, Kind::any,     Kind::same,
                            Kind::other,  Kind::several, Kind::empty};
  const auto versions = [](Kind kind) -> std::vector<guard::Version> {
    if (kind == Kind::same) return {one};
    if (kind == Kind::other) return {two};
    if (kind == Kind::several) return {two, one};
    return {};
  };
  const auto matches = [](Kind kind, bool known) {
    return kind == Kind::any || (known && (kind == Kind::same || kind == Kind::several));
  };
  for (const Kind match : kinds) {
    for (const Kind none_match : kinds) {
      for (const bool known : {true, false}) {
        guard::Condition condition;
        if (match != Kind::absent) {
          condition.if_match = guard::IfMatch{match == Kind::any, versions(match)};
        }
        if (none_match != Kind::absent) {
          condition.if_none_match =
              guard::IfNoneMatch{none_match == Kind::any, versions(none_match)};
        }
        ReadVerdict expected = ReadVerdict::proceed;
        if (match != Kind::absent && !matches(match, known)) {
          expected = ReadVerdict::failed;
        } else if (none_match != Kind::absent && matches(none_match, known)) {
          expected = ReadVerdict::not_modified;
        }
        EXPECT_EQ(evaluate_read(condition, known ? std::optional(one) : std::nullopt), expected)
            << static_cast<int>(match) << ' ' << static_cast<int>(none_match) << ' ' << known;
      }
    }
  }
}

TEST(ReadVerdicts, AWeakTagOfOursFailsIfMatchAndHoldsIfNoneMatch) {
  const std::string weak = "W/" + format_tag(one);
  EXPECT_EQ(evaluate_read(*parse({{"If-Match", weak}}).condition, one), ReadVerdict::failed);
  EXPECT_EQ(evaluate_read(*parse({{"If-None-Match", weak}}).condition, one),
            ReadVerdict::not_modified);
}

TEST(StaleVersion, NamesWhatWasSentAndWhatIsCurrent) {
  const ProblemDetails details = stale({{"If-Match", format_tag(one)}}, two);
  EXPECT_EQ(details.sent, std::vector{format_tag(one)});
  EXPECT_EQ(details.current, format_tag(two));
  EXPECT_FALSE(stale({{"If-Match", format_tag(one)}}, std::nullopt).current);
  EXPECT_EQ(stale({{"If-Match", "*"}, {"If-None-Match", "\"a\""}}, two).sent,
            std::vector<std::string>{"*"});
}

TEST(StaleVersion, NamesTheCauseWhenAnIntermediaryChangedTheTag) {
  const ProblemDetails details = stale({{"If-Match", "W/" + format_tag(one)}}, one);
  EXPECT_TRUE(contains(details.detail, "intermediary"));
  EXPECT_TRUE(contains(details.detail, "accept_rewritten_tags"));
  EXPECT_TRUE(contains(details.detail, "Cache-Control: no-cache"));
}

TEST(StaleVersion, AlwaysSaysToReadPastCaches) {
  for (const std::string& tag : {format_tag(one), std::string("\"foreign\"")}) {
    const ProblemDetails details = stale({{"If-Match", tag}}, two);
    const std::string json = render(details);
    EXPECT_TRUE(contains(json, "Cache-Control: no-cache")) << json;
  }
}

}  // namespace
}  // namespace ifmatch::http
