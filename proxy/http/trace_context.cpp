#include "proxy/http/trace_context.hpp"

#include <algorithm>

#include "proxy/http/characters.hpp"

namespace ifmatch::http {
namespace {

constexpr std::size_t version_octets = 2;
constexpr std::size_t parent_id_octets = 16;

bool is_hex(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char octet) {
    return is_digit(octet) || (octet >= 'a' && octet <= 'f');
  });
}

bool is_id(std::string_view text) noexcept {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

char* write_hex(char* out, std::uint64_t word) noexcept {
  constexpr std::string_view digits = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) *out++ = digits[(word >> shift) & 0xFU];
  return out;
}

}  // namespace

std::string_view trace_id_of(std::string_view traceparent) noexcept {
  if (traceparent.size() < traceparent_octets) return {};
  const std::string_view version = traceparent.substr(0, version_octets);
  const std::string_view trace_id = traceparent.substr(3, trace_id_octets);
  const std::string_view parent_id = traceparent.substr(36, parent_id_octets);
  const bool separated = traceparent[2] == '-' && traceparent[35] == '-' && traceparent[52] == '-';
  if (!separated || !is_hex(version) || version == "ff" || !is_id(trace_id) || !is_id(parent_id) ||
      !is_hex(traceparent.substr(53, 2))) {
    return {};
  }
  const bool longer = traceparent.size() > traceparent_octets;
  if (longer && (version == "00" || traceparent[traceparent_octets] != '-')) return {};
  return trace_id;
}

std::string_view valid_traceparent(const Fields& fields) noexcept {
  if (fields.count(FieldId::traceparent) != 1) return {};
  const std::string_view value = trimmed(fields.first(FieldId::traceparent));
  return trace_id_of(value).empty() ? std::string_view() : value;
}

std::array<char, traceparent_octets> make_traceparent(
    const std::array<std::uint64_t, 3>& random) noexcept {
  std::array<char, traceparent_octets> text;
  char* out = std::ranges::copy(std::string_view("00-"), text.data()).out;
  // An id of zeros is none.
  out = write_hex(out, random[0] | 1U);
  out = write_hex(out, random[1]);
  *out++ = '-';
  out = write_hex(out, random[2] | 1U);
  std::ranges::copy(std::string_view("-01"), out);
  return text;
}

}  // namespace ifmatch::http
