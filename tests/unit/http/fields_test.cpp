// Header sections keep their order and spelling, and names are found in any case.
#include "proxy/http/fields.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::fields_of;

TEST(Fields, KeepsOrderAndSpelling) {
  const Fields fields = fields_of({{"hOsT", "a"}, {"X-Thing", "1"}, {"x-thing", "2"}});
  ASSERT_EQ(fields.size(), 3U);
  EXPECT_EQ(fields.line(0).name, "hOsT");
  EXPECT_EQ(fields.line(2).value, "2");
}

TEST(Fields, TakesALineAsItIsWritten) {
  Fields fields = fields_of({{"A", "1"}});
  fields.add_written("hOsT: example.org\r\n", 4, FieldId::host);
  fields.add("b", "");
  ASSERT_EQ(fields.size(), 3U);
  EXPECT_EQ(fields.line(1).name, "hOsT");
  EXPECT_EQ(fields.first(FieldId::host), "example.org");
  EXPECT_EQ(fields.written(1), "hOsT: example.org\r\n");
  EXPECT_EQ(fields.written(2), "b: \r\n");
}

TEST(Fields, FindsNamesInAnyCase) {
  const Fields fields = fields_of({{"IF-MATCH", "a"}, {"If-Match", "b"}, {"X-Thing", "c"}});
  EXPECT_EQ(fields.count("if-match"), 2U);
  EXPECT_EQ(fields.count(FieldId::if_match), 2U);
  EXPECT_EQ(fields.first(FieldId::if_match), "a");
  EXPECT_EQ(fields.joined("If-Match"), "a, b");
  EXPECT_EQ(fields.joined(FieldId::if_match), "a, b");
  EXPECT_EQ(fields.first("x-thing"), "c");
  EXPECT_EQ(fields.first("absent"), "");
  EXPECT_FALSE(fields.has(FieldId::host));
}

TEST(Fields, JoinsEmptyLinesToo) {
  EXPECT_EQ(fields_of({{"Vary", ""}, {"Vary", "a"}}).joined(FieldId::vary), ", a");
}

TEST(Fields, RemovesAndForgets) {
  Fields fields = fields_of({{"A", "1"}, {"b", "2"}, {"a", "3"}});
  fields.remove("a");
  ASSERT_EQ(fields.size(), 1U);
  EXPECT_EQ(fields.line(0).value, "2");
  fields.clear();
  EXPECT_TRUE(fields.empty());
  fields.add("C", "4");
  EXPECT_EQ(fields.first("c"), "4");
}

TEST(Fields, IdentifiesEveryKnownNameAndNoOther) {
  EXPECT_EQ(identify("transfer-encoding"), FieldId::transfer_encoding);
  EXPECT_EQ(identify("TE"), FieldId::te);
  EXPECT_EQ(identify("x-http-method-override"), FieldId::x_http_method_override);
  EXPECT_EQ(identify("ACCESS-CONTROL-ALLOW-CREDENTIALS"),
            FieldId::access_control_allow_credentials);
  EXPECT_EQ(identify("Host2"), FieldId::other);
  EXPECT_EQ(identify(""), FieldId::other);
  EXPECT_EQ(identify(std::string(100, 'a')), FieldId::other);
  EXPECT_EQ(identify("if_match"), FieldId::other);
}

TEST(Fields, ComparesOnlyAsciiLettersWithoutCase) {
  EXPECT_TRUE(equals_ignoring_case("aZ", "Az"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  EXPECT_FALSE(equals_ignoring_case("\xC3\x84", "\xC3\xA4"));
}

TEST(Fields, KnowsTokens) {
  EXPECT_TRUE(is_token("If-Match"));
  EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09az"));
  for (const std::string_view text : {"", "a b", "a:", "a ", "a\t", "(a)", "a\x7f", "\xC3\xA4"}) {
    EXPECT_FALSE(is_token(text)) << text;
  }
}

TEST(Fields, SplitsListsAndSkipsEmptyElements) {
  std::vector<std::string> elements;
  for_each_element(" a ,, b\t,c,", [&](std::string_view e) { elements.emplace_back(e); });
  EXPECT_EQ(elements, (std::vector<std::string>{"a", "b", "c"}));
  const Fields fields = fields_of({{"Connection", "x, Close"}, {"connection", "y"}});
  EXPECT_TRUE(lists(fields, FieldId::connection, "close"));
  EXPECT_TRUE(lists(fields, FieldId::connection, "Y"));
  EXPECT_FALSE(lists(fields, FieldId::connection, "clos"));
}

}  // namespace
}  // namespace ifmatch::http
