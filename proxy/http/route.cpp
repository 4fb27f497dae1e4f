#include "proxy/http/route.hpp"

#include <utility>

#include "proxy/http/target.hpp"

namespace ifmatch::http {

namespace {

bool is_well_formed_host(std::string_view pattern) noexcept {
  if (pattern == "*") return true;
  if (pattern.starts_with("*.")) pattern.remove_prefix(2);
  return is_valid_host(pattern);
}

}  // namespace

std::optional<RouteTable> RouteTable::compile(std::span<const RouteSpec> specs,
                                              std::string& error) {
  RouteTable table;
  for (const RouteSpec& spec : specs) {
    std::optional<Pattern> pattern = Pattern::compile(spec.path, error);
    if (!pattern) return std::nullopt;
    if (!is_well_formed_host(spec.host)) {
      error = "'" + std::string(spec.host) + "' is no host: a name, '*.' and a name, or '*'";
      return std::nullopt;
    }
    const RouteIndex::Route route{.number = table.entries_.size(),
                                  .host = std::string(spec.host),
                                  .guarded = spec.guarded};
    table.index_.add(*pattern, route);
    table.by_origin_[spec.origin].add(pattern->folded(spec.base_path), route);
    table.entries_.push_back({std::move(*pattern), spec.host.starts_with('*')});
  }
  return table;
}

std::optional<std::size_t> RouteTable::match(std::string_view host,
                                             std::string_view path) const noexcept {
  const RouteIndex::Route* route = index_.first(host, path);
  if (route == nullptr) return std::nullopt;
  return route->number;
}

const RouteIndex* RouteTable::folded_index(std::size_t origin) const noexcept {
  const auto found = by_origin_.find(origin);
  return found != by_origin_.end() ? &found->second : nullptr;
}

bool RouteTable::overlaps_guarded(std::size_t origin, std::string_view folded) const noexcept {
  const RouteIndex* index = folded_index(origin);
  return index != nullptr && index->overlaps_guarded(folded);
}

std::optional<std::size_t> RouteTable::read_as(std::size_t origin, std::string_view host,
                                               std::string_view folded) const noexcept {
  const RouteIndex* index = folded_index(origin);
  const RouteIndex::Route* route = index == nullptr ? nullptr : index->first(host, folded);
  if (route == nullptr) return std::nullopt;
  return route->number;
}

bool RouteTable::reaches_guarded(std::size_t origin, std::optional<std::string_view> host,
                                 std::string_view folded) const noexcept {
  const RouteIndex* index = folded_index(origin);
  if (index == nullptr) return false;
  if (!host) return index->reaches_guarded(folded);
  const RouteIndex::Route* route = index->first(*host, folded);
  return route != nullptr && route->guarded;
}

}  // namespace ifmatch::http
