#include "tests/conformance/request_table.hpp"
namespace ifmatch::conformance {
std::vector<RequestSection> framing_sections() {
  return {};
}
}  // namespace ifmatch::conformance
