#include "config/reader.hpp"

#include "config/networks.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t listeners_max = 64;
constexpr std::size_t networks_max = 1024;  // looked through for each connection
constexpr std::size_t secret_octets_good = 16;  // below 128 bits an HMAC key can be guessed

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
  read_admin(view, config.admin);
  read_trusted_proxies(view, config.trusted_proxies);
  read_upstreams(view, config.upstreams);
  read_limits(view, config.limits);
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
    const View view{items[i], unnamed ? "listeners.default" : item_path("listeners", *items[i], i),
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
  read_choice(view, "proxy_protocol", listener.proxy_protocol);
  read_number(view, "max_connections", listener.max_connections);
  if (const std::optional<View> timeouts = open(view, "timeouts")) {
    check_keys(*timeouts);
    read_duration(*timeouts, "header", listener.timeouts.header);
    read_duration(*timeouts, "body", listener.timeouts.body);
    read_duration(*timeouts, "idle", listener.timeouts.idle);
    read_duration(*timeouts, "write", listener.timeouts.write);
    read_duration(*timeouts, "handshake", listener.timeouts.handshake);
    read_duration(*timeouts, "tunnel", listener.timeouts.tunnel);
  }
  if (const std::optional<View> limits = open(view, "limits")) {
    check_keys(*limits);
    read_number(*limits, "header_bytes", listener.limits.header_bytes);
    read_number(*limits, "header_fields", listener.limits.header_fields);
    read_number(*limits, "target_bytes", listener.limits.target_bytes);
  }
  if (const std::optional<View> tls = open(view, "tls")) read_listener_tls(*tls, listener);
}

void Reader::read_trusted_proxies(const View& root, TrustedProxies& trusted) {
  for (const Node* item : list(root, "trusted_proxies", networks_max)) {
    if (item->kind == Node::Kind::invalid) continue;
    const Parsed<std::vector<Network>> parsed = parse_networks(item->text);
    if (const auto* problem = std::get_if<Problem>(&parsed)) {
      refuse(*problem, *item, "trusted_proxies");
      continue;
    }
    const auto& networks = std::get<std::vector<Network>>(parsed);
    trusted.networks.insert(trusted.networks.end(), networks.begin(), networks.end());
    trusted.written.push_back(item->text);
  }
}

void Reader::read_limits(const View& root, Limits& limits) {
  const std::optional<View> view = open(root, "limits");
  if (!view) return;
  check_keys(*view);
  read_number(*view, "buffered_bodies", limits.buffered_bodies);
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
  read_access_log(root, config.access_log);
  read_choice(root, "trace", config.trace);
  if (const std::optional<View> view = open(root, "shutdown")) {
    check_keys(*view);
    read_duration(*view, "pre_stop_delay", config.shutdown.pre_stop_delay);
    read_duration(*view, "drain_timeout", config.shutdown.drain_timeout);
  }
}

// `access_log: stdout` says the same as `access_log: { path: stdout }`.
void Reader::read_access_log(const View& root, AccessLog& log) {
  const Node* node = value_of(root, "access_log");
  const bool short_form = node != nullptr && node->kind == Node::Kind::scalar;
  std::string path = "access_log";
  if (short_form) {
    places_[path] = node->place;
  } else {
    const std::optional<View> view = open(root, "access_log");
    if (!view) return;
    check_keys(*view);
    read_choice(*view, "format", log.format);
    node = scalar(*view, "path");
    path = join_path(path, "path");
    if (node == nullptr) {
      if (view->node->find("path") == nullptr) {
        report_.error("E103", view->node->place, path, "'access_log' has no 'path'",
                      "add path: stdout, or a file, or off");
      }
      return;
    }
  }
  if (node->text.empty() || node->text == "stderr") {
    report_.error("E205", node->place, path,
                  "'access_log' cannot be written to " + in_quotes(node->text),
                  "write off, stdout, or the path of a file");
  }
  log.path = node->text;
}

void Reader::read_secret(const View& root, Config& config) {
  const Node* node = nullable_scalar(root, "etag_secret_file");
  if (node == nullptr) return;
  config.etag_secret_file = node->text;
  std::optional<std::string> secret = read_secret_file(*node, "etag_secret_file", "secret");
  if (!secret) return;
  if (secret->size() < secret_octets_good) {
    report_.warning("W311", node->place, "etag_secret_file",
                    "the secret in " + in_quotes(node->text) + " is shorter than 16 octets",
                    "a short secret can be guessed; for example: openssl rand -hex 32");
  }
  config.etag_secret = std::move(secret);
}

}  // namespace ifmatch::config
