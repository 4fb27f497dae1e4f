// What derives a version from a representation. A source is made once per route when the
// configuration is loaded and is shared by all threads; a hasher belongs to one thread and is used
// for one representation after another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace ifmatch::plugins {

// 192 bits: the first 24 octets of SHA-256, or of HMAC-SHA-256 where a secret is configured.
using Version = std::array<std::uint8_t, 24>;

class VersionHasher {
 public:
  virtual ~VersionHasher() = default;

  // Begins a representation. The arguments are the values of Content-Type and Content-Encoding
  // (RFC 9110 section 8), "" where the field is absent; they need not outlive the call.
  virtual void begin(std::string_view media_type, std::string_view content_coding) = 0;

  // The next octets of the content, after the transfer coding was taken off.
  virtual void update(std::span<const std::byte> content) = 0;

  // Ends the representation. Unset when no version can be derived from it.
  [[nodiscard]] virtual std::optional<Version> finish() = 0;
};

class VersionSource {
 public:
  virtual ~VersionSource() = default;
  [[nodiscard]] virtual std::unique_ptr<VersionHasher> make_hasher() const = 0;
};

}  // namespace ifmatch::plugins
