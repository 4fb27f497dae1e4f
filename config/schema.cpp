#include "config/schema.hpp"

#include <algorithm>
#include <deque>
#include <set>

#include "config/keys.hpp"
#include "config/scalars.hpp"

namespace ifmatch::config {
namespace {

// Any scalar may hold a variable; then only the loader can say what it is.
constexpr std::string_view variable = "\\\\$\\\\{";
constexpr std::string_view number = "(0|[1-9][0-9]*)";
constexpr std::string_view scalar_types = "[\"string\", \"number\", \"boolean\"]";

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string string_like(const std::string& pattern) {
  return "{ \"type\": \"string\", \"pattern\": \"^" + pattern + "$|" + std::string(variable) +
         "\" }";
}

std::string any_of(const std::vector<std::string>& schemas) {
  if (schemas.size() == 1) return schemas.front();
  std::string out = "{ \"anyOf\": [";
  for (std::size_t i = 0; i < schemas.size(); ++i) out += (i == 0 ? "" : ", ") + schemas[i];
  return out + "] }";
}

std::string reference(Section section) {
  return "{ \"$ref\": \"#/$defs/" + std::string(name_of(section)) + "\" }";
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// A word that looks like a number or a boolean may be written without quotes.
std::string enumeration(std::span<const std::string_view> words) {
  std::string out = "{ \"enum\": [";
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += ", ";
    if (is_number(words[i])) out.append(words[i]).append(", ");
    out += quoted(words[i]);
  }
  return out + "] }";
}

std::string variable_schema() {
  return "{ \"type\": \"string\", \"pattern\": \"" + std::string(variable) + "\" }";
}

// What is accepted for a key that this build does not have: the word that says so.
std::vector<std::string> unwanted_schema(const KeyRule& rule) {
  if (rule.unwanted == "[]") return {"{ \"type\": \"array\", \"maxItems\": 0 }"};
  if (rule.unwanted == "null") return {"{ \"type\": \"null\" }"};
  return {"{ \"const\": " + quoted(rule.unwanted) + " }"};
}

std::vector<std::string> schemas_of(const KeyRule& rule) {
  const std::string count(number);
  const std::string item = "{ \"type\": " + std::string(scalar_types) + " }";
  switch (rule.kind) {
    case KeyKind::integer:
      return {"{ \"type\": \"integer\", \"minimum\": " + std::to_string(rule.minimum) +
                  ", \"maximum\": " + std::to_string(rule.maximum) + " }",
              string_like(count)};
    case KeyKind::duration: return {string_like(count + "(ms|s|m|h)")};
    case KeyKind::size: return {string_like(count + "(B|KiB|MiB|GiB)")};
    case KeyKind::choice: return {enumeration(rule.choices), variable_schema()};
    case KeyKind::boolean:
      return {"{ \"enum\": [true, false, \"true\", \"false\"] }", variable_schema()};
    case KeyKind::text: return {item};
    case KeyKind::list: {
      std::vector<std::string> schemas{"{ \"type\": \"array\", \"items\": " + item + " }"};
      if (rule.shorthand == Shorthand::one_item) schemas.push_back(item);
      return schemas;
    }
    case KeyKind::map:
      if (rule.section != Section::root) {
        return {"{ \"type\": \"object\", \"additionalProperties\": " + reference(rule.section) +
                " }"};
      }
      return {"{ \"type\": \"object\", \"additionalProperties\": " + item + " }"};
    case KeyKind::section: {
      std::vector<std::string> schemas{reference(rule.section)};
      if (rule.shorthand == Shorthand::first_key) schemas.push_back(item);
      return schemas;
    }
    case KeyKind::section_list:
      return {"{ \"type\": \"array\", \"items\": " + reference(rule.section) + " }"};
  }
  return {};
}

bool takes_null(const KeyRule& rule) {
  if (rule.presence == Presence::required) return false;
  return rule.null == Null::allowed || rule.kind == KeyKind::section ||
         rule.kind == KeyKind::section_list || rule.kind == KeyKind::map;
}

std::string description_of(const KeyRule& rule) {
  switch (rule.kind) {
    case KeyKind::duration:
      return "From " + format_duration(rule.minimum) + " to " + format_duration(rule.maximum) +
             "; the unit is ms, s, m or h.";
    case KeyKind::size:
      return "From " + format_size(rule.minimum) + " to " + format_size(rule.maximum) +
             "; the unit is B, KiB, MiB or GiB.";
    case KeyKind::integer:
    case KeyKind::choice:
    case KeyKind::boolean:
    case KeyKind::text:
    case KeyKind::list:
    case KeyKind::map:
    case KeyKind::section:
    case KeyKind::section_list: break;
  }
  return {};
}

std::string property(const KeyRule& rule) {
  if (rule.availability == Availability::later) return any_of(unwanted_schema(rule));
  std::vector<std::string> schemas = schemas_of(rule);
  if (takes_null(rule)) schemas.emplace_back("{ \"type\": \"null\" }");
  std::string schema = any_of(schemas);
  if (const std::string description = description_of(rule); !description.empty()) {
    schema.insert(1, " \"description\": " + quoted(description) + ",");
  }
  return schema;
}

// The object of a section, its members indented by `indent`.
std::string object(Section section, const std::string& indent) {
  std::string properties;
  std::string required;
  for (const KeyRule& rule : keys_of(section)) {
    if (rule.availability == Availability::later && rule.unwanted.empty()) continue;
    if (!properties.empty()) properties += ",\n";
    properties += indent + "  " + quoted(rule.name) + ": " + property(rule);
    if (rule.presence == Presence::optional) continue;
    required += (required.empty() ? "" : ", ") + quoted(rule.name);
  }
  std::string out = indent + "\"type\": \"object\",\n" + indent + "\"properties\": {\n" +
                    properties + "\n" + indent + "},\n";
  if (!required.empty()) out += indent + "\"required\": [" + required + "],\n";
  return out + indent + "\"patternProperties\": { \"^x-\": true },\n" + indent +
         "\"additionalProperties\": false";
}

}  // namespace

std::string json_schema() {
  std::string out =
      "{\n"
      "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
      "  \"title\": \"Configuration of ifmatch\",\n" +
      object(Section::root, "  ") + ",\n  \"$defs\": {\n";
  // Each section that can be reached, once.
  std::set<Section> known{Section::root};
  std::deque<Section> waiting{Section::root};
  bool first = true;
  while (!waiting.empty()) {
    const Section section = waiting.front();
    waiting.pop_front();
    for (const KeyRule& rule : keys_of(section)) {
      if (rule.section != Section::root && known.insert(rule.section).second) {
        waiting.push_back(rule.section);
      }
    }
    if (section == Section::root) continue;
    if (!first) out += ",\n";
    first = false;
    out += "    " + quoted(name_of(section)) + ": {\n" + object(section, "      ") + "\n    }";
  }
  return out + "\n  }\n}\n";
}

}  // namespace ifmatch::config
