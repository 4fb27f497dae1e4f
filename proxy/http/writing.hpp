// Pieces that both directions of forwarding.hpp are written with.
#pragma once

#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/http/fields.hpp"
#include "proxy/http/forwarding.hpp"

namespace ifmatch::http {

inline void write_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

// Copies lines of a message as they stand. Those that follow each other in it go at once.
class CopiedLines {
 public:
  explicit CopiedLines(std::string& out) : out_(out) {}
  void add(std::string_view written) {
    if (run_.data() + run_.size() == written.data()) {
      run_ = {run_.data(), run_.size() + written.size()};
    } else {
      out_ += run_;
      run_ = written;
    }
  }
  void finish() { out_ += run_; }

 private:
  std::string& out_;
  std::string_view run_;
};

inline void write_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto result = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, result.ptr);
}

inline void write_length(std::string& out, std::uint64_t length) {
  out += "Content-Length: ";
  write_number(out, length);
  out += "\r\n";
}

[[nodiscard]] inline bool is_replaced(std::span<const FieldLine> replaced,
                                      std::string_view name) noexcept {
  for (const FieldLine& line : replaced) {
    if (equals_ignoring_case(line.name, name)) return true;
  }
  return false;
}

inline void write_replaced(std::string& out, std::span<const FieldLine> replaced) {
  for (const FieldLine& line : replaced) {
    if (!line.value.empty()) write_line(out, line.name, line.value);
  }
}

// Our entry of Via names the version of HTTP that the message came with (RFC 9110 section 7.6.3).
inline void write_via(std::string& out, int received_minor_version) {
  out += received_minor_version == 0 ? "Via: 1.0 ifmatch\r\n" : "Via: 1.1 ifmatch\r\n";
}

}  // namespace ifmatch::http
