#include "proxy/http/trailers.hpp"

#include <algorithm>
#include <array>

#include "proxy/http/characters.hpp"
#include "proxy/http/connection.hpp"
#include "proxy/http/writing.hpp"

namespace ifmatch::http {

bool may_trail(std::string_view name) noexcept {
  const FieldId id = identify(name);
  // The two that are meant to be known only at the end: RFC 9110 section 8.8.3, RFC 9530 section 2.
  if (id == FieldId::etag || equals_ignoring_case(name, "content-digest")) return true;
  if (id != FieldId::other || !is_token(name) || is_end_to_end(name)) return false;
  // CGI and its heirs cannot tell such a name from one with dashes.
  if (name.find('_') != std::string_view::npos) return false;
  constexpr std::array<std::string_view, 6> prefixes = {"proxy-",      "x-real-ip",  "x-original-",
                                                        "x-rewrite-", "x-accel-", "x-sendfile"};
  constexpr std::array<std::string_view, 3> names = {"warning", "authentication-info",
                                                     "set-cookie2"};
  const auto begins = [name](std::string_view prefix) {
    return equals_ignoring_case(name.substr(0, prefix.size()), prefix);
  };
  const auto equals = [name](std::string_view other) { return equals_ignoring_case(name, other); };
  return std::ranges::none_of(prefixes, begins) && std::ranges::none_of(names, equals);
}

void write_trailers(std::string& out, const Fields& trailers, const Fields& head) {
  if (trailers.empty()) return;
  const Nominated nominated(head);
  for (const Fields::Line line : trailers) {
    const bool clean = std::ranges::none_of(line.value, [](char octet) {
      return is(octet, octet_class::control) && octet != '\t';
    });
    if (clean && may_trail(line.name) && !nominated.contains(line.name)) {
      write_line(out, line.name, line.value);
    }
  }
}

std::string trailer_announcement(const Fields& fields) {
  std::string names;
  if (!fields.has(FieldId::trailer)) return names;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields.id(i) != FieldId::trailer) continue;
    for_each_element(fields.line(i).value, [&names](std::string_view name) {
      if (!may_trail(name)) return;
      names += names.empty() ? "Trailer: " : ", ";
      names += name;
    });
  }
  if (!names.empty()) names += "\r\n";
  return names;
}

}  // namespace ifmatch::http
