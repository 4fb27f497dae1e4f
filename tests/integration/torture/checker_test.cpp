// The checker of the torture finds each kind of broken promise in a journal made by hand, and
// nothing in one that is in order.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/torture/checker.hpp"
#include "tests/integration/torture/soak.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ifmatch::torture {
namespace {

class Checker : public ::testing::Test {
 protected:
  Instant second(int number) const { return Instant(std::chrono::seconds(number)); }

  AppliedWrite write(int at, Method method, std::string_view path, WriteId id, WriteId base,
                     WriteId overwritten) const {
    return {second(at), method, landscape.find(path).value(), id, base, overwritten, 0};
  }

  Findings judge(const std::vector<AppliedWrite>& applied,
                 const std::vector<Attempt>& attempts = {},
                 const std::vector<Sighting>& sightings = {}) const {
    return check(landscape, applied, attempts, sightings);
  }

  const Landscape landscape;
  const std::string hot = "/confirm/hot";
  const std::string list = "/confirm/list1";
  const std::string member = "/confirm/list1/0";
};

TEST_F(Checker, AcceptsAChainInOrder) {
  const Findings findings =
      judge({write(1, Method::put, hot, 1, 0, 0), write(2, Method::patch, hot, 2, 1, 1),
             write(3, Method::remove, hot, 3, 2, 2), write(4, Method::put, hot, 4, 0, 0)});
  EXPECT_EQ(findings.applied, 4U);
  EXPECT_EQ(findings.lost, 0U);
  EXPECT_EQ(findings.broken, 0U);
}

TEST_F(Checker, FindsAWriteThatIsNotBasedOnWhatItOverwrote) {
  const Findings findings =
      judge({write(1, Method::put, hot, 1, 0, 0), write(2, Method::put, hot, 2, 1, 1),
             write(3, Method::put, hot, 3, 1, 2)});
  EXPECT_EQ(findings.lost, 1U);
  ASSERT_EQ(findings.examples.size(), 1U);
  EXPECT_NE(findings.examples[0].find("PUT /confirm/hot 3 based on 1 overwrote 2"),
            std::string::npos);
}

TEST_F(Checker, FindsADeleteAndACreationThatWereLate) {
  EXPECT_EQ(judge({write(1, Method::put, hot, 1, 0, 0), write(2, Method::put, hot, 2, 1, 1),
                   write(3, Method::remove, hot, 3, 1, 2)})
                .lost,
            1U);
  EXPECT_EQ(judge({write(1, Method::put, hot, 1, 0, 0), write(2, Method::put, hot, 2, 0, 1)}).lost,
            1U);
}

TEST_F(Checker, TakesAMemberForAPartOfItsCollection) {
  const std::vector<AppliedWrite> created = {write(1, Method::post, member, 1, 0, 0)};
  auto replaced = created;
  replaced.push_back(write(2, Method::put, list, 2, 1, 1));
  EXPECT_EQ(judge(replaced).lost, 0U);

  auto unseen = created;
  unseen.push_back(write(2, Method::put, list, 2, 0, 1));
  EXPECT_EQ(judge(unseen).lost, 1U);

  auto gone = replaced;
  gone.push_back(write(3, Method::put, member, 3, 1, 0));
  EXPECT_EQ(judge(gone).lost, 1U);
}

TEST_F(Checker, FindsAWriteThatWasAppliedTwice) {
  EXPECT_EQ(
      judge({write(1, Method::put, hot, 1, 0, 0), write(2, Method::put, hot, 1, 1, 1)}).broken, 1U);
}

TEST_F(Checker, FindsAJournalThatContradictsItself) {
  EXPECT_EQ(
      judge({write(1, Method::put, hot, 1, 0, 0), write(2, Method::put, hot, 2, 1, 0)}).broken, 1U);
}

TEST_F(Checker, ComparesWhatClientsWereTold) {
  const std::vector<AppliedWrite> applied = {write(2, Method::put, hot, 1, 0, 0)};
  const auto broken = [&](WriteId id, Verdict verdict, int begun, int ended) {
    return judge(applied, {{id, verdict, second(begun), second(ended)}}).broken;
  };
  EXPECT_EQ(broken(1, Verdict::applied, 1, 3), 0U);
  EXPECT_EQ(broken(1, Verdict::unknown, 1, 1), 0U);
  EXPECT_EQ(broken(2, Verdict::unknown, 1, 1), 0U);
  EXPECT_EQ(broken(2, Verdict::refused, 1, 3), 0U);
  EXPECT_EQ(broken(2, Verdict::applied, 1, 3), 1U) << "success, and never applied";
  EXPECT_EQ(broken(1, Verdict::refused, 1, 3), 1U) << "refused, and applied";
  EXPECT_EQ(broken(1, Verdict::applied, 0, 1), 1U) << "answered before it was applied";
  EXPECT_EQ(broken(1, Verdict::applied, 3, 4), 1U) << "applied before it was sent";
}

TEST_F(Checker, FindsAReadOfWhatWasNotThere) {
  const std::vector<AppliedWrite> applied = {write(10, Method::put, hot, 1, 0, 0),
                                             write(20, Method::put, hot, 2, 1, 1)};
  const auto broken = [&](WriteId shown, int begun, int ended) {
    return judge(applied, {}, {{landscape.find(hot).value(), shown, second(begun), second(ended)}})
        .broken;
  };
  EXPECT_EQ(broken(0, 1, 2), 0U);
  EXPECT_EQ(broken(1, 11, 12), 0U);
  EXPECT_EQ(broken(1, 19, 21), 0U);
  EXPECT_EQ(broken(2, 19, 21), 0U);
  EXPECT_EQ(broken(2, 11, 12), 1U) << "before it was written";
  EXPECT_EQ(broken(1, 21, 22), 1U) << "after it was overwritten";
  EXPECT_EQ(broken(7, 11, 12), 1U) << "never written";
}

TEST_F(Checker, ReadsAJournalBackAndDropsABrokenLastLine) {
  const support::TemporaryFolder folder;
  const std::string path = (folder.path() / "journal").string();
  const AppliedWrite first = write(1, Method::put, hot, 1, 0, 0);
  {
    Journal journal(path, landscape);
    journal.add(first);
    journal.add_mishap("something else");
  }
  std::ofstream(path, std::ios::app) << "applied 5 PU";
  Journal(path, landscape).add(write(2, Method::remove, hot, 2, 1, 1));
  const JournalText text = read_journal(path, landscape);
  ASSERT_EQ(text.applied.size(), 2U);
  EXPECT_EQ(text.applied[0].at, first.at);
  EXPECT_EQ(text.applied[1].method, Method::remove);
  EXPECT_EQ(text.mishaps.at("something else"), 1U);
}

TEST(Soak, FindsMemoryAndDescriptorsThatGrow) {
  std::vector<Sample> flat;
  std::vector<Sample> growing;
  for (int at = 0; at < 400; ++at) {
    const auto ripple = static_cast<std::uint64_t>(at % 7);
    flat.push_back({std::chrono::seconds(at), 20'000 + 100 * ripple, 60 + ripple});
    growing.push_back({std::chrono::seconds(at), 20'000 + 50 * static_cast<std::uint64_t>(at),
                       60 + static_cast<std::uint64_t>(at) / 5});
  }
  EXPECT_TRUE(growth(flat).empty());
  EXPECT_EQ(growth(growing).size(), 2U);
  EXPECT_EQ(growth({}).size(), 1U) << "nothing was looked at";
}

}  // namespace
}  // namespace ifmatch::torture
