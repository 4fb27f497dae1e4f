// Request targets (RFC 9112 section 3.2), Host (RFC 9110 section 7.2) and method overrides.
#include "proxy/http/target.hpp"

#include <gtest/gtest.h>

#include "proxy/http/query.hpp"
#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::fields_of;

// What is forwarded, or "refused".
std::string forwarded(std::string_view method, std::string_view target, std::string_view host) {
  const Checked<Target> parsed = parse_target(method, target, host);
  return parsed ? parsed->octets : "refused";
}

TEST(Target, TakesTheFormsThatFitTheMethod) {
  const struct {
    std::string_view method;
    std::string_view target;
    std::string_view host;
    std::string_view forwarded;
  } cases[] = {
      {"GET", "/", "h", "/"},
      {"GET", "/a?b=c&d", "h", "/a?b=c&d"},
      {"GET", "/a?", "h", "/a?"},
      {"GET", "/%61?%61", "h", "/a?%61"},
      {"GET", "/a?x=/../%2e%00|{\"\xC3\xA4", "h", "/a?x=/../%2e%00|{\"\xC3\xA4"},
      {"GET", "/a?b?c", "h", "/a?b?c"},
      {"GET", "http://h/a?b", "h", "/a?b"},
      {"GET", "HTTP://H:80/a", "h", "/a"},
      {"GET", "http://h/a", "h:80", "/a"},
      {"GET", "https://h/a", "h:443", "/a"},
      {"GET", "http://h", "h", "/"},
      {"GET", "http://h?b", "h", "/?b"},
      {"GET", "http://h:8080/a", "h:8080", "/a"},
      {"GET", "http://[::1]:8080/a", "[::1]:8080", "/a"},
      {"GET", "http://h/a", "", "/a"},
      {"OPTIONS", "*", "h", "*"},
      {"OPTIONS", "http://h", "h", "*"},
      {"OPTIONS", "http://h/", "h", "/"},
      {"OPTIONS", "/a", "h", "/a"},
      {"GET", "*", "h", "refused"},
      {"PUT", "*", "h", "refused"},
      {"OPTIONS", "*?a", "h", "refused"},
      {"GET", "", "h", "refused"},
      {"GET", "a", "h", "refused"},
      {"GET", "h:80", "h", "refused"},
      {"CONNECT", "h:80", "h", "refused"},
      {"GET", "http://other/a", "h", "refused"},
      {"GET", "http://h:81/a", "h", "refused"},
      {"GET", "https://h/a", "h:80", "refused"},
      {"GET", "http://user@h/a", "h", "refused"},
      {"GET", "http:///a", "h", "refused"},
      {"GET", "http://", "h", "refused"},
      {"GET", "http:/a", "h", "refused"},
      {"GET", "ftp://h/a", "h", "refused"},
      {"GET", "//h/a", "h", "refused"},
      {"GET", "/a#b", "h", "refused"},
      {"GET", "/a?b#c", "h", "refused"},
      {"GET", "/a?b c", "h", "refused"},
      {"GET", "/a?b\x01", "h", "refused"},
      {"GET", "/a?b\x7f", "h", "refused"},
      {"GET", "http://h/a#b", "h", "refused"},
      {"GET", "/../a", "h", "refused"},
  };
  for (const auto& [method, target, host, expected] : cases) {
    EXPECT_EQ(forwarded(method, target, host), expected) << method << ' ' << target;
  }
}

TEST(Target, TellsPathAndQueryApartAndMayBeMoved) {
  Checked<Target> parsed = parse_target("GET", "/a?b=/c", "h");
  ASSERT_TRUE(parsed);
  const Target target = std::move(*parsed);
  EXPECT_EQ(target.path(), "/a");
  EXPECT_EQ(target.query(), "b=/c");
  EXPECT_TRUE(target.has_query());
  EXPECT_FALSE(parse_target("GET", "/a", "h")->has_query());
  EXPECT_TRUE(parse_target("GET", "/a?", "h")->has_query());
  EXPECT_EQ(parse_target("GET", "/a?", "h")->query(), "");
  EXPECT_EQ(parse_target("OPTIONS", "*", "h")->form, TargetForm::asterisk);
  EXPECT_EQ(parse_target("GET", "http://h:80/", "h")->form, TargetForm::absolute);
  EXPECT_EQ(parse_target("GET", "http://a/", "")->host, "a");
}

TEST(Host, IsANameOrAnAddressAndPerhapsAPort) {
  for (const std::string_view host :
       {"a", "example.org", "example.org.", "127.0.0.1", "h:80", "h:", "h:65535", "[::1]",
        "[::1]:80", "[::ffff:1.2.3.4]", "my_host", "a-b"}) {
    EXPECT_TRUE(is_valid_host(host)) << host;
  }
  for (const std::string_view host :
       {"", ":80", "h:x", "h:65536", "h:-1", "h:99999999999", "a b", "a,b", "a, b", "u@h", "h/",
        "h?", "[::1", "::1", "[]", "[x::1]", "[::1]x", "h:80:80", "a%41", "\xC3\xA4", "a\t",
        "http://h", "h#", "h\\", "[::1]:x"}) {
    EXPECT_FALSE(is_valid_host(host)) << host;
  }
}

TEST(Host, IsReducedToWhatRoutesMatch) {
  EXPECT_EQ(route_host("Example.ORG:8080"), "Example.ORG");
  EXPECT_EQ(route_host("example.org."), "example.org");
  EXPECT_EQ(route_host("example.org.:80"), "example.org");
  EXPECT_EQ(route_host("[::1]:80"), "[::1]");
  EXPECT_EQ(route_host("[::1]"), "[::1]");
  EXPECT_EQ(route_host(""), "");
}

// "" for none, "ambiguous", or the method.
std::string overridden(std::string_view method, std::string_view query, testing::Lines lines) {
  const MethodOverride found = override_method(method, query, fields_of(lines));
  if (found.kind == MethodOverride::Kind::ambiguous) return "ambiguous";
  return found.method;
}

TEST(MethodOverrides, CountOnPostAlone) {
  EXPECT_EQ(overridden("POST", "", {}), "");
  EXPECT_EQ(overridden("POST", "a=b", {{"Host", "h"}}), "");
  EXPECT_EQ(overridden("POST", "", {{"X-HTTP-Method-Override", "PUT"}}), "PUT");
  EXPECT_EQ(overridden("POST", "", {{"x-http-method", " delete "}}), "DELETE");
  EXPECT_EQ(overridden("POST", "", {{"X-Method-Override", "Patch"}}), "PATCH");
  EXPECT_EQ(overridden("POST", "a=b&_method=put", {}), "PUT");
  EXPECT_EQ(overridden("POST", "_method=put;a", {}), "PUT");
  EXPECT_EQ(overridden("POST", "%5fmethod=d%65lete", {}), "DELETE");
  EXPECT_EQ(overridden("POST", "_METHOD=put", {}), "PUT");
  EXPECT_EQ(overridden("POST", "x_method=put&_methods=put", {}), "");
  for (const std::string_view method : {"GET", "PUT", "DELETE", "HEAD", "post", "OPTIONS"}) {
    EXPECT_EQ(overridden(method, "", {{"X-HTTP-Method-Override", "PUT"}}), "ambiguous") << method;
    EXPECT_EQ(overridden(method, "_method=PUT", {}), "ambiguous") << method;
  }
}

TEST(MethodOverrides, OfReadOnlyMethodsLeavePost) {
  EXPECT_EQ(overridden("POST", "_method=GET", {}), "");
  EXPECT_EQ(overridden("POST", "", {{"X-HTTP-Method-Override", "post"}}), "");
}

TEST(MethodOverrides, NamedTwiceOrBadlyAreAmbiguous) {
  EXPECT_EQ(overridden("POST", "_method=PUT&_method=PUT", {}), "ambiguous");
  EXPECT_EQ(overridden("POST", "_method=PUT", {{"X-HTTP-Method", "PUT"}}), "ambiguous");
  EXPECT_EQ(overridden("POST", "", {{"X-HTTP-Method", "PUT"}, {"X-HTTP-Method", "PUT"}}),
            "ambiguous");
  EXPECT_EQ(overridden("POST", "", {{"X-HTTP-Method", "PUT"}, {"X-Method-Override", "PUT"}}),
            "ambiguous");
  for (const std::string_view name : {"", "PUT, DELETE", "PU T", "CONNECT", "trace"}) {
    EXPECT_EQ(overridden("POST", "", {{"X-HTTP-Method", name}}), "ambiguous") << name;
  }
  EXPECT_EQ(overridden("POST", "_method", {}), "ambiguous");
}

TEST(MethodOverrides, AreTakenOutOfWhatAProbeAsksFor) {
  const auto probed = [](std::string_view target) {
    return without_method_override(*parse_target("POST", target, "h"));
  };
  EXPECT_EQ(probed("/a"), "/a");
  EXPECT_EQ(probed("/a?"), "/a?");
  EXPECT_EQ(probed("/a?b=1&&c"), "/a?b=1&&c");
  EXPECT_EQ(probed("/a?_method=PUT"), "/a");
  EXPECT_EQ(probed("/a?b=1&_method=PUT&c=2"), "/a?b=1&c=2");
  EXPECT_EQ(probed("/a?_method=PUT&c=2"), "/a?c=2");
  EXPECT_EQ(probed("/a?b=1;c;%5Fmethod=PUT"), "/a?b=1;c");
}

TEST(Query, DecodesComponentsOnce) {
  EXPECT_EQ(decoded_component("a+b%20c%2541%"), "a b c%41%");
  EXPECT_EQ(decoded_component("%4%zz%e4"), "%4%zz\xE4");
  EXPECT_EQ(decoded_component("%41"), "A");
}

}  // namespace
}  // namespace ifmatch::http
