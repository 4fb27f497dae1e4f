#include "proxy/http/route_index.hpp"

#include <algorithm>

#include "proxy/http/characters.hpp"
#include "proxy/http/fields.hpp"

namespace ifmatch::http {

namespace {

using Route = RouteIndex::Route;

bool ends_with(Pattern::Ending ending, std::string_view left) noexcept {
  switch (ending) {
    case Pattern::Ending::nothing: return left.empty();
    case Pattern::Ending::slash: return left == "/";
    case Pattern::Ending::rest: break;
  }
  return true;
}

bool sorts_before(std::string_view a, std::string_view b) noexcept {
  return std::ranges::lexicographical_compare(a, b, {}, lowered, lowered);
}

std::string_view whole(const Route& route) noexcept { return route.host; }
// ".example.org" of "*.example.org".
std::string_view behind_asterisk(const Route& route) noexcept { return whole(route).substr(1); }

// Adds a route to those sorted by a part of their hosts, unless there is one with the same host.
template <typename Part>
void insert(std::vector<Route>& routes, const Route& route, Part part) {
  const auto place = std::ranges::lower_bound(routes, part(route), sorts_before, part);
  if (place != routes.end() && equals_ignoring_case(part(*place), part(route))) return;
  routes.insert(place, route);
}

// The earlier of `known`, which may be null, and the one of the sorted routes whose part it is.
template <typename Part>
const Route* earlier(const Route* known, const std::vector<Route>& routes, std::string_view text,
                     Part part) noexcept {
  const auto found = std::ranges::lower_bound(routes, text, sorts_before, part);
  if (found == routes.end() || !equals_ignoring_case(part(*found), text)) return known;
  return known == nullptr || found->number < known->number ? &*found : known;
}

}  // namespace

void RouteIndex::Hosts::add(const Route& route) {
  if (route.host == "*") {
    if (!any) any = route;
  } else if (route.host.starts_with("*.")) {
    insert(below, route, behind_asterisk);
  } else {
    insert(exact, route, whole);
  }
}

const Route* RouteIndex::Hosts::first(std::string_view host) const noexcept {
  const Route* route = any ? &*any : nullptr;
  if (!exact.empty()) route = earlier(route, exact, host, whole);
  if (below.empty()) return route;
  // A host lies below another wherever it has a dot with something before.
  for (std::size_t dot = host.find('.', 1); dot != std::string_view::npos;
       dot = host.find('.', dot + 1)) {
    route = earlier(route, below, host.substr(dot), behind_asterisk);
  }
  return route;
}

RouteIndex::NodeNumber RouteIndex::follow(const Node& node, std::string_view literal) noexcept {
  const auto found = std::ranges::lower_bound(
      node.literals, literal, {},
      [](const Branch& branch) { return std::string_view(branch.literal); });
  return found != node.literals.end() && found->literal == literal ? found->node : no_node;
}

RouteIndex::NodeNumber RouteIndex::grow(NodeNumber from, const Pattern::Segment& segment) {
  const NodeNumber known =
      segment.capture ? nodes_[from].capture : follow(nodes_[from], segment.literal);
  if (known != no_node) return known;
  const auto grown = static_cast<NodeNumber>(nodes_.size());
  nodes_.emplace_back();
  Node& node = nodes_[from];
  if (segment.capture) {
    node.capture = grown;
  } else {
    const auto place = std::ranges::lower_bound(node.literals, segment.literal, {},
                                                &Branch::literal);
    node.literals.insert(place, {segment.literal, grown});
  }
  return grown;
}

void RouteIndex::add(const Pattern& pattern, const Route& route) {
  NodeNumber at = 0;
  nodes_[at].leads_to_guarded |= route.guarded;
  for (const Pattern::Segment& segment : pattern.segments()) {
    at = grow(at, segment);
    nodes_[at].leads_to_guarded |= route.guarded;
  }
  Node& node = nodes_[at];
  node.guards |= route.guarded;
  auto ends = std::ranges::find(node.ends, pattern.ending(), &Ends::ending);
  if (ends == node.ends.end()) ends = node.ends.insert(ends, {pattern.ending(), {}});
  ends->hosts.add(route);
}

template <typename Visit>
void RouteIndex::visit_matches(NodeNumber from, std::string_view path, const Visit& visit) const {
  while (from != no_node) {
    const Node& node = nodes_[from];
    for (const Ends& ends : node.ends) {
      if (ends_with(ends.ending, path)) visit(ends.hosts);
    }
    if (path.empty()) return;
    const std::string_view segment = take_segment(path);
    if (segment.empty()) return;
    const NodeNumber literal = follow(node, segment);
    if (literal != no_node && node.capture != no_node) visit_matches(literal, path, visit);
    from = node.capture != no_node ? node.capture : literal;
  }
}

const Route* RouteIndex::first(std::string_view host, std::string_view path) const noexcept {
  if (!path.starts_with('/')) return nullptr;
  const Route* first = nullptr;
  visit_matches(0, path, [host, &first](const Hosts& hosts) {
    const Route* route = hosts.first(host);
    if (route != nullptr && (first == nullptr || route->number < first->number)) first = route;
  });
  return first;
}

bool RouteIndex::overlaps_guarded(std::string_view path) const noexcept {
  return path.starts_with('/') && overlaps_guarded(0, path);
}

bool RouteIndex::overlaps_guarded(NodeNumber from, std::string_view path) const noexcept {
  while (from != no_node) {
    const Node& node = nodes_[from];
    if (!node.leads_to_guarded) return false;
    // Below when a pattern ends first, above when the path does, at when both do.
    if (node.guards || path.empty() || path == "/") return true;
    const std::string_view segment = take_segment(path);
    const NodeNumber literal = follow(node, segment);
    if (literal != no_node && node.capture != no_node && overlaps_guarded(literal, path)) {
      return true;
    }
    from = node.capture != no_node ? node.capture : literal;
  }
  return false;
}

bool RouteIndex::reaches_guarded(std::string_view path) const noexcept {
  if (!path.starts_with('/')) return false;
  bool reaches = false;
  // A guarded route is reached by the hosts that it asks for, unless an earlier route takes all of
  // them; if that one is guarded too, then it is the one that is reached.
  const auto look = [this, path, &reaches](const Route& route) {
    reaches = reaches || (route.guarded && first(route.host, path)->guarded);
  };
  visit_matches(0, path, [&look](const Hosts& hosts) {
    std::ranges::for_each(hosts.exact, look);
    std::ranges::for_each(hosts.below, look);
    if (hosts.any) look(*hosts.any);
  });
  return reaches;
}

}  // namespace ifmatch::http
