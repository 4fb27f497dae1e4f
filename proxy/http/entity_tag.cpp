#include "proxy/http/entity_tag.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "proxy/guard/assert.hpp"
#include "proxy/http/characters.hpp"

namespace ifmatch::http {

namespace {

constexpr std::string_view own_prefix = "im1-";
constexpr std::size_t own_digits = 32;  // 24 octets in base64url, no padding
constexpr std::string_view base64url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr auto make_base64_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < base64url.size(); ++i) {
    values[static_cast<unsigned char>(base64url[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}
constexpr auto base64_values = make_base64_values();

// REQUIRES: digits.size() == own_digits.
std::optional<guard::Version> decode(std::string_view digits) noexcept {
  guard::Version version{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < own_digits; i += 4) {
    const auto value = [&](std::size_t k) -> std::int32_t {
      return base64_values[static_cast<unsigned char>(digits[i + k])];
    };
    // One that is no digit is negative, and so is everything it is joined to.
    const std::int32_t joined =
        (value(0) * 64 * 64 * 64) | (value(1) * 64 * 64) | (value(2) * 64) | value(3);
    if (joined < 0) return std::nullopt;
    const auto bits = static_cast<std::uint32_t>(joined);
    version[at++] = static_cast<std::uint8_t>(bits >> 16U);
    version[at++] = static_cast<std::uint8_t>((bits >> 8U) & 0xFFU);
    version[at++] = static_cast<std::uint8_t>(bits & 0xFFU);
  }
  return version;
}

// Takes one entity-tag off the front (RFC 9110 section 8.8.3). W/ is case-sensitive.
std::optional<EntityTag> take_tag(std::string_view& rest) noexcept {
  EntityTag tag;
  std::string_view text = rest;
  if (text.starts_with("W/")) {
    tag.weak = true;
    text.remove_prefix(2);
  }
  if (!text.starts_with('"')) return std::nullopt;
  text.remove_prefix(1);
  const auto end = std::find_if(text.begin(), text.end(), [](char octet) {
    return !is(octet, octet_class::entity_tag);
  });
  const auto size = static_cast<std::size_t>(end - text.begin());
  if (size == text.size() || text[size] != '"') return std::nullopt;
  tag.opaque = text.substr(0, size);
  rest = text.substr(size + 1);
  return tag;
}

void skip_white_space(std::string_view& text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
}

// Appends the tags of one line. False when it is malformed.
bool take_line(std::string_view line, EntityTagList& list) {
  for (;;) {
    skip_white_space(line);
    if (line.empty()) return true;
    if (line.front() != ',') {
      const std::optional<EntityTag> tag = take_tag(line);
      if (!tag) return false;
      list.tags.push_back(*tag);
      skip_white_space(line);
      if (line.empty()) return true;
      if (line.front() != ',') return false;
    }
    line.remove_prefix(1);
  }
}

// Takes "-gzip", "--gzip", ";br" and the like off the front. Apache appends "-gzip" and "-br",
// Jetty "--gzip", others separate by other characters.
bool take_coding_suffix(std::string_view& suffix) noexcept {
  constexpr std::string_view separators = "-;:_/+.";
  constexpr std::array<std::string_view, 8> codings = {"gzip",    "x-gzip",   "br", "zstd",
                                                       "deflate", "compress", "gz", "identity"};
  std::size_t size = 0;
  while (size < suffix.size() && size < 2 && separators.find(suffix[size]) != separators.npos) {
    ++size;
  }
  if (size == 0) return false;
  for (const std::string_view coding : codings) {
    const std::string_view candidate = suffix.substr(size, coding.size());
    const std::string_view behind = suffix.substr(size + candidate.size());
    const bool ends = behind.empty() || separators.find(behind.front()) != separators.npos;
    if (ends && equals_ignoring_case(candidate, coding)) {
      suffix = behind;
      return true;
    }
  }
  return false;
}

}  // namespace

std::string to_string(const EntityTag& tag) {
  std::string text;
  text.reserve(tag.opaque.size() + 4);
  text += tag.weak ? "W/\"" : "\"";
  text += tag.opaque;
  text += '"';
  return text;
}

std::optional<EntityTagList> parse_entity_tags(const Fields& fields, FieldId id) {
  EntityTagList list;
  std::size_t lines = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields.id(i) != id) continue;
    ++lines;
    const std::string_view value = fields.line(i).value;
    if (trimmed(value) == "*") {
      list.any = true;
    } else if (!take_line(value, list)) {
      return std::nullopt;
    }
  }
  IFMATCH_ASSERT(lines > 0);
  // "*" is an alternative to the list, not an element of it, so a second line spoils it.
  if (list.any) return lines == 1 ? std::optional(std::move(list)) : std::nullopt;
  if (list.tags.empty()) return std::nullopt;
  return list;
}

std::optional<EntityTag> parse_entity_tag(std::string_view value) noexcept {
  value = trimmed(value);
  const std::optional<EntityTag> tag = take_tag(value);
  return value.empty() ? tag : std::nullopt;
}

std::string format_tag(const guard::Version& version) {
  std::array<char, own_tag_size> tag;
  char* end = tag.data();
  *end++ = '"';
  end = std::ranges::copy(own_prefix, end).out;
  for (std::size_t i = 0; i < version.size(); i += 3) {
    const std::uint32_t bits = (static_cast<std::uint32_t>(version[i]) << 16U) |
                               (static_cast<std::uint32_t>(version[i + 1]) << 8U) |
                               version[i + 2];
    *end++ = base64url[bits >> 18U];
    *end++ = base64url[(bits >> 12U) & 0x3FU];
    *end++ = base64url[(bits >> 6U) & 0x3FU];
    *end++ = base64url[bits & 0x3FU];
  }
  *end++ = '"';
  IFMATCH_ASSERT(end == tag.data() + tag.size());
  return {tag.data(), tag.size()};
}

std::optional<guard::Version> parse_own(const EntityTag& tag) noexcept {
  if (tag.opaque.size() != own_prefix.size() + own_digits || !tag.opaque.starts_with(own_prefix)) {
    return std::nullopt;
  }
  return decode(tag.opaque.substr(own_prefix.size()));
}

std::optional<guard::Version> recognise_rewritten(const EntityTag& tag) noexcept {
  constexpr std::size_t size = own_prefix.size() + own_digits;
  if (tag.opaque.size() < size || !tag.opaque.starts_with(own_prefix)) return std::nullopt;
  std::string_view suffix = tag.opaque.substr(size);
  if (suffix.empty() && !tag.weak) return std::nullopt;
  while (!suffix.empty()) {
    if (!take_coding_suffix(suffix)) return std::nullopt;
  }
  return decode(tag.opaque.substr(own_prefix.size(), own_digits));
}

}  // namespace ifmatch::http
