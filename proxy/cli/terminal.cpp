#include "proxy/cli/terminal.hpp"

#include <cstddef>

namespace ifmatch::cli {
namespace {

// How many octets follow the first one of a character in UTF-8; 0 where it begins none.
std::size_t followers(unsigned char first) {
  if (first >= 0xC2 && first <= 0xDF) return 1;
  if (first >= 0xE0 && first <= 0xEF) return 2;
  return first >= 0xF0 && first <= 0xF4 ? 3 : 0;
}

// The size of the character that begins there, if it may be shown; 0 otherwise.
std::size_t printable_at(const std::string& text, std::size_t at) {
  const auto octet = [&text](std::size_t index) {
    return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
  };
  const unsigned first = octet(at);
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const std::size_t more = followers(static_cast<unsigned char>(first));
  for (std::size_t index = 1; index <= more; ++index) {
    if ((octet(at + index) & 0xC0U) != 0x80) return 0;
  }
  // U+0080 to U+009F are controls: U+009B is the Escape and bracket of old.
  const bool control = first == 0xC2 && octet(at + 1) < 0xA0;
  return more == 0 || control ? 0 : more + 1;
}

}  // namespace

void make_printable(std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = printable_at(text, at);
    if (size == 0) text[at] = '?';
    at += size == 0 ? 1 : size;
  }
}

}  // namespace ifmatch::cli
