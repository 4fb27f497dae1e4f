#include "proxy/http/resource.hpp"

#include <algorithm>
#include <utility>

#include "proxy/http/characters.hpp"
#include "proxy/http/query.hpp"
#include "proxy/http/target.hpp"

namespace ifmatch::http {

namespace {

// A name is remembered as long as its gate is, so it must not be a whole header section.
constexpr std::size_t name_octets_max = 1024;

ProblemDetails unnamed(std::string detail) {
  ProblemDetails details;
  details.problem = Problem::bad_request;
  details.detail = std::move(detail);
  return details;
}

// As a path segment: everything but unreserved characters is escaped, so that a slash in the value
// shows as an encoded one and is refused with the path.
std::string encoded_segment(std::string_view value) {
  std::string encoded;
  encoded.reserve(value.size() + 8);
  for (const char octet : value) {
    if (is(octet, octet_class::unreserved)) {
      encoded += octet;
      continue;
    }
    const auto code = static_cast<unsigned char>(octet);
    encoded += '%';
    encoded += upper_hex_digits[code >> 4U];
    encoded += upper_hex_digits[code & 0x0FU];
  }
  return encoded;
}

Checked<std::string> query_value(const std::string& name, std::string_view query) {
  std::size_t found = 0;
  std::string value;
  std::size_t position = 0;
  while (const auto parameter = next_parameter(query, position)) {
    if (decoded_component(parameter->key) != name) continue;
    ++found;
    value = decoded_component(parameter->value);
  }
  if (found != 1) {
    return unnamed("The query parameter '" + name + "', which names the resource, is " +
                   (found == 0 ? "missing." : "given more than once."));
  }
  return value;
}

Checked<std::string> header_value(const std::string& name, const Fields& fields) {
  const std::size_t found = fields.count(name);
  if (found != 1) {
    return unnamed("The field '" + name + "', which names the resource, is " +
                   (found == 0 ? "missing." : "given more than once."));
  }
  return std::string(trimmed(fields.first(name)));
}

}  // namespace

std::optional<ResourceTemplate> ResourceTemplate::compile(std::string_view text,
                                                          const Pattern& pattern,
                                                          std::string& error) {
  ResourceTemplate compiled;
  compiled.is_path_ = text.starts_with('/');
  std::string sample;  // the template with every part filled in, to see whether it is a path
  const auto fail = [&error](std::string sentence) {
    error = std::move(sentence);
    return std::nullopt;
  };
  if (text.empty()) return fail("a resource has a name");
  while (!text.empty()) {
    if (text.front() != '{') {
      const std::size_t size = std::min(text.find('{'), text.size());
      const std::string literal(text.substr(0, size));
      if (literal.find('}') != std::string::npos) return fail("'}' without '{'");
      sample += literal;
      compiled.parts_.push_back({Source::literal, literal, 0});
      text.remove_prefix(size);
      continue;
    }
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return fail("'{' without '}'");
    const std::string name(text.substr(1, end - 1));
    text.remove_prefix(end + 1);
    sample += 'x';
    if (name == "host") {
      // Two requests for one path would get two names by their Host.
      if (std::ranges::find(pattern.names(), name) != pattern.names().end()) {
        return fail("'{host}' is the Host and a part of the route's path");
      }
      compiled.parts_.push_back({Source::host, name, 0});
    } else if (name.starts_with("query.") && name.size() > 6) {
      compiled.parts_.push_back({Source::query, name.substr(6), 0});
    } else if (name.starts_with("header.") && is_token(std::string_view(name).substr(7))) {
      compiled.parts_.push_back({Source::header, name.substr(7), 0});
    } else {
      const auto names = pattern.names();
      const auto found = std::ranges::find(names, name);
      if (found == names.end()) return fail("'{" + name + "}' is no part of the route's path");
      compiled.parts_.push_back(
          {Source::capture, name, static_cast<std::size_t>(found - names.begin())});
    }
  }
  if (compiled.is_path_ && !canonical_path(sample)) {
    return fail("'" + sample + "' is no path: " + canonical_path(sample).error().detail);
  }
  return compiled;
}

Checked<std::string> ResourceTemplate::value_of(const Part& part, const TemplateInput& input) {
  switch (part.source) {
    case Source::literal: return part.text;
    case Source::capture: return std::string(input.captures.values[part.capture]);
    case Source::query: {
      Checked<std::string> value = query_value(part.text, input.query);
      return value ? Checked<std::string>(encoded_segment(*value)) : value;
    }
    case Source::header: {
      Checked<std::string> value = header_value(part.text, input.fields);
      return value ? Checked<std::string>(encoded_segment(*value)) : value;
    }
    case Source::host: return encoded_segment(input.host);
  }
  return unnamed("The resource cannot be named.");
}

Checked<std::string> ResourceTemplate::resolve(const TemplateInput& input) const {
  std::string result;
  for (const Part& part : parts_) {
    const Checked<std::string> value = value_of(part, input);
    if (!value) return value;
    if (value->empty()) {
      return unnamed("The part '" + part.text + "', which names the resource, is empty.");
    }
    if (is_path_ || part.source == Source::literal) {
      result += *value;
      continue;
    }
    // The same value in a path, in the query and in a field must give the same name.
    const std::string folded = folded_segment(*value);
    if (folded.empty()) {
      return unnamed("The part '" + part.text + "', which names the resource, says nothing.");
    }
    result += folded;
  }
  if (is_path_) {
    const Checked<std::string> canonical = canonical_path(result);
    if (!canonical) {
      return unnamed("A part that names the resource is not one path segment. " +
                     canonical.error().detail);
    }
    return folded_path(input.base_path, *canonical);
  }
  if (result.starts_with('/') || result.size() > name_octets_max) {
    return unnamed("What names the resource begins with a slash or is too long.");
  }
  return result;
}

Checked<guard::Resource> resource_of(std::string_view own_folded_path,
                                     std::span<const ResourceTemplate> templates,
                                     const TemplateInput& input) {
  guard::Resource resource;
  resource.paths.emplace_back(own_folded_path);
  for (const ResourceTemplate& each : templates) {
    Checked<std::string> resolved = each.resolve(input);
    if (!resolved) return resolved.error();
    std::vector<std::string>& list = each.is_path() ? resource.paths : resource.names;
    if (std::ranges::find(list, *resolved) == list.end()) list.push_back(std::move(*resolved));
  }
  return resource;
}

}  // namespace ifmatch::http
