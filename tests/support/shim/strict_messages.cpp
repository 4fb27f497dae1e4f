#include "tests/support/shim/strict_messages.hpp"

#include <algorithm>

namespace ifmatch::shim {
namespace {

constexpr std::string_view line_end = "\r\n";

bool is_digit(char octet) { return octet >= '0' && octet <= '9'; }

bool is_token(std::string_view text) {
  static constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char octet) {
    return is_digit(octet) || (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
           others.find(octet) != std::string_view::npos;
  });
}

bool is_field_text(std::string_view text) {
  return std::ranges::all_of(text, [](char octet) {
    const auto value = static_cast<unsigned char>(octet);
    return value == '\t' || (value >= 0x20 && value != 0x7f);
  });
}

bool is_visible(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char octet) {
    const auto value = static_cast<unsigned char>(octet);
    return value > 0x20 && value != 0x7f;
  });
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& octet : result) {
    if (octet >= 'A' && octet <= 'Z') octet = static_cast<char>(octet - 'A' + 'a');
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Eighteen digits at most, so that nothing overflows.
std::optional<std::uint64_t> number(std::string_view text, unsigned base) {
  if (text.empty() || text.size() > (base == 10 ? 18U : 15U)) return std::nullopt;
  std::uint64_t value = 0;
  for (const char octet : text) {
    unsigned digit = 0;
    if (is_digit(octet)) {
      digit = static_cast<unsigned>(octet - '0');
    } else if (octet >= 'a' && octet <= 'f') {
      digit = static_cast<unsigned>(octet - 'a') + 10;
    } else if (octet >= 'A' && octet <= 'F') {
      digit = static_cast<unsigned>(octet - 'A') + 10;
    } else {
      return std::nullopt;
    }
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

// A line of `octets` from `at` on, without its end; unset when the end is not there yet. A line feed
// or carriage return of its own is found by the checks of what the line holds.
std::optional<std::string_view> line_at(std::string_view octets, std::size_t at) {
  const std::size_t end = octets.find(line_end, at);
  if (end == std::string_view::npos) return std::nullopt;
  return octets.substr(at, end - at);
}

Reading read_fields(std::string_view octets, std::size_t& at,
                    std::vector<std::pair<std::string, std::string>>& fields) {
  for (;;) {
    const std::optional<std::string_view> line = line_at(octets, at);
    if (!line) return Reading::incomplete;
    at += line->size() + line_end.size();
    if (line->empty()) return Reading::complete;
    const std::size_t colon = line->find(':');
    if (colon == std::string_view::npos) return Reading::malformed;
    const std::string_view value = line->substr(colon + 1);
    if (!is_token(line->substr(0, colon)) || !is_field_text(value)) return Reading::malformed;
    fields.emplace_back(lower(line->substr(0, colon)), std::string(trimmed(value)));
  }
}

Reading read_chunks(std::string_view octets, std::size_t& at, std::string& content) {
  for (;;) {
    const std::optional<std::string_view> line = line_at(octets, at);
    if (!line) return Reading::incomplete;
    const std::string_view digits = line->substr(0, line->find_first_of("; \t"));
    const std::optional<std::uint64_t> size = number(digits, 16);
    if (!size || !is_field_text(*line)) return Reading::malformed;
    at += line->size() + line_end.size();
    if (*size == 0) break;
    if (octets.size() - at < *size + line_end.size()) return Reading::incomplete;
    content.append(octets.substr(at, *size));
    at += *size;
    if (octets.substr(at, line_end.size()) != line_end) return Reading::malformed;
    at += line_end.size();
  }
  std::vector<std::pair<std::string, std::string>> trailers;
  return read_fields(octets, at, trailers);
}

enum class Kind : std::uint8_t { request, answer };

// What follows the head. `bodiless` answers have no content whatever their fields say.
Reading read_content(std::string_view octets, Kind kind, bool bodiless, StrictMessage& message) {
  std::size_t at = message.head_octets;
  const std::size_t lengths = message.count("content-length");
  const std::size_t codings = message.count("transfer-encoding");
  if (lengths + codings > 1) return Reading::malformed;
  Reading reading = Reading::complete;
  if (bodiless) {
    // Only the head counts.
  } else if (codings == 1) {
    if (lower(message.field("transfer-encoding")) != "chunked") return Reading::malformed;
    reading = read_chunks(octets, at, message.content);
  } else if (lengths == 1) {
    const std::optional<std::uint64_t> length = number(message.field("content-length"), 10);
    if (!length) return Reading::malformed;
    const std::size_t there = std::min<std::size_t>(*length, octets.size() - at);
    message.content = octets.substr(at, there);
    at += there;
    if (there < *length) reading = Reading::incomplete;
  } else if (kind == Kind::answer) {
    message.until_close = true;
    message.content = octets.substr(at);
    at = octets.size();
  }
  message.octets = at;
  return reading;
}

}  // namespace

std::size_t StrictMessage::count(std::string_view lower_name) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      fields, [lower_name](const auto& entry) { return entry.first == lower_name; }));
}

std::string_view StrictMessage::field(std::string_view lower_name) const {
  for (const auto& [name, value] : fields) {
    if (name == lower_name) return value;
  }
  return {};
}

std::string_view StrictMessage::method() const {
  return std::string_view(start_line).substr(0, start_line.find(' '));
}

std::string_view StrictMessage::target() const {
  const std::size_t begin = start_line.find(' ') + 1;
  return std::string_view(start_line).substr(begin, start_line.rfind(' ') - begin);
}

int StrictMessage::status() const {
  return (start_line[9] - '0') * 100 + (start_line[10] - '0') * 10 + (start_line[11] - '0');
}

Reading read_request(std::string_view octets, StrictMessage& message) {
  message = {};
  const std::optional<std::string_view> line = line_at(octets, 0);
  if (!line) return Reading::incomplete;
  const std::size_t first = line->find(' ');
  const std::size_t last = line->rfind(' ');
  if (first == std::string_view::npos || first == last) return Reading::malformed;
  const std::string_view version = line->substr(last + 1);
  if (!is_token(line->substr(0, first)) || !is_visible(line->substr(first + 1, last - first - 1)) ||
      version.size() != 8 || !version.starts_with("HTTP/1.") || !is_digit(version[7])) {
    return Reading::malformed;
  }
  message.start_line = *line;
  std::size_t at = line->size() + line_end.size();
  const Reading head = read_fields(octets, at, message.fields);
  if (head != Reading::complete) return head;
  message.head_octets = at;
  return read_content(octets, Kind::request, false, message);
}

Reading read_answer(std::string_view octets, std::string_view method, StrictMessage& message) {
  message = {};
  const std::optional<std::string_view> line = line_at(octets, 0);
  if (!line) return Reading::incomplete;
  const bool status_line = line->size() >= 13 && line->starts_with("HTTP/1.") &&
                           is_digit((*line)[7]) && (*line)[8] == ' ' &&
                           (*line)[9] >= '1' && is_digit((*line)[9]) && is_digit((*line)[10]) &&
                           is_digit((*line)[11]) && (*line)[12] == ' ' && is_field_text(*line);
  if (!status_line) return Reading::malformed;
  message.start_line = *line;
  std::size_t at = line->size() + line_end.size();
  const Reading head = read_fields(octets, at, message.fields);
  if (head != Reading::complete) return head;
  message.head_octets = at;
  const int status = message.status();
  const bool bodiless = method == "HEAD" || status < 200 || status == 204 || status == 304;
  return read_content(octets, Kind::answer, bodiless, message);
}

}  // namespace ifmatch::shim
