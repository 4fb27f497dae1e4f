// Which route a request takes: patterns, hosts, first match wins. And what other routes can reach:
// whether a path lies at, above or below one that is guarded.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/http/pattern.hpp"
#include "proxy/http/route_index.hpp"

namespace ifmatch::http {

// What the table has to know of a route.
struct RouteSpec {
  std::string_view path;       // the pattern
  std::string_view host;       // exact, "*.example.org", or "*"
  std::size_t origin = 0;      // a number per upstream origin: what reaches the same things
  std::string_view base_path;  // the upstream's
  bool guarded = false;        // mode enforce
};

// Once it is compiled no question allocates, and none takes longer for routes that begin otherwise
// than the path.
class RouteTable {
 public:
  // Unset with a sentence in `error` when a pattern is malformed.
  [[nodiscard]] static std::optional<RouteTable> compile(std::span<const RouteSpec> specs,
                                                         std::string& error);

  // The index into the specs of the first route that matches. `host` is a route_host(), `path` a
  // canonical path.
  [[nodiscard]] std::optional<std::size_t> match(std::string_view host,
                                                 std::string_view path) const noexcept;

  // Whether the folded path, base path included, is at, above or below a guarded pattern of the
  // same origin: then an unsafe request holds shared gates also on a bypass route.
  [[nodiscard]] bool overlaps_guarded(std::size_t origin, std::string_view folded) const noexcept;

  // Whether the first route of the same origin that the folded path would match is a guarded one.
  // An unsafe request that took a bypass route, or none, is then refused as ambiguous_path. `host`
  // unset asks about every host: whoever took a route that is open to any Host chose it freely, and
  // the API behind may not look at it.
  [[nodiscard]] bool reaches_guarded(std::size_t origin, std::optional<std::string_view> host,
                                     std::string_view folded) const noexcept;

  // The first route of the same origin that the folded path would match: which one an API that is
  // lax about paths may take the request for.
  [[nodiscard]] std::optional<std::size_t> read_as(std::size_t origin, std::string_view host,
                                                   std::string_view folded) const noexcept;

  // Whether the route is open to more than one host.
  [[nodiscard]] bool is_open_to_hosts(std::size_t route) const noexcept {
    return entries_[route].open_to_hosts;
  }

  [[nodiscard]] const Pattern& pattern(std::size_t route) const noexcept {
    return entries_[route].pattern;
  }

 private:
  struct Entry {
    Pattern pattern;
    bool open_to_hosts = false;
  };
  [[nodiscard]] const RouteIndex* folded_index(std::size_t origin) const noexcept;

  std::vector<Entry> entries_;
  RouteIndex index_;                                       // for canonical paths
  std::unordered_map<std::size_t, RouteIndex> by_origin_;  // for folded ones, base paths included
};

}  // namespace ifmatch::http
