// Octets are told apart in the same way one by one and eight at once.
#include "proxy/http/characters.hpp"

#include <gtest/gtest.h>

#include <string>

namespace ifmatch::http {
namespace {

TEST(Characters, FindsAControlCharacterWhereverItStands) {
  for (const char filler : {'x', ' ', '~', '\x80', '\xFF'}) {
    for (std::size_t size = 0; size <= 25; ++size) {
      std::string text(size, filler);
      EXPECT_FALSE(has_control(text)) << size;
      for (std::size_t at = 0; at < size; ++at) {
        for (unsigned octet = 0; octet < 256; ++octet) {
          text[at] = static_cast<char>(octet);
          EXPECT_EQ(has_control(text), octet < 0x20 || octet == 0x7F) << size << ' ' << octet;
        }
        text[at] = filler;
      }
    }
  }
}

}  // namespace
}  // namespace ifmatch::http
