// Certificates and keys as they come out of PEM files, or the findings that say why they do not.
// Only the other tls_*.cpp include this.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/loader.hpp"

namespace ifmatch::net {

template <auto Free>
struct Freed {
  template <typename Of>
  void operator()(Of* object) const noexcept {
    Free(object);
  }
};
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
struct FreeChain {
  void operator()(STACK_OF(X509) * chain) const noexcept { sk_X509_pop_free(chain, X509_free); }
};
using ChainPtr = std::unique_ptr<STACK_OF(X509), FreeChain>;

// Who we are.
struct Identity {
  X509Ptr leaf;
  ChainPtr chain;  // what leads from it to the root
  KeyPtr key;
};

// Adds to the findings of all, and knows whether one of its own is an error.
class Findings {
 public:
  explicit Findings(std::vector<config::Finding>& all) : all_(all) {}

  void error(std::string code, std::string key, std::string message, std::string help) {
    ++errors_;
    all_.push_back({config::Severity::error, std::move(code), std::move(key), std::move(message),
                    std::move(help)});
  }
  void warning(std::string code, std::string key, std::string message, std::string help) {
    all_.push_back({config::Severity::warning, std::move(code), std::move(key),
                    std::move(message), std::move(help)});
  }
  [[nodiscard]] bool has_errors() const noexcept { return errors_ > 0; }

 private:
  std::vector<config::Finding>& all_;
  std::size_t errors_ = 0;
};

[[nodiscard]] std::optional<Identity> read_identity(const config::CertificateFiles& files,
                                                    Findings& findings);

// Makes `context` show this identity. False where OpenSSL finds it too weak.
[[nodiscard]] bool use_identity(SSL_CTX* context, const Identity& identity);

// Makes `context` trust the authorities in a PEM file.
void trust(SSL_CTX* context, const std::string& file, const std::string& key, Findings& findings);

// The reason of the latest error of OpenSSL's, which it forgets.
[[nodiscard]] std::string latest_reason();

}  // namespace ifmatch::net
