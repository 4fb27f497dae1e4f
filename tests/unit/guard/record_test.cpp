// What was learnt: which entry wins, which remain as hints, what is forgotten, and what it costs.
#include "proxy/guard/record.hpp"

#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

namespace {

Lesson lesson(const View& who, const Version& shown, Epoch since) {
  return {{}, who, shown, 1, since};
}

std::vector<Entry> entries(const Record& record, std::uint64_t target) {
  std::vector<Entry> found;
  record.for_each(view(target).target, [&](const Entry& entry) { found.push_back(entry); });
  return found;
}

}  // namespace

TEST(Record, RefreshesTheSameVersionOfAVariant) {
  Record record(100, 16);
  record.learn(lesson(view(0), version(1), 5), false);
  EXPECT_EQ(record.learn(lesson(view(0), version(1), 9), false), std::nullopt);
  ASSERT_EQ(record.size(), 1U);
  EXPECT_EQ(entries(record, 0).front().since, 9U);
}

TEST(Record, KeepsTheOlderVersionOfAVariantAsAHint) {
  Record record(100, 16);
  record.learn(lesson(view(0), version(1), 5), false);
  EXPECT_EQ(record.learn(lesson(view(0), version(2), 9), false), Epoch{5});
  const std::vector<Entry> known = entries(record, 0);
  ASSERT_EQ(known.size(), 2U);
  EXPECT_EQ(known[0].version, version(2));
  EXPECT_FALSE(known[0].superseded);
  EXPECT_TRUE(known[1].superseded);
}

TEST(Record, NeverLetsAnOlderReadHideWhatANewerOneSaw) {
  Record record(100, 16);
  record.learn(lesson(view(0), version(2), 9), false);
  EXPECT_EQ(record.learn(lesson(view(0), version(1), 5), false), std::nullopt);
  for (const Entry& entry : entries(record, 0)) {
    EXPECT_EQ(entry.superseded, entry.version == version(1));
  }
}

TEST(Record, RevivesAVersionThatCameBack) {
  Record record(100, 16);
  record.learn(lesson(view(0), version(1), 5), false);
  record.learn(lesson(view(0), version(2), 6), false);
  record.learn(lesson(view(0), version(1), 7), false);
  for (const Entry& entry : entries(record, 0)) {
    EXPECT_EQ(entry.superseded, entry.version == version(2));
  }
}

TEST(Record, ForgetsTheOldestOfATargetThatHasTooMany) {
  Record record(100, 3);
  for (std::uint64_t number = 0; number < 5; ++number) {
    record.learn(lesson(view(0, number), version(number), number), false);
  }
  record.learn(lesson(view(1), version(9), 9), false);
  const std::vector<Entry> known = entries(record, 0);
  ASSERT_EQ(known.size(), 3U);
  EXPECT_EQ(known.back().version, version(2));
  EXPECT_EQ(record.size(), 4U);
}

TEST(Record, ForgetsTheEntryLearntLongestAgo) {
  Record record(3, 16);
  for (std::uint64_t target = 0; target < 3; ++target) {
    record.learn(lesson(view(target), version(target), 1), false);
  }
  record.learn(lesson(view(0), version(0), 2), false);  // refreshed: no longer the oldest
  record.learn(lesson(view(3), version(3), 3), false);
  EXPECT_EQ(record.size(), 3U);
  EXPECT_EQ(entries(record, 0).size(), 1U);
  EXPECT_EQ(entries(record, 1).size(), 0U);
  EXPECT_EQ(entries(record, 3).size(), 1U);
}

TEST(Record, OfAMillionEntriesTakesAtMost110BytesEach) {
  constexpr std::size_t many = 1'000'000;
  Record record(many, 16);
  for (std::uint64_t number = 0; number < many + many / 10; ++number) {
    record.learn(lesson(view(number), version(number), number), false);
  }
  ASSERT_EQ(record.size(), many);
  const double each = static_cast<double>(record.memory_bytes()) / many;
  RecordProperty("bytes_per_entry", std::to_string(each));
  EXPECT_LE(each, 110.0);
}

class Recorded : public Guard {};

TEST_F(Recorded, PrefersTheVeryVariantThenWhatTheViewerSawLast) {
  learn_now(at("/a"), view(0, 1, 1), version(1));
  learn_now(at("/a"), view(0, 1, 2), version(2));
  learn_now(at("/a"), view(0, 2, 1), version(3));
  EXPECT_EQ(engine.recorded(at("/a"), view(0, 1, 1)), version(1));
  EXPECT_EQ(engine.recorded(at("/a"), view(0, 1, 7)), version(2));
  EXPECT_EQ(engine.recorded(at("/a"), view(0, 9, 1)), std::nullopt);
  EXPECT_EQ(engine.recorded(at("/a"), view(8, 1, 1)), std::nullopt);
}

TEST_F(Recorded, HintsComeLatestFirstAndEachSelectionOnce) {
  learn(at("/a"), view(0, 1, 1), version(1), 1, 7);
  learn(at("/a"), view(0, 2, 1), version(1), 1, 7, true);
  learn(at("/a"), view(0, 1, 2), version(2), 1, 8);
  learn(at("/a"), view(0, 1, 3), version(3), 1, 9);
  learn(at("/a"), view(0, 1, 4), version(2), 1, selection_unknown);
  const std::vector<Version> sent{version(1), version(2)};
  const std::vector<Hint> hints = engine.hints(view(0).target, sent);
  ASSERT_EQ(hints.size(), 2U);
  EXPECT_EQ(hints[0].selection, 8U);
  EXPECT_FALSE(hints[0].without_credentials);
  EXPECT_EQ(hints[1].selection, 7U);
  EXPECT_TRUE(hints[1].without_credentials);
}

TEST_F(Recorded, AHintOutlivesItsEntry) {
  learn_now(at("/a"), view(0), version(1));
  send_now(1, serialised("/a"));
  settled(1);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), std::nullopt);
  const std::vector<Version> sent{version(1)};
  EXPECT_EQ(engine.hints(view(0).target, sent).size(), 1U);
}

TEST_F(Recorded, AChangeWithoutAWriteThroughUsIsCounted) {
  learn_now(at("/a"), view(0), version(1));
  learn_now(at("/a"), view(0), version(2));
  EXPECT_EQ(engine.counts().out_of_band, 1U);
  learn_now(at("/a"), view(0), version(2));
  learn_now(at("/a"), view(0, 0, 1), version(3));  // another variant is no change
  EXPECT_EQ(engine.counts().out_of_band, 1U);
  send_now(1, serialised("/a"));
  settled(1);
  learn_now(at("/a"), view(0), version(4));  // a write through us explains it
  EXPECT_EQ(engine.counts().out_of_band, 1U);
}

TEST_F(Recorded, ALateLessonIsNoChangeFromOutside) {
  const Epoch early = engine.epoch();
  send_now(1, serialised("/b"));
  settled(1);
  learn_now(at("/a"), view(0), version(2));
  learn(at("/a"), view(0), version(1), early);
  EXPECT_EQ(engine.recorded(at("/a"), view(0)), version(2));
  EXPECT_EQ(engine.counts().out_of_band, 0U);
}

}  // namespace ifmatch::guard::testing
