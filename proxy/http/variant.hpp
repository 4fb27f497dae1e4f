// Keyed digests for records: who asked for what, and what selected the answer. They are compared
// and never leave the process, so the key is drawn at its start. SipHash-2-4 with 128 bits (Aumasson
// and Bernstein, 2012): without the key nobody can aim at a collision, and it costs a third of SHA-256.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/guard/types.hpp"
#include "proxy/http/fields.hpp"

namespace ifmatch::http {

// Thread-safe and immutable. Every encoding puts lengths before its parts, so that no two different
// inputs meet; every digest has a domain of its own.
class Keyring {
 public:
  using Secret = std::array<std::uint8_t, 16>;

  Keyring();  // draws a random secret; throws std::runtime_error when there is no randomness
  explicit Keyring(const Secret& secret);  // for tests

  // The exact target with its query, and the Host as the client sent it.
  [[nodiscard]] guard::Digest target_digest(std::string_view host, std::string_view target) const;

  // Authorization, Cookie and the configured `vary` fields (lower-case names).
  [[nodiscard]] guard::Digest viewer_digest(const Fields& request,
                                            std::span<const std::string> vary) const;

  // Everything that selected the representation: target and viewer, Accept, Accept-Charset and
  // Accept-Language, and the fields that the answer's Vary names. Accept-Encoding is left out even
  // where Vary names it: guarded reads always ask for identity.
  [[nodiscard]] guard::Digest variant_digest(const guard::Digest& target,
                                             const guard::Digest& viewer, const Fields& request,
                                             const Fields& response) const;

  // The same before an answer is known, as if it had no Vary.
  [[nodiscard]] guard::Digest variant_digest(const guard::Digest& target,
                                             const guard::Digest& viewer,
                                             const Fields& request) const;

  // The same of an answer whose content is coded. Only reads that nothing was changed of get one.
  [[nodiscard]] guard::Digest coded_digest(const guard::Digest& variant,
                                           std::string_view content_coding) const;

  // One instance of a program: where it is, whose credentials it has, and what it says it is.
  [[nodiscard]] guard::Digest client_digest(std::string_view address, std::string_view name,
                                            const Fields& request) const;

 private:
  [[nodiscard]] guard::Digest viewer_of(const Fields& request,
                                        std::span<const std::string> vary) const;

  Secret secret_;
  guard::Digest nobody_{};  // the viewer without credentials, where nothing else tells viewers apart
};

// Whether the request carries neither Authorization nor Cookie.
[[nodiscard]] bool is_anonymous(const Fields& request) noexcept;

// Whether an answer may be recorded at all: not with `Vary: *` (RFC 9110 section 12.5.5).
[[nodiscard]] bool varies_on_everything(const Fields& response) noexcept;

// Gives small numbers to pairs of Accept and Accept-Language. Bounded: when it is full, further
// pairs are guard::selection_unknown. Nothing is ever removed, so views of it stay valid.
// Thread-safe.
class SelectionTable {
 public:
  explicit SelectionTable(std::size_t pairs_max = 4096);
  ~SelectionTable();
  SelectionTable(const SelectionTable&) = delete;
  SelectionTable& operator=(const SelectionTable&) = delete;

  struct Pair {
    std::string accept;  // "" where the field was absent
    std::string accept_language;
  };

  [[nodiscard]] guard::Selection intern(const Fields& request);
  [[nodiscard]] guard::Selection intern(std::string_view accept, std::string_view accept_language);

  // Null for selection_unknown and for numbers that were never given.
  [[nodiscard]] const Pair* find(guard::Selection selection) const;

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace ifmatch::http
