// What can be said of a request before anything is sent: its route, its way, its resource, and the
// terms on which it may write. No socket here: `ifmatch explain` asks the same questions.
#pragma once

#include "proxy/http/conditions.hpp"
#include "proxy/http/message.hpp"
#include "proxy/http/target.hpp"
#include "proxy/net/site.hpp"

namespace ifmatch::net {

enum class Way : std::uint8_t {
  read,   // GET and HEAD of a guarded route
  write,  // every unsafe request that holds a gate
  observe,  // GET, HEAD and every unsafe request of an observed route
  pass,   // everything else
};

struct Routing {
  const SiteRoute* route = nullptr;  // null where none matched; then there is a problem
  std::size_t number = 0;            // index of the route into Site::routes
  std::string_view host;             // a route_host(), view of the target
  std::string folded;                // names the gate; "" on the pass way of a safe method
  std::string destination;           // the folded path that MOVE and COPY write to, "" for others
  Way way = Way::pass;
  std::optional<http::ProblemDetails> problem;  // the answer, where the request goes nowhere
};

// REQUIRES: `target` outlives the result.
[[nodiscard]] Routing route_request(const Site& site, const http::RequestHead& head,
                                    const http::Target& target);

// Methods are case-sensitive (RFC 9110 section 9.1), but not to every API: many a framework takes
// "put" for PUT, and would write what we had let through as a method unknown to us. No registered
// method has a lower-case letter.
[[nodiscard]] bool may_stand_for_another(std::string_view method) noexcept;

// What the request must share with another to conflict. REQUIRES: `routing` has no problem, and its
// way is not pass.
[[nodiscard]] http::Checked<guard::Resource> resource_of(const Site& site, const Routing& routing,
                                                         const http::RequestHead& head,
                                                         const http::Target& target);

// Whether the API may take what a request of a bypass route names for what a guarded route names.
// REQUIRES: `routing` has a route.
[[nodiscard]] bool may_reach_guarded(const Site& site, const Routing& routing,
                                     const http::Target& target);

// How an unsafe request of an enforced route may go on.
struct WriteTerms {
  http::ParsedConditions conditions;
  bool guarded = false;    // decided by its precondition, which may be missing only if allowed
  bool exclusive = false;  // guarded or serialised
  bool puts = false;       // PUT, or POST in its name: creates what is absent
};

// Refused: ambiguous methods, malformed conditions, and a precondition that is missing.
[[nodiscard]] http::Checked<WriteTerms> terms_of(const SiteRoute& route,
                                                 const http::RequestHead& head,
                                                 const http::Target& target);

}  // namespace ifmatch::net
