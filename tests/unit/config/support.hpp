// What the tests of config/ share: loading a text, and findings in a form that is short to compare.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/loader.hpp"

namespace ifmatch::config {

using Variables = std::map<std::string, std::string>;

inline Environment environment_of(Variables variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
}

inline LoadResult load_text(const std::string& text, Variables variables = {},
                            Overrides overrides = {}) {
  return load({{{"t.yaml", text}}, environment_of(std::move(variables)), std::move(overrides)});
}

// "3:5 E101", in the order in which they are printed.
inline std::vector<std::string> findings(const LoadResult& result) {
  std::vector<std::string> out;
  for (const Diagnostic& one : result.diagnostics) {
    out.push_back(std::to_string(one.line) + ":" + std::to_string(one.column) + " " + one.code);
  }
  return out;
}

// A whole file around one route: lines 1 to 8, so that what is added begins at line 9.
inline std::string with_route(const std::string& more) {
  return "version: 1\n"
         "upstreams:\n"
         "  api:\n"
         "    url: http://127.0.0.1:3000\n"
         "routes:\n"
         "  - name: order\n"
         "    match: { path: \"/v1/orders/{id}\" }\n"
         "    upstream: api\n" +
         more;
}

// The text of all findings, for messages of failed tests.
inline std::string told(const LoadResult& result) {
  return render(result.diagnostics, Format::text);
}

}  // namespace ifmatch::config
