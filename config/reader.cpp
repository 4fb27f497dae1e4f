#include "config/reader.hpp"

#include <algorithm>
#include <cassert>
#include <fstream>
#include <iterator>

namespace ifmatch::config {
namespace {

constexpr std::size_t listeners_max = 64;
constexpr std::size_t upstreams_max = 1024;
constexpr std::size_t routes_max = 4096;  // each is tried in turn for each request
constexpr std::size_t methods_max = 64;
constexpr std::size_t fields_max = 32;
constexpr std::size_t resources_max = 16;  // each is one more gate that a write must hold
constexpr std::size_t ranges_max = 100;
constexpr std::size_t secret_octets_max = 64 * kib;
constexpr std::size_t secret_octets_good = 16;  // below 128 bits an HMAC key can be guessed

std::string one_of(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

std::string help_for(std::string_view word, const std::vector<std::string_view>& candidates,
                     std::string_view introduction) {
  std::string help;
  if (const std::string near = closest(word, candidates); !near.empty()) {
    help = "did you mean '" + near + "'? ";
  }
  return help + std::string(introduction) + one_of(candidates);
}

bool is_unwanted(const KeyRule& rule, const Node& value) {
  if (rule.unwanted.empty()) return false;
  if (rule.unwanted == "[]") return value.kind == Node::Kind::sequence && value.items.empty();
  if (rule.unwanted == "null") {
    const std::string_view line =
        value.place.source != nullptr ? value.place.source->line(value.place.line) : "";
    return value.kind == Node::Kind::null && value.place.column > 0 &&
           line.substr(std::min(value.place.column - 1, line.size())).starts_with("null");
  }
  return value.kind == Node::Kind::scalar && value.text == rule.unwanted;
}

std::string format_for(KeyKind kind, std::uint64_t value) {
  if (kind == KeyKind::duration) return format_duration(value);
  if (kind == KeyKind::size) return format_size(value);
  return std::to_string(value);
}

}  // namespace

std::string join_path(std::string_view path, std::string_view key) {
  std::string out(path);
  if (!out.empty()) out += ".";
  return out += key;
}

std::string item_path(std::string_view path, const Node& item, std::size_t index) {
  const Node* name = item.kind == Node::Kind::map ? item.find("name") : nullptr;
  if (name != nullptr && name->kind == Node::Kind::scalar && !check_name(name->text)) {
    return join_path(path, name->text);
  }
  return std::string(path) + "[" + std::to_string(index) + "]";
}

Config Reader::read(const Node& root) {
  Config config;
  const View view{&root, "", Section::root};
  check_keys(view);
  (void)nullable_scalar(view, "version");  // checked per file; here only its place is remembered
  read_listeners(view, config.listeners);
  read_upstreams(view, config.upstreams);
  read_store(view, config.store);
  read_log_and_shutdown(view, config);
  RouteSettings defaults;
  if (const std::optional<View> section = open(view, "defaults")) {
    check_keys(*section);
    read_settings(*section, defaults);
  }
  read_routes(view, defaults, config);
  read_secret(view, config);
  if (const Node* node = nullable_scalar(view, "state_dir")) {
    if (node->text.empty()) {
      report_.error("E205", node->place, "state_dir", "'state_dir' is empty",
                    "name a directory, or write none");
    }
    config.state_dir = node->text;
  }
  read_number(view, "threads", config.threads);
  return config;
}

void Reader::read_listeners(const View& root, std::vector<Listener>& listeners) {
  const Node* node = value_of(root, "listeners");
  if (node == nullptr || node->kind == Node::Kind::null) {
    listeners.emplace_back().name = "default";
    return;
  }
  const std::vector<const Node*> items = list(root, "listeners", listeners_max);
  if (items.empty() && node->kind == Node::Kind::sequence) {
    report_.error("E103", node->place, "listeners", "there is no listener",
                  "remove 'listeners' to listen on 127.0.0.1:8080");
  }
  std::map<std::string, Place> names;
  std::map<std::string, Place> addresses;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const bool unnamed = items[i]->find("name") == nullptr;
    const View view{items[i],
                    unnamed ? "listeners.default" : item_path("listeners", *items[i], i),
                    Section::listener};
    if (items[i]->kind != Node::Kind::map) {
      report_.error("E201", items[i]->place, view.path, "a listener must have keys of its own",
                    "write - address: \"127.0.0.1:8080\"");
      continue;
    }
    Listener listener;
    read_listener(view, listener);
    const Node* name = items[i]->find("name");
    const Place place = name != nullptr ? name->place : items[i]->place;
    if (const auto [first, fresh] = names.emplace(listener.name, place); !fresh) {
      report_.error("E302", place, view.path,
                    "the listener " + in_quotes(listener.name) + " is given twice",
                    "the first is at " + describe(first->second));
    }
    if (items[i]->overridden) continue;
    const Node* address = items[i]->find("address");
    const Place address_place = address != nullptr ? address->place : items[i]->place;
    const auto [first, fresh] = addresses.emplace(listener.address, address_place);
    if (!fresh && !listener.address.ends_with(":0")) {
      report_.error("E302", address_place, join_path(view.path, "address"),
                    "the address " + in_quotes(listener.address) + " is given twice",
                    "the first is at " + describe(first->second));
    }
    listeners.push_back(std::move(listener));
  }
}

void Reader::read_listener(const View& view, Listener& listener) {
  check_keys(view);
  listener.name = "default";
  if (const Node* node = scalar(view, "name")) {
    if (const Refusal refusal = check_name(node->text)) refuse(*refusal, *node, view.path);
    listener.name = node->text;
  }
  if (const Node* node = scalar(view, "address")) {
    if (const Refusal refusal = check_listen_address(node->text)) {
      refuse(*refusal, *node, join_path(view.path, "address"));
    }
    listener.address = node->text;
  }
  read_number(view, "max_connections", listener.max_connections);
  if (const std::optional<View> timeouts = open(view, "timeouts")) {
    check_keys(*timeouts);
    read_duration(*timeouts, "header", listener.timeouts.header);
    read_duration(*timeouts, "body", listener.timeouts.body);
    read_duration(*timeouts, "idle", listener.timeouts.idle);
    read_duration(*timeouts, "write", listener.timeouts.write);
  }
  if (const std::optional<View> limits = open(view, "limits")) {
    check_keys(*limits);
    read_number(*limits, "header_bytes", listener.limits.header_bytes);
    read_number(*limits, "header_fields", listener.limits.header_fields);
    read_number(*limits, "target_bytes", listener.limits.target_bytes);
  }
}

void Reader::read_upstreams(const View& root, std::vector<Upstream>& upstreams) {
  const Node* node = value_of(root, "upstreams");
  if (node != nullptr && node->kind != Node::Kind::map && node->kind != Node::Kind::null) {
    report_.error("E201", node->place, "upstreams", "'upstreams' must map names to upstreams",
                  "write a name with a colon, and below it, indented, url: http://...");
    return;
  }
  if (node == nullptr || node->entries.empty()) {
    if (completeness_ == Completeness::partial) return;
    const Place place = node != nullptr ? node->place : Place{root.node->place.source, 0, 0, 0};
    report_.error("E103", place, "upstreams", "there is no upstream",
                  "add 'upstreams', or say --upstream http://127.0.0.1:3000");
    return;
  }
  if (node->entries.size() > upstreams_max) {
    report_.error("E204", node->place, "upstreams", "more than 1024 upstreams", "");
    return;
  }
  for (const Entry& entry : node->entries) {
    Upstream upstream;
    upstream.name = entry.key.text;
    const View view{&entry.value, join_path("upstreams", upstream.name), Section::upstream};
    places_[view.path] = entry.key.place;
    if (const Refusal refusal = check_name(upstream.name)) refuse(*refusal, entry.key, view.path);
    if (entry.value.kind == Node::Kind::map) {
      read_upstream(view, upstream);
    } else if (entry.value.kind != Node::Kind::invalid) {
      report_.error("E201", entry.value.place, view.path,
                    "an upstream must have keys of its own",
                    "write url: http://... below its name");
    }
    upstreams.push_back(std::move(upstream));
  }
}

void Reader::read_upstream(const View& view, Upstream& upstream) {
  check_keys(view);
  if (const Node* node = scalar(view, "url")) {
    upstream.url = node->text;
    const Parsed<UpstreamUrl> parsed = parse_upstream_url(node->text);
    if (const auto* problem = std::get_if<Problem>(&parsed)) {
      refuse(*problem, *node, join_path(view.path, "url"));
    } else {
      const auto& url = std::get<UpstreamUrl>(parsed);
      upstream.host = url.host;
      upstream.port = url.port;
      upstream.base_path = url.base_path;
    }
  } else if (view.node->find("url") == nullptr && view.node->find("urls") == nullptr) {
    report_.error("E103", places_[view.path], join_path(view.path, "url"),
                  "the upstream " + in_quotes(upstream.name) + " has no 'url'",
                  "add url: http://127.0.0.1:3000");
  }
  read_number(view, "max_connections", upstream.max_connections);
  if (const std::optional<View> timeouts = open(view, "timeouts")) {
    check_keys(*timeouts);
    read_duration(*timeouts, "connect", upstream.timeouts.connect);
    read_duration(*timeouts, "response", upstream.timeouts.response);
    read_duration(*timeouts, "idle", upstream.timeouts.idle);
  }
}

void Reader::read_store(const View& root, Store& store) {
  const std::optional<View> view = open(root, "store");
  if (!view) return;
  check_keys(*view);
  (void)choice(*view, "type");  // there is one type to choose; the others are refused
  read_number(*view, "max_resources", store.max_resources);
}

void Reader::read_log_and_shutdown(const View& root, Config& config) {
  if (const std::optional<View> view = open(root, "log")) {
    check_keys(*view);
    read_choice(*view, "level", config.log.level);
    read_choice(*view, "format", config.log.format);
  }
  if (const std::optional<View> view = open(root, "shutdown")) {
    check_keys(*view);
    read_duration(*view, "drain_timeout", config.shutdown.drain_timeout);
  }
}

// The message never repeats what the file holds.
void Reader::read_secret(const View& root, Config& config) {
  const Node* node = nullable_scalar(root, "etag_secret_file");
  if (node == nullptr) return;
  const auto fail = [&](const std::string& what, std::string_view help) {
    report_.error("E310", node->place, "etag_secret_file",
                  "the secret file " + in_quotes(node->text) + " " + what, std::string(help));
  };
  std::ifstream stream(node->text, std::ios::binary);
  std::string secret;
  if (stream) {
    secret.resize(secret_octets_max + 1);
    stream.read(secret.data(), static_cast<std::streamsize>(secret.size()));
    secret.resize(static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad()) {
    return fail("cannot be read", "create it, for example: openssl rand -hex 32");
  }
  if (secret.size() > secret_octets_max) return fail("is larger than 64KiB", "32 octets suffice");
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.empty()) return fail("is empty", "fill it, for example: openssl rand -hex 32");
  if (secret.size() < secret_octets_good) {
    report_.warning("W311", node->place, "etag_secret_file",
                    "the secret in " + in_quotes(node->text) + " is shorter than 16 octets",
                    "a short secret can be guessed; for example: openssl rand -hex 32");
  }
  config.etag_secret_file = node->text;
  config.etag_secret = std::move(secret);
}

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
      report_.error("E302", place, view.path, "the route " + in_quotes(name->text) + " is given twice",
                    "the first is at " + describe(names.at(name->text)));
    } else {
      places_[view.path] = place;
    }
    read_route(view, route, config.upstreams);
    if (twice) route.path.clear();  // compared with others it would only repeat the fault
    config.routes.push_back(std::move(route));
  }
}

void Reader::read_route(const View& view, Route& route, const std::vector<Upstream>& upstreams) {
  check_keys(view);
  const Place whole = view.node->find("name") != nullptr ? view.node->find("name")->place
                                                         : view.node->place;
  if (const Node* node = scalar(view, "name")) {
    if (const Refusal refusal = check_name(node->text)) refuse(*refusal, *node, view.path);
    route.name = node->text;
  } else if (view.node->find("name") == nullptr) {
    report_.error("E103", whole, view.path, "the route has no 'name'",
                  "add name: NAME; metrics, logs and --set use it");
  }
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
    report_.error("E103", match == nullptr ? whole : match->place,
                  join_path(view.path, "match.path"), "the route has no 'match.path'",
                  "add match: { path: \"/v1/things/{id}\" }");
  }
  if (const Node* node = scalar(view, "upstream")) {
    const auto found =
        std::find_if(upstreams.begin(), upstreams.end(),
                     [node](const Upstream& upstream) { return upstream.name == node->text; });
    if (found != upstreams.end()) {
      route.upstream = static_cast<std::size_t>(found - upstreams.begin());
    } else if (completeness_ == Completeness::whole) {
      std::vector<std::string_view> names;
      for (const Upstream& upstream : upstreams) names.push_back(upstream.name);
      report_.error("E301", node->place, join_path(view.path, "upstream"),
                    "the upstream " + in_quotes(node->text) + " is not defined",
                    names.empty() ? "define it under 'upstreams'"
                                  : help_for(node->text, names, "defined: "));
    }
  } else if (view.node->find("upstream") == nullptr) {
    report_.error("E103", whole, join_path(view.path, "upstream"), "the route has no 'upstream'",
                  "add upstream: NAME, a name under 'upstreams'");
  }
  read_resources(view, route, pattern);
  read_settings(view, route.settings);
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
  read_doubtful(view, settings);
  read_probe(view, settings);
  read_choice(view, "reads", settings.reads);
  read_choice(view, "write_tag", settings.write_tag);
  if (const Node* node = scalar(view, "accept_rewritten_tags")) {
    if (node->text == "true" || node->text == "false") {
      settings.accept_rewritten_tags = node->text == "true";
    } else {
      report_.error("E205", node->place, join_path(view.path, "accept_rewritten_tags"),
                    in_quotes(node->text) + " is neither true nor false", "write true or false");
    }
  }
  if (const std::optional<View> cors = open(view, "cors")) {
    check_keys(*cors);
    read_choice(*cors, "expose_etag", settings.expose_etag);
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

void Reader::read_doubtful(const View& view, RouteSettings& settings) {
  if (view.node->find("doubtful") == nullptr) return;
  std::vector<StatusRange> ranges;
  for (const Node* item : list(view, "doubtful", ranges_max)) {
    if (item->kind == Node::Kind::invalid) continue;
    const Parsed<StatusRange> parsed = parse_status_range(item->text);
    if (const auto* problem = std::get_if<Problem>(&parsed)) {
      refuse(*problem, *item, join_path(view.path, "doubtful"));
    } else {
      ranges.push_back(std::get<StatusRange>(parsed));
    }
  }
  settings.doubtful = std::move(ranges);
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
    if (const auto [first, fresh] =
            names.emplace(lower_case(entry.key.text), entry.key.place);
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

void Reader::check_keys(const View& view) {
  for (const Entry& entry : view.node->entries) {
    const std::string& name = entry.key.text;
    if (name.starts_with("x-")) continue;
    const std::string path = join_path(view.path, name);
    const KeyRule* rule = find_key(view.section, name);
    if (rule == nullptr) {
      std::vector<std::string_view> known = built_keys(view.section);
      report_.error("E101", entry.key.place, path,
                    "unknown key " + in_quotes(name) +
                        (view.path.empty() ? " at the top level" : " in " + view.path),
                    help_for(name, known, "allowed here: "));
      continue;
    }
    if (rule->availability == Availability::built || entry.value.kind == Node::Kind::invalid) {
      continue;
    }
    if (is_unwanted(*rule, entry.value)) continue;
    report_.error("E110", entry.key.place, path,
                  in_quotes(name) + " is not built in this version",
                  rule->unwanted.empty()
                      ? "remove it"
                      : "remove it, or write " + name + ": " + std::string(rule->unwanted));
  }
}

std::optional<Reader::View> Reader::open(const View& parent, std::string_view key) {
  const Node* node = value_of(parent, key);
  if (node == nullptr || node->kind == Node::Kind::null) return std::nullopt;
  const std::string path = join_path(parent.path, key);
  if (node->kind != Node::Kind::map) {
    std::string help = "allowed in it: ";
    const std::vector<std::string_view> keys = built_keys(find_key(parent.section, key)->section);
    report_.error("E201", node->place, path,
                  "'" + std::string(key) + "' must have keys of its own", help + one_of(keys));
    return std::nullopt;
  }
  return View{node, path, find_key(parent.section, key)->section};
}

const Node* Reader::value_of(const View& view, std::string_view key) {
  assert(find_key(view.section, key) != nullptr);
  const Node* node = view.node->find(key);
  if (node == nullptr || node->kind == Node::Kind::invalid) return nullptr;
  return node;
}

const Node* Reader::nullable_scalar(const View& view, std::string_view key) {
  const Node* node = value_of(view, key);
  if (node == nullptr) return nullptr;
  const std::string path = join_path(view.path, key);
  places_[path] = node->place;
  if (node->kind == Node::Kind::null) return nullptr;
  if (node->kind == Node::Kind::scalar) return node;
  report_.error("E201", node->place, path, "'" + std::string(key) + "' must be a single value", "");
  return nullptr;
}

const Node* Reader::scalar(const View& view, std::string_view key) {
  const Node* node = nullable_scalar(view, key);
  const Node* written = value_of(view, key);
  if (written != nullptr && written->kind == Node::Kind::null) {
    report_.error("E201", written->place, join_path(view.path, key),
                  "'" + std::string(key) + "' has no value",
                  "give it one, or remove it to get the default");
  }
  return node;
}

// Items of a list of scalars, or of sections. Anything else than a list is reported.
std::vector<const Node*> Reader::list(const View& view, std::string_view key,
                                      std::size_t items_max) {
  std::vector<const Node*> items;
  const Node* node = value_of(view, key);
  if (node == nullptr) return items;
  const std::string path = join_path(view.path, key);
  places_[path] = node->place;
  const KeyKind kind = find_key(view.section, key)->kind;
  if (node->kind != Node::Kind::sequence) {
    if (node->kind == Node::Kind::null && kind == KeyKind::section_list) return items;
    std::string help = "begin each item with '- '";
    if (kind == KeyKind::list) {
      help = node->kind == Node::Kind::scalar
                 ? "write " + std::string(key) + ": [" + node->text.substr(0, 40) + "]"
                 : "write " + std::string(key) + ": [] for none";
    }
    report_.error("E201", node->place, path, "'" + std::string(key) + "' must be a list", help);
    return items;
  }
  if (node->items.size() > items_max) {
    report_.error("E204", node->place, path,
                  "'" + std::string(key) + "' has more than " + std::to_string(items_max) +
                      " items",
                  "");
    return items;
  }
  for (const Node& item : node->items) {
    const bool fits = kind == KeyKind::section_list || item.kind == Node::Kind::scalar ||
                      item.kind == Node::Kind::invalid;
    if (fits) {
      items.push_back(&item);
    } else {
      report_.error("E201", item.place, path,
                    "items of '" + std::string(key) + "' must be single values", "");
    }
  }
  return items;
}

std::optional<std::uint64_t> Reader::number(const View& view, std::string_view key) {
  const Node* node = scalar(view, key);
  if (node == nullptr) return std::nullopt;
  const KeyRule& rule = *find_key(view.section, key);
  const std::string path = join_path(view.path, key);
  const Parsed<std::uint64_t> parsed = rule.kind == KeyKind::duration ? parse_duration(node->text)
                                       : rule.kind == KeyKind::size   ? parse_size(node->text)
                                                                      : parse_integer(node->text);
  if (const auto* problem = std::get_if<Problem>(&parsed)) {
    refuse({problem->code, "'" + std::string(key) + "': " + problem->message, problem->help}, *node,
           path);
    return std::nullopt;
  }
  const std::uint64_t value = std::get<std::uint64_t>(parsed);
  if (value < rule.minimum || value > rule.maximum) {
    report_.error("E204", node->place, path,
                  "'" + std::string(key) + "': " + in_quotes(node->text) + " is out of range",
                  "from " + format_for(rule.kind, rule.minimum) + " to " +
                      format_for(rule.kind, rule.maximum));
    return std::nullopt;
  }
  return value;
}

std::optional<std::size_t> Reader::choice(const View& view, std::string_view key) {
  const Node* node = scalar(view, key);
  if (node == nullptr) return std::nullopt;
  const KeyRule& rule = *find_key(view.section, key);
  const std::string path = join_path(view.path, key);
  const auto found = std::find(rule.choices.begin(), rule.choices.end(), node->text);
  if (found != rule.choices.end()) return static_cast<std::size_t>(found - rule.choices.begin());
  const bool is_later = std::find(rule.choices_later.begin(), rule.choices_later.end(),
                                  node->text) != rule.choices_later.end();
  if (is_later) {
    report_.error("E110", node->place, path,
                  "'" + std::string(key) + ": " + node->text + "' is not built in this version",
                  "write one of: " + one_of(rule.choices));
    return std::nullopt;
  }
  const std::vector<std::string_view> words(rule.choices.begin(), rule.choices.end());
  report_.error("E205", node->place, path,
                "'" + std::string(key) + "' cannot be " + in_quotes(node->text),
                help_for(node->text, words, "one of: "));
  return std::nullopt;
}

void Reader::read_number(const View& view, std::string_view key, std::size_t& out) {
  if (const std::optional<std::uint64_t> value = number(view, key)) out = *value;
}

void Reader::read_duration(const View& view, std::string_view key, Milliseconds& out) {
  if (const std::optional<std::uint64_t> value = number(view, key)) {
    out = Milliseconds(static_cast<std::int64_t>(*value));
  }
}

// The names of a choice stand in the order of its enumeration (keys.hpp).
template <class Enum>
void Reader::read_choice(const View& view, std::string_view key, Enum& out) {
  if (const std::optional<std::size_t> index = choice(view, key)) out = static_cast<Enum>(*index);
}

void Reader::refuse(const Problem& problem, const Node& node, const std::string& path) {
  report_.error(problem.code, node.place, path, problem.message, problem.help);
}

}  // namespace ifmatch::config
