// Which upstreams share a guard: those that lead to one state by any of their places.
#include "proxy/net/origins.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "config/syntax.hpp"

namespace ifmatch::net {
namespace {

config::Endpoint place(const std::string& url) {
  const auto parsed = std::get<config::UpstreamUrl>(config::parse_upstream_url(url));
  return {.url = url, .host = parsed.host, .port = parsed.port, .socket = parsed.socket};
}

config::Upstream upstream(const std::vector<std::string>& urls) {
  config::Upstream made;
  for (const std::string& url : urls) made.urls.push_back(place(url));
  return made;
}

TEST(Origins, UpstreamsWithoutAPlaceInCommonAreApart) {
  const Origins origins = origins_of({upstream({"http://a"}), upstream({"http://b"})});
  EXPECT_EQ(origins.of_upstream, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(origins.all.at(1).name(), "http://b:80");
}

TEST(Origins, AllPlacesOfAnUpstreamAreOne) {
  const Origins origins = origins_of({upstream({"http://a", "http://b", "unix:/run/c"})});
  ASSERT_EQ(origins.all.size(), 1U);
  EXPECT_EQ(origins.all[0].places,
            (std::vector<std::string>{"http://a:80", "http://b:80", "unix:/run/c"}));
}

TEST(Origins, APlaceInCommonJoinsAlsoByAThird) {
  const Origins origins =
      origins_of({upstream({"http://a"}), upstream({"http://b"}), upstream({"http://c"}),
                  upstream({"http://b", "http://c"}), upstream({"http://d", "http://B:80/base"})});
  EXPECT_EQ(origins.of_upstream, (std::vector<std::size_t>{0, 1, 1, 1, 1}));
  ASSERT_EQ(origins.all.size(), 2U);
  EXPECT_EQ(origins.all[1].places,
            (std::vector<std::string>{"http://b:80", "http://c:80", "http://d:80"}));
}

TEST(Origins, TwoThatAreJoinedLateAreOneFromTheBeginning) {
  const Origins origins = origins_of(
      {upstream({"http://x"}), upstream({"http://y"}), upstream({"http://y", "http://x"})});
  EXPECT_EQ(origins.of_upstream, (std::vector<std::size_t>{0, 0, 0}));
  EXPECT_EQ(origins.all.size(), 1U);
}

TEST(Origins, ThisMachineHasOneName) {
  for (const char* url : {"http://127.0.0.1:3000", "http://localhost:3000", "http://127.9.9.9:3000",
                          "http://[::1]:3000", "http://[::ffff:127.0.0.1]:3000",
                          "http://0.0.0.0:3000", "http://[::]:3000"}) {
    EXPECT_EQ(place_name(place(url)), "http://127.0.0.1:3000") << url;
  }
  EXPECT_EQ(place_name(place("http://[2001:DB8::1]:3000")), "http://[2001:db8::1]:3000");
  EXPECT_EQ(place_name(place("http://[::ffff:10.0.0.1]:3000")), "http://10.0.0.1:3000");
}

TEST(Origins, ASocketHasOneNameWhateverLinkLeadsToIt) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(testing::TempDir()) / ("origins" + std::to_string(::getpid()));
  fs::create_directories(folder / "run");
  fs::create_directory_symlink(folder / "run", folder / "link");
  const std::string straight = place_name(place("unix:" + (folder / "run/a").string()));
  const std::string linked = place_name(place("unix:" + (folder / "link/../link/a").string()));
  fs::remove_all(folder);
  EXPECT_EQ(linked, straight);
  EXPECT_TRUE(straight.ends_with("/run/a")) << straight;
}

TEST(Origins, TellTheAuthorityOfAPlace) {
  EXPECT_EQ(authority_of(place("http://127.0.0.1:3000")), "127.0.0.1:3000");
  EXPECT_EQ(authority_of(place("http://[::1]")), "[::1]:80");
  EXPECT_EQ(authority_of(place("unix:/run/a:/v1")), "localhost");
}

}  // namespace
}  // namespace ifmatch::net
