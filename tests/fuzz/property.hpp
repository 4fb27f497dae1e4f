// What the fuzz targets share: a property that ends the process with a sentence when it is broken,
// so that libFuzzer keeps the input, and inputs that are lines, so that a corpus can be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::fuzz {

[[noreturn]] inline void broken(const char* file, int line, std::string_view property,
                                const std::string& where) {
  std::string visible;
  for (const char octet : where) {
    if (octet >= 0x20 && octet < 0x7F) {
      visible += octet;
    } else {
      char code[5];
      std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned>(octet) & 0xFFU);
      visible += code;
    }
  }
  std::fprintf(stderr, "%s:%d: PROPERTY BROKEN: %.*s\n  with: %s\n", file, line,
               static_cast<int>(property.size()), property.data(), visible.c_str());
  std::abort();
}

// `where` is evaluated only when the property does not hold.
#define IFMATCH_PROPERTY(holds, sentence, where)                                  \
  do {                                                                            \
    if (!(holds)) ::ifmatch::fuzz::broken(__FILE__, __LINE__, (sentence), (where)); \
  } while (false)

// Splits at every line feed; a text without one is one line. Further lines than `lines_max` are
// left out, so that one execution stays short.
[[nodiscard]] inline std::vector<std::string_view> lines_of(std::string_view text,
                                                            std::size_t lines_max) {
  std::vector<std::string_view> lines;
  while (lines.size() < lines_max) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

[[nodiscard]] inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace ifmatch::fuzz

// Called by libFuzzer; declared here because no header of its own does.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
