// Short ways to write messages in tests.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/guard/types.hpp"
#include "proxy/http/fields.hpp"
#include "proxy/http/message.hpp"

namespace ifmatch::http::testing {

using Lines = std::initializer_list<std::pair<std::string_view, std::string_view>>;

inline Fields fields_of(Lines lines) {
  Fields fields;
  for (const auto& [name, value] : lines) fields.add(name, value);
  return fields;
}

inline RequestHead request_of(std::string_view method, std::string_view target, Lines lines,
                              int minor_version = 1) {
  RequestHead head;
  head.method = method;
  head.target = target;
  head.minor_version = minor_version;
  head.fields = fields_of(lines);
  return head;
}

inline ResponseHead response_of(int status, Lines lines, int minor_version = 1) {
  ResponseHead head;
  head.status = status;
  head.reason = "Fine";
  head.minor_version = minor_version;
  head.fields = fields_of(lines);
  return head;
}

// A version that differs for every seed.
inline guard::Version version_of(std::uint8_t seed) {
  guard::Version version{};
  for (std::size_t i = 0; i < version.size(); ++i) {
    version[i] = static_cast<std::uint8_t>(seed * 31 + i * 7);
  }
  return version;
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

inline std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++found;
  }
  return found;
}

}  // namespace ifmatch::http::testing
