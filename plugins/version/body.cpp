#include "plugins/version/body.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace ifmatch::plugins {

namespace {

struct DigestDeleter {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};
struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Algorithm = std::shared_ptr<const EVP_MD>;
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

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

// The states of SHA-256 after the inner and the outer pad of an HMAC (RFC 2104), from which every
// HMAC with that key begins. Copying a state is cheaper than setting the key again.
class KeyedStates {
 public:
  KeyedStates(const EVP_MD* algorithm, std::string_view secret)
      : inner_(EVP_MD_CTX_new()), outer_(EVP_MD_CTX_new()) {
    std::array<unsigned char, block_size> key{};
    bool ok = inner_ != nullptr && outer_ != nullptr;
    if (secret.size() > block_size) {
      ok = ok && EVP_Digest(secret.data(), secret.size(), key.data(), nullptr, algorithm,
                            nullptr) == 1;
    } else {
      std::ranges::copy(secret, key.begin());
    }
    ok = ok && begin(inner_.get(), algorithm, key, 0x36) &&
         begin(outer_.get(), algorithm, key, 0x5C);
    if (!ok) throw std::runtime_error("OpenSSL cannot begin an HMAC with SHA-256");
  }

  [[nodiscard]] const EVP_MD_CTX* inner() const noexcept { return inner_.get(); }
  [[nodiscard]] const EVP_MD_CTX* outer() const noexcept { return outer_.get(); }

 private:
  static bool begin(EVP_MD_CTX* context, const EVP_MD* algorithm,
                    std::array<unsigned char, block_size> key, unsigned char pad) {
    for (unsigned char& octet : key) octet = static_cast<unsigned char>(octet ^ pad);
    return EVP_DigestInit_ex2(context, algorithm, nullptr) == 1 &&
           EVP_DigestUpdate(context, key.data(), key.size()) == 1;
  }

  Context inner_;
  Context outer_;
};

class BodyHasher final : public VersionHasher {
 public:
  BodyHasher(Algorithm algorithm, std::shared_ptr<const KeyedStates> keyed)
      : algorithm_(std::move(algorithm)), keyed_(std::move(keyed)), context_(EVP_MD_CTX_new()) {}

  void begin(std::string_view media_type, std::string_view content_coding) override {
    ok_ = context_ != nullptr &&
          (keyed_ != nullptr
               ? EVP_MD_CTX_copy_ex(context_.get(), keyed_->inner()) == 1
               : EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) == 1);
    if (head_.empty() || media_type != media_type_ || content_coding != content_coding_) {
      make_head(media_type, content_coding);
    }
    feed(head_.data(), head_.size());
  }

  void update(std::span<const std::byte> content) override {
    feed(content.data(), content.size());
  }

  [[nodiscard]] std::optional<Version> finish() override {
    std::array<unsigned char, digest_size> digest{};
    ok_ = ok_ && EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1;
    if (keyed_ != nullptr) {
      ok_ = ok_ && EVP_MD_CTX_copy_ex(context_.get(), keyed_->outer()) == 1;
      feed(digest.data(), digest.size());
      ok_ = ok_ && EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1;
    }
    if (!std::exchange(ok_, false)) return std::nullopt;  // another finish() needs another begin()
    Version version{};
    std::copy_n(digest.begin(), version.size(), version.begin());
    return version;
  }

 private:
  // A length before each of the two, and the content last: no two representations have the same
  // octets.
  void make_head(std::string_view media_type, std::string_view content_coding) {
    // Memory may run out on the way: half a head must never be taken for a whole one.
    head_.clear();
    media_type_ = media_type;
    content_coding_ = content_coding;
    std::string head(domain);
    std::string normalised;
    append_normalised_media_type(normalised, media_type);
    append_part(head, normalised);
    normalised.clear();
    append_lowered(normalised, trimmed(content_coding));
    append_part(head, normalised);
    head_ = std::move(head);
  }

  void feed(const void* octets, std::size_t size) {
    ok_ = ok_ && (size == 0 || EVP_DigestUpdate(context_.get(), octets, size) == 1);
  }

  Algorithm algorithm_;
  std::shared_ptr<const KeyedStates> keyed_;  // null without a secret
  Context context_;
  std::string media_type_;  // of the representation before, which the next one mostly shares
  std::string content_coding_;
  std::string head_;        // what they are digested as
  bool ok_ = false;
};

class BodySource final : public VersionSource {
 public:
  explicit BodySource(const std::optional<std::string>& secret)
      : algorithm_(EVP_MD_fetch(nullptr, "SHA256", nullptr), DigestDeleter{}) {
    if (algorithm_ == nullptr) throw std::runtime_error("OpenSSL has no SHA-256");
    if (secret) keyed_ = std::make_shared<const KeyedStates>(algorithm_.get(), *secret);
  }

  [[nodiscard]] std::unique_ptr<VersionHasher> make_hasher() const override {
    return std::make_unique<BodyHasher>(algorithm_, keyed_);
  }

 private:
  Algorithm algorithm_;
  std::shared_ptr<const KeyedStates> keyed_;
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
