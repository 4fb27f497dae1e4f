// Numeric addresses and blocks of them: one address has one value, whatever family named it.
#include "proxy/http/address.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ifmatch::http {
namespace {

using namespace std::string_view_literals;

Address at(std::string_view text) { return Address::parse(text).value(); }

TEST(Addresses, AreWrittenInOneWay) {
  EXPECT_EQ(at("192.0.2.1").text(), "192.0.2.1");
  EXPECT_EQ(at("2001:DB8:0:0:0:0:0:1").text(), "2001:db8::1");
  EXPECT_EQ(at("::ffff:192.0.2.1").text(), "192.0.2.1");
  EXPECT_EQ(at("::ffff:c000:201"), at("192.0.2.1"));
  EXPECT_TRUE(at("::ffff:192.0.2.1").is_v4());
  EXPECT_EQ(Address().text(), "");
  EXPECT_FALSE(Address().is_known());
}

TEST(Addresses, AreNothingElse) {
  for (const std::string_view text :
       {""sv, "192.0.2"sv, "192.0.2.1."sv, "192.0.2.256"sv, "192.0.2.01"sv, "0300.0.2.1"sv, "3221225985"sv,
        "192.0.2.1:80"sv, "[::1]"sv, "fe80::1%eth0"sv, " 192.0.2.1"sv, "192.0.2.1 "sv,
        "192.0.2.1\0"sv, "1::2::3"sv, "localhost"sv, "2001:db8::1/32"sv,
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0001"sv}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
}

TEST(Networks, HoldTheAddressesOfTheirPrefix) {
  const Network ten{at("10.0.0.0"), 96 + 8};
  EXPECT_TRUE(ten.contains(at("10.255.0.1")));
  EXPECT_TRUE(ten.contains(at("::ffff:10.1.2.3")));
  EXPECT_FALSE(ten.contains(at("11.0.0.0")));
  const Network odd{at("172.16.0.0"), 96 + 12};
  EXPECT_TRUE(odd.contains(at("172.31.255.255")));
  EXPECT_FALSE(odd.contains(at("172.32.0.0")));
  const Network one{at("::1"), 128};
  EXPECT_TRUE(one.contains(at("::1")));
  EXPECT_FALSE(one.contains(at("::2")));
  const std::vector<Network> both{ten, one};
  EXPECT_TRUE(any_contains(both, at("::1")));
  EXPECT_FALSE(any_contains(both, at("127.0.0.1")));
  EXPECT_FALSE(any_contains({}, at("127.0.0.1")));
}

TEST(Networks, OfOneFamilyHoldNothingOfTheOther) {
  const Network all_v6{at("::"), 0};
  EXPECT_TRUE(all_v6.contains(at("2001:db8::1")));
  EXPECT_FALSE(all_v6.contains(at("192.0.2.1")));
  const Network all_v4{at("0.0.0.0"), 96};
  EXPECT_TRUE(all_v4.contains(at("192.0.2.1")));
  EXPECT_FALSE(all_v4.contains(at("2001:db8::1")));
  EXPECT_FALSE(all_v4.contains(Address()));
}

}  // namespace
}  // namespace ifmatch::http
