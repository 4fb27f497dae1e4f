// Entity-tags: what RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2 allow and nothing else, and our own
// form, also after an intermediary changed it.
#include "proxy/http/entity_tag.hpp"

#include <gtest/gtest.h>

#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::fields_of;
using testing::version_of;

// "*", the tags in wire form joined by '|', or "malformed".
std::string read(testing::Lines lines) {
  const Fields fields = fields_of(lines);
  const auto list = parse_entity_tags(fields, FieldId::if_match);
  if (!list) return "malformed";
  if (list->any) return "*";
  std::string text;
  for (const EntityTag& tag : list->tags) text += (text.empty() ? "" : "|") + to_string(tag);
  return text;
}

TEST(EntityTagList, ReadsOneLine) {
  const struct {
    std::string_view value;
    std::string_view read;
  } cases[] = {
      {R"("a")", R"("a")"},
      {R"("")", R"("")"},
      {R"(W/"a")", R"(W/"a")"},
      {R"("a","b")", R"("a"|"b")"},
      {R"("a" ,	"b")", R"("a"|"b")"},
      {R"(, "a",, W/"b" ,)", R"("a"|W/"b")"},
      {R"("a,b")", R"("a,b")"},
      {R"("!#$%&'()*+,-./:;<=>?@[\]^_`{|}~")", R"("!#$%&'()*+,-./:;<=>?@[\]^_`{|}~")"},
      {"\"\x80\xff\"", "\"\x80\xff\""},
      {R"( "a" )", R"("a")"},
      {"*", "*"},
      {" * ", "*"},
      {R"("*")", R"("*")"},
      {"", "malformed"},
      {",", "malformed"},
      {", ,", "malformed"},
      {"a", "malformed"},
      {"'a'", "malformed"},
      {R"("a)", "malformed"},
      {R"(a")", "malformed"},
      {R"("a"b)", "malformed"},
      {R"("a" "b")", "malformed"},
      {R"("a"; "b")", "malformed"},
      {R"("a b")", "malformed"},
      {R"("a\"b")", "malformed"},
      {"\"a\tb\"", "malformed"},
      {"\"a\x7f\"", "malformed"},
      {R"(w/"a")", "malformed"},
      {R"(W/ "a")", "malformed"},
      {R"(W"a")", "malformed"},
      {R"(W/a)", "malformed"},
      {"W/", "malformed"},
      {"W/*", "malformed"},
      {R"(W/W/"a")", "malformed"},
      {R"(*, "a")", "malformed"},
      {R"("a", *)", "malformed"},
      {"*,", "malformed"},
      {",*", "malformed"},
      {"**", "malformed"},
      {"* *", "malformed"},
  };
  for (const auto& [value, expected] : cases) {
    EXPECT_EQ(read({{"If-Match", value}}), expected) << value;
  }
}

TEST(EntityTagList, ReadsSeveralLinesAsOneList) {
  EXPECT_EQ(read({{"If-Match", R"("a")"}, {"if-match", R"(W/"b")"}}), R"("a"|W/"b")");
  EXPECT_EQ(read({{"If-Match", ""}, {"If-Match", R"("b")"}}), R"("b")");
  EXPECT_EQ(read({{"If-Match", "*"}, {"If-Match", R"("b")"}}), "malformed");
  EXPECT_EQ(read({{"If-Match", R"("b")"}, {"If-Match", "*"}}), "malformed");
  EXPECT_EQ(read({{"If-Match", "*"}, {"If-Match", "*"}}), "malformed");
  EXPECT_EQ(read({{"If-Match", "*"}, {"If-Match", ""}}), "malformed");
  EXPECT_EQ(read({{"If-Match", R"("a)"}, {"If-Match", R"(b")"}}), "malformed");
  EXPECT_EQ(read({{"If-Match", R"("a")"}, {"If-None-Match", "*"}}), R"("a")");
}

TEST(EntityTag, ReadsASingleOne) {
  EXPECT_EQ(parse_entity_tag(R"( W/"a" )")->opaque, "a");
  EXPECT_TRUE(parse_entity_tag(R"(W/"a")")->weak);
  for (const std::string_view value : {"", "a", R"("a","b")", R"("a",)", "*"}) {
    EXPECT_FALSE(parse_entity_tag(value)) << value;
  }
}

TEST(OwnTag, HasTheFixedForm) {
  guard::Version version{};
  EXPECT_EQ(format_tag(version), "\"im1-" + std::string(32, 'A') + "\"");
  version.fill(0xFF);
  EXPECT_EQ(format_tag(version), "\"im1-" + std::string(32, '_') + "\"");
  EXPECT_EQ(format_tag(version).size(), own_tag_size);
  guard::Version counting{};
  for (std::size_t i = 0; i < counting.size(); ++i) counting[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(format_tag(counting), "\"im1-AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\"");
}

TEST(OwnTag, ComesBackAsTheVersion) {
  for (int seed = 0; seed < 256; ++seed) {
    const guard::Version version = version_of(static_cast<std::uint8_t>(seed));
    const std::string tag = format_tag(version);
    EXPECT_EQ(parse_own(*parse_entity_tag(tag)), version);
    EXPECT_EQ(parse_own(*parse_entity_tag("W/" + tag)), version);
  }
}

TEST(OwnTag, IsNotMistakenForAForeignOne) {
  const std::string digits(32, 'A');
  for (const std::string& opaque :
       {std::string(), std::string("im1-"), "im1-" + digits.substr(1), "im1-" + digits + "A",
        "im2-" + digits, "IM1-" + digits, "im1-" + digits.substr(1) + "+",
        "im1-" + digits.substr(1) + "=", "im1-" + digits + "-gzip"}) {
    EXPECT_FALSE(parse_own({false, opaque})) << opaque;
  }
}

TEST(OwnTag, IsRecognisedAfterAnIntermediaryChangedIt) {
  const guard::Version version = version_of(7);
  const std::string tag = format_tag(version);
  const std::string opaque = tag.substr(1, tag.size() - 2);
  EXPECT_EQ(recognise_rewritten({true, opaque}), version);
  for (const std::string_view suffix :
       {"-gzip", "-br", "-zstd", "-deflate", "--gzip", ";gzip", ";br", ":gzip", "_gzip", "/gzip",
        "+gzip", "-GZIP", "-x-gzip", "-gzip-gzip", "-gzip;br", "-df-gzip"}) {
    const std::string changed = opaque + std::string(suffix);
    const bool expected = suffix != "-df-gzip";
    EXPECT_EQ(recognise_rewritten({false, changed}).has_value(), expected) << suffix;
    EXPECT_EQ(recognise_rewritten({true, changed}).has_value(), expected) << suffix;
  }
  for (const std::string_view suffix : {"gzip", "-", "--", "-gzi", "-gzipx", "---gzip", "-brx",
                                        "x", "-gzip-", "A"}) {
    EXPECT_FALSE(recognise_rewritten({false, opaque + std::string(suffix)})) << suffix;
  }
  EXPECT_FALSE(recognise_rewritten({false, opaque})) << "it was not changed";
  EXPECT_FALSE(recognise_rewritten({true, "im1-short"}));
  EXPECT_FALSE(recognise_rewritten({true, "something-else-gzip"}));
}

}  // namespace
}  // namespace ifmatch::http
