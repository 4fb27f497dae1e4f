// The one order in which all requests take their gates, and what a request needs.
#include "proxy/guard/footprint.hpp"

#include "tests/unit/guard/fixture.hpp"

namespace ifmatch::guard::testing {

namespace {

constexpr Modes guarded_modes{Mode::exclusive, Mode::shared};

std::vector<std::string> keys(const Footprint& steps) {
  std::vector<std::string> found;
  for (const Step& step : steps) found.emplace_back(step.key);
  return found;
}

}  // namespace

TEST(Footprint, NamesComeFirstThenPathsSegmentBySegment) {
  const Resource resource{{"/b", "/a-b", "/a/b"}, {"zeta", "alpha"}};
  EXPECT_EQ(keys(footprint_of(resource, guarded_modes)),
            (std::vector<std::string>{"alpha", "zeta", "/", "/a", "/a/b", "/a-b", "/b"}));
}

TEST(Footprint, AnEnclosingPathComesBeforeWhatItEncloses) {
  EXPECT_TRUE(comes_before("/", "/a"));
  EXPECT_TRUE(comes_before("/a", "/a/b"));
  EXPECT_TRUE(comes_before("/a/b", "/a-b"));  // '/' is the lowest of all characters
  EXPECT_TRUE(comes_before("/a/b", "/a!"));
  EXPECT_TRUE(comes_before("/a", "/\xff"));
  EXPECT_FALSE(comes_before("/a", "/a"));
  EXPECT_TRUE(comes_before("zeta", "/"));
}

TEST(Footprint, AGateNeededTwiceIsOneStepInTheStricterMode) {
  const Resource resource{{"/a/b", "/a", "/a"}, {"n", "n"}};
  const Footprint steps = footprint_of(resource, guarded_modes);
  ASSERT_EQ(keys(steps), (std::vector<std::string>{"n", "/", "/a", "/a/b"}));
  EXPECT_EQ(steps[1].mode, Mode::shared);
  EXPECT_EQ(steps[2].mode, Mode::exclusive);
  EXPECT_TRUE(steps[2].own && steps[2].enclosing);
  EXPECT_EQ(steps[3].mode, Mode::exclusive);
}

TEST(Footprint, OfTheRootIsTheRootAlone) {
  const Resource root{{"/"}, {}};
  const Footprint steps = footprint_of(root, guarded_modes);
  ASSERT_EQ(keys(steps), (std::vector<std::string>{"/"}));
  EXPECT_FALSE(steps[0].enclosing);
}

TEST(Footprint, MayHaveThirtyTwoSegmentsAndNoMore) {
  std::string path;
  for (std::size_t segment = 0; segment < segments_max; ++segment) path += "/s";
  EXPECT_EQ(footprint_of(at(path), guarded_modes).size(), segments_max + 1);
  const Resource too_deep = at(path + "/s");
  EXPECT_DEATH(static_cast<void>(footprint_of(too_deep, guarded_modes)), "broken invariant");
}

TEST(Footprint, RefusesWhatIsNotFolded) {
  const Resource trailing = at("/a/");
  const Resource relative = at("a");
  const Resource name_like_a_path = at("/a", {"/n"});
  EXPECT_DEATH(static_cast<void>(footprint_of(trailing, guarded_modes)), "broken invariant");
  EXPECT_DEATH(static_cast<void>(footprint_of(relative, guarded_modes)), "broken invariant");
  EXPECT_DEATH(static_cast<void>(footprint_of(name_like_a_path, guarded_modes)),
               "broken invariant");
}

TEST(Modes, ConflictAsTheirTableSays) {
  const std::vector<Mode> modes{Mode::exclusive, Mode::shared, Mode::read, Mode::read_below};
  const bool table[4][4] = {{true, true, true, true},
                            {true, false, true, false},
                            {true, true, false, false},
                            {true, false, false, false}};
  for (std::size_t one = 0; one < modes.size(); ++one) {
    for (std::size_t other = 0; other < modes.size(); ++other) {
      EXPECT_EQ(conflict(modes[one], modes[other]), table[one][other]) << one << ' ' << other;
    }
    EXPECT_FALSE(conflict(modes[one], Mode::none));
  }
}

}  // namespace ifmatch::guard::testing
