// Who is trusted about the way of a request: blocks of addresses, and what is none.
#include "config/networks.hpp"

#include <gtest/gtest.h>

#include "config/show.hpp"
#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

using Findings = std::vector<std::string>;

std::string help_of(std::string_view text) {
  const auto parsed = parse_networks(text);
  const auto* problem = std::get_if<Problem>(&parsed);
  return problem != nullptr ? problem->help : "no problem";
}

TEST(Networks, AreBlocksOrSingleAddresses) {
  const auto one = [](std::string_view text) {
    return std::get<std::vector<Network>>(parse_networks(text)).at(0);
  };
  EXPECT_EQ(one("10.0.0.0/8").prefix, 104U);
  EXPECT_EQ(one("10.0.0.0/8").octets[10], 0xFF);
  EXPECT_EQ(one("10.0.0.0/8").octets[12], 10);
  EXPECT_EQ(one("192.0.2.1").prefix, 128U);
  EXPECT_EQ(one("0.0.0.0/0").prefix, 96U);
  EXPECT_EQ(one("2001:db8::/32").prefix, 32U);
  EXPECT_EQ(one("::/0").prefix, 0U);
  EXPECT_EQ(std::get<std::vector<Network>>(parse_networks("private_ranges")).size(), 6U);
}

TEST(Networks, ThatAreNoneAreRefusedWithARemedy) {
  for (const std::string_view text : {"", "10", "10.0.0/8", "localhost", "10.0.0.0-10.0.0.9", "[::1]",
                                      "010.0.0.0/8", "private", "*"}) {
    EXPECT_NE(help_of(text).find("private_ranges"), std::string::npos) << text;
  }
  for (const std::string_view text : {"10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1",
                                      "10.0.0.0/8/8", "10.0.0.0/255.0.0.0"}) {
    EXPECT_EQ(help_of(text), "a number of bits from 0 to 32") << text;
  }
  EXPECT_EQ(help_of("::/129"), "a number of bits from 0 to 128");
  EXPECT_EQ(help_of("10.1.2.3/8"), "write 10.0.0.0/8, or the address alone");
  EXPECT_EQ(help_of("172.16.0.1/12"), "write 172.16.0.0/12, or the address alone");
  EXPECT_EQ(help_of("2001:db8::1/32"), "write 2001:db8::/32, or the address alone");
}

TEST(TrustedProxies, AreReadAndShown) {
  const LoadResult result = load_text(
      with_route("trusted_proxies: [private_ranges, \"2001:db8::/32\", 192.0.2.1]\n"
                 "listeners: [{ proxy_protocol: required }]\n"));
  ASSERT_TRUE(result.config) << told(result);
  EXPECT_EQ(result.config->trusted_proxies.networks.size(), 8U);
  EXPECT_EQ(result.config->listeners.at(0).proxy_protocol, ProxyProtocol::required);
  const std::string shown = show(*result.config);
  EXPECT_NE(shown.find("trusted_proxies: [\"private_ranges\", \"2001:db8::/32\", \"192.0.2.1\"]"),
            std::string::npos)
      << shown;
  EXPECT_NE(shown.find("proxy_protocol: required"), std::string::npos) << shown;
  const LoadResult again = load_text(shown);
  ASSERT_TRUE(again.config) << told(again);
  EXPECT_EQ(show(*again.config), shown);
  EXPECT_TRUE(load_text(with_route("")).config->trusted_proxies.networks.empty());
}

TEST(TrustedProxies, AreRefusedOneByOne) {
  const LoadResult result =
      load_text(with_route("trusted_proxies: [10.0.0.0/8, 10.0.0.1/8, here]\n"));
  EXPECT_EQ(findings(result), (Findings{"9:31 E230", "9:43 E230"})) << told(result);
  EXPECT_EQ(findings(load_text(with_route("trusted_proxies: 10.0.0.0/8\n"))),
            (Findings{"9:18 E201"}));
}

TEST(ProxyProtocol, NeedsSomebodyWhoIsTrusted) {
  const std::string listener = "listeners:\n  - name: public\n    proxy_protocol: required\n";
  const LoadResult result = load_text(with_route(listener));
  EXPECT_FALSE(result.config);
  EXPECT_EQ(findings(result), (Findings{"11:21 E330"})) << told(result);
  EXPECT_NE(result.diagnostics.at(0).help.find("add trusted_proxies"), std::string::npos);
  EXPECT_TRUE(load_text(with_route(listener + "trusted_proxies: [127.0.0.1]\n")).config);
  const LoadResult local = load_text(with_route(
      "trusted_proxies: [127.0.0.1]\n"
      "listeners: [{ address: \"unix:/run/a.sock\", proxy_protocol: required }]\n"));
  EXPECT_EQ(findings(local), (Findings{"10:60 E330"})) << told(local);
  EXPECT_EQ(findings(load_text(with_route("listeners: [{ proxy_protocol: optional }]\n"))),
            (Findings{"9:31 E205"}));
}

}  // namespace
}  // namespace ifmatch::config
