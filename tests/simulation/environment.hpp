// Numbers that whoever runs the tests may give.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace ifmatch::simulation {

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  constexpr int decimal = 10;
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, decimal);
}

}  // namespace ifmatch::simulation
