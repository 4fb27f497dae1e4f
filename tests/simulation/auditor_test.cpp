// The auditor of the simulation sees what it must see: without it a clean history proves nothing.
// In particular, contents that come back (A, B, A) must not make it blind.
#include <gtest/gtest.h>

#include <ostream>

#include "tests/simulation/addresses.hpp"
#include "tests/simulation/upstream.hpp"

namespace ifmatch::simulation {

// What GoogleTest and CTest call it.
void PrintTo(Contents contents, std::ostream* out) {
  *out << (contents == Contents::ever_new ? "NewContents" : "RepeatedContents");
}

namespace {

using namespace std::chrono_literals;

constexpr Cell member = 1;      // "/a/x"
constexpr Cell collection = 0;  // "/a"

class Auditor : public ::testing::TestWithParam<Contents> {
 protected:
  [[nodiscard]] Condition what_is_shown(Cell cell, Viewer viewer = 0) const {
    const Observation seen = upstream_.look(cell, viewer, 0);
    return {guard::IfMatch{false, {seen.version}}, std::nullopt};
  }

  // Every write is an edit of its own, unless it says that it is an earlier one.
  Audit write(const Condition* condition, Writer writer = Writer::gated, Cell cell = member,
              Edit edit = 0, Viewer viewer = 0) {
    now_ += 1ms;
    Claim claim;
    claim.condition = condition;
    claim.viewer = viewer;
    claim.looked = looked_;
    claim.known = known_;
    claim.as = {writer, now_, ++order_, edit == 0 ? order_ : edit};
    return upstream_.land(cell, Effect::replace, claim);
  }

  Upstream upstream_{GetParam()};
  Instant now_ = Instant{} + 1h;
  Instant looked_{};
  std::size_t known_ = 0;
  std::uint64_t order_ = 0;
};

}  // namespace

TEST_P(Auditor, SeesAWriteOverWhatItsTagDoesNotName) {
  const Condition seen_by_both = what_is_shown(member);
  EXPECT_EQ(write(&seen_by_both), Audit::as_claimed);
  EXPECT_EQ(write(&seen_by_both), Audit::lost_update);
}

TEST_P(Auditor, SeesAWriteOverAPartBelow) {
  const Condition seen = what_is_shown(collection);
  write(nullptr, Writer::gated, member);
  EXPECT_EQ(write(&seen, Writer::gated, collection), Audit::lost_update);
}

TEST_P(Auditor, SeesACreationOverWhatExists) {
  const Condition create{std::nullopt, guard::IfNoneMatch{true, {}}};
  EXPECT_EQ(write(&create), Audit::lost_update);
}

TEST_P(Auditor, SeesAnEditThatLandsTwiceOverAnother) {
  const Condition first = what_is_shown(member);
  const Edit edit = 1;
  EXPECT_EQ(write(&first, Writer::gated, member, edit), Audit::as_claimed);
  write(nullptr);
  const Condition fresh = what_is_shown(member);
  EXPECT_EQ(write(&fresh, Writer::gated, member, edit), Audit::lost_update);
}

TEST_P(Auditor, ForgivesAnEditThatLandsTwiceInARow) {
  const Condition first = what_is_shown(member);
  const Edit edit = 1;
  EXPECT_EQ(write(&first, Writer::gated, member, edit), Audit::as_claimed);
  const Condition fresh = what_is_shown(member);
  EXPECT_EQ(write(&fresh, Writer::gated, member, edit), Audit::as_claimed);
}

TEST_P(Auditor, ExcusesAWriterAroundTheProxyOnlyBetweenProbeAndWrite) {
  const Condition seen = what_is_shown(member);
  looked_ = now_;
  write(nullptr, Writer::around);
  EXPECT_EQ(write(&seen), Audit::slipped_around);

  const Condition again = what_is_shown(member);
  write(nullptr, Writer::around);
  looked_ = now_ + 500us;  // it must have shown that one
  EXPECT_EQ(write(&again), Audit::lost_update);
}

TEST_P(Auditor, ExcusesNobodyForWhomAGateWasShut) {
  const Condition seen = what_is_shown(member);
  looked_ = now_;
  // The first changes it, the second, whom no rule stops, changes the whole of it once more.
  write(nullptr, Writer::gated, member, 0, sees_all);
  write(nullptr, Writer::around, collection);
  write(nullptr, Writer::around, collection);
  // Unless what the first had made was undone by one who is excused.
  const bool undone = GetParam() == Contents::repeated;
  EXPECT_EQ(write(&seen), undone ? Audit::slipped_around : Audit::lost_update);
}

TEST_P(Auditor, HoldsAConditionAgainstTheRepresentationOfItsOwnUser) {
  const Condition public_part = what_is_shown(member);
  EXPECT_EQ(what_is_shown(member, sees_all).if_match->versions, public_part.if_match->versions);
  write(nullptr, Writer::gated, member, 0, sees_all);  // it has a hidden part from now on
  const Condition now_public = what_is_shown(member);
  EXPECT_EQ(write(&now_public, Writer::gated, member, 0, sees_all), Audit::lost_update);
}

INSTANTIATE_TEST_SUITE_P(Of, Auditor, ::testing::Values(Contents::ever_new, Contents::repeated),
                         ::testing::PrintToStringParamName());

TEST(AuditorOfRepeatedContents, TakesEqualContentForTheSameAndStillSeesTheRest) {
  Upstream upstream(Contents::repeated);
  const Condition named{guard::IfMatch{false, {upstream.look(member, 0, 0).version}}, std::nullopt};
  Claim claim;
  claim.known = upstream.changes(member);
  Edit edit = 0;
  const auto lands = [&](const Condition* condition) {
    claim.condition = condition;
    claim.as = {Writer::gated, {}, 0, ++edit};
    return upstream.land(member, Effect::replace, claim);
  };
  lands(nullptr);                                // A, B
  EXPECT_EQ(lands(&named), Audit::lost_update);  // and A again, unseen
  EXPECT_EQ(lands(&named), Audit::as_claimed_again);
  EXPECT_EQ(lands(&named), Audit::lost_update);
}

TEST(Addresses, EverySpellingOfAPathIsOneResource) {
  for (Target target = 0; target < addresses.size(); ++target) {
    const guard::Resource plain = resource_of(target, 0, Keys::folded, 0);
    bool differs = false;
    for (Spelling spelling = 1; spelling < addresses[target].spelled.size(); ++spelling) {
      EXPECT_EQ(resource_of(target, spelling, Keys::folded, 0).paths, plain.paths)
          << addresses[target].spelled[spelling];
      differs = differs || resource_of(target, spelling, Keys::as_spelled, 0).paths != plain.paths;
    }
    EXPECT_TRUE(differs) << "the control without folded keys must have something to find";
  }
}

}  // namespace ifmatch::simulation
