// Numbers with units and variables, as tables of what is read and what is refused.
#include "config/scalars.hpp"

#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

std::string code_of(const Parsed<std::uint64_t>& parsed) {
  const auto* problem = std::get_if<Problem>(&parsed);
  return problem != nullptr ? problem->code : "read as " + std::to_string(std::get<0>(parsed));
}

TEST(Durations, AreReadWithTheirUnit) {
  const std::map<std::string, std::uint64_t> cases{
      {"0s", 0},       {"0ms", 0},      {"1ms", 1},       {"250ms", 250},
      {"10s", 10'000}, {"5m", 300'000}, {"2h", 7'200'000}};
  for (const auto& [text, value] : cases) {
    EXPECT_EQ(parse_duration(text), (Parsed<std::uint64_t>(value))) << text;
  }
}

TEST(Durations, AreRefusedWithoutOneOrWithAnother) {
  const std::map<std::string, std::string> cases{{"0", "E203"},
                                                 {"10", "E203"},
                                                 {"", "E203"},
                                                 {"s", "E203"},
                                                 {"10 s", "E203"},
                                                 {"1.5s", "E203"},
                                                 {"10S", "E203"},
                                                 {"1d", "E203"},
                                                 {"-1s", "E203"},
                                                 {"+1s", "E203"},
                                                 {"010s", "E202"},
                                                 {"1_0s", "E203"},
                                                 {"99999999999999999999s", "E204"},
                                                 {"9223372036854775807h", "E204"}};
  for (const auto& [text, code] : cases) EXPECT_EQ(code_of(parse_duration(text)), code) << text;
}

TEST(Sizes, AreReadAndRefused) {
  EXPECT_EQ(parse_size("32KiB"), (Parsed<std::uint64_t>(32768U)));
  EXPECT_EQ(parse_size("1GiB"), (Parsed<std::uint64_t>(1073741824U)));
  EXPECT_EQ(parse_size("0B"), (Parsed<std::uint64_t>(0U)));
  for (const char* text : {"32", "32KB", "32k", "32kib", "0x10B", "8 MiB"}) {
    EXPECT_EQ(code_of(parse_size(text)), "E203") << text;
  }
  EXPECT_EQ(code_of(parse_size("08MiB")), "E202");
}

TEST(Integers, HaveDigitsAlone) {
  EXPECT_EQ(parse_integer("0"), (Parsed<std::uint64_t>(0U)));
  EXPECT_EQ(parse_integer("18446744073709551615"), (Parsed<std::uint64_t>(UINT64_MAX)));
  EXPECT_EQ(code_of(parse_integer("18446744073709551616")), "E204");
  for (const char* text :
       {"", "010", "00", "+1", "-1", "1_000", "0x10", "1e3", "1.0", " 1", "ten"}) {
    EXPECT_EQ(code_of(parse_integer(text)), "E202") << text;
  }
}

TEST(Formatting, IsReadBackAsTheSameNumber) {
  for (const std::uint64_t value : {0ULL, 1ULL, 999ULL, 1000ULL, 90'000ULL, 3'600'000ULL}) {
    EXPECT_EQ(parse_duration(format_duration(value)), (Parsed<std::uint64_t>(value)));
  }
  for (const std::uint64_t value : {0ULL, 1ULL, 1023ULL, 1024ULL, 1536ULL, 1ULL << 30U}) {
    EXPECT_EQ(parse_size(format_size(value)), (Parsed<std::uint64_t>(value)));
  }
  EXPECT_EQ(format_duration(90'000), "90s");
  EXPECT_EQ(format_size(8U << 20U), "8MiB");
}

TEST(Variables, AreReplaced) {
  const Environment environment = environment_of({{"A", "1"}, {"EMPTY", ""}, {"LOOP", "${LOOP}"}});
  const std::map<std::string, std::string> cases{
      {"${A}", "1"},          {"x${A}y${A}", "x1y1"},
      {"${NO:-d}", "d"},      {"${EMPTY:-d}", "d"},
      {"${EMPTY}", ""},       {"${A:?gone}", "1"},
      {"${NO:-${A}}", "1"},   {"${NO:-/v1/{id}}", "/v1/{id}"},
      {"$5 $A", "$5 $A"},     {"$${A}", "${A}"},
      {"${LOOP}", "${LOOP}"}, {"${NO:-}", ""},
      {"${NO:-a:-b}", "a:-b"}};
  for (const auto& [text, value] : cases) {
    EXPECT_EQ(std::get<std::string>(substitute(text, environment)), value) << text;
  }
}

TEST(Variables, AreRefusedWhereUnsetOrMalformed) {
  const Environment environment = environment_of({{"EMPTY", ""}});
  const std::map<std::string, std::string> cases{
      {"${NO}", "E220"},        {"${NO:?say it}", "E220"}, {"${EMPTY:?x}", "E220"},
      {"${", "E221"},           {"${}", "E221"},           {"${A-b}", "E221"},
      {"${1A}", "E221"},        {"${A:+b}", "E221"},       {"${NO:-${}}", "E221"},
      {"${NO:-${NO2}}", "E220"}};
  for (const auto& [text, code] : cases) {
    const Parsed<std::string> parsed = substitute(text, environment);
    ASSERT_TRUE(std::holds_alternative<Problem>(parsed)) << text;
    EXPECT_EQ(std::get<Problem>(parsed).code, code) << text;
  }
  EXPECT_EQ(std::get<Problem>(substitute("${NO:?say it}", environment)).message, "NO: say it");
}

TEST(Variables, NestedDefaultsAreBounded) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "${NO:-";
  text += std::string(10'000, '}');
  EXPECT_TRUE(std::holds_alternative<Problem>(substitute(text, environment_of({}))));
}

TEST(Suggestions, AreNearOrAbsent) {
  const std::vector<std::string> words{"on_missing", "on_stale", "guard", "warning"};
  EXPECT_EQ(closest("on_mising", words), "on_missing");
  EXPECT_EQ(closest("gaurd", words), "guard");
  EXPECT_EQ(closest("warn", words), "warning");
  EXPECT_EQ(closest("banana", words), "");
  EXPECT_EQ(closest("", words), "");
  EXPECT_EQ(edit_distance("gaurd", "guard"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

}  // namespace
}  // namespace ifmatch::config
