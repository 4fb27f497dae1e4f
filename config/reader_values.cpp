// The part of the reader that takes single values out of the tree, against the table of keys.
#include <algorithm>
#include <cassert>

#include "config/reader.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t ranges_max = 100;

std::string one_of(std::span<const std::string_view> words) {
  std::string out;
  for (const std::string_view word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
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

std::string help_for(std::string_view word, const std::vector<std::string_view>& candidates,
                     std::string_view introduction) {
  std::string help;
  if (const std::string near = closest(word, candidates); !near.empty()) {
    help = "did you mean '" + near + "'? ";
  }
  return help + std::string(introduction) + one_of(candidates);
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
    report_.error("E110", entry.key.place, path, in_quotes(name) + " is not built in this version",
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
    report_.error("E201", node->place, path, "'" + std::string(key) + "' must have keys of its own",
                  help + one_of(keys));
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
    report_.error(
        "E204", node->place, path,
        "'" + std::string(key) + "' has more than " + std::to_string(items_max) + " items", "");
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

void Reader::read_boolean(const View& view, std::string_view key, bool& out) {
  const Node* node = scalar(view, key);
  if (node == nullptr) return;
  if (node->text == "true" || node->text == "false") {
    out = node->text == "true";
    return;
  }
  report_.error("E205", node->place, join_path(view.path, key),
                in_quotes(node->text) + " is neither true nor false", "write true or false");
}

void Reader::read_statuses(const View& view, std::string_view key, StatusRange within,
                           std::vector<StatusRange>& out) {
  if (view.node->find(key) == nullptr) return;
  std::vector<StatusRange> ranges;
  for (const Node* item : list(view, key, ranges_max)) {
    if (item->kind == Node::Kind::invalid) continue;
    const Parsed<StatusRange> parsed = parse_status_range(item->text, within);
    if (const auto* problem = std::get_if<Problem>(&parsed)) {
      refuse(*problem, *item, join_path(view.path, key));
    } else {
      ranges.push_back(std::get<StatusRange>(parsed));
    }
  }
  out = std::move(ranges);
}

void Reader::refuse(const Problem& problem, const Node& node, const std::string& path) {
  report_.error(problem.code, node.place, path, problem.message, problem.help);
}

}  // namespace ifmatch::config
