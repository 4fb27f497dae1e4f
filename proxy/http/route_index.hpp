// The patterns and hosts of many routes as one tree over the segments of paths: what matches is
// found by going down a path once, however many routes there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/pattern.hpp"

namespace ifmatch::http {

class RouteIndex {
 public:
  struct Route {
    std::size_t number = 0;  // the lowest that matches wins
    std::string host;        // exact, "*.example.org" for what lies below it, or "*" for any
    bool guarded = false;
  };

  RouteIndex() : nodes_(1) {}

  // REQUIRES: routes come in the order of their numbers.
  void add(const Pattern& pattern, const Route& route);

  // The first route that matches, null where none does. The case of the host does not matter.
  [[nodiscard]] const Route* first(std::string_view host, std::string_view path) const noexcept;

  // Whether the path is at, above or below any path that the pattern of a guarded route matches.
  [[nodiscard]] bool overlaps_guarded(std::string_view path) const noexcept;

  // Whether there is a host for which the first route that matches is a guarded one.
  [[nodiscard]] bool reaches_guarded(std::string_view path) const noexcept;

 private:
  using NodeNumber = std::uint32_t;
  static constexpr NodeNumber no_node = UINT32_MAX;

  // Routes of one pattern. Of those that ask for the same host the first is kept: no other is ever
  // taken.
  struct Hosts {
    std::vector<Route> exact;  // by host
    std::vector<Route> below;  // "*.example.org": by what stands behind the asterisk
    std::optional<Route> any;  // "*"

    void add(const Route& route);
    [[nodiscard]] const Route* first(std::string_view host) const noexcept;
  };
  struct Ends {
    Pattern::Ending ending;
    Hosts hosts;
  };
  struct Branch {
    std::string literal;
    NodeNumber node = no_node;
  };
  // Segments that patterns begin with, and how they go on.
  struct Node {
    std::vector<Branch> literals;  // by literal
    NodeNumber capture = no_node;
    bool guards = false;            // a guarded pattern ends here
    bool leads_to_guarded = false;  // one ends here or below
    std::vector<Ends> ends;         // one for every ending that occurs
  };

  [[nodiscard]] static NodeNumber follow(const Node& node, std::string_view literal) noexcept;
  [[nodiscard]] NodeNumber grow(NodeNumber from, const Pattern::Segment& segment);
  // Calls `visit` with the Hosts of every pattern that matches what is left of a path.
  template <typename Visit>
  void visit_matches(NodeNumber from, std::string_view path, const Visit& visit) const;
  [[nodiscard]] bool overlaps_guarded(NodeNumber from, std::string_view path) const noexcept;

  std::vector<Node> nodes_;  // the first is the root
};

}  // namespace ifmatch::http
