// Answers of the API mean what RFC 9112, RFC 9110 and tests/RULES.md say, row by row: to the
// client, to the connection that they came on, to the record, and to the write that they answer.
#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <string>

#include "tests/conformance/response_table.hpp"

namespace ifmatch::conformance {
namespace {

class Responses : public ::testing::TestWithParam<ResponseSection> {};

TEST_P(Responses, MeanWhatTheStandardAndTheRulesSay) {
  ResponseBench bench;
  std::set<std::string> names;
  for (const ResponseRow& row : GetParam().rows) {
    EXPECT_TRUE(names.insert(row.name).second) << "two rows have the name " << row.name;
    bench.run(row);
  }
  std::cout << GetParam().rows.size() << " rows\n";
}

INSTANTIATE_TEST_SUITE_P(BySection, Responses, ::testing::ValuesIn(response_sections()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace ifmatch::conformance
