// Whom a trusted peer is believed to speak for, with what clients may have forged before it.
#include "proxy/http/claims.hpp"

#include <gtest/gtest.h>

#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::fields_of;
using testing::Lines;

// 10.0.0.0/8 and 2001:db8:ffff::/48 are proxies of ours, all else are strangers.
const std::vector<Network>& trusted() {
  static const std::vector<Network> networks{{*Address::parse("10.0.0.0"), 96 + 8},
                                             {*Address::parse("2001:db8:ffff::"), 48}};
  return networks;
}

Claims believed(Lines lines) { return believed_claims(fields_of(lines), trusted()); }

// "client, proxy", the hops that are believed.
std::string hops(Lines lines) {
  std::string text;
  for (const Address& hop : believed(lines).hops) {
    if (!text.empty()) text += ", ";
    text += hop.text();
  }
  return text;
}

struct Row {
  const char* why;
  std::string_view list;
  std::string_view believed;
};

TEST(XForwardedFor, IsBelievedFromTheRightUpToTheFirstStranger) {
  for (const Row& row : std::initializer_list<Row>{
           {"one stranger", "192.0.2.7", "192.0.2.7"},
           {"a stranger's own word", "203.0.113.9, 192.0.2.7", "192.0.2.7"},
           {"a stranger that claims to be a proxy of ours", "10.0.0.9, 192.0.2.7", "192.0.2.7"},
           {"behind a proxy of ours", "192.0.2.7, 10.0.0.2", "192.0.2.7, 10.0.0.2"},
           {"forged behind a proxy of ours", "127.0.0.1, 192.0.2.7,10.0.0.2 ",
            "192.0.2.7, 10.0.0.2"},
           {"all are ours", "10.0.0.1, 10.0.0.2", "10.0.0.1, 10.0.0.2"},
           {"mapped", "192.0.2.7, ::ffff:10.0.0.2", "192.0.2.7, 10.0.0.2"},
           {"IPv6", "2001:DB8::7, 2001:db8:ffff::2", "2001:db8::7, 2001:db8:ffff::2"},
           {"with ports", "192.0.2.7:4711, [2001:db8:ffff::2]:1, 10.0.0.2:80",
            "192.0.2.7, 2001:db8:ffff::2, 10.0.0.2"},
           {"empty elements", ",, 192.0.2.7 , ,", "192.0.2.7"},
           {"nothing", "", ""},
           {"only blanks", " , ", ""},
           {"malformed at once", "192.0.2.7, junk", ""},
           {"malformed behind a proxy of ours", "192.0.2.7, unknown, 10.0.0.2", "10.0.0.2"},
           {"octal", "010.0.0.1", ""},
           {"a name", "localhost, 10.0.0.2", "10.0.0.2"},
           {"a port without number", "192.0.2.7:, 10.0.0.2", "10.0.0.2"},
           {"a port beyond", "192.0.2.7:65536, 10.0.0.2", "10.0.0.2"},
           {"half a bracket", "[2001:db8::7, 10.0.0.2", "10.0.0.2"},
           {"IPv4 in brackets", "[192.0.2.7], 10.0.0.2", "10.0.0.2"},
           {"a zone", "fe80::1%eth0, 10.0.0.2", "10.0.0.2"},
           {"two in one element", "192.0.2.7 203.0.113.9, 10.0.0.2", "10.0.0.2"}}) {
    EXPECT_EQ(hops({{"X-Forwarded-For", row.list}}), row.believed) << row.why;
  }
}

TEST(XForwardedFor, MayComeInSeveralLines) {
  EXPECT_EQ(hops({{"X-Forwarded-For", "203.0.113.9"},
                  {"x-forwarded-for", "192.0.2.7, 10.0.0.1"},
                  {"X-Forwarded-For", "10.0.0.2"}}),
            "192.0.2.7, 10.0.0.1, 10.0.0.2");
}

TEST(XForwardedFor, IsWalkedSoFarAndNoFurther) {
  std::string list = "192.0.2.7";
  for (std::size_t i = 0; i < 2 * claimed_hops_max; ++i) list += ", 10.0.0.1";
  EXPECT_EQ(believed({{"X-Forwarded-For", list}}).hops.size(), claimed_hops_max);
}

TEST(Forwarded, IsBelievedLikewise) {
  for (const Row& row : std::initializer_list<Row>{
           {"one stranger", "for=192.0.2.7", "192.0.2.7"},
           {"parameters", "By=10.0.0.1;FOR=192.0.2.7;proto=https;x=y", "192.0.2.7"},
           {"quoted, with a port", "for=\"[2001:db8::7]:4711\"", "2001:db8::7"},
           {"quoted IPv4", "for=\"192.0.2.7:80\"", "192.0.2.7"},
           {"escaped in quotes", "for=\"192.0.2.\\7\"", "192.0.2.7"},
           {"an obfuscated port", "for=\"192.0.2.7:_p\"", "192.0.2.7"},
           {"forged", "for=203.0.113.9, for=192.0.2.7 , for=10.0.0.2", "192.0.2.7, 10.0.0.2"},
           {"a comma in quotes", "for=192.0.2.7;x=\"a, for=10.9.9.9\", for=10.0.0.2",
            "192.0.2.7, 10.0.0.2"},
           {"blanks around pairs", "for=192.0.2.7 ; proto=https", "192.0.2.7"},
           {"empty pairs and elements", ",;for=192.0.2.7;, ,", "192.0.2.7"},
           {"unknown", "for=192.0.2.7, for=unknown, for=10.0.0.2", "10.0.0.2"},
           {"obfuscated", "for=192.0.2.7, for=_hidden, for=10.0.0.2", "10.0.0.2"},
           {"an element that names nobody", "for=192.0.2.7, proto=http, for=10.0.0.2", "10.0.0.2"},
           // From here on one octet is wrong, and nothing on the line is believed.
           {"IPv6 without quotes", "for=[2001:db8::7]", ""},
           {"a quote that swallows", "for=\"x, for=192.0.2.7, for=10.0.0.2", ""},
           {"a quote within", "for=192.0.2.7\"x\", for=10.0.0.2", ""},
           {"named twice", "for=203.0.113.9;for=192.0.2.7", ""},
           {"no value", "for=, for=10.0.0.2", ""},
           {"no name", "=192.0.2.7, for=10.0.0.2", ""},
           {"blanks around the sign", "for = 192.0.2.7", ""},
           {"a control octet", "for=\"192.0.2.7\x01\"", ""}}) {
    EXPECT_EQ(hops({{"Forwarded", row.list}}), row.believed) << row.why;
  }
}

TEST(Forwarded, LinesAreReadOneByOne) {
  EXPECT_EQ(hops({{"Forwarded", "for=\"open"}, {"Forwarded", "for=192.0.2.7, for=10.0.0.2"}}),
            "192.0.2.7, 10.0.0.2");
  EXPECT_EQ(hops({{"Forwarded", "for=192.0.2.7"}, {"Forwarded", "for=\"open"}}), "");
}

TEST(ForwardedAndXForwardedFor, AreBelievedAsFarAsTheyAgree) {
  const auto both = [](std::string_view list, std::string_view forwarded) {
    return hops({{"X-Forwarded-For", list}, {"Forwarded", forwarded}});
  };
  EXPECT_EQ(both("192.0.2.7", "for=192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(both("192.0.2.7, 10.0.0.2", "for=\"[::ffff:192.0.2.7]\", for=10.0.0.2"),
            "192.0.2.7, 10.0.0.2");
  EXPECT_EQ(both("192.0.2.7", "for=203.0.113.9"), "") << "one of them is forged";
  EXPECT_EQ(both("192.0.2.7, 10.0.0.2", "for=203.0.113.9, for=10.0.0.2"), "10.0.0.2");
  EXPECT_EQ(both("192.0.2.7, 10.0.0.2", "for=10.0.0.2"), "10.0.0.2");
  EXPECT_EQ(both("192.0.2.7", "for=\"open"), "") << "a malformed one does not yield to the other";
  EXPECT_EQ(both("", "for=192.0.2.7"), "192.0.2.7") << "an empty list says nothing";
}

TEST(Claims, TellWhatTheClientAskedFor) {
  const Claims claims = believed({{"X-Forwarded-For", "192.0.2.7"},
                                  {"X-Forwarded-Proto", "HTTPS"},
                                  {"X-Forwarded-Host", "shop.example:8443"},
                                  {"X-Forwarded-Port", "8443"}});
  EXPECT_EQ(claims.scheme, "https");
  EXPECT_EQ(claims.host, "shop.example:8443");
  EXPECT_EQ(claims.port, "8443");
  const Claims standard =
      believed({{"Forwarded", "for=203.0.113.9;host=evil.example;proto=http, "
                              "for=192.0.2.7;host=\"shop.example:8443\";proto=https, "
                              "for=10.0.0.2"}});
  EXPECT_EQ(standard.scheme, "https");
  EXPECT_EQ(standard.host, "shop.example:8443");
}

TEST(Claims, AreNoticedWhicheverFieldMakesThem) {
  for (const std::string_view name : {"X-Forwarded-For", "Forwarded", "X-Forwarded-Proto",
                                      "X-Forwarded-Host", "x-forwarded-port"}) {
    EXPECT_TRUE(makes_claims(fields_of({{"Host", "a"}, {name, "1"}}))) << name;
  }
  EXPECT_FALSE(makes_claims(fields_of({{"Host", "a"}, {"X-Forwarded", "1"}})));
}

TEST(Claims, TakeOneValidValueOrNone) {
  for (const std::string_view scheme : {"https, http", "ftp", "", "https;", "javascript"}) {
    EXPECT_EQ(believed({{"X-Forwarded-Proto", scheme}}).scheme, "") << scheme;
  }
  for (const std::string_view host : {"a, b", "a b", "", "user@a", "a/b", "a\"b"}) {
    EXPECT_EQ(believed({{"X-Forwarded-Host", host}}).host, "") << host;
  }
  for (const std::string_view port : {"0", "65536", "443,443", "-1", "", "44 3"}) {
    EXPECT_EQ(believed({{"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Port", port}}).port, "")
        << port;
  }
  EXPECT_EQ(believed({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Proto", "https"}}).scheme, "");
  EXPECT_EQ(believed({{"X-Forwarded-Host", "a"}, {"X-Forwarded-Host", "b"}}).host, "");
}

TEST(Claims, ThatContradictEachOtherAreNotBelieved) {
  const Claims claims = believed({{"Forwarded", "for=192.0.2.7;proto=http;host=a.example"},
                                  {"X-Forwarded-Proto", "https"},
                                  {"X-Forwarded-Host", "b.example"}});
  EXPECT_EQ(claims.scheme, "");
  EXPECT_EQ(claims.host, "");
}

TEST(Peers, AreTrustedByTheirAddress) {
  EXPECT_EQ(peer_of(*Address::parse("10.1.2.3"), trusted()).trust, Peer::Trust::forwards);
  EXPECT_EQ(peer_of(*Address::parse("::ffff:10.1.2.3"), trusted()).text, "10.1.2.3");
  EXPECT_EQ(peer_of(*Address::parse("192.0.2.7"), trusted()).trust, Peer::Trust::none);
  EXPECT_EQ(peer_of(Address(), trusted()).trust, Peer::Trust::none);
}

}  // namespace
}  // namespace ifmatch::http
