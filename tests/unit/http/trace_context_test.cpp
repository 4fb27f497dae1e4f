// Which trace contexts are valid, and that those which we make are.
#include "proxy/http/trace_context.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::fields_of;

constexpr std::string_view id = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string valid = "00-" + std::string(id) + "-00f067aa0ba902b7-01";

TEST(TraceContexts, AreReadByTheStandard) {
  EXPECT_EQ(trace_id_of(valid), id);
  EXPECT_EQ(trace_id_of("00-" + std::string(id) + "-00f067aa0ba902b7-00"), id);
  EXPECT_EQ(trace_id_of("01" + valid.substr(2)), id) << "of a later version the beginning is read";
  EXPECT_EQ(trace_id_of("cc" + valid.substr(2) + "-what-the-future-will-be-like"), id);
}

TEST(TraceContexts, ThatAreMalformedAreNone) {
  const std::string zeros(32, '0');
  for (const std::string& text :
       std::vector<std::string>{"", valid.substr(1), valid.substr(0, 54), valid + " ", valid + "-more", valid + "x",
        "ff" + valid.substr(2), "0" + valid.substr(1, 1) + "_" + valid.substr(3),
        "01" + valid.substr(2) + "x", "0g" + valid.substr(2),
        "00-" + zeros + "-00f067aa0ba902b7-01", "00-" + std::string(id) + "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-" + std::string(id) + "-00F067AA0BA902B7-01",
        "00-" + std::string(id) + "-00f067aa0ba902b7-0x", "00 " + valid.substr(3),
        "00-" + std::string(id) + "_00f067aa0ba902b7-01",
        "00-" + std::string(id) + "-00f067aa0ba902b7_01"}) {
    EXPECT_EQ(trace_id_of(text), "") << text;
  }
}

TEST(TraceContexts, CountWhenTheyComeOnce) {
  EXPECT_EQ(valid_traceparent(fields_of({{"TraceParent", " " + valid + " "}})), valid);
  EXPECT_EQ(valid_traceparent(fields_of({{"traceparent", valid}, {"traceparent", valid}})), "");
  EXPECT_EQ(valid_traceparent(fields_of({{"traceparent", valid + ", " + valid}})), "");
  EXPECT_EQ(valid_traceparent(fields_of({{"tracestate", "a=b"}})), "");
}

TEST(TraceContexts, ThatWeMakeAreValid) {
  for (const std::array<std::uint64_t, 3>& random :
       {std::array<std::uint64_t, 3>{0, 0, 0}, {~0ULL, ~0ULL, ~0ULL}, {0x0123456789abcdefULL, 1, 2}}) {
    const auto made = make_traceparent(random);
    EXPECT_EQ(trace_id_of({made.data(), made.size()}).size(), trace_id_octets);
  }
  const auto made = make_traceparent({0x0123456789abcdefULL, 0xfedcba9876543210ULL, 0x10ULL});
  EXPECT_EQ(std::string(made.data(), made.size()),
            "00-0123456789abcdeffedcba9876543210-0000000000000011-01");
}

}  // namespace
}  // namespace ifmatch::http
