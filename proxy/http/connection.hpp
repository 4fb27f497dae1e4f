// What belongs to one connection only, and is never forwarded (RFC 9110 section 7.6.1).
#pragma once

#include <string_view>
#include <vector>

#include "proxy/http/fields.hpp"

namespace ifmatch::http {

// Connection, its old sisters, and the fields that only ever speak to the next hop.
[[nodiscard]] bool is_hop_by_hop(FieldId id) noexcept;

// Whether a name that Connection nominates must reach the other end all the same: to nominate it is
// an attempt to make us drop what the API relies on.
[[nodiscard]] bool is_end_to_end(std::string_view name) noexcept;

// The names that Connection nominates, without those of hop-by-hop fields and `close`. Views of
// `fields`. Empty, and without allocation, for nearly every message.
class Nominated {
 public:
  explicit Nominated(const Fields& fields);
  [[nodiscard]] bool contains(std::string_view name) const noexcept;

 private:
  std::vector<std::string_view> names_;
};

}  // namespace ifmatch::http
