// The part of the reader that knows routes and what they inherit.
#include <algorithm>

#include "config/reader.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t routes_max = 4096;  // each is tried in turn for each request
constexpr std::size_t methods_max = 64;
constexpr std::size_t fields_max = 32;
constexpr std::size_t resources_max = 16;  // each is one more gate that a write must hold
constexpr StatusRange doubtful_statuses{500, 599};
constexpr std::size_t protocols_max = 8;

}  // namespace

void Reader::read_routes(const View& root, const RouteSettings& defaults, Config& config) {
  const std::vector<const Node*> items = list(root, "routes", routes_max);
  const Node* node = root.node->find("routes");
  if (node == nullptr || node->kind == Node::Kind::null ||
      (node->kind == Node::Kind::sequence && node->items.empty())) {
    if (completeness_ == Completeness::partial) return;
    const Place place = node != nullptr ? node->place : Place{root.node->place.source, 0, 0, 0};
    report_.error("E103", place, "routes", "there is no route",
                  "add 'routes', for example one with match: { path: \"/**\" }");
    return;
  }
  std::map<std::string, Place> names;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const View view{items[i], item_path("routes", *items[i], i), Section::route};
    if (items[i]->kind == Node::Kind::invalid) continue;
    if (items[i]->kind != Node::Kind::map) {
      report_.error("E201", items[i]->place, view.path, "a route must have keys of its own",
                    "write - name: NAME, and below it match and upstream");
      continue;
    }
    Route route;
    route.settings = defaults;
    const Node* name = items[i]->find("name");
    const Place place = name != nullptr ? name->place : items[i]->place;
    const bool twice = name != nullptr && !names.emplace(name->text, place).second;
    if (twice) {
      report_.error("E302", place, view.path,
                    "the route " + in_quotes(name->text) + " is given twice",
                    "the first is at " + describe(names.at(name->text)));
    } else {
      places_[view.path] = place;
    }
    read_route(view, route, config.upstreams);
    if (twice) route.path.clear();  // compared with others it would only repeat the fault
    config.routes.push_back(std::move(route));
  }
}

Place Reader::place_of_route(const View& view) {
  const Node* name = view.node->find("name");
  return name != nullptr ? name->place : view.node->place;
}

void Reader::read_route(const View& view, Route& route, const std::vector<Upstream>& upstreams) {
  check_keys(view);
  if (const Node* node = scalar(view, "name")) {
    if (const Refusal refusal = check_name(node->text)) refuse(*refusal, *node, view.path);
    route.name = node->text;
  } else if (view.node->find("name") == nullptr) {
    report_.error("E103", place_of_route(view), view.path, "the route has no 'name'",
                  "add name: NAME; metrics, logs and --set use it");
  }
  const std::optional<PathPattern> pattern = read_match(view, route);
  read_target(view, route, upstreams);
  read_resources(view, route, pattern);
  read_settings(view, route.settings);
  read_upgrade(view, route);
}

// Fills path and host. Nothing is returned where the path is missing or at fault.
std::optional<PathPattern> Reader::read_match(const View& view, Route& route) {
  std::optional<PathPattern> pattern;
  if (const std::optional<View> match = open(view, "match")) {
    check_keys(*match);
    if (const Node* node = scalar(*match, "path")) {
      Parsed<PathPattern> parsed = parse_path_pattern(node->text);
      if (const auto* problem = std::get_if<Problem>(&parsed)) {
        refuse(*problem, *node, join_path(match->path, "path"));
      } else {
        pattern = std::move(std::get<PathPattern>(parsed));
        route.path = node->text;
      }
    }
    if (const Node* node = scalar(*match, "host")) {
      Parsed<std::string> parsed = parse_host_pattern(node->text);
      if (const auto* problem = std::get_if<Problem>(&parsed)) {
        refuse(*problem, *node, join_path(match->path, "host"));
      } else {
        route.host = std::get<std::string>(parsed);
      }
    }
  }
  const Node* match = view.node->find("match");
  if (match == nullptr || match->kind == Node::Kind::null ||
      (match->kind == Node::Kind::map && match->find("path") == nullptr)) {
    report_.error("E103", match == nullptr ? place_of_route(view) : match->place,
                  join_path(view.path, "match.path"), "the route has no 'match.path'",
                  "add match: { path: \"/v1/things/{id}\" }");
  }
  return pattern;
}

void Reader::read_target(const View& view, Route& route, const std::vector<Upstream>& upstreams) {
  if (const Node* node = scalar(view, "upstream")) {
    const auto found =
        std::find_if(upstreams.begin(), upstreams.end(),
                     [node](const Upstream& upstream) { return upstream.name == node->text; });
    if (found != upstreams.end()) {
      route.upstream = static_cast<std::size_t>(found - upstreams.begin());
    } else if (completeness_ == Completeness::whole) {
      std::vector<std::string_view> names;
      for (const Upstream& upstream : upstreams) names.push_back(upstream.name);
      report_.error(
          "E301", node->place, join_path(view.path, "upstream"),
          "the upstream " + in_quotes(node->text) + " is not defined",
          names.empty() ? "define it under 'upstreams'" : help_for(node->text, names, "defined: "));
    }
  } else if (view.node->find("upstream") == nullptr) {
    report_.error("E103", place_of_route(view), join_path(view.path, "upstream"),
                  "the route has no 'upstream'", "add upstream: NAME, a name under 'upstreams'");
  }
}

// A list, or a single template. Without a valid path nobody can tell which variables exist.
void Reader::read_resources(const View& view, Route& route,
                            const std::optional<PathPattern>& pattern) {
  const Node* node = view.node->find("resource");
  const std::string path = join_path(view.path, "resource");
  std::vector<const Node*> items;
  if (node != nullptr && node->kind == Node::Kind::scalar) {
    places_[path] = node->place;
    items.push_back(node);
  } else {
    items = list(view, "resource", resources_max);
  }
  for (const Node* item : items) {
    if (item->kind != Node::Kind::scalar) {
      if (item->kind == Node::Kind::invalid) continue;
      report_.error("E201", item->place, path, "a resource must be a single text", "");
      continue;
    }
    if (!pattern) continue;
    if (const Refusal refusal = check_resource_template(item->text, *pattern)) {
      refuse(*refusal, *item, path);
    } else if (std::find(route.resources.begin(), route.resources.end(), item->text) !=
               route.resources.end()) {
      report_.error("E302", item->place, path, in_quotes(item->text) + " is listed twice", "");
    } else {
      route.resources.push_back(item->text);
    }
  }
}

// What flows after a switch of protocols nobody can guard, so it is a matter of other routes.
void Reader::read_upgrade(const View& view, Route& route) {
  const Node* node = view.node->find("upgrade");
  if (node == nullptr) return;
  const std::string path = join_path(view.path, "upgrade");
  for (const Node* item : list(view, "upgrade", protocols_max)) {
    if (item->kind == Node::Kind::invalid) continue;
    if (item->text != "websocket") {
      report_.error("E205", item->place, path,
                    in_quotes(item->text) + " is no protocol that is passed on",
                    "write upgrade: [websocket], or leave it out");
    } else if (!route.upgrade.empty()) {
      report_.error("E302", item->place, path, in_quotes(item->text) + " is listed twice", "");
    } else {
      route.upgrade.push_back(item->text);
    }
  }
  if (route.upgrade.empty() || route.settings.mode != Mode::enforce) return;
  report_.error("E215", node->place, path,
                "an enforced route cannot let clients switch to another protocol",
                "a WebSocket can write anything, and nobody can check it: give it a route of its "
                "own with mode: bypass");
}

void Reader::read_settings(const View& view, RouteSettings& settings) {
  read_choice(view, "mode", settings.mode);
  read_choice(view, "check", settings.check);
  read_methods(view, "guard", settings.guard);
  read_methods(view, "serialize", settings.serialize);
  check_methods(view, settings);
  read_choice(view, "on_missing", settings.on_missing);
  read_choice(view, "on_stale", settings.on_stale);
  read_choice(view, "wildcard", settings.wildcard);
  if (const std::optional<View> version = open(view, "version")) {
    check_keys(*version);
    read_choice(*version, "source", settings.version);
  }
  read_vary(view, settings);
  read_number(view, "max_body", settings.max_body);
  if (const std::optional<View> gate = open(view, "gate")) {
    check_keys(*gate);
    read_duration(*gate, "wait", settings.gate.wait);
    read_number(*gate, "queue", settings.gate.queue);
  }
  if (const Node* node = view.node->find("in_doubt"); node != nullptr) {
    if (node->kind == Node::Kind::null) {
      places_[join_path(view.path, "in_doubt")] = node->place;
      settings.in_doubt.reset();
    } else if (const std::optional<std::uint64_t> value = number(view, "in_doubt")) {
      settings.in_doubt = Milliseconds(static_cast<std::int64_t>(*value));
    }
  }
  read_statuses(view, "doubtful", doubtful_statuses, settings.doubtful);
  read_probe(view, settings);
  read_choice(view, "reads", settings.reads);
  read_choice(view, "write_tag", settings.write_tag);
  read_boolean(view, "accept_rewritten_tags", settings.accept_rewritten_tags);
  if (const std::optional<View> cors = open(view, "cors")) {
    check_keys(*cors);
    read_choice(*cors, "expose_etag", settings.expose_etag);
  }
  read_observe(view, settings.observe);
}

void Reader::read_observe(const View& view, ObserveSettings& settings) {
  const std::optional<View> observe = open(view, "observe");
  if (!observe) return;
  check_keys(*observe);
  const Node* node = scalar(*observe, "client_field");
  if (node == nullptr) return;
  if (const Refusal refusal = check_field_name(node->text, FieldUse::names_client)) {
    refuse(*refusal, *node, join_path(observe->path, "client_field"));
  } else {
    settings.client_field = node->text;
  }
}

void Reader::read_methods(const View& view, std::string_view key,
                          std::vector<std::string>& methods) {
  if (view.node->find(key) == nullptr) return;
  const std::string path = join_path(view.path, key);
  std::vector<std::string> read;
  for (const Node* item : list(view, key, methods_max)) {
    if (item->kind == Node::Kind::invalid) continue;
    if (const Refusal refusal = check_unsafe_method(item->text)) {
      refuse(*refusal, *item, path);
    } else if (std::find(read.begin(), read.end(), item->text) != read.end()) {
      report_.error("E302", item->place, path, in_quotes(item->text) + " is listed twice", "");
    } else {
      read.push_back(item->text);
    }
  }
  methods = std::move(read);
}

// A method is either guarded or merely serialised. Said of both, one of the two is a mistake, and
// we would have to guess which.
void Reader::check_methods(const View& view, const RouteSettings& settings) {
  const Node* serialize = view.node->find("serialize");
  const Node* node = serialize != nullptr ? serialize : view.node->find("guard");
  if (node == nullptr) return;
  for (const std::string& method : settings.serialize) {
    if (std::find(settings.guard.begin(), settings.guard.end(), method) == settings.guard.end()) {
      continue;
    }
    Place place = node->place;
    for (const Node& item : node->items) {
      if (item.text == method) place = item.place;
    }
    report_.error("E214", place, join_path(view.path, serialize != nullptr ? "serialize" : "guard"),
                  in_quotes(method) + " is under both 'guard' and 'serialize'",
                  "a guarded method holds its gate exclusively already; 'guard' is " +
                      std::string(view.node->find("guard") != nullptr ? "set here" : "inherited"));
  }
}

void Reader::read_vary(const View& view, RouteSettings& settings) {
  if (view.node->find("vary") == nullptr) return;
  const std::string path = join_path(view.path, "vary");
  std::vector<std::string> names;
  for (const Node* item : list(view, "vary", fields_max)) {
    if (item->kind == Node::Kind::invalid) continue;
    const std::string name = lower_case(item->text);
    if (const Refusal refusal = check_field_name(item->text, FieldUse::selects_representation)) {
      refuse(*refusal, *item, path);
    } else if (std::find(names.begin(), names.end(), name) != names.end()) {
      report_.error("E302", item->place, path, in_quotes(item->text) + " is listed twice", "");
    } else {
      names.push_back(name);
    }
  }
  settings.vary = std::move(names);
}

void Reader::read_probe(const View& view, RouteSettings& settings) {
  const std::optional<View> probe = open(view, "probe");
  if (!probe) return;
  check_keys(*probe);
  const Node* node = value_of(*probe, "headers");
  if (node == nullptr) return;
  const std::string path = join_path(probe->path, "headers");
  if (node->kind != Node::Kind::map && node->kind != Node::Kind::null) {
    report_.error("E201", node->place, path, "'headers' must map field names to values",
                  "write headers: { Accept: application/json }");
    return;
  }
  settings.probe_headers.clear();
  if (node->entries.size() > fields_max) {
    report_.error("E204", node->place, path, "more than 32 fields", "");
    return;
  }
  std::map<std::string, Place> names;
  for (const Entry& entry : node->entries) {
    const std::string key = join_path(path, entry.key.text);
    if (const Refusal refusal = check_field_name(entry.key.text, FieldUse::sent_with_probe)) {
      refuse(*refusal, entry.key, key);
      continue;
    }
    if (const auto [first, fresh] = names.emplace(lower_case(entry.key.text), entry.key.place);
        !fresh) {
      report_.error("E302", entry.key.place, key,
                    "the field " + in_quotes(entry.key.text) + " is given twice",
                    "the first is at " + describe(first->second));
      continue;
    }
    if (entry.value.kind == Node::Kind::invalid) continue;
    if (entry.value.kind != Node::Kind::scalar) {
      report_.error("E201", entry.value.place, key, "a field must have a single value", "");
    } else if (const Refusal refusal = check_field_value(entry.value.text)) {
      refuse(*refusal, entry.value, key);
    } else {
      places_[key] = entry.value.place;
      settings.probe_headers.emplace_back(entry.key.text, entry.value.text);
    }
  }
}

}  // namespace ifmatch::config
