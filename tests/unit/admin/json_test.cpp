// What the admin API writes: valid JSON in both layouts, also of text that came from a client.
#include "proxy/admin/json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace ifmatch::admin {
namespace {

const json::value sample{{"name", "a\"b\\c\n\x01"},
                         {"empty", json::object()},
                         {"none", json::array()},
                         {"list", {1, 2.5, true, nullptr}},
                         {"inner", {{"deep", {{"er", "x"}}}}}};

TEST(Json, ReadsTheSameInBothLayouts) {
  EXPECT_EQ(json::parse(to_text(sample, Layout::compact)), sample);
  EXPECT_EQ(json::parse(to_text(sample, Layout::indented)), sample);
}

TEST(Json, IsOneLineUnlessAskedOtherwise) {
  const std::string compact = to_text(sample, Layout::compact);
  EXPECT_EQ(compact.find('\n'), compact.size() - 1);
}

TEST(Json, IsIndentedForPeople) {
  EXPECT_EQ(to_text({{"a", {1, 2}}, {"b", json::object()}}, Layout::indented),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}\n");
}

TEST(Json, IsUtf8WhateverAClientSent) {
  const std::string text = to_text({{"path", "/\xff\xc3"}}, Layout::compact);
  EXPECT_EQ(text.find('\xff'), std::string::npos);
  EXPECT_EQ(text.find('\xc3'), std::string::npos);
  boost::system::error_code broken;
  (void)json::parse(text, broken);
  EXPECT_FALSE(broken) << text;
}

TEST(Json, TellsTimesInUtc) {
  using std::chrono::milliseconds;
  const std::chrono::system_clock::time_point time(milliseconds(1'714'564'800'123));
  EXPECT_EQ(to_text(time), "2024-05-01T12:00:00.123Z");
}

}  // namespace
}  // namespace ifmatch::admin
