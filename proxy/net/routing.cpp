#include "proxy/net/routing.hpp"

#include <algorithm>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {
namespace {

int status_of(config::OnMissing choice) {
  switch (choice) {
    case config::OnMissing::s428: return 428;
    case config::OnMissing::s409: return 409;
    case config::OnMissing::s403: return 403;
    case config::OnMissing::s412:
    case config::OnMissing::allow: break;
  }
  return 412;
}

// The path that MOVE and COPY write to besides their own (RFC 4918 section 10.3), folded; "" where
// there is none. Other methods do not know the field.
http::Checked<std::string> destination_of(const SiteRoute& route, const http::RequestHead& head) {
  const bool writes_elsewhere = http::equals_ignoring_case(head.method, "MOVE") ||
                                http::equals_ignoring_case(head.method, "COPY");
  if (!writes_elsewhere) return std::string();
  if (head.fields.count("Destination") != 1) {
    return http::ProblemDetails{.problem = http::Problem::bad_request,
                                .detail = "MOVE and COPY need one Destination."};
  }
  std::string_view reference = head.fields.first("Destination");
  const std::size_t scheme = reference.find("://");
  if (scheme != std::string_view::npos) {
    const std::size_t path = reference.find('/', scheme + 3);
    reference = path == std::string_view::npos ? "/" : reference.substr(path);
  }
  http::Checked<std::string> canonical =
      http::canonical_path(reference.substr(0, reference.find_first_of("?#")));
  if (canonical.has_error()) return canonical;
  return http::folded_path(route.upstream->base_path, *canonical);
}

// An unmatched write goes nowhere; one that an upstream might take for a guarded one is told why.
http::ProblemDetails unmatched(const Site& site, std::string_view path, http::MethodKind kind) {
  if (kind == http::MethodKind::unsafe) {
    for (std::size_t index = 0; index < site.config.upstreams.size(); ++index) {
      const auto folded = http::folded_path(site.config.upstreams[index].base_path, path);
      if (folded && site.table->reaches_guarded(site.origin_of(index), std::nullopt, *folded)) {
        return {.problem = http::Problem::ambiguous_path};
      }
    }
  }
  return {.problem = http::Problem::no_route};
}

// Whether an unsafe request of a route that is not enforced may be taken by the API for one of a guarded route:
// through a laxer reading of its path, or because the API does not look at the Host.
bool slips_past_guard(const Site& site, const Routing& routing) {
  const std::size_t origin = routing.route->origin;
  if (site.table->reaches_guarded(origin, routing.host, routing.folded)) return true;
  return site.table->is_open_to_hosts(routing.number) &&
         site.table->reaches_guarded(origin, std::nullopt, routing.folded);
}

// Whether an unsafe request of an enforced route may be taken by the API for one of another, which
// asks for more, or holds other gates.
bool slips_past_terms(const Site& site, const Routing& routing) {
  const std::optional<std::size_t> read_as =
      site.table->read_as(routing.route->origin, routing.host, routing.folded);
  if (!read_as || *read_as == routing.number) return false;
  const SiteRoute& other = site.routes[*read_as];
  return other.settings->mode == config::Mode::enforce && !other.binds_like(*routing.route);
}

// Whether what the request names lies at, above or below something guarded.
bool overlaps_guarded(const Site& site, const Routing& routing) {
  const std::size_t origin = routing.route->origin;
  return site.table->overlaps_guarded(origin, routing.folded) ||
         (!routing.destination.empty() &&
          site.table->overlaps_guarded(origin, routing.destination));
}

// The way of an unsafe request whose route and folded path are known.
void choose_for_unsafe(const Site& site, const http::RequestHead& head, Routing& routing) {
  http::Checked<std::string> destination = destination_of(*routing.route, head);
  if (destination.has_error()) {
    routing.problem = destination.error();
    return;
  }
  routing.destination = std::move(*destination);
  const config::Mode mode = routing.route->settings->mode;
  const bool enforced = mode == config::Mode::enforce;
  if (enforced && may_stand_for_another(head.method)) {
    routing.problem = http::ProblemDetails{.problem = http::Problem::ambiguous_method};
  } else if (enforced ? slips_past_terms(site, routing) : slips_past_guard(site, routing)) {
    routing.problem = http::ProblemDetails{.problem = http::Problem::ambiguous_path};
  } else if (mode == config::Mode::observe) {
    // It waits for nobody, not even beside something guarded.
    routing.way = Way::observe;
  } else if (enforced || overlaps_guarded(site, routing)) {
    routing.way = Way::write;
  }
}

http::Checked<guard::Resource> own_resource(const Routing& routing) {
  guard::Resource resource;
  resource.paths.push_back(routing.folded);
  return resource;
}

// What the route's templates add is named by parts of the request: only here captures are needed.
http::Checked<guard::Resource> templated_resource(const Site& site, const Routing& routing,
                                                  const http::RequestHead& head,
                                                  const http::Target& target) {
  const http::Pattern& pattern = site.table->pattern(routing.number);
  http::Captures captures;
  const bool matches = pattern.matches(target.path(), captures);
  IFMATCH_ASSERT(matches);
  return http::resource_of(routing.folded, routing.route->resources,
                           {.pattern = pattern,
                            .captures = captures,
                            .query = target.query(),
                            .fields = head.fields,
                            .host = routing.host,
                            .base_path = routing.route->upstream->base_path});
}

}  // namespace

bool may_stand_for_another(std::string_view method) noexcept {
  return std::ranges::any_of(method, [](char octet) { return octet >= 'a' && octet <= 'z'; });
}

Routing route_request(const Site& site, const http::RequestHead& head,
                      const http::Target& target) {
  Routing routing;
  routing.host = http::route_host(target.host);
  const http::MethodKind kind = http::kind_of(head.method);
  const std::optional<std::size_t> match = site.table->match(routing.host, target.path());
  if (!match) {
    routing.problem = unmatched(site, target.path(), kind);
    return routing;
  }
  routing.number = *match;
  routing.route = &site.routes[*match];
  const SiteRoute& route = *routing.route;
  const bool enforced = route.settings->mode == config::Mode::enforce;
  const bool unsafe = kind == http::MethodKind::unsafe;
  // Only a POST may stand for another method: an API that takes a GET for a DELETE writes
  // unguarded.
  const bool disguised = !unsafe && http::override_method(head.method, target.query(), head.fields)
                                            .kind != http::MethodOverride::Kind::none;
  const bool observed = route.settings->mode == config::Mode::observe;
  const bool reads = kind == http::MethodKind::read && (enforced || observed);
  if (!unsafe && !disguised && !reads) return routing;

  http::Checked<std::string> folded =
      http::folded_path(route.upstream->base_path, target.path());
  if (folded.has_error()) {
    // What is only watched need not have a name.
    if (!observed || unsafe || disguised) routing.problem = folded.error();
    return routing;
  }
  routing.folded = std::move(*folded);
  if (unsafe) {
    choose_for_unsafe(site, head, routing);
  } else if (disguised && (enforced || overlaps_guarded(site, routing))) {
    routing.problem = http::ProblemDetails{.problem = http::Problem::ambiguous_method};
  } else if (reads) {
    routing.way = enforced ? Way::read : Way::observe;
  }
  return routing;
}

bool may_reach_guarded(const Site& site, const Routing& routing, const http::Target& target) {
  Routing folded = routing;
  http::Checked<std::string> path =
      http::folded_path(routing.route->upstream->base_path, target.path());
  if (path.has_error()) return true;
  folded.folded = std::move(*path);
  return slips_past_guard(site, folded);
}

http::Checked<guard::Resource> resource_of(const Site& site, const Routing& routing,
                                           const http::RequestHead& head,
                                           const http::Target& target) {
  http::Checked<guard::Resource> resource = routing.route->resources.empty()
                                                ? own_resource(routing)
                                                : templated_resource(site, routing, head, target);
  if (resource.has_value() && !routing.destination.empty() &&
      std::ranges::find(resource->paths, routing.destination) == resource->paths.end()) {
    resource->paths.push_back(routing.destination);
  }
  return resource;
}

http::Checked<WriteTerms> terms_of(const SiteRoute& route, const http::RequestHead& head,
                                   const http::Target& target) {
  const http::MethodOverride named =
      http::override_method(head.method, target.query(), head.fields);
  if (named.kind == http::MethodOverride::Kind::ambiguous) {
    return http::ProblemDetails{.problem = http::Problem::ambiguous_method};
  }
  http::Checked<http::ParsedConditions> parsed =
      http::parse_conditions(head.fields, route.conditions);
  if (parsed.has_error()) return parsed.error();

  // A POST in the name of another method counts as the stricter of the two.
  const bool overridden = named.kind == http::MethodOverride::Kind::method;
  WriteTerms terms{.conditions = std::move(*parsed)};
  terms.guarded = terms.conditions.decides || route.guards(head.method) ||
                  (overridden && route.guards(named.method));
  terms.exclusive = terms.guarded || route.serializes(head.method) ||
                    (overridden && route.serializes(named.method));
  terms.puts = head.method == "PUT" || (overridden && named.method == "PUT");
  const bool allowed = route.settings->on_missing == config::OnMissing::allow;
  if (terms.guarded && !terms.conditions.has_precondition && !allowed) {
    http::ProblemDetails problem = http::precondition_missing(head.fields, terms.conditions);
    problem.status = status_of(route.settings->on_missing);
    return problem;
  }
  return terms;
}

}  // namespace ifmatch::net
