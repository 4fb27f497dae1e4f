#include "plugins/version/body.hpp"

// OpenSSL 3 would rather have its EVP used, which looks an algorithm up and allocates for every
// digest: a quarter of what one of 900 octets costs. These three functions do the same work, and
// cannot fail.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace ifmatch::plugins {

namespace {

using State = SHA256_CTX;

constexpr std::size_t block_size = 64;   // of SHA-256
constexpr std::size_t digest_size = 32;  // of SHA-256

// Says what is digested, so that these octets never meet those of another use of the same secret.
constexpr std::string_view domain = "ifmatch version body 1\n";

bool is_space(char octet) noexcept { return octet == ' ' || octet == '\t'; }

char lowered(char octet) noexcept {
  return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet + ('a' - 'A')) : octet;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

void append_lowered(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  out += text;
  std::transform(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
                 out.begin() + static_cast<std::ptrdiff_t>(begin), lowered);
}

// The end of a parameter: the next semicolon outside of a quoted string.
std::size_t parameter_end(std::string_view text) noexcept {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ';' && !quoted) {
      return i;
    }
  }
  return text.size();
}

void append_part(std::string& out, std::string_view part) {
  // The length in little-endian order, on every machine: tags outlive a process.
  std::array<char, 8> octets;
  for (unsigned index = 0; index < octets.size(); ++index) {
    octets[index] =
        static_cast<char>((static_cast<std::uint64_t>(part.size()) >> (8 * index)) & 0xFFU);
  }
  out.append(octets.data(), octets.size());
  out += part;
}

void feed(State& state, const void* octets, std::size_t size) noexcept {
  SHA256_Update(&state, octets, size);
}

std::array<unsigned char, digest_size> digest_of(State& state) noexcept {
  std::array<unsigned char, digest_size> digest;
  SHA256_Final(digest.data(), &state);
  return digest;
}

// From where every digest begins. With a secret it is an HMAC (RFC 2104): the state after the inner
// pad, and the state after the outer one, in which the digest of the inner one is digested.
struct Beginning {
  State inner;
  std::optional<State> outer;
};

Beginning beginning_of(const std::optional<std::string>& secret) {
  Beginning made{};
  SHA256_Init(&made.inner);
  if (!secret) return made;
  std::array<unsigned char, block_size> key{};
  if (secret->size() > block_size) {
    State state = made.inner;
    feed(state, secret->data(), secret->size());
    std::ranges::copy(digest_of(state), key.begin());
  } else {
    std::ranges::copy(*secret, key.begin());
  }
  const auto padded = [&](unsigned char pad, State state) {
    std::array<unsigned char, block_size> octets = key;
    for (unsigned char& octet : octets) octet = static_cast<unsigned char>(octet ^ pad);
    feed(state, octets.data(), octets.size());
    return state;
  };
  made.outer = padded(0x5C, made.inner);
  made.inner = padded(0x36, made.inner);
  return made;
}

class BodyHasher final : public VersionHasher {
 public:
  explicit BodyHasher(std::shared_ptr<const Beginning> beginning)
      : beginning_(std::move(beginning)) {}

  void begin(std::string_view media_type, std::string_view content_coding) override {
    if (!has_head_ || media_type != media_type_ || content_coding != content_coding_) {
      digest_head(media_type, content_coding);
    }
    state_ = behind_head_;
    begun_ = true;
  }

  void update(std::span<const std::byte> content) override {
    feed(state_, content.data(), content.size());
  }

  [[nodiscard]] std::optional<Version> finish() override {
    if (!std::exchange(begun_, false)) return std::nullopt;
    std::array<unsigned char, digest_size> digest = digest_of(state_);
    if (beginning_->outer) {
      state_ = *beginning_->outer;
      feed(state_, digest.data(), digest.size());
      digest = digest_of(state_);
    }
    Version version{};
    std::copy_n(digest.begin(), version.size(), version.begin());
    return version;
  }

 private:
  // A length before each of the two, and the content last: no two representations have the same
  // octets.
  void digest_head(std::string_view media_type, std::string_view content_coding) {
    // Memory may run out on the way: half a head must never be taken for a whole one.
    has_head_ = false;
    media_type_ = media_type;
    content_coding_ = content_coding;
    std::string head(domain);
    std::string normalised;
    append_normalised_media_type(normalised, media_type);
    append_part(head, normalised);
    normalised.clear();
    append_lowered(normalised, trimmed(content_coding));
    append_part(head, normalised);
    behind_head_ = beginning_->inner;
    feed(behind_head_, head.data(), head.size());
    has_head_ = true;
  }

  std::shared_ptr<const Beginning> beginning_;
  std::string media_type_;  // of the representation before, which the next one mostly shares
  std::string content_coding_;
  State behind_head_{};  // when both have been digested
  State state_{};
  bool has_head_ = false;
  bool begun_ = false;
};

class BodySource final : public VersionSource {
 public:
  explicit BodySource(const std::optional<std::string>& secret)
      : beginning_(std::make_shared<const Beginning>(beginning_of(secret))) {}

  [[nodiscard]] std::unique_ptr<VersionHasher> make_hasher() const override {
    return std::make_unique<BodyHasher>(beginning_);
  }

 private:
  std::shared_ptr<const Beginning> beginning_;
};

}  // namespace

std::unique_ptr<VersionSource> make_body_source(const std::optional<std::string>& secret) {
  return std::make_unique<BodySource>(secret);
}

void append_normalised_media_type(std::string& out, std::string_view media_type) {
  std::size_t end = parameter_end(media_type);
  append_lowered(out, trimmed(media_type.substr(0, end)));
  while (end < media_type.size()) {
    media_type.remove_prefix(end + 1);
    end = parameter_end(media_type);
    const std::string_view parameter = trimmed(media_type.substr(0, end));
    if (parameter.empty()) continue;
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    out += ';';
    append_lowered(out, trimmed(parameter.substr(0, equals)));
    if (equals < parameter.size()) {
      out += '=';
      out += trimmed(parameter.substr(equals + 1));
    }
  }
}

}  // namespace ifmatch::plugins
