#include "tests/support/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>

#include "tests/support/socket.hpp"

namespace ifmatch::support {
namespace {

constexpr long day = 24L * 3600;

struct Free {
  void operator()(X509* object) const { X509_free(object); }
  void operator()(EVP_PKEY* object) const { EVP_PKEY_free(object); }
  void operator()(BIO* object) const { BIO_free(object); }
  void operator()(X509_EXTENSION* object) const { X509_EXTENSION_free(object); }
};
using X509Ptr = std::unique_ptr<X509, Free>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free>;

void need(bool fine, const char* what) {
  if (!fine) throw SupportError(std::string("OpenSSL: ") + what);
}

KeyPtr make_key(KeyType type) {
  KeyPtr key(type == KeyType::ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
  need(key != nullptr, "no key");
  return key;
}

template <typename Write>
std::string pem(Write write) {
  const std::unique_ptr<BIO, Free> memory(BIO_new(BIO_s_mem()));
  need(write(memory.get()) == 1, "no PEM");
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  return pem([&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

std::string pem_of(EVP_PKEY* key) {
  return pem([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str()));
  need(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

// Without extensions and signature.
X509Ptr begin_certificate(const std::string& name, EVP_PKEY* key, Validity validity) {
  X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1U);
  const long begin = validity == Validity::later ? day : -10 * day;
  const long end = validity == Validity::expired ? -day : 10 * day;
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), begin);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), end);
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

}  // namespace

struct Authority::Signer {
  KeyPtr key;
  X509Ptr certificate;
};

Authority::Authority(std::string_view name) : signer_(std::make_unique<Signer>()) {
  signer_->key = make_key(KeyType::ec);
  signer_->certificate = begin_certificate(std::string(name), signer_->key.get(), Validity::now);
  X509* const own = signer_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  extend(own, own, NID_basic_constraints, "critical,CA:TRUE");
  extend(own, own, NID_subject_key_identifier, "hash");
  need(X509_sign(own, signer_->key.get(), EVP_sha256()) > 0, "no signature");
  file_ = folder_.write("ca.pem", pem_of(own));
}

Authority::~Authority() = default;

Certificate Authority::issue(const Wish& wish) const {
  const KeyPtr key = make_key(wish.key);
  const X509Ptr certificate = begin_certificate(wish.name, key.get(), wish.validity);
  X509* const authority = signer_->certificate.get();
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(authority));
  extend(certificate.get(), authority, NID_basic_constraints, "CA:FALSE");
  extend(certificate.get(), authority, NID_authority_key_identifier, "keyid");
  std::string names;
  for (const std::string& name : wish.names) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) extend(certificate.get(), authority, NID_subject_alt_name, names);
  need(X509_sign(certificate.get(), signer_->key.get(), EVP_sha256()) > 0, "no signature");
  return {folder_.write(wish.name + ".pem", pem_of(certificate.get())),
          folder_.write(wish.name + ".key", pem_of(key.get()))};
}

std::string Authority::encrypted_key(const Certificate& certificate) const {
  const std::unique_ptr<BIO, Free> file(BIO_new_file(certificate.key.c_str(), "r"));
  need(file != nullptr, "no such key");
  const KeyPtr key(PEM_read_bio_PrivateKey(file.get(), nullptr, nullptr, nullptr));
  return folder_.write("encrypted.key", pem([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key.get(), EVP_aes_128_cbc(),
                                    reinterpret_cast<const unsigned char*>("sesame"), 6, nullptr,
                                    nullptr);
  }));
}

}  // namespace ifmatch::support
