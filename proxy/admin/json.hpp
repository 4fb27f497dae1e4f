// What the admin API writes: JSON for programs, and indented for people who ask for `?pretty`.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <string>

namespace ifmatch::admin {

namespace json = boost::json;

enum class Layout : std::uint8_t { compact, indented };

// Ends with a line feed.
[[nodiscard]] std::string to_text(const json::value& value, Layout layout);

// "2024-05-01T12:00:00.123Z".
[[nodiscard]] std::string to_text(std::chrono::system_clock::time_point time);

[[nodiscard]] constexpr double seconds_of(std::chrono::nanoseconds duration) noexcept {
  return static_cast<double>(duration.count()) / 1e9;
}

}  // namespace ifmatch::admin
