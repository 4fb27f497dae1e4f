#include "proxy/http/connection.hpp"

#include <algorithm>
#include <array>

namespace ifmatch::http {

bool is_hop_by_hop(FieldId id) noexcept {
  switch (id) {
    case FieldId::connection:
    case FieldId::http2_settings:
    case FieldId::keep_alive:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_connection:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
      return true;
    default:
      return false;
  }
}

bool is_end_to_end(std::string_view name) noexcept {
  const FieldId id = identify(name);
  // Transfer-Encoding may not be nominated either: it is what delimits this very message.
  if (id == FieldId::transfer_encoding) return true;
  if (id != FieldId::other) return !is_hop_by_hop(id);
  constexpr std::array<std::string_view, 8> prefixes = {
      "accept-", "access-control-", "content-", "if-",
      "sec-",    "x-forwarded-",    "x-http-",  "x-method"};
  constexpr std::array<std::string_view, 8> names = {
      "origin", "referer", "user-agent", "idempotency-key",
      "dpop",   "link",    "priority",   "max-forwards"};
  const auto begins = [name](std::string_view prefix) {
    return equals_ignoring_case(name.substr(0, prefix.size()), prefix);
  };
  const auto equals = [name](std::string_view other) { return equals_ignoring_case(name, other); };
  return std::ranges::any_of(prefixes, begins) || std::ranges::any_of(names, equals);
}

Nominated::Nominated(const Fields& fields) {
  if (!fields.has(FieldId::connection)) return;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields.id(i) != FieldId::connection) continue;
    for_each_element(fields.line(i).value, [this](std::string_view name) {
      if (equals_ignoring_case(name, "close") || is_hop_by_hop(identify(name))) return;
      names_.push_back(name);
    });
  }
}

bool Nominated::contains(std::string_view name) const noexcept {
  return std::ranges::any_of(
      names_, [name](std::string_view listed) { return equals_ignoring_case(listed, name); });
}

}  // namespace ifmatch::http
