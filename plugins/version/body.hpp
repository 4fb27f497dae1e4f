// The version source `body`: a version is the digest of media type, content coding and every octet
// of the content. Equal content is an equal version, and nothing else is.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "plugins/api/version_source.hpp"

namespace ifmatch::plugins {

// `secret` (etag_secret) turns the digest into an HMAC, so that a tag tells nothing about a body.
// The source may be shared by all threads. Throws std::runtime_error when OpenSSL lacks SHA-256.
[[nodiscard]] std::unique_ptr<VersionSource> make_body_source(
    const std::optional<std::string>& secret);

// The form of a media type that is digested: type, subtype and parameter names in lower case, no
// white space around them, values as they are. Appended to `out`.
void append_normalised_media_type(std::string& out, std::string_view media_type);

}  // namespace ifmatch::plugins
