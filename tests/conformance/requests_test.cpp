// Requests mean what RFC 9112 and RFC 9110 say, row by row of the tables beside this file, asked of
// the real program over real sockets: the answer, the connection, and what arrives at the API.
#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <string>

#include "tests/conformance/request_table.hpp"

namespace ifmatch::conformance {
namespace {

class Requests : public ::testing::TestWithParam<RequestSection> {};

TEST_P(Requests, MeanWhatTheStandardSays) {
  RequestBench bench;
  std::set<std::string> names;
  for (const RequestRow& row : GetParam().rows) {
    EXPECT_TRUE(names.insert(row.name).second) << "two rows have the name " << row.name;
    bench.run(row);
  }
  std::cout << GetParam().rows.size() << " rows\n";
}

std::vector<RequestSection> all_sections() {
  std::vector<RequestSection> all = syntax_sections();
  for (RequestSection& section : framing_sections()) all.push_back(std::move(section));
  for (RequestSection& section : semantics_sections()) all.push_back(std::move(section));
  return all;
}

INSTANTIATE_TEST_SUITE_P(BySection, Requests, ::testing::ValuesIn(all_sections()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace ifmatch::conformance
