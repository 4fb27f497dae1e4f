#include "tests/conformance/request_table.hpp"
namespace ifmatch::conformance {
std::vector<RequestSection> semantics_sections() {
  return {};
}
}  // namespace ifmatch::conformance
