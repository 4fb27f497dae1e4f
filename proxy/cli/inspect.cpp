// The commands that look and change nothing: validate, config show, explain, etag.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>

#include "config/keys.hpp"
#include "config/show.hpp"
#include "proxy/cli/cli.hpp"
#include "proxy/cli/commands.hpp"
#include "proxy/guard/footprint.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/net/routing.hpp"

namespace ifmatch::cli {
namespace {

std::string read_all(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void line(const char* name, const std::string& text) {
  std::printf("%-11s %s\n", name, text.c_str());
}

// The request that was asked about, as its octets would have been read.
std::optional<http::RequestHead> head_of(const std::string& method, const std::string& url,
                                         const std::vector<std::string>& fields) {
  http::RequestHead head;
  head.method = method;
  head.target = url;
  std::string host = "localhost";
  const std::size_t scheme = url.find("://");
  if (scheme != std::string::npos) {
    const std::size_t begin = scheme + 3;
    const std::size_t path = std::min(url.find_first_of("/?", begin), url.size());
    host = url.substr(begin, path - begin);
    head.target = url.substr(path);
    if (head.target.empty() || head.target.front() == '?') head.target.insert(0, "/");
  }
  bool host_given = false;
  for (const std::string& field : fields) {
    const std::size_t colon = field.find(':');
    if (colon == std::string::npos || colon == 0) {
      std::fprintf(stderr, "ifmatch: '%s' is no field: write 'Name: value'\n", field.c_str());
      return std::nullopt;
    }
    const std::string_view name = std::string_view(field).substr(0, colon);
    host_given = host_given || http::equals_ignoring_case(name, "Host");
    head.fields.add(name, http::trimmed(std::string_view(field).substr(colon + 1)));
  }
  if (!host_given) head.fields.add("Host", host);
  return head;
}

int tell_problem(const http::ProblemDetails& problem) {
  const http::ProblemText& text = http::text_of(problem.problem);
  line("decision", "refused: " + std::to_string(http::status_of(problem)) + " " +
                       std::string(text.type));
  line("why", problem.detail.empty() ? std::string(text.detail) : problem.detail);
  return exit_ok;
}

void tell_gates(const guard::Resource& resource, guard::Modes modes) {
  const char* name = "gates";
  for (const guard::Step& step : guard::footprint_of(resource, modes)) {
    if (step.mode == guard::Mode::none) continue;
    const char* mode = step.mode == guard::Mode::exclusive ? "exclusive" : "shared";
    line(name, std::string(mode) + " " + std::string(step.key));
    name = "";
  }
}

// The first place of an upstream without its base path, and how many others there are.
std::string url_at(const config::Upstream& upstream) {
  const config::Endpoint& first = upstream.urls.front();
  const std::size_t others = upstream.urls.size() - 1;
  return (others == 0 ? "" : "(one of " + std::to_string(others + 1) + ") ") +
         net::place_name(first) + (first.socket.empty() ? "" : ":");
}

// What stands before the gate for an unsafe request of an enforced route.
int explain_write(const net::SiteRoute& route, const http::RequestHead& head,
                  const http::RequestShape& shape, const guard::Resource& resource) {
  const auto terms = net::terms_of(route, head, shape.target);
  if (terms.has_error()) return tell_problem(terms.error());
  tell_gates(resource, {.own = terms->exclusive ? guard::Mode::exclusive : guard::Mode::shared,
                        .enclosing = guard::Mode::shared});
  if (!terms->guarded) {
    line("decision", terms->exclusive
                         ? "forwarded, alone on its resource, without a condition"
                         : "forwarded beside others, but never beside a guarded write");
  } else if (!terms->conditions.has_precondition) {
    line("decision", "forwarded without a condition: on_missing is allow");
  } else if (terms->conditions.condition && terms->conditions.condition->if_match &&
             !terms->conditions.condition->if_match->any &&
             terms->conditions.condition->if_match->versions.empty()) {
    return tell_problem(http::stale_version(head.fields, terms->conditions, std::nullopt));
  } else if (route.settings->check == config::Check::recorded) {
    line("decision", "forwarded if the record shows that the condition holds, else probed");
  } else {
    line("decision", "forwarded if a probe inside the gate shows that the condition holds");
  }
  return exit_ok;
}

// What enforce would say, short of what the record or a probe would show.
int explain_observed(const net::SiteRoute& route, const http::RequestHead& head,
                     const http::RequestShape& shape) {
  if (http::kind_of(head.method) == http::MethodKind::read) {
    line("decision", "forwarded as it is; an ETag is added where the API gives none");
    return exit_ok;
  }
  line("decision", "forwarded as it is, without waiting; counted");
  const auto terms = net::terms_of(route, head, shape.target);
  if (terms.has_error()) {
    const http::ProblemDetails& problem = terms.error();
    line("enforce", "would refuse it: " + std::to_string(http::status_of(problem)) + " " +
                        std::string(http::text_of(problem.problem).type));
  } else if (net::may_stand_for_another(head.method)) {
    line("enforce", "would refuse it: the method is ambiguous");
  } else {
    line("enforce", terms->guarded ? "would let it through if its condition holds"
                                   : "would let it through");
  }
  return exit_ok;
}

const net::SiteRoute* find_route(const net::Site& site, const std::string& name) {
  if (name.empty() && site.routes.size() == 1) return &site.routes.front();
  for (const net::SiteRoute& route : site.routes) {
    if (route.config->name == name) return &route;
  }
  std::fprintf(stderr, "ifmatch: there is no route '%s'; the routes are:", name.c_str());
  for (const net::SiteRoute& route : site.routes) {
    std::fprintf(stderr, " %s", route.config->name.c_str());
  }
  std::fputc('\n', stderr);
  return nullptr;
}

}  // namespace

config::Inputs inputs_of(const ConfigOptions& options, TlsFiles tls_files) {
  config::Inputs inputs;
  if (tls_files == TlsFiles::inspected) inputs.inspect = net::inspect_tls;
  inputs.environment = config::process_environment();
  inputs.overrides = options.overrides;
  for (const std::string& file : options.files) {
    inputs.files.push_back({.path = file, .text = std::nullopt});
    if (file == "-") inputs.files.back().text = read_all(std::cin);
  }
  if (options.files.empty()) {
    if (const auto file = config::default_file(inputs.environment)) {
      inputs.files.push_back({.path = *file, .text = std::nullopt});
    }
  }
  return inputs;
}

std::optional<config::Config> load_or_report(const config::Inputs& inputs) {
  config::LoadResult result = config::load(inputs);
  const std::string text = config::render(result.diagnostics, config::Format::text);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return std::move(result.config);
}

int validate(const ConfigOptions& options, Strictness strictness, config::Format format,
             Connecting connecting) {
  config::LoadResult result = config::load(inputs_of(options));
  std::string reached;
  std::vector<config::Diagnostic> unreachable;
  if (result.config && connecting == Connecting::yes) {
    unreachable = unreachable_upstreams(result, reached);
    result.diagnostics.insert(result.diagnostics.end(), unreachable.begin(), unreachable.end());
  }
  if (format == config::Format::text) print(reached);
  print(config::render(result.diagnostics, format));
  if (!result.config) return exit_config;
  const std::size_t warnings = config::count(result.diagnostics, config::Severity::warning);
  if (strictness == Strictness::strict && warnings > 0) return exit_config;
  if (!unreachable.empty()) return exit_failed;
  if (format == config::Format::text && warnings == 0) print("the configuration is valid\n");
  return exit_ok;
}

int show_config(const ConfigOptions& options, ShowOrigin origin) {
  const config::LoadResult result = config::load(inputs_of(options, TlsFiles::unread));
  const std::string findings = config::render(result.diagnostics, config::Format::text);
  std::fwrite(findings.data(), 1, findings.size(), stderr);
  if (!result.config) return exit_config;
  print(origin == ShowOrigin::yes ? config::show(*result.config, result.origins)
                                  : config::show(*result.config));
  return exit_ok;
}

int explain(const ConfigOptions& options, const std::string& method, const std::string& url,
            const std::vector<std::string>& fields, const plugins::Registry& plugins) {
  std::optional<config::Config> config = load_or_report(inputs_of(options, TlsFiles::unread));
  if (!config) return exit_config;
  const std::optional<http::RequestHead> head = head_of(method, url, fields);
  if (!head) return exit_usage;
  const net::Site site(std::move(*config), plugins);
  const auto shape = http::check_request(*head);
  if (shape.has_error()) return tell_problem(shape.error());
  const net::Routing routing = net::route_request(site, *head, shape->target);
  if (routing.route != nullptr) {
    const net::SiteRoute& route = *routing.route;
    const auto mode = static_cast<std::size_t>(route.settings->mode);
    line("route", route.config->name + " (" + route.config->path + ", mode " +
                      std::string(config::mode_names[mode]) + ", check " +
                      (route.settings->check == config::Check::recorded ? "recorded" : "confirm") +
                      ")");
    line("upstream", route.upstream->name + ": " + url_at(*route.upstream) +
                         route.upstream->base_path + shape->target.octets);
  }
  if (routing.problem) return tell_problem(*routing.problem);
  switch (routing.way) {
    case net::Way::pass:
      line("decision", "forwarded as it is; nothing is guarded");
      return exit_ok;
    case net::Way::read: {
      const auto parsed = http::parse_conditions(head->fields, routing.route->conditions);
      if (parsed.has_error()) return tell_problem(parsed.error());
      line("resource", routing.folded);
      line("decision", "forwarded without its conditions, hashed, recorded and tagged");
      return exit_ok;
    }
    case net::Way::observe:
      line("resource", routing.folded);
      return explain_observed(*routing.route, *head, *shape);
    case net::Way::write: break;
  }
  const auto resource = net::resource_of(site, routing, *head, shape->target);
  if (resource.has_error()) return tell_problem(resource.error());
  for (const std::string& path : resource->paths) line("resource", path);
  for (const std::string& name : resource->names) line("resource", name);
  if (routing.route->settings->mode == config::Mode::bypass) {
    tell_gates(*resource, {.own = guard::Mode::shared, .enclosing = guard::Mode::shared});
    line("decision", "forwarded with shared gates: a guarded pattern is at, above or below it");
    return exit_ok;
  }
  return explain_write(*routing.route, *head, *shape, *resource);
}

int etag(const ConfigOptions& options, const EtagQuestion& question,
         const plugins::Registry& plugins) {
  std::optional<config::Config> config = load_or_report(inputs_of(options, TlsFiles::unread));
  if (!config) return exit_config;
  const net::Site site(std::move(*config), plugins);
  const net::SiteRoute* route = find_route(site, question.route);
  if (route == nullptr) return exit_usage;
  std::string content;
  if (question.file == "-") {
    content = read_all(std::cin);
  } else {
    std::ifstream file(question.file, std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "ifmatch: cannot read %s\n", question.file.c_str());
      return exit_failed;
    }
    content = read_all(file);
  }
  const auto hasher = route->version->make_hasher();
  hasher->begin(question.media_type, question.content_coding);
  hasher->update(std::as_bytes(std::span(content)));
  const auto version = hasher->finish();
  if (!version) {
    std::fprintf(stderr, "ifmatch: no version can be derived from it\n");
    return exit_failed;
  }
  std::printf("%s\n", http::format_tag(*version).c_str());
  std::fprintf(stderr, "counted: %zu octets of content, Content-Type: %s, Content-Encoding: %s\n",
               content.size(), question.media_type.c_str(),
               question.content_coding.empty() ? "(none)" : question.content_coding.c_str());
  std::fprintf(stderr, "left out: nothing (version source body)\n");
  return exit_ok;
}

}  // namespace ifmatch::cli
