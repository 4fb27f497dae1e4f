// The canonical and the folded spelling of paths, declared in target.hpp.
#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/http/characters.hpp"
#include "proxy/http/target.hpp"

namespace ifmatch::http {

namespace {

ProblemDetails ambiguous(std::string_view why) {
  ProblemDetails details;
  details.problem = Problem::ambiguous_path;
  details.detail = why;
  return details;
}

// Nothing that any reader takes for more than a name: such a segment is its own canonical spelling.
bool is_plain(std::string_view segment) noexcept {
  return std::ranges::all_of(segment, [](char octet) { return is(octet, octet_class::plain); });
}

// Decodes in place until no valid escape is left: an API behind another proxy may well decode
// twice. One pass does it, because an escape is looked for wherever its last octet arrives, be it
// from the text or from an escape decoded before.
void decode_fully(std::string& text) {
  std::size_t to = 0;
  for (const char octet : text) {
    text[to++] = octet;
    while (to >= 3 && text[to - 3] == '%') {
      const int high = hex_value(text[to - 2]);
      const int low = hex_value(text[to - 1]);
      if (high < 0 || low < 0) break;
      to -= 3;
      text[to++] = static_cast<char>(high * 16 + low);
    }
  }
  text.resize(to);
}

// Overlong UTF-8 spells an ASCII octet, such as a slash, in two or more (RFC 3629 section 10).
bool has_overlong_sequence(std::string_view text) noexcept {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto first = static_cast<unsigned char>(text[i]);
    const auto second = static_cast<unsigned char>(text[i + 1]);
    if (second < 0x80 || second > 0xBF) continue;
    if (first == 0xC0 || first == 0xC1) return true;
    if (first == 0xE0 && second < 0xA0) return true;
    if (first == 0xF0 && second < 0x90) return true;
  }
  return false;
}

// What a lax reader keeps of a decoded segment: nothing from the first parameter, question mark or
// number sign on, no spaces around it (a plus is one to some), no dots or spaces behind it (file
// systems drop those).
std::string_view kept_part(std::string_view decoded) noexcept {
  decoded = decoded.substr(0, decoded.find_first_of(";?#"));
  const auto is_space = [](char octet) { return octet == ' ' || octet == '+'; };
  while (!decoded.empty() && is_space(decoded.front())) decoded.remove_prefix(1);
  while (!decoded.empty() && (is_space(decoded.back()) || decoded.back() == '.')) {
    decoded.remove_suffix(1);
  }
  return decoded;
}

// Why a segment that is not empty is refused; "" when it is not. `decoded` has no escapes left.
std::string_view objection_to(std::string_view decoded) noexcept {
  for (const char octet : decoded) {
    if (octet == '/' || octet == '\\') return "The path has an encoded slash or backslash.";
    if (is(octet, octet_class::control)) return "The path has an encoded control character.";
  }
  if (has_overlong_sequence(decoded)) return "The path has an overlong UTF-8 sequence.";
  // Only pluses are a name of their own ("C++" without the C), with dots among them they are not.
  if (kept_part(decoded).empty() && decoded.find_first_not_of('+') != std::string_view::npos) {
    return "The path has a segment that is empty or made of dots, once decoded and without "
           "parameters.";
  }
  return {};
}

std::string_view objection_to_segment(std::string_view segment) {
  if (is_plain(segment)) return {};
  if (segment.find('%') == std::string_view::npos) return objection_to(segment);
  std::string decoded(segment);
  decode_fully(decoded);
  return objection_to(decoded);
}

// Checks the segments of a path whose octets and escapes are in order.
std::string_view objection_to_segments(std::string_view path) {
  std::size_t begin = 1;
  for (;;) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment.empty()) {
      // Only a single trailing slash may leave an empty segment behind.
      return end == path.size() ? std::string_view() : "The path has an empty segment.";
    }
    if (const std::string_view why = objection_to_segment(segment); !why.empty()) return why;
    if (end == path.size()) return {};
    begin = end + 1;
  }
}

// Appends what is left of a segment in its folded form; nothing when nothing is left.
void append_folded(std::string& out, std::string_view segment) {
  const std::size_t before = out.size();
  if (is_plain(segment)) {
    out += segment;
    std::transform(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(),
                   out.begin() + static_cast<std::ptrdiff_t>(before), lowered);
    return;
  }
  std::string decoded;
  if (segment.find('%') != std::string_view::npos) {
    decoded = segment;
    decode_fully(decoded);
    segment = decoded;
  }
  for (const char octet : segment.substr(0, segment.find_first_of(";?#"))) {
    out += octet == '+' ? ' ' : lowered(octet);
  }
  const std::string_view kept = kept_part(std::string_view(out).substr(before));
  if (kept.empty()) {
    // Only pluses: they are a name of their own and must not vanish from the path.
    out.resize(std::min(out.size(), before + 1));
    return;
  }
  const auto skipped = static_cast<std::size_t>(kept.data() - out.data()) - before;
  const std::size_t size = kept.size();
  if (skipped != 0) out.erase(before, skipped);
  out.resize(before + size);
}

// Appends the folded segments of a path, each behind a slash, and counts them.
void append_folded_segments(std::string& out, std::string_view path, std::size_t& segments) {
  std::size_t begin = 0;
  while (begin < path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end != begin) {
      const std::size_t before = out.size();
      out += '/';
      append_folded(out, path.substr(begin, end - begin));
      if (out.size() == before + 1) {
        out.resize(before);  // no canonical segment folds to nothing
      } else {
        ++segments;
      }
    }
    begin = end + 1;
  }
}

}  // namespace

Checked<std::string> canonical_path(std::string_view path) {
  if (!path.starts_with('/')) return ambiguous("The path does not begin with a slash.");
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    const std::size_t begin = i;
    while (i < path.size() && (path[i] == '/' || is(path[i], octet_class::path))) ++i;
    out.append(path, begin, i - begin);
    if (i == path.size()) break;
    const char octet = path[i];
    if (octet == '\\') return ambiguous("The path has a backslash.");
    if (octet != '%') return ambiguous("The path has an octet that must be percent-encoded.");
    const int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(path[i + 2]) : -1;
    if (low < 0) return ambiguous("The path has a broken percent-escape.");
    i += 2;
    const char decoded = static_cast<char>(high * 16 + low);
    if (is(decoded, octet_class::unreserved)) {
      out += decoded;
    } else {
      out += '%';
      out += upper_hex_digits[static_cast<std::size_t>(high)];
      out += upper_hex_digits[static_cast<std::size_t>(low)];
    }
  }
  if (const std::string_view why = objection_to_segments(out); !why.empty()) return ambiguous(why);
  return out;
}

Checked<std::string> folded_path(std::string_view base_path, std::string_view canonical) {
  std::string out;
  out.reserve(base_path.size() + canonical.size() + 1);
  std::size_t segments = 0;
  append_folded_segments(out, base_path, segments);
  append_folded_segments(out, canonical, segments);
  if (segments > path_segments_max) {
    ProblemDetails details;
    details.problem = Problem::target_too_long;
    details.detail =
        "The path has more than " + std::to_string(path_segments_max) + " segments.";
    return details;
  }
  if (out.empty()) out = "/";
  return out;
}

std::string folded_segment(std::string_view segment) {
  std::string out;
  append_folded(out, segment);
  return out;
}

}  // namespace ifmatch::http
