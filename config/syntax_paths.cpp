#include <algorithm>

#include "config/characters.hpp"
#include "config/diagnostic.hpp"
#include "config/syntax.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t pattern_octets_max = 2048;

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Problem path_problem(std::string message, std::string help = "") {
  return {"E211", std::move(message), std::move(help)};
}

// One escape at the beginning of `text`, as it looks in a canonical path.
Refusal check_escape(std::string_view text) {
  const int high = text.size() > 1 ? hex_value(text[1]) : -1;
  const int low = text.size() > 2 ? hex_value(text[2]) : -1;
  if (high < 0 || low < 0) {
    return path_problem("a broken escape in " + in_quotes(text.substr(0, 3)),
                        "'%' must be followed by two hexadecimal digits");
  }
  const auto octet = static_cast<char>(high * 16 + low);
  if (octet == '/' || octet == '\\' || octet == '\0') {
    return path_problem(
        "the escape " + in_quotes(text.substr(0, 3)) + " is refused in every request",
        "an encoded slash, backslash or NUL can never match");
  }
  if (is_unreserved(octet)) {
    return path_problem("the escape " + in_quotes(text.substr(0, 3)) + " is not canonical",
                        "write '" + std::string(1, octet) + "' instead");
  }
  if (is_lower(text[1]) || is_lower(text[2])) {
    return path_problem("the escape " + in_quotes(text.substr(0, 3)) + " is not canonical",
                        "write its digits in upper case");
  }
  return std::nullopt;
}

// Characters of a literal, within a pattern, a base path or a template.
Refusal check_path_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (Refusal refusal = check_escape(text.substr(i))) return refusal;
      i += 2;
    } else if (c == '?' || c == '#') {
      return path_problem("a path ends before " + in_quotes(std::string(1, c)),
                          "patterns match the path alone, without query and fragment");
    } else if (!is_path_char(c)) {
      const auto shown = static_cast<unsigned char>(c);
      return path_problem(shown >= 0x80U ? "a character outside ASCII in a path"
                                         : "the character " + in_quotes(std::string(1, c)) +
                                               " is not allowed in a path",
                          "percent-encode it, with hexadecimal digits in upper case");
    }
  }
  return std::nullopt;
}

Refusal check_literal_segment(std::string_view text) {
  if (text.empty()) {
    return path_problem("an empty segment in a path",
                        "remove the doubled or trailing slash; such requests are refused");
  }
  if (text == "." || text == "..") {
    return path_problem("a dot segment", "write the path that it leads to");
  }
  return check_path_text(text);
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_variable_name(std::string_view text) {
  return all(text, [](char c) { return is_alnum(c) || c == '_'; }) && !is_digit(text.front());
}

Parsed<Segment> parse_segment(std::string_view text) {
  if (text == "**") return Segment{Segment::Kind::rest, ""};
  if (text.find('*') != std::string_view::npos) {
    return path_problem(in_quotes(text) + " is not a segment of a pattern",
                        "write {name} for any one segment, ** for all that follow");
  }
  if (text.find_first_of("{}") == std::string_view::npos) {
    if (Refusal refusal = check_literal_segment(text)) return *refusal;
    return Segment{Segment::Kind::literal, std::string(text)};
  }
  if (text.front() != '{' || text.back() != '}') {
    return path_problem("a variable must be a whole segment, unlike " + in_quotes(text),
                        "write /{name}/");
  }
  const std::string_view name = text.substr(1, text.size() - 2);
  if (!is_variable_name(name)) {
    return path_problem(in_quotes(name) + " is not a variable's name",
                        "use letters, digits and '_', and begin with a letter");
  }
  return Segment{Segment::Kind::variable, std::string(name)};
}

Problem template_problem(std::string message, std::string help = "") {
  return {"E212", std::move(message), std::move(help)};
}

Refusal check_placeholder(std::string_view name, const PathPattern& pattern) {
  if (name == "host") {
    const bool twofold = std::any_of(
        pattern.segments.begin(), pattern.segments.end(), [](const Segment& segment) {
          return segment.kind == Segment::Kind::variable && segment.text == "host";
        });
    if (!twofold) return std::nullopt;
    return template_problem("{host} is the Host and a part of the path here",
                            "give that part of the path another name");
  }
  if (name.starts_with("query.")) {
    if (all(name.substr(6), is_unreserved)) return std::nullopt;
    return template_problem(in_quotes(name) + " names no query parameter", "write {query.id}");
  }
  if (name.starts_with("header.")) {
    if (Refusal refusal = check_field_name(name.substr(7), FieldUse::selects_representation)) {
      refusal->code = "E212";
      return refusal;
    }
    return std::nullopt;
  }
  std::vector<std::string> variables;
  for (const Segment& segment : pattern.segments) {
    if (segment.kind != Segment::Kind::variable) continue;
    if (segment.text == name) return std::nullopt;
    variables.push_back(segment.text);
  }
  std::string help;
  if (const std::string near = closest(name, variables); !near.empty()) {
    help = "did you mean {" + near + "}? ";
  }
  help += "known here:";
  for (const std::string& variable : variables) help += " {" + variable + "}";
  return template_problem("{" + std::string(name) + "} is not a variable of the route's path",
                          help + " {query.NAME} {header.NAME} {host}");
}

}  // namespace

Refusal check_base_path(std::string_view path) {
  if (path.empty()) return std::nullopt;
  const std::vector<std::string_view> segments = split_path(path);
  if (segments.size() > segments_max) return path_problem("too many segments in the base path");
  for (const std::string_view segment : segments) {
    if (Refusal refusal = check_literal_segment(segment)) {
      refusal->code = "E207";
      return refusal;
    }
  }
  return std::nullopt;
}

Parsed<PathPattern> parse_path_pattern(std::string_view text) {
  if (!text.starts_with('/')) {
    return path_problem("the pattern " + in_quotes(text) + " does not begin with '/'",
                        "write '/" + std::string(text.substr(0, 40)) + "'");
  }
  PathPattern pattern;
  if (text == "/") return pattern;
  const std::vector<std::string_view> segments = split_path(text);
  if (segments.size() > segments_max || text.size() > pattern_octets_max) {
    return path_problem("the pattern is too long", "a path has at most 32 segments");
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    Parsed<Segment> parsed = parse_segment(segments[i]);
    if (const auto* problem = std::get_if<Problem>(&parsed)) return *problem;
    auto& segment = std::get<Segment>(parsed);
    if (segment.kind == Segment::Kind::rest && i + 1 < segments.size()) {
      return path_problem("'**' must be the last segment", "write {name} for one segment");
    }
    for (const Segment& other : pattern.segments) {
      if (segment.kind == Segment::Kind::variable && other.kind == segment.kind &&
          other.text == segment.text) {
        return path_problem("the variable {" + segment.text + "} stands twice in the pattern",
                            "give each variable its own name");
      }
    }
    pattern.segments.push_back(std::move(segment));
  }
  return pattern;
}

Refusal check_resource_template(std::string_view text, const PathPattern& pattern) {
  if (text.empty()) return template_problem("the resource has no name");
  if (text.size() > pattern_octets_max) return template_problem("the resource is too long");
  const bool is_path = text.front() == '/';
  std::string literal;  // with every placeholder replaced by a letter
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '}') return template_problem("'}' without '{' in " + in_quotes(text));
    if (c == '{') {
      const std::size_t end = text.find('}', i);
      if (end == std::string_view::npos) {
        return template_problem("'{' without '}' in " + in_quotes(text));
      }
      if (Refusal refusal = check_placeholder(text.substr(i + 1, end - i - 1), pattern)) {
        return refusal;
      }
      literal += 'x';
      i = end;
    } else if (static_cast<unsigned char>(c) <= 0x20U || c == 0x7F) {
      return template_problem("a blank or control character in " + in_quotes(text));
    } else {
      literal += c;
    }
  }
  if (!is_path || literal == "/") return std::nullopt;
  const std::vector<std::string_view> segments = split_path(literal);
  if (segments.size() > segments_max) return template_problem("too many segments");
  for (const std::string_view segment : segments) {
    Refusal refusal = check_literal_segment(segment);
    if (!refusal && segment.find("**") != std::string_view::npos) {
      refusal = template_problem("'**' is not allowed in a resource", "name one resource");
    }
    if (!refusal) continue;
    refusal->code = "E212";
    return refusal;
  }
  return std::nullopt;
}

bool covers(const PathPattern& earlier, const PathPattern& later) {
  for (std::size_t i = 0; i < earlier.segments.size(); ++i) {
    const Segment& wide = earlier.segments[i];
    // "/a/**" is not said to cover "/a": only the router knows, and silence is the safe side here.
    if (wide.kind == Segment::Kind::rest) return i < later.segments.size() || i == 0;
    if (i >= later.segments.size()) return false;
    const Segment& narrow = later.segments[i];
    if (narrow.kind == Segment::Kind::rest) return false;
    if (wide.kind == Segment::Kind::variable) continue;
    if (narrow.kind != Segment::Kind::literal || narrow.text != wide.text) return false;
  }
  return earlier.segments.size() == later.segments.size();
}

bool host_covers(std::string_view earlier, std::string_view later) {
  if (earlier == "*" || earlier == later) return true;
  if (!earlier.starts_with("*.") || later == "*") return false;
  const std::string_view suffix = earlier.substr(1);
  return later.size() > suffix.size() && later.ends_with(suffix);
}

Refusal check_origin_form(std::string_view text) {
  const auto fits = [](char c) { return is_path_char(c) || c == '/' || c == '%' || c == '?'; };
  if (text.starts_with('/') && all(text, fits) && text.size() <= pattern_octets_max) {
    return std::nullopt;
  }
  return Problem{"E205", in_quotes(text) + " is not a path", "write it as it is sent: /health"};
}

}  // namespace ifmatch::config
