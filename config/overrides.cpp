#include "config/overrides.hpp"

#include <algorithm>

namespace ifmatch::config {
namespace {

struct Override {
  const std::optional<std::string> Overrides::*flag;
  std::string_view flag_name;
  std::string_view variable;
};

constexpr Override listen{&Overrides::listen, "--listen", "IFMATCH_LISTEN"};
constexpr Override upstream{&Overrides::upstream, "--upstream", "IFMATCH_UPSTREAM"};
constexpr Override admin{&Overrides::admin, "--admin", "IFMATCH_ADMIN"};
constexpr Override mode{&Overrides::mode, "--mode", "IFMATCH_MODE"};
constexpr Override threads{&Overrides::threads, "--threads", "IFMATCH_THREADS"};
constexpr Override log_level{&Overrides::log_level, "--log-level", "IFMATCH_LOG_LEVEL"};

Node scalar_node(std::string text, const Place& place) {
  Node node;
  node.kind = Node::Kind::scalar;
  node.text = std::move(text);
  node.place = place;
  node.quoted = true;
  return node;
}

Node map_node(const Place& place) {
  Node node;
  node.kind = Node::Kind::map;
  node.place = place;
  return node;
}

void put(Node& map, std::string_view key, Node value) {
  if (Node* existing = map.find(key)) {
    *existing = std::move(value);
    return;
  }
  const Place place = value.place;
  map.entries.push_back({scalar_node(std::string(key), place), std::move(value)});
}

void drop_key(Node& map, std::string_view key) {
  std::erase_if(map.entries, [key](const Entry& entry) { return entry.key.text == key; });
}

// The section of this name, made where it is missing or null; nullptr where something else is
// written in its place, which the reader will report.
Node* section_of(Node& map, std::string_view key, const Place& place) {
  Node* section = map.find(key);
  if (section == nullptr || section->kind == Node::Kind::null) {
    put(map, key, map_node(place));
    section = map.find(key);
  }
  return section->kind == Node::Kind::map ? section : nullptr;
}

Source& add_source(Sources& sources, Source::Kind kind, std::string name, std::string text) {
  Source& source = sources.emplace_back();
  source.kind = kind;
  source.name = std::move(name);
  source.text = std::move(text);
  source.index_lines();
  return source;
}

// A flag beats the variable. An empty variable counts as unset: compose files write it so.
std::optional<Node> given(const Override& which, const Inputs& inputs, Sources& sources) {
  const std::optional<std::string>& flag = inputs.overrides.*which.flag;
  Source* source = nullptr;
  if (flag) {
    source = &add_source(sources, Source::Kind::flag, std::string(which.flag_name), *flag);
  } else if (inputs.environment) {
    const std::string name(which.variable);
    const std::optional<std::string> value = inputs.environment(name);
    if (value && !value->empty()) {
      source = &add_source(sources, Source::Kind::environment, name, *value);
    }
  }
  if (source == nullptr) return std::nullopt;
  return scalar_node(source->text, {source, 1, 1, std::max<std::size_t>(source->text.size(), 1)});
}

void apply_upstream(Node url, Completeness completeness, Node& root, Report& report) {
  const Place place = url.place;
  Node* upstreams = root.find("upstreams");
  if (upstreams != nullptr && upstreams->kind == Node::Kind::map && !upstreams->entries.empty()) {
    if (upstreams->entries.size() > 1) {
      const Entry& first = upstreams->entries.front();
      report.error("E308", place, "upstreams",
                   "there are several upstreams, and the flag or variable does not say which",
                   "write --set upstreams." + first.key.text + ".url=URL instead");
      return;
    }
    Node& only = upstreams->entries.front().value;
    if (only.kind == Node::Kind::null) only = map_node(only.place);
    if (only.kind != Node::Kind::map) return;
    drop_key(only, "urls");
    put(only, "url", std::move(url));
    return;
  }
  if (completeness == Completeness::partial) return;
  if (upstreams != nullptr && upstreams->kind != Node::Kind::map &&
      upstreams->kind != Node::Kind::null) {
    return;
  }
  Node settings = map_node(place);
  put(settings, "url", std::move(url));
  Node named = map_node(place);
  put(named, "default", std::move(settings));
  put(root, "upstreams", std::move(named));
  const Node* routes = root.find("routes");
  if (routes != nullptr && routes->kind != Node::Kind::null) return;
  Node match = map_node(place);
  put(match, "path", scalar_node("/**", place));
  Node route = map_node(place);
  put(route, "name", scalar_node("default", place));
  put(route, "match", std::move(match));
  put(route, "upstream", scalar_node("default", place));
  Node list;
  list.kind = Node::Kind::sequence;
  list.place = place;
  list.items.push_back(std::move(route));
  put(root, "routes", std::move(list));
}

// The first listener keeps its name, limits and time-outs; the others are dropped.
void apply_listen(Node address, Node& root) {
  Node* listeners = root.find("listeners");
  const bool usable =
      listeners != nullptr && listeners->kind == Node::Kind::sequence && !listeners->items.empty();
  if (!usable) {
    if (listeners != nullptr && listeners->kind != Node::Kind::null &&
        listeners->kind != Node::Kind::sequence) {
      return;
    }
    Node list;
    list.kind = Node::Kind::sequence;
    list.place = address.place;
    list.items.push_back(map_node(address.place));
    put(list.items.front(), "address", std::move(address));
    put(root, "listeners", std::move(list));
    return;
  }
  for (std::size_t i = 1; i < listeners->items.size(); ++i) listeners->items[i].overridden = true;
  Node& first = listeners->items.front();
  if (first.kind == Node::Kind::map) put(first, "address", std::move(address));
}

std::vector<std::string> split_steps(std::string_view path) {
  std::vector<std::string> steps;
  while (true) {
    const std::size_t dot = path.find('.');
    steps.emplace_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return steps;
    path.remove_prefix(dot + 1);
  }
}

std::string_view name_of(const Node& item) {
  const Node* name = item.kind == Node::Kind::map ? item.find("name") : nullptr;
  return name != nullptr ? std::string_view(name->text) : std::string_view();
}

// One `--set`. Names of routes, upstreams and listeners must exist: a mistyped one would otherwise
// make something new, and the operator would believe that the old one had changed.
class Setting {
 public:
  Setting(const Source& source, Completeness completeness, Report& report)
      : source_(source), completeness_(completeness), report_(report) {}

  void apply(Node& root) {
    const std::size_t equals = source_.text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(0, source_.text.size(), "'=' is missing in " + in_quotes(source_.text),
                  "write --set routes.order.mode=bypass");
    }
    std::optional<Node> value = parse_value(source_, equals + 1, report_);
    if (!value) return;
    const std::vector<std::string> steps = split_steps(source_.text.substr(0, equals));
    if (steps.size() > nesting_max) return fail(0, equals, "too many steps", "");
    Node* node = &root;
    std::size_t offset = 0;
    for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
      node = step_into(*node, steps, i, offset);
      if (node == nullptr) return;
      offset += steps[i].size() + 1;
    }
    if (node->kind != Node::Kind::map || steps.back().empty()) {
      return fail(offset, steps.back().size(), in_quotes(steps.back()) + " is not a key",
                  "write --set routes.order.mode=bypass");
    }
    put(*node, steps.back(), std::move(*value));
    if (steps.size() == 3 && steps[0] == "upstreams") {
      // The two say the same thing in two ways; what the file says is what the flag replaces.
      if (steps[2] == "url") drop_key(*node, "urls");
      if (steps[2] == "urls") drop_key(*node, "url");
    }
    // An error about the key itself must point at the flag, not at the file.
    for (Entry& entry : node->entries) {
      if (entry.key.text == steps.back()) {
        entry.key.place = {&source_, 1, offset + 1, steps.back().size()};
      }
    }
  }

 private:
  Node* step_into(Node& node, const std::vector<std::string>& steps, std::size_t index,
                  std::size_t offset) {
    const std::string& step = steps[index];
    const Place place{&source_, 1, offset + 1, std::max<std::size_t>(step.size(), 1)};
    if (node.kind == Node::Kind::sequence) return find_item(node, step, offset);
    if (node.kind != Node::Kind::map) {
      fail(offset, step.size(), in_quotes(step) + " is not a key", "");
      return nullptr;
    }
    Node* child = node.find(step);
    const bool names_upstreams = index == 1 && steps[0] == "upstreams";
    if (child == nullptr && (names_upstreams || (index == 0 && step == "routes"))) {
      std::vector<std::string> names;
      for (const Entry& entry : node.entries) {
        if (names_upstreams) names.push_back(entry.key.text);
      }
      missing(offset, step, names);
      return nullptr;
    }
    if (child == nullptr && index == 0 && step == "listeners") {
      Node list;
      list.kind = Node::Kind::sequence;
      list.place = place;
      list.items.push_back(map_node(place));
      put(node, step, std::move(list));
      return node.find(step);
    }
    if (child != nullptr && child->kind == Node::Kind::sequence) return child;
    Node* section = section_of(node, step, place);
    if (section == nullptr) {
      fail(offset, step.size(), in_quotes(step) + " has no keys of its own", "");
    } else if (child == nullptr) {
      node.entries.back().key.place = place;
    }
    return section;
  }

  Node* find_item(Node& list, const std::string& step, std::size_t offset) {
    std::vector<std::string> names;
    for (Node& item : list.items) {
      if (item.kind != Node::Kind::map) continue;
      if (name_of(item) == step || (name_of(item).empty() && step == "default")) return &item;
      names.emplace_back(name_of(item));
    }
    missing(offset, step, names);
    return nullptr;
  }

  void missing(std::size_t offset, const std::string& step, const std::vector<std::string>& names) {
    if (completeness_ == Completeness::partial) return;  // the file that failed may define it
    std::string help;
    if (const std::string near = closest(step, names); !near.empty()) {
      help = "did you mean '" + near + "'? ";
    }
    help += names.empty() ? "none is defined" : "defined:";
    for (const std::string& name : names) help += " " + name;
    fail(offset, step.size(), "nothing here is named " + in_quotes(step), help);
  }

  void fail(std::size_t offset, std::size_t length, std::string message, std::string help) {
    report_.error("E309", {&source_, 1, offset + 1, std::max<std::size_t>(length, 1)}, "",
                  std::move(message), std::move(help));
  }

  const Source& source_;
  Completeness completeness_;
  Report& report_;
};

}  // namespace

bool names_upstream(const Inputs& inputs) {
  Sources scratch;
  return given(upstream, inputs, scratch).has_value();
}

void apply_overrides(const Inputs& inputs, Completeness completeness, Sources& sources, Node& root,
                     Report& report) {
  if (std::optional<Node> node = given(upstream, inputs, sources)) {
    apply_upstream(std::move(*node), completeness, root, report);
  }
  if (std::optional<Node> node = given(mode, inputs, sources)) {
    const Place place = node->place;
    if (Node* defaults = section_of(root, "defaults", place)) {
      put(*defaults, "mode", std::move(*node));
    }
  }
  if (std::optional<Node> node = given(admin, inputs, sources)) {
    const Place place = node->place;
    if (Node* section = section_of(root, "admin", place)) put(*section, "address", std::move(*node));
  }
  if (std::optional<Node> node = given(threads, inputs, sources)) {
    put(root, "threads", std::move(*node));
  }
  if (std::optional<Node> node = given(log_level, inputs, sources)) {
    const Place place = node->place;
    if (Node* log = section_of(root, "log", place)) put(*log, "level", std::move(*node));
  }
  if (std::optional<Node> node = given(listen, inputs, sources)) {
    apply_listen(std::move(*node), root);
  }
  for (const std::string& text : inputs.overrides.set) {
    Source& source = add_source(sources, Source::Kind::flag, "--set", text);
    Setting(source, completeness, report).apply(root);
  }
}

}  // namespace ifmatch::config
