// Entity-tags and preconditions once more, slowly and from the text of RFC 9110 alone (sections
// 5.6.1, 8.8.3, 13.1 and 13.2.2): nothing here knows how the proxy reads them. Where the project is
// stricter than the standard, or keeps tags of its own, the comment says so.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::fuzz::rfc9110 {

struct Tag {
  bool weak = false;
  std::string opaque;  // with its quotes, as section 8.8.3.2 compares it
  bool operator==(const Tag&) const = default;
};

struct List {
  bool any = false;
  std::vector<Tag> tags;
};

// entity-tag = [ %s"W/" ] DQUOTE *( %x21 / %x23-7E / obs-text ) DQUOTE
inline std::optional<Tag> entity_tag(const std::string& text) {
  const bool weak = text.size() >= 2 && text[0] == 'W' && text[1] == '/';
  const std::string opaque = weak ? text.substr(2) : text;
  if (opaque.size() < 2 || opaque.front() != '"' || opaque.back() != '"') return std::nullopt;
  for (std::size_t i = 1; i + 1 < opaque.size(); ++i) {
    const unsigned octet = static_cast<unsigned char>(opaque[i]);
    if (!(octet == 0x21 || (octet >= 0x23 && octet <= 0x7E) || octet >= 0x80)) return std::nullopt;
  }
  return Tag{weak, opaque};
}

inline std::string without_white_space(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "*" / #entity-tag over all lines as one (sections 5.2, 5.3 and 5.6.1): the lines are joined with
// ", ", then cut at each comma outside of quotes. The project refuses a list without any element.
inline std::optional<List> list_of(const std::vector<std::string>& lines) {
  std::string joined;
  for (std::size_t i = 0; i < lines.size(); ++i) joined += (i == 0 ? "" : ", ") + lines[i];
  List list;
  if (without_white_space(joined) == "*") {
    list.any = true;
    return list;
  }
  std::vector<std::string> elements(1);
  bool quoted = false;
  for (const char octet : joined) {
    if (octet == '"') quoted = !quoted;
    if (octet == ',' && !quoted) {
      elements.emplace_back();
    } else {
      elements.back() += octet;
    }
  }
  for (const std::string& element : elements) {
    const std::string text = without_white_space(element);
    if (text.empty()) continue;
    const std::optional<Tag> tag = entity_tag(text);
    if (!tag) return std::nullopt;
    list.tags.push_back(*tag);
  }
  if (list.tags.empty()) return std::nullopt;
  return list;
}

// Section 8.8.3.2.
inline bool strongly_equal(const Tag& a, const Tag& b) {
  return !a.weak && !b.weak && a.opaque == b.opaque;
}
inline bool weakly_equal(const Tag& a, const Tag& b) { return a.opaque == b.opaque; }

// What an intermediary made of `current` by W/ or by names of codings (the option
// accept_rewritten_tags): one or two separators and a coding, any number of times.
inline bool is_rewritten_from(const Tag& sent, const Tag& current) {
  const std::string stem = current.opaque.substr(0, current.opaque.size() - 1);
  if (sent.opaque.compare(0, stem.size(), stem) != 0) return false;
  std::string rest = sent.opaque.substr(stem.size(), sent.opaque.size() - stem.size() - 1);
  if (rest.empty()) return sent.weak;
  std::transform(rest.begin(), rest.end(), rest.begin(), [](char octet) {
    return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet + 32) : octet;
  });
  const auto separates = [](char octet) {
    return std::string_view("-;:_/+.").find(octet) != std::string_view::npos;
  };
  // "x-gzip" is a coding with a separator within: it is tried as a whole first.
  const std::array<std::string, 8> codings = {"x-gzip", "gzip",    "br",       "zstd",
                                              "deflate", "compress", "identity", "gz"};
  std::size_t at = 0;
  while (at < rest.size()) {
    std::size_t separators = 0;
    while (separators < 2 && at < rest.size() && separates(rest[at])) {
      ++at;
      ++separators;
    }
    if (separators == 0) return false;
    const auto fits = [&](const std::string& coding) {
      const std::size_t end = at + coding.size();
      return rest.compare(at, coding.size(), coding) == 0 &&
             (end == rest.size() || separates(rest[end]));
    };
    const auto found = std::find_if(codings.begin(), codings.end(), fits);
    if (found == codings.end()) return false;
    at += found->size();
  }
  return true;
}

struct Preconditions {
  std::optional<List> if_match;
  std::optional<List> if_none_match;
  bool accept_rewritten = false;
};

inline bool match_fails(const Preconditions& sent, const std::optional<Tag>& current) {
  if (!sent.if_match) return false;
  if (!current) return true;
  if (sent.if_match->any) return false;
  return std::none_of(sent.if_match->tags.begin(), sent.if_match->tags.end(), [&](const Tag& tag) {
    return strongly_equal(tag, *current) ||
           (sent.accept_rewritten && is_rewritten_from(tag, *current));
  });
}

inline bool none_match_fails(const Preconditions& sent, const std::optional<Tag>& current) {
  if (!sent.if_none_match || !current) return false;
  if (sent.if_none_match->any) return true;
  const auto& tags = sent.if_none_match->tags;
  return std::any_of(tags.begin(), tags.end(), [&](const Tag& tag) {
    return weakly_equal(tag, *current) ||
           (sent.accept_rewritten && is_rewritten_from(tag, *current));
  });
}

enum class Outcome { proceed, not_modified, failed };

// Section 13.2.2 for a current representation with a tag, or for none at all.
inline Outcome evaluate_write(const Preconditions& sent, const std::optional<Tag>& current) {
  return match_fails(sent, current) || none_match_fails(sent, current) ? Outcome::failed
                                                                       : Outcome::proceed;
}

inline Outcome evaluate_read(const Preconditions& sent, const Tag& current) {
  if (match_fails(sent, current)) return Outcome::failed;
  return none_match_fails(sent, current) ? Outcome::not_modified : Outcome::proceed;
}

}  // namespace ifmatch::fuzz::rfc9110
