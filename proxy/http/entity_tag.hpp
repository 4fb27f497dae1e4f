// Entity-tags (RFC 9110 section 8.8.3): a strict parser of lists, and the fixed form of our own,
// "im1-" and 32 characters of base64url, by which we recognise them even after an intermediary
// changed them.
#pragma once

#include <boost/container/small_vector.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/guard/types.hpp"
#include "proxy/http/fields.hpp"

namespace ifmatch::http {

// A view of a field value; valid as long as that is.
struct EntityTag {
  bool weak = false;
  std::string_view opaque;  // without the quotes
};

// As it goes on the wire, quotes and W/ included.
[[nodiscard]] std::string to_string(const EntityTag& tag);

// The value of If-Match or If-None-Match: "*" or at least one tag.
struct EntityTagList {
  bool any = false;
  boost::container::small_vector<EntityTag, 2> tags;  // more than one is rare
};

// Reads all lines of that name as one list (RFC 9110 sections 5.6.1, 13.1.1 and 13.1.2). Empty
// elements are skipped; "*" must stand alone. Unset when malformed. REQUIRES: the field is there.
[[nodiscard]] std::optional<EntityTagList> parse_entity_tags(const Fields& fields, FieldId id);

// One entity-tag and nothing else, as in ETag. Unset when malformed.
[[nodiscard]] std::optional<EntityTag> parse_entity_tag(std::string_view value) noexcept;

// Octets of a tag of our own, quotes included.
inline constexpr std::size_t own_tag_size = 38;

// The strong tag of a version, quotes included.
[[nodiscard]] std::string format_tag(const guard::Version& version);

// The version of a tag of our own; its weakness is not looked at. Unset for foreign tags.
[[nodiscard]] std::optional<guard::Version> parse_own(const EntityTag& tag) noexcept;

// The version of a tag of our own that an intermediary made weak or to which it appended the name
// of a content coding ("-gzip", "--gzip", ";br"). Unset for foreign tags and for untouched ones.
[[nodiscard]] std::optional<guard::Version> recognise_rewritten(const EntityTag& tag) noexcept;

}  // namespace ifmatch::http
