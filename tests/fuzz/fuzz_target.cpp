// Request targets, canonical and folded paths, patterns, routes and resource templates, compared
// with a slow second reading and with APIs that read paths more laxly than we do.
//
// Input: lines, the first octet tells what a line is. T a target (two of them are compared), H the
// Host, M the method, P a route (one octet of options, the pattern, a blank, the host), R a
// resource template, S octets that steer the other spellings of the first target.
#include <array>

#include "proxy/http/message.hpp"
#include "proxy/http/resource.hpp"
#include "proxy/http/route.hpp"
#include "proxy/http/target.hpp"
#include "tests/fuzz/plain_paths.hpp"
#include "tests/fuzz/property.hpp"

namespace ifmatch::fuzz {
namespace {

using http::Problem;

struct Route {
  std::string pattern;
  std::string host;
  std::string base_path;
  std::size_t origin = 0;
  bool guarded = false;
};

struct Input {
  std::vector<std::string> targets;
  std::vector<Route> routes;
  std::vector<std::string> templates;
  std::string host = "h";
  std::string method = "PUT";
  std::string steering = "\x01";
};

Route route_in(const std::string& line) {
  const unsigned options = line.empty() ? 0 : static_cast<unsigned char>(line[0]);
  const std::string text = line.empty() ? "" : line.substr(1);
  const std::size_t blank = text.find(' ');
  return {.pattern = text.substr(0, blank),
          .host = blank == std::string::npos ? "*" : text.substr(blank + 1),
          .base_path = (options & 4U) != 0 ? "/Api" : "",
          .origin = (options >> 1U) & 1U,
          .guarded = (options & 1U) != 0};
}

Input input_in(std::string_view text) {
  Input input;
  for (const std::string_view line : lines_of(text, 20)) {
    if (line.empty()) continue;
    const std::string value(line.substr(1));
    switch (line[0]) {
      case 'T': input.targets.push_back(value); break;
      case 'P': input.routes.push_back(route_in(value)); break;
      case 'R': input.templates.push_back(value); break;
      case 'H': input.host = value; break;
      case 'M': input.method = value; break;
      case 'S': input.steering = value.empty() ? input.steering : value; break;
      default: break;
    }
  }
  return input;
}

// The target in origin-form or absolute-form; unset where it is refused.
std::optional<http::Target> check_target(const Input& input, const std::string& text) {
  const auto target = http::parse_target(input.method, text, input.host);
  const std::string where = input.method + " " + text + " Host: " + input.host;
  if (text.starts_with('/')) {
    const std::string path = text.substr(0, text.find('?'));
    const std::string query = text.substr(path.size());
    const auto expected = plain::canonical(path);
    const bool query_passes = std::ranges::all_of(query, [](char octet) {
      return static_cast<unsigned char>(octet) > 0x20 && octet != 0x7F && octet != '#';
    });
    IFMATCH_PROPERTY(target.has_value() == (expected && query_passes),
                     "a path is refused exactly where two readers may differ", where);
    IFMATCH_PROPERTY(!target || target->octets == *expected + query,
                     "what is forwarded is the canonical path and the query as it came", where);
    if (!expected && query_passes) {
      for (const char* method : {"GET", "PUT", "OPTIONS", "PURGE"}) {
        const auto origin = http::parse_target(method, text, input.host);
        const auto absolute = http::parse_target(method, "http://h" + text, "h");
        IFMATCH_PROPERTY(origin.has_error() && origin.error().problem == Problem::ambiguous_path &&
                             absolute.has_error(),
                         "a path that is refused is refused in every form", where);
      }
    }
  }
  if (!target) return std::nullopt;
  IFMATCH_PROPERTY(target->form != http::TargetForm::asterisk || input.method == "OPTIONS",
                   "the asterisk is for OPTIONS only", where);
  IFMATCH_PROPERTY(std::ranges::none_of(target->octets,
                                        [](char octet) {
                                          return static_cast<unsigned char>(octet) <= 0x20 ||
                                                 octet == 0x7F || octet == '#';
                                        }),
                   "nothing that is forwarded can end a request line", where);
  if (target->form == http::TargetForm::asterisk) return std::nullopt;
  if (target->form == http::TargetForm::absolute && !input.host.empty()) {
    const std::string authority = text.substr(text.find("//") + 2);
    const std::string named = authority.substr(0, authority.find_first_of("/?"));
    const auto name_of = [](const std::string& host) {
      const std::size_t end = host.rfind(':');
      const bool port = end != std::string::npos && host.find(']', end) == std::string::npos;
      return plain::lower(host.substr(0, port ? end : host.size()));
    };
    IFMATCH_PROPERTY(name_of(named) == name_of(input.host) && target->host == input.host,
                     "an absolute target names the host that Host names", where);
  }
  const auto again = http::parse_target(input.method, target->octets, target->host);
  IFMATCH_PROPERTY(again && again->octets == target->octets && again->path() == target->path(),
                   "what is forwarded is read the same again", where);
  IFMATCH_PROPERTY(*http::canonical_path(target->path()) == target->path(),
                   "a canonical path is canonical", where);
  return *target;
}

// The folded key; unset where the path has too many segments.
std::optional<std::string> check_fold(const std::string& base, const std::string& path) {
  const auto folded = http::folded_path(base, path);
  const std::vector<std::string> expected = plain::folded_segments(base, path);
  IFMATCH_PROPERTY(folded.has_error() == (expected.size() > http::path_segments_max),
                   "a path is folded unless it has too many segments", path);
  if (!folded) return std::nullopt;
  IFMATCH_PROPERTY(*folded == plain::joined(expected), "a folded path is as target.hpp says",
                   path + " to " + *folded);
  IFMATCH_PROPERTY(*http::folded_path("", *folded) == *folded, "folding twice changes nothing",
                   path + " to " + *folded);
  return *folded;
}

std::string escaped(char octet, std::string_view digits) {
  const auto code = static_cast<unsigned char>(octet);
  return {'%', digits[code >> 4U], digits[code & 15U]};
}

// Other spellings of a canonical path: the same one for RFC 3986, or one that some API takes for
// the same.
struct Spelling {
  std::string same;
  std::string similar;
};
Spelling respelt(const std::string& path, const std::string& steering) {
  Spelling out;
  std::size_t at = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char octet = path[i];
    const unsigned choice = static_cast<unsigned char>(steering[at++ % steering.size()]);
    const std::string_view digits = choice % 2 == 0 ? "0123456789abcdef" : "0123456789ABCDEF";
    if (octet == '%') {
      const auto code = static_cast<char>(plain::digit(path[i + 1]) * 16 +
                                          plain::digit(path[i + 2]));
      out.same += escaped(code, digits);
      out.similar += choice % 5 == 0 ? "%25" + escaped(code, digits).substr(1)
                                     : escaped(code, digits);
      i += 2;
      continue;
    }
    if (octet == '/') {
      // What stands behind a segment: blanks, dots and parameters that somebody drops.
      const std::array<std::string_view, 6> tails = {"", "", "%20", ".", ";v=1", "%2E%3Ba"};
      if (i > 0) out.similar += tails[choice % tails.size()];
      out.same += octet;
      out.similar += octet;
      continue;
    }
    out.same += plain::is_unreserved(octet) && choice % 3 == 0 ? escaped(octet, digits)
                                                              : std::string(1, octet);
    switch (choice % 6) {
      case 0: out.similar += escaped(octet, digits); break;
      case 1: out.similar += "%25" + escaped(octet, digits).substr(1); break;
      case 2: out.similar += plain::lower(std::string(1, octet)); break;
      case 3:
        out.similar += octet >= 'a' && octet <= 'z' ? static_cast<char>(octet - 32) : octet;
        break;
      case 4: out.similar += octet == '+' ? "%20" : std::string(1, octet); break;
      default: out.similar += octet;
    }
  }
  if (steering.size() % 2 == 0 && !out.similar.ends_with('/')) out.similar += '/';
  return out;
}

void check_spellings(const std::string& path, const std::string& folded,
                     const std::string& steering) {
  const Spelling spelling = respelt(path, steering);
  const auto same = http::canonical_path(spelling.same);
  IFMATCH_PROPERTY(same && *same == path, "equivalent spellings have one canonical path",
                   spelling.same);
  // The tail of a segment may make it ambiguous: then nobody reaches anything by it.
  const auto similar = http::canonical_path(spelling.similar);
  if (!similar) return;
  const auto key = http::folded_path("", *similar);
  IFMATCH_PROPERTY(key && *key == folded, "case, slash, blanks and escapes do not change the key",
                   path + " and " + spelling.similar);
}

void check_lax_readings(const std::string& a, const std::string& b, const std::string& steering) {
  if (a == b) return;
  const auto folded_a = http::folded_path("", a);
  const auto folded_b = http::folded_path("", b);
  if (!folded_a || !folded_b) return;
  // The laxest of all, and a few that the input chooses.
  for (std::size_t i = 0; i < 5; ++i) {
    const unsigned bits =
        i == 0 ? 63U : static_cast<unsigned char>(steering[(i * 7) % steering.size()]) + 5U * static_cast<unsigned>(i);
    const plain::Laxity lax{.decodes_twice = (bits & 1U) != 0,
                            .ignores_case = (bits & 2U) != 0,
                            .drops_trailing_slash = (bits & 4U) != 0,
                            .drops_parameters = (bits & 8U) != 0,
                            .plus_is_space = (bits & 16U) != 0,
                            .trims_segments = (bits & 32U) != 0};
    IFMATCH_PROPERTY(plain::lax_reading(a, lax) != plain::lax_reading(b, lax) ||
                         *folded_a == *folded_b,
                     "two paths that a lax API takes for one share a gate", a + " and " + b);
  }
}

struct Table {
  std::vector<Route> routes;
  std::vector<plain::Pattern> patterns;
  std::vector<plain::Pattern> folded;
  http::RouteTable compiled;
};

std::optional<Table> table_of(const Input& input) {
  Table table;
  std::vector<http::RouteSpec> specs;
  table.routes = input.routes;
  if (table.routes.size() > 8) table.routes.resize(8);
  for (const Route& route : table.routes) {
    specs.push_back({route.pattern, route.host, route.origin, route.base_path, route.guarded});
  }
  std::string error;
  auto compiled = http::RouteTable::compile(specs, error);
  IFMATCH_PROPERTY(compiled || !error.empty(), "a refused route says why", "");
  if (!compiled) return std::nullopt;
  for (const Route& route : table.routes) {
    table.patterns.push_back(plain::pattern_of(route.pattern));
    table.folded.push_back(plain::folded(table.patterns.back(), route.base_path));
  }
  table.compiled = std::move(*compiled);
  return table;
}

// A host that only this entry of the table could be meant for, as far as there is one.
std::string witness_of(const std::string& pattern) {
  if (pattern == "*") return "witness.invalid";
  return pattern.starts_with("*.") ? "witness" + pattern.substr(1) : pattern;
}

bool first_is_guarded(const Table& table, std::size_t origin, const std::string& host,
                      const std::string& folded) {
  for (std::size_t i = 0; i < table.routes.size(); ++i) {
    const Route& route = table.routes[i];
    if (route.origin == origin && plain::matches(table.folded[i], folded) &&
        plain::host_matches(route.host, host)) {
      return route.guarded;
    }
  }
  return false;
}

void check_reach(const Table& table, const std::string& host, const std::string& folded,
                 const std::vector<std::string>& segments) {
  for (const std::size_t origin : {std::size_t{0}, std::size_t{1}}) {
    bool overlaps = false;
    bool reached = false;
    for (std::size_t i = 0; i < table.routes.size(); ++i) {
      const Route& route = table.routes[i];
      overlaps = overlaps || (route.guarded && route.origin == origin &&
                              plain::overlaps(table.folded[i], segments));
      reached = reached || first_is_guarded(table, origin, witness_of(route.host), folded);
    }
    IFMATCH_PROPERTY(table.compiled.overlaps_guarded(origin, folded) == overlaps,
                     "what lies at, above or below a guarded pattern is known", folded);
    IFMATCH_PROPERTY(table.compiled.reaches_guarded(origin, host, folded) ==
                         first_is_guarded(table, origin, host, folded),
                     "a way to a guarded route is seen", folded + " at " + host);
    IFMATCH_PROPERTY(table.compiled.reaches_guarded(origin, std::nullopt, folded) == reached,
                     "a way to a guarded route by some host is seen", folded);
  }
}

void check_templates(const Input& input, const http::Pattern& pattern,
                     const http::Captures& captures, const http::Target& target,
                     const std::string& base_path) {
  for (const std::string& text : input.templates) {
    std::string error;
    const auto compiled = http::ResourceTemplate::compile(text, pattern, error);
    IFMATCH_PROPERTY(compiled || !error.empty(), "a refused template says why", text);
    if (!compiled) continue;
    http::Fields fields;
    fields.add("X-Tenant", input.host);
    const http::TemplateInput parts{pattern, captures, target.query(),
                                    fields,  "h",      base_path};
    const auto resolved = compiled->resolve(parts);
    if (!resolved) continue;
    IFMATCH_PROPERTY(resolved->starts_with('/') == compiled->is_path(),
                     "only a path begins with a slash", text + " gives " + *resolved);
    if (!compiled->is_path()) continue;
    IFMATCH_PROPERTY(*http::folded_path("", *resolved) == *resolved,
                     "a path of a template is folded", text + " gives " + *resolved);
  }
  // The same value out of the path and out of the query names the same resource.
  std::string error;
  for (std::size_t i = 0; i < captures.size; ++i) {
    const std::string value(captures.values[i]);
    const std::string capture = "{" + pattern.names()[i] + "}";
    const auto from_path = http::ResourceTemplate::compile("r:" + capture, pattern, error);
    if (!from_path && capture == "{host}") continue;  // refused, because it could be either
    const auto from_query = http::ResourceTemplate::compile("r:{query.q}", pattern, error);
    // Escaped anew, so that '+', '&' and the like stay what they are.
    std::string query = "q=";
    for (const char octet : plain::decoded_once(value)) query += escaped(octet, "0123456789ABCDEF");
    const http::Fields none;
    const http::TemplateInput parts{pattern, captures, query, none, "h", ""};
    const auto a = from_path->resolve(parts);
    const auto b = from_query->resolve(parts);
    IFMATCH_PROPERTY(a.has_value() == b.has_value() && (!a || *a == *b),
                     "one value names one resource, wherever it stands", value);
  }
}

void check_match(const Input& input, const Table& table, const http::Target& target) {
  const std::string path(target.path());
  const std::string host(http::route_host(target.host));
  const auto match = table.compiled.match(host, path);
  std::size_t expected = 0;
  while (expected < table.routes.size() &&
         !(plain::matches(table.patterns[expected], path) &&
           plain::host_matches(table.routes[expected].host, host))) {
    ++expected;
  }
  IFMATCH_PROPERTY(match ? *match == expected : expected == table.routes.size(),
                   "the first route that matches is taken", path + " at " + host);
  for (const std::string base_path : {"", "/Api"}) {
    const auto folded = http::folded_path(base_path, path);
    if (folded) check_reach(table, host, *folded, plain::folded_segments(base_path, path));
  }
  if (!match) return;
  const Route& route = table.routes[*match];
  const http::Pattern& pattern = table.compiled.pattern(*match);
  http::Captures captures;
  IFMATCH_PROPERTY(pattern.matches(path, captures), "a route that is taken has a pattern that matches",
                   path + " by " + route.pattern);
  std::string rebuilt;
  std::size_t used = 0;
  for (const std::string& segment : table.patterns[*match].segments) {
    if (segment == plain::the_rest) break;
    rebuilt += "/";
    rebuilt += plain::is_capture(segment) ? std::string(captures.values[used++]) : segment;
  }
  const bool rest = route.pattern.ends_with("/**");
  IFMATCH_PROPERTY(used == captures.size && (rest ? path.starts_with(rebuilt)
                                                        : path == rebuilt),
                   "the captured segments put together give the path", path + " by " + route.pattern);
  const auto folded = http::folded_path(route.base_path, path);
  if (folded && route.guarded) {
    IFMATCH_PROPERTY(table.compiled.overlaps_guarded(route.origin, *folded),
                     "what a guarded route takes lies under its pattern", path);
  }
  check_templates(input, pattern, captures, target, route.base_path);
}

void check_override(const Input& input, const http::Target& target) {
  const http::Fields none;
  const auto named = http::override_method(input.method, target.query(), none);
  const bool is_method = named.kind == http::MethodOverride::Kind::method;
  IFMATCH_PROPERTY(!is_method || (input.method == "POST" &&
                                  http::kind_of(named.method) == http::MethodKind::unsafe),
                   "only a POST stands for another method, and for an unsafe one",
                   target.octets);
  const std::string probed = http::without_method_override(target);
  const auto again = http::parse_target("GET", probed, "h");
  IFMATCH_PROPERTY(again && again->path() == target.path(), "a probe asks for the same path",
                   probed);
  IFMATCH_PROPERTY(http::override_method("GET", again->query(), none).kind ==
                       http::MethodOverride::Kind::none,
                   "a probe stands for no other method", probed);
}

void check(const Input& input) {
  const bool host_is_valid = input.host.empty() || http::is_valid_host(input.host);
  const std::string host(http::route_host(input.host));
  if (host_is_valid && !host.starts_with('[')) {
    const std::string left = input.host.starts_with(host) ? input.host.substr(host.size()) : host;
    IFMATCH_PROPERTY(host.find(':') == std::string::npos &&
                         (left.empty() || left[0] == '.' || left[0] == ':'),
                     "routes see a host without its port and its last dot", input.host);
  }
  if (!host_is_valid) return;  // check_request refuses it before
  const std::optional<Table> table = table_of(input);
  std::vector<std::string> paths;
  for (const std::string& text : input.targets) {
    const std::optional<http::Target> target = check_target(input, text);
    if (!target) continue;
    const std::string path(target->path());
    paths.push_back(path);
    const auto folded = check_fold("", path);
    static_cast<void>(check_fold("/Api", path));
    if (folded) check_spellings(path, *folded, input.steering);
    if (table) check_match(input, *table, *target);
    check_override(input, *target);
    if (paths.size() == 3) break;
  }
  for (std::size_t i = 1; i < paths.size(); ++i) check_lax_readings(paths[0], paths[i], input.steering);
}

}  // namespace
}  // namespace ifmatch::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ifmatch::fuzz::check(ifmatch::fuzz::input_in(ifmatch::fuzz::text_of(data, size)));
  return 0;
}
