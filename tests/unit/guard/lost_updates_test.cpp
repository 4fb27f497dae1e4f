// Which updates are lost: stories of clients, each told in a line of events, and a comparison with
// a checker that knows the content.
#include "proxy/guard/lost_updates.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard {
namespace {

using testing::octets;
using testing::version;
using Effect = LostUpdates::Effect;
using Kind = LostUpdates::Kind;
using Loss = LostUpdates::Loss;

Digest client(std::uint64_t number) { return octets<Digest>(number); }
Digest path(std::uint64_t number) { return octets<Digest>(500 + number); }

// Plays events that are written as words: "A.r1" client A reads version 1; "A.r" without a version;
// "A.w" writes with success, "A.f" fails, "A.u" has an unknown outcome, "A.o" writes with another
// method; "A.w(" and "A.)" begin and end a write, "A.r(" and "A.]2" begin and end a read of version
// 2. Returns what each ended write was: '.', 'L' for lost, 'b' for blind.
class Story {
 public:
  explicit Story(const LostUpdates::Limits& limits = {}) : updates_(limits) {}

  std::string play(const std::string& words) {
    std::string out;
    std::string word;
    for (const char letter : words + " ") {
      if (letter != ' ') {
        word += letter;
      } else if (!word.empty()) {
        out += event(word);
        word.clear();
      }
    }
    return out;
  }

  LostUpdates& updates() { return updates_; }

 private:
  static std::optional<Version> version_in(std::string_view digits) {
    if (digits.empty()) return std::nullopt;
    return version(static_cast<std::uint64_t>(digits.front()));
  }

  std::string end(char who, Effect effect) {
    switch (updates_.write_ends(open_.at(who), paths_, effect)) {
      case Loss::none: return ".";
      case Loss::lost: return "L";
      case Loss::blind: break;
    }
    return "b";
  }

  std::string event(const std::string& word) {
    const char who = word[0];
    const Digest digest = client(static_cast<std::uint64_t>(who));
    const char what = word[2];
    if (what == ')') return end(who, Effect::changed);
    if (what == ']') {
      updates_.read_ends(digest, paths_.front(), began_.at(who), version_in(word.substr(3)));
      return "";
    }
    if (what == 'r') {
      began_[who] = updates_.read_begins();
      if (word.ends_with('(')) return "";
      updates_.read_ends(digest, paths_.front(), began_[who], version_in(word.substr(3)));
      return "";
    }
    open_[who] = updates_.write_begins(digest, paths_, what == 'o' ? Kind::other : Kind::judged);
    if (word.ends_with('(')) return "";
    return end(who, what == 'f' ? Effect::nothing : what == 'u' ? Effect::unknown : Effect::changed);
  }

  LostUpdates updates_;
  std::vector<Digest> paths_{path(1)};
  std::map<char, LostUpdates::Write> open_;
  std::map<char, Moment> began_;
};

struct Case {
  const char* story;
  const char* losses;
};

TEST(LostUpdates, AreThoseOfAWriterWhoHasNotSeenTheLastChange) {
  const std::vector<Case> cases{
      {"A.r1 A.w", "."},
      {"A.w", "b"},
      {"A.w A.w", "b."},                      // its own last write is what it knows
      {"A.r1 B.r1 A.w B.w", ".L"},
      {"A.r1 B.r1 A.w B.r2 B.w", ".."},       // read again
      {"A.r1 B.r1 A.w B.w A.w", ".LL"},       // and back
      {"A.r1 B.r1 A.w A.w B.w", "..L"},
      {"A.r1 B.r1 A.w B.w B.w", ".L."},       // lost once
      {"A.r1 B.w A.w", "bL"},                 // a blind write changes, too
      {"A.r1 B.r1 C.r1 A.w B.w C.w", ".LL"},
      {"A.r1 B.r1 A.f B.w", ".."},            // what was refused changed nothing
      {"A.r1 B.r1 A.u B.w", ".."},            // what may have changed nothing does not count
      {"A.r1 B.r1 A.w B.f B.w", "..L"},       // nor does a failure lose anything
      {"A.r1 B.o A.w", ".L"},                 // a POST changes what is there
      {"A.r1 B.r1 A.w B.o", ".."},            // ... and overwrites nothing
      {"A.r1 A.o A.w", ".."},                 // its own
      {"A.r B.r A.w B.w", ".L"},              // without a version, as of a 404 or 304
  };
  for (const Case& one : cases) EXPECT_EQ(Story().play(one.story), one.losses) << one.story;
}

TEST(LostUpdates, OfWritersAtTheSameTimeAreOneFewerThanTheWriters) {
  const std::vector<Case> cases{
      {"A.r1 B.r1 A.w( B.w( A.) B.)", ".L"},
      {"A.r1 B.r1 A.w( B.w( B.) A.)", ".L"},
      {"A.r1 B.r1 C.r1 A.w( B.w( C.w( C.) A.) B.)", ".LL"},
  };
  for (const Case& one : cases) EXPECT_EQ(Story().play(one.story), one.losses) << one.story;
}

TEST(LostUpdates, CountOnlyWhatIsCertain) {
  const std::vector<Case> cases{
      {"A.r1 B.r( A.w( A.) B.]2 B.w", ".."},  // the read may have seen the write
      {"A.r1 A.w( B.r1 A.) B.w", ".."},
      {"A.r1 B.r( B.]1 A.w( A.) B.w", ".L"},
  };
  for (const Case& one : cases) EXPECT_EQ(Story().play(one.story), one.losses) << one.story;
}

TEST(LostUpdates, AreNotThoseOfAChangeThatChangedNothing) {
  const std::vector<Case> cases{
      {"A.r1 B.r1 A.w C.r1 B.w", ".."},       // somebody was shown the very version again
      {"A.r1 B.r1 A.w C.r2 B.w", ".L"},
      {"A.r1 B.r1 A.w C.r1 A.w B.w", "..L"},  // but not after the next write
      {"A.r1 B.r1 C.r( A.w C.]1 B.w", ".L"},  // nor by a read that began before it
      {"A.r1 B.r1 A.w( C.r1 A.) B.w", ".L"},
      {"A.r1 A.w B.r2 B.w C.r1 A.w", "..L"},  // what A knows is its own write, not version 1
  };
  for (const Case& one : cases) EXPECT_EQ(Story().play(one.story), one.losses) << one.story;
}

void read(LostUpdates& updates, std::uint64_t who, std::uint64_t what) {
  updates.read_ends(client(who), path(what), updates.read_begins(), version(what));
}

Loss write(LostUpdates& updates, std::uint64_t who, std::uint64_t what) {
  const std::vector<Digest> paths{path(what)};
  const LostUpdates::Write write = updates.write_begins(client(who), paths, Kind::judged);
  return updates.write_ends(write, paths, Effect::changed);
}

TEST(LostUpdates, ForgetTheOldestReadWhichMakesAWriteBlind) {
  LostUpdates updates({.readings_max = 2, .paths_max = 100});
  for (std::uint64_t who : {1U, 2U, 3U}) read(updates, who, 1);
  EXPECT_EQ(updates.readings(), 2U);
  EXPECT_EQ(write(updates, 3, 1), Loss::none);
  EXPECT_EQ(write(updates, 1, 1), Loss::blind) << "a loss, had its read not been forgotten";
  EXPECT_EQ(updates.readings(), 2U);
}

TEST(LostUpdates, ForgetTheOldestWriteWhichHidesALoss) {
  LostUpdates updates({.readings_max = 100, .paths_max = 2});
  read(updates, 1, 1);
  EXPECT_EQ(write(updates, 2, 1), Loss::blind);
  for (std::uint64_t what : {2U, 3U}) EXPECT_EQ(write(updates, 2, what), Loss::blind);
  EXPECT_EQ(updates.paths(), 2U);
  EXPECT_EQ(write(updates, 1, 1), Loss::none);
}

TEST(LostUpdates, SurviveThatAPathIsForgottenUnderAWrite) {
  LostUpdates updates({.readings_max = 100, .paths_max = 1});
  const std::vector<Digest> paths{path(1)};
  const LostUpdates::Write under_way = updates.write_begins(client(1), paths, Kind::judged);
  EXPECT_EQ(write(updates, 2, 2), Loss::blind);
  EXPECT_EQ(updates.write_ends(under_way, paths, Effect::changed), Loss::blind);
  read(updates, 2, 1);
  EXPECT_EQ(write(updates, 1, 1), Loss::none);
  EXPECT_EQ(write(updates, 2, 1), Loss::lost);
}

TEST(LostUpdates, ReachEveryPathThatAWriteChanges) {
  LostUpdates updates;
  const std::vector<Digest> item{path(2), path(1)};
  const std::vector<Digest> order{path(1)};
  updates.read_ends(client(1), path(1), updates.read_begins(), version(1));
  EXPECT_EQ(updates.write_ends(updates.write_begins(client(2), item, Kind::judged), item,
                               Effect::changed),
            Loss::blind);
  EXPECT_EQ(updates.write_ends(updates.write_begins(client(1), order, Kind::judged), order,
                               Effect::changed),
            Loss::lost);
  // What a writer must have read is its own path only.
  updates.read_ends(client(3), path(2), updates.read_begins(), version(7));
  EXPECT_EQ(updates.write_ends(updates.write_begins(client(3), item, Kind::judged), item,
                               Effect::changed),
            Loss::none);
}

TEST(LostUpdates, TellWhetherTheTagOfAReadIsOvertaken) {
  Story story;
  const Digest a = client('A');
  const std::vector<Version> first{version('1')};
  const std::vector<Version> second{version('2')};
  EXPECT_FALSE(story.updates().is_overtaken(a, path(1), first));
  story.play("A.r1");
  EXPECT_FALSE(story.updates().is_overtaken(a, path(1), first));
  story.play("B.w");
  EXPECT_TRUE(story.updates().is_overtaken(a, path(1), first));
  EXPECT_FALSE(story.updates().is_overtaken(a, path(1), second)) << "whose tag that is, nobody knows";
  story.play("C.r1");
  EXPECT_FALSE(story.updates().is_overtaken(a, path(1), first)) << "it was shown again";
  story.play("A.w");
  EXPECT_TRUE(story.updates().is_overtaken(a, path(1), first)) << "its own write counts, too";
  story.play("A.r2");
  EXPECT_FALSE(story.updates().is_overtaken(a, path(1), second));
}

// Clients whose every step is over before the next begins: then nothing is uncertain, and a checker
// that knows the content must count the same.
TEST(LostUpdates, AreAsManyAsACheckerOfTheContentCounts) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    LostUpdates updates;
    struct Known {
      bool any = false;
      std::uint64_t content = 0;
    };
    std::map<std::pair<int, int>, Known> known;
    std::map<int, std::uint64_t> content;
    std::uint64_t next = 1;
    int lost = 0;
    int expected = 0;
    for (int step = 0; step < 300; ++step) {
      const int who = static_cast<int>(random() % 4);
      const int what = static_cast<int>(random() % 3);
      const std::vector<Digest> paths{path(static_cast<std::uint64_t>(what))};
      const Digest digest = client(static_cast<std::uint64_t>(who));
      Known& mine = known[{who, what}];
      if (random() % 2 == 0) {
        mine = {true, content[what]};
        updates.read_ends(digest, paths.front(), updates.read_begins(), version(content[what]));
        continue;
      }
      const bool fails = random() % 5 == 0;
      const LostUpdates::Write write = updates.write_begins(digest, paths, Kind::judged);
      const Loss loss = updates.write_ends(write, paths, fails ? Effect::nothing : Effect::changed);
      if (loss == Loss::lost) ++lost;
      if (fails) continue;
      if (mine.any && mine.content != content[what]) ++expected;
      content[what] = next++;
      mine = {true, content[what]};
    }
    EXPECT_EQ(lost, expected) << "seed " << seed;
    EXPECT_GT(expected, 0) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ifmatch::guard
