// RFC 9110 13.2.2 and rule 3.2.4: what one sight of the resource says about a precondition.
#include "proxy/guard/condition.hpp"

#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

namespace {

Condition both(Condition match, const Condition& none_match) {
  match.if_none_match = none_match.if_none_match;
  return match;
}

struct Case {
  const char* says;
  Condition condition;
  Observation seen;
  Absence absence;
  Verdict verdict;
};

}  // namespace

TEST(Condition, IsEvaluatedAsItsTableSays) {
  const Version one = version(1);
  const Version two = version(2);
  const Condition nothing_matches = if_match({});
  const Observation absent = sees(Sight::absent);
  const Absence answer = Absence::is_answer;
  const Absence state = Absence::is_a_state;
  const std::vector<Case> cases{
      {"the named version", if_match({one}), sees(one), answer, Verdict::holds},
      {"one of several", if_match({two, one}), sees(one), answer, Verdict::holds},
      {"another version", if_match({one}), sees(two), answer, Verdict::differs},
      {"only tags that can never match", nothing_matches, sees(two), answer, Verdict::differs},
      {"any version", if_match_any(), sees(two), answer, Verdict::holds},
      {"any, but nothing is there (PUT)", if_match_any(), absent, state, Verdict::gone},
      {"a tag, but nothing is there (PUT)", if_match({one}), absent, state, Verdict::gone},
      {"a tag, but nothing is there", if_match({one}), absent, answer, Verdict::absent},
      {"create, nothing is there", create_only(), absent, answer, Verdict::holds},
      {"create, nothing is there (PUT)", create_only(), absent, state, Verdict::holds},
      {"create, but it exists", create_only(), sees(one), answer, Verdict::exists},
      {"match and create, nothing there", both(if_match_any(), create_only()), absent, answer,
       Verdict::gone},
      {"match and create, it exists", both(if_match({one}), create_only()), sees(one), answer,
       Verdict::exists},
      {"match and create, another", both(if_match({one}), create_only()), sees(two), answer,
       Verdict::differs},
      {"none of the tags", if_none_match({two}), sees(one), answer, Verdict::holds_here},
      {"one of the tags", if_none_match({two, one}), sees(one), answer, Verdict::exists},
      {"no tag can match, nothing there", if_none_match({one}), absent, state, Verdict::holds},
      {"tags, and the 404 is the answer", if_none_match({one}), absent, answer, Verdict::absent},
      {"matches, and none of the tags", both(if_match({one}), if_none_match({two})), sees(one),
       answer, Verdict::holds},
      {"matches, but also a tag", both(if_match({one}), if_none_match({one})), sees(one), answer,
       Verdict::exists},
      {"a redirect", if_match({one}), sees(Sight::relay), answer, Verdict::relayed},
      {"no answer", create_only(), sees(Sight::undecidable), answer, Verdict::undecided},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(evaluate(test.condition, test.seen, test.absence), test.verdict) << test.says;
  }
}

TEST(Condition, ThatNamesNothingSaysNothing) {
  EXPECT_FALSE(says_something(std::nullopt));
  EXPECT_FALSE(says_something(Condition{}));
  EXPECT_TRUE(says_something(if_match({})));
  EXPECT_TRUE(says_something(create_only()));
}

}  // namespace ifmatch::guard::testing
