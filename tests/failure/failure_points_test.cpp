// Every call that the proxy makes on a socket fails once, in every way that it can, in every
// scenario: nothing leaks, nothing hangs, each obligation is met exactly once, and the outcome that
// is assumed of a write is never better than what is known of it.
#include <gtest/gtest.h>

#include "tests/failure/judge.hpp"

namespace ifmatch::failure {
namespace {

using shim::Effect;
using shim::Fault;
using shim::Operation;
using shim::Side;

std::string told(const Verdict& verdict) {
  std::string text;
  for (const std::string& complaint : verdict.complaints) text += "  " + complaint + "\n";
  return text;
}

class FailurePoints : public testing::TestWithParam<std::size_t> {
 protected:
  const Scenario& scenario_ = scenarios()[GetParam()];
};

TEST_P(FailurePoints, WithoutAFaultAllIsAsExpected) {
  const Verdict verdict = judge(scenario_, {});
  EXPECT_TRUE(verdict.complaints.empty()) << told(verdict);
}

TEST_P(FailurePoints, OctetByOctetNothingChanges) {
  const Verdict verdict = judge(scenario_, {}, Pieces::octets);
  EXPECT_TRUE(verdict.complaints.empty()) << told(verdict);
}

void fail_every(const Scenario& scenario, Side side) {
  const Verdict undisturbed = judge(scenario, {});
  std::size_t runs = 0;
  std::size_t failed = 0;
  for (std::size_t kind = 0; kind < shim::operation_count; ++kind) {
    const auto operation = static_cast<Operation>(kind);
    for (const Effect effect : effects_of(side, operation)) {
      // A fault may lead to more calls of its kind, but those before it are the same.
      const std::size_t calls = undisturbed.counts[static_cast<std::size_t>(side)][kind];
      for (std::size_t nth = 1; nth <= calls; ++nth) {
        const Verdict verdict = judge(scenario, {side, operation, nth, effect});
        ++runs;
        EXPECT_TRUE(verdict.fired);
        if (verdict.complaints.empty()) continue;
        ADD_FAILURE() << name_of(side) << " " << name_of(operation) << " " << nth << " "
                      << name_of(effect) << ":\n" << told(verdict);
        // What else is wrong is most likely wrong for the same reason.
        if (++failed == 10) return;
      }
    }
  }
  testing::Test::RecordProperty("runs", static_cast<int>(runs));
}

TEST_P(FailurePoints, TheNthCallTowardsTheClientFails) { fail_every(scenario_, Side::client); }

TEST_P(FailurePoints, TheNthCallTowardsTheUpstreamFails) { fail_every(scenario_, Side::upstream); }

INSTANTIATE_TEST_SUITE_P(Every, FailurePoints, testing::Range<std::size_t>(0, scenarios().size()),
                         [](const auto& scenario) { return scenarios()[scenario.param].name; });

}  // namespace
}  // namespace ifmatch::failure
