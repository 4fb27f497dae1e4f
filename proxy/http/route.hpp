// Which route a request takes: patterns, hosts, first match wins. And what other routes can reach:
// whether a path lies at, above or below one that is guarded.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/http/problem.hpp"

namespace ifmatch::http {

inline constexpr std::size_t captures_max = 16;

// The segments that `{x}` stood for, in the order of the pattern; views of the matched path.
struct Captures {
  std::array<std::string_view, captures_max> values;
  std::size_t size = 0;
};

// "/v1/orders/{id}": `{x}` is one segment, never empty; `**`, at the end only, is the rest, also
// nothing. Literals are compared octet by octet with a canonical path.
class Pattern {
 public:
  // Unset with a sentence in `error` when the text is no pattern.
  [[nodiscard]] static std::optional<Pattern> compile(std::string_view text, std::string& error);

  [[nodiscard]] bool matches(std::string_view path, Captures& captures) const noexcept;

  // The names of the captures, in their order.
  [[nodiscard]] std::span<const std::string> names() const noexcept { return names_; }

  // The same pattern with folded literals below a folded base path, for folded paths.
  [[nodiscard]] Pattern folded(std::string_view base_path) const;

  // Whether a folded path is at, above or below any path that this (folded) pattern matches.
  [[nodiscard]] bool overlaps(std::string_view folded_path) const noexcept;

  // The first segment if it is a literal; unset where the pattern begins with anything else.
  [[nodiscard]] std::optional<std::string_view> first_literal() const noexcept;

 private:
  struct Segment {
    bool capture = false;
    std::string literal;
  };
  std::vector<Segment> segments_;
  std::vector<std::string> names_;
  bool rest_ = false;            // ends in "**"
  bool trailing_slash_ = false;  // ends in "/": matches only a path that does
};

// What the table has to know of a route.
struct RouteSpec {
  std::string_view path;       // the pattern
  std::string_view host;       // lower case: exact, "*.example.org", or "*"
  std::size_t origin = 0;      // a number per upstream origin: what reaches the same things
  std::string_view base_path;  // the upstream's
  bool guarded = false;        // mode enforce
};

struct RouteMatch {
  std::size_t route = 0;  // index into the specs
  Captures captures;      // views of the path that was matched
};

class RouteTable {
 public:
  // Unset with a sentence in `error` when a pattern is malformed.
  [[nodiscard]] static std::optional<RouteTable> compile(std::span<const RouteSpec> specs,
                                                         std::string& error);

  // The first route that matches. `host` is a route_host(), `path` a canonical path.
  [[nodiscard]] std::optional<RouteMatch> match(std::string_view host,
                                                std::string_view path) const;

  // Whether the folded path, base path included, is at, above or below a guarded pattern of the
  // same origin: then an unsafe request holds shared gates also on a bypass route.
  [[nodiscard]] bool overlaps_guarded(std::size_t origin, std::string_view folded) const noexcept;

  // Whether the first route of the same origin that the folded path would match is a guarded one.
  // An unsafe request that took a bypass route, or none, is then refused as ambiguous_path. `host`
  // unset asks about every host: whoever took a route that is open to any Host chose it freely, and
  // the API behind may not look at it.
  [[nodiscard]] bool reaches_guarded(std::size_t origin, std::optional<std::string_view> host,
                                     std::string_view folded) const;

  // The first route of the same origin that the folded path would match: which one an API that is
  // lax about paths may take the request for.
  [[nodiscard]] std::optional<std::size_t> read_as(std::size_t origin, std::string_view host,
                                                   std::string_view folded) const;

  // Whether the route is open to more than one host.
  [[nodiscard]] bool is_open_to_hosts(std::size_t route) const noexcept {
    return entries_[route].host.starts_with('*');
  }

  [[nodiscard]] const Pattern& pattern(std::size_t route) const noexcept {
    return entries_[route].pattern;
  }

 private:
  struct Entry {
    Pattern pattern;
    Pattern folded;
    std::string host;
    std::size_t origin = 0;
    bool guarded = false;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  [[nodiscard]] const std::vector<std::size_t>& candidates(std::string_view path) const;

  std::vector<Entry> entries_;
  // By first literal segment: every route that could match, those without such a literal included.
  std::unordered_map<std::string, std::vector<std::size_t>, TextHash, std::equal_to<>> by_first_;
  std::vector<std::size_t> elsewhere_;  // routes that begin with no literal
};

}  // namespace ifmatch::http
