// Paths and patterns once more, slowly: a path is a list of segments, escapes are decoded pass by
// pass until nothing changes, patterns are matched segment by segment. Nothing is shared with
// proxy/http but the sentences of its headers. And readings of an API that is laxer than we are.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::fuzz::plain {

inline std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char octet : text) {
    if (octet == at) {
      parts.emplace_back();
    } else {
      parts.back() += octet;
    }
  }
  return parts;
}

inline int digit(char octet) {
  const std::string_view digits = "0123456789abcdef0123456789ABCDEF";
  const std::size_t found = digits.find(octet);
  return found == std::string_view::npos ? -1 : static_cast<int>(found % 16);
}

// Every valid escape from left to right, once.
inline std::string decoded_once(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

inline std::string decoded_fully(std::string text) {
  for (std::string next = decoded_once(text); next != text; next = decoded_once(text)) text = next;
  return text;
}

inline bool is_letter_or_digit(char octet) {
  return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
         (octet >= '0' && octet <= '9');
}
inline bool is_unreserved(char octet) {
  return is_letter_or_digit(octet) || octet == '-' || octet == '.' || octet == '_' || octet == '~';
}

// The spelling that RFC 3986 section 6.2.2 calls normal; unset where the octets are no path at all.
inline std::optional<std::string> normalised(const std::string& path) {
  const std::string_view literal = "!$&'()*+,;=:@/";
  const std::string hex = "0123456789ABCDEF";
  if (path.empty() || path[0] != '/') return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      if (!is_unreserved(path[i]) && literal.find(path[i]) == std::string_view::npos) {
        return std::nullopt;
      }
      out += path[i];
      continue;
    }
    if (i + 2 >= path.size() || digit(path[i + 1]) < 0 || digit(path[i + 2]) < 0) {
      return std::nullopt;
    }
    const int code = digit(path[i + 1]) * 16 + digit(path[i + 2]);
    const char octet = static_cast<char>(code);
    if (is_unreserved(octet)) {
      out += octet;
    } else {
      out += '%';
      out += hex[static_cast<std::size_t>(code / 16)];
      out += hex[static_cast<std::size_t>(code % 16)];
    }
    i += 2;
  }
  return out;
}

// What two readers may understand differently (RFC 3986 section 5.2.4; RFC 3629 section 10): a
// segment that somebody resolves, splits, ends or drops.
inline bool is_ambiguous_segment(const std::string& segment) {
  std::string text = segment;
  for (;;) {  // at every depth of decoding
    for (const char octet : text) {
      if (octet == '/' || octet == '\\') return true;
      if (static_cast<unsigned char>(octet) < 0x20 || octet == 0x7F) return true;
    }
    const std::string next = decoded_once(text);
    if (next == text) break;
    text = next;
  }
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const int first = static_cast<unsigned char>(text[i]);
    const int second = static_cast<unsigned char>(text[i + 1]);
    const bool continues = second >= 0x80 && second <= 0xBF;
    if (continues && ((first & 0xFE) == 0xC0 || (first == 0xE0 && second < 0xA0) ||
                      (first == 0xF0 && second < 0x90))) {
      return true;
    }
  }
  if (text.find_first_not_of('+') == std::string::npos) return false;  // a name of its own
  // Cut where parameters begin: dots and blanks alone are no name, however many.
  return text.substr(0, text.find_first_of(";?#")).find_first_not_of(" +.") == std::string::npos;
}

// The canonical path, unset where it must be refused.
inline std::optional<std::string> canonical(const std::string& path) {
  const std::optional<std::string> normal = normalised(path);
  if (!normal) return std::nullopt;
  const std::vector<std::string> segments = split(normal->substr(1), '/');
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    if (segments[i].empty() ? !last : is_ambiguous_segment(segments[i])) return std::nullopt;
  }
  return normal;
}

inline std::string lower(std::string text) {
  for (char& octet : text) {
    if (octet >= 'A' && octet <= 'Z') octet = static_cast<char>(octet - 'A' + 'a');
  }
  return text;
}

// How an API may be laxer than the proxy. Each is seen in the field; any of them may come together.
struct Laxity {
  bool decodes_twice = false;
  bool ignores_case = false;
  bool drops_trailing_slash = false;
  bool drops_parameters = false;   // from ';' on, as servlet containers do
  bool plus_is_space = false;
  bool trims_segments = false;     // spaces around, dots behind, as Windows file systems do
};

// The names under which such an API looks the resource up.
inline std::vector<std::string> lax_reading(const std::string& path, const Laxity& lax) {
  std::vector<std::string> segments = split(path.substr(1), '/');
  if (lax.drops_trailing_slash && segments.back().empty()) segments.pop_back();
  for (std::string& segment : segments) {
    if (lax.drops_parameters) segment = segment.substr(0, segment.find(';'));
    segment = decoded_once(segment);
    if (lax.decodes_twice) segment = decoded_once(segment);
    if (lax.drops_parameters) segment = segment.substr(0, segment.find(';'));
    if (lax.ignores_case) segment = lower(segment);
    if (lax.plus_is_space) std::replace(segment.begin(), segment.end(), '+', ' ');
    // What would vanish altogether stays: a segment of pluses is a name of its own.
    if (lax.trims_segments && segment.find_first_not_of(" .") != std::string::npos) {
      segment.erase(0, segment.find_first_not_of(' '));
      segment.erase(segment.find_last_not_of(" .") + 1);
    }
  }
  return segments;
}

// The folded key of one segment of a canonical path, as target.hpp words it.
inline std::string folded_segment(const std::string& segment) {
  std::string text = decoded_fully(segment);
  if (!text.empty() && text.find_first_not_of('+') == std::string::npos) return " ";
  text = lower(text.substr(0, text.find_first_of(";?#")));
  std::replace(text.begin(), text.end(), '+', ' ');
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(" .") + 1);
  return text;
}

inline std::vector<std::string> folded_segments(const std::string& base, const std::string& path) {
  std::vector<std::string> folded;
  for (const std::string& segment : split(base + path, '/')) {
    if (!segment.empty()) folded.push_back(folded_segment(segment));
  }
  return folded;
}

inline std::string joined(const std::vector<std::string>& segments) {
  std::string path;
  for (const std::string& segment : segments) path += "/" + segment;
  return path.empty() ? "/" : path;
}

struct Pattern {
  std::vector<std::string> segments;  // captures as `any_segment`, `**` as `the_rest`, else literals
  bool operator==(const Pattern&) const = default;
};

// No literal has a slash, whatever its escapes stand for.
inline const std::string any_segment = "/{}";
inline const std::string the_rest = "/**";

inline bool is_capture(const std::string& segment) { return segment == any_segment; }

// REQUIRES: the product took the text for a pattern.
inline Pattern pattern_of(const std::string& text) {
  Pattern pattern{split(text.substr(1), '/')};
  for (std::string& segment : pattern.segments) {
    if (segment.starts_with('{')) {
      segment = any_segment;
    } else if (segment == "**") {
      segment = the_rest;
    } else {
      segment = normalised("/" + segment)->substr(1);
    }
  }
  return pattern;
}

// An empty last segment, in either, is a trailing slash. Backtracks over nothing: `**` is last.
inline bool matches(const Pattern& pattern, const std::string& path) {
  const std::vector<std::string> segments = split(path.substr(1), '/');
  for (std::size_t i = 0; i < pattern.segments.size(); ++i) {
    const std::string& wanted = pattern.segments[i];
    if (wanted == the_rest) return true;
    if (i >= segments.size()) return false;
    if (is_capture(wanted) ? segments[i].empty() : segments[i] != wanted) return false;
  }
  return segments.size() == pattern.segments.size();
}

// The pattern below a base path, for folded paths: no trailing slash, folded literals.
inline Pattern folded(const Pattern& pattern, const std::string& base) {
  Pattern out{folded_segments(base, "")};
  for (const std::string& segment : pattern.segments) {
    const bool literal = !is_capture(segment) && segment != the_rest;
    if (!segment.empty()) out.segments.push_back(literal ? folded_segment(segment) : segment);
  }
  if (out.segments.empty()) out.segments.emplace_back();
  return out;
}

// Whether a path is at, above or below one that the pattern matches: neither contradicts the other
// as far as both go.
inline bool overlaps(const Pattern& pattern, const std::vector<std::string>& segments) {
  for (std::size_t i = 0; i < pattern.segments.size() && i < segments.size(); ++i) {
    const std::string& wanted = pattern.segments[i];
    if (wanted == the_rest || wanted.empty()) return true;
    if (!is_capture(wanted) && wanted != segments[i]) return false;
  }
  return true;
}

inline bool host_matches(const std::string& pattern, const std::string& host) {
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return lower(pattern) == lower(host);
  const std::string ending = lower(pattern.substr(1));
  const std::string name = lower(host);
  return name.size() > ending.size() && name.ends_with(ending);
}

}  // namespace ifmatch::fuzz::plain
