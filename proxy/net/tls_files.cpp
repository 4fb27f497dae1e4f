#include "proxy/net/tls_files.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "config/diagnostic.hpp"

namespace ifmatch::net {
namespace {

// Every root of the system together has a quarter of it.
constexpr std::size_t file_octets_max = 1024 * 1024;

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free>>;

// What kind of file it is, and what it is called where it stands.
struct Named {
  std::string_view kind;  // "certificate file"
  std::string key;        // "tls.certificate"
  const std::string& file;
};

std::string quoted(const Named& named) {
  return "the " + std::string(named.kind) + " " + config::in_quotes(named.file);
}

std::optional<std::string> read_file(const Named& named, Findings& findings) {
  errno = 0;
  std::ifstream stream(named.file, std::ios::binary);
  std::string octets;
  if (stream) {
    octets.resize(file_octets_max + 1);
    stream.read(octets.data(), static_cast<std::streamsize>(octets.size()));
    octets.resize(static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.is_open() || stream.bad()) {
    const int reason = errno;
    findings.error("E330", named.key, quoted(named) + " cannot be read: " + std::strerror(reason),
                   reason == EACCES ? "let the user that runs ifmatch read it" : "check the path");
    return std::nullopt;
  }
  if (octets.size() > file_octets_max) {
    findings.error("E330", named.key, quoted(named) + " is larger than 1MiB", "check the path");
    return std::nullopt;
  }
  return octets;
}

BioPtr memory_of(const std::string& octets) {
  return BioPtr(BIO_new_mem_buf(octets.data(), static_cast<int>(octets.size())));
}

// Asked for a passphrase, it remembers that one would be needed.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

KeyPtr read_key(const Named& named, Findings& findings) {
  const std::optional<std::string> octets = read_file(named, findings);
  if (!octets) return nullptr;
  bool encrypted = false;
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(memory_of(*octets).get(), nullptr, &no_passphrase,
                                     &encrypted));
  if (key) return key;
  if (encrypted) {
    findings.error("E332", named.key, quoted(named) + " is encrypted",
                   "take its passphrase off, for example: openssl pkey -in KEY.pem -out PLAIN.pem");
  } else {
    findings.error("E331", named.key, quoted(named) + " holds no private key in PEM",
                   "it begins with -----BEGIN PRIVATE KEY-----");
  }
  ERR_clear_error();
  return nullptr;
}

// All certificates of a file in their order; empty where one is at fault, or there is none.
std::vector<X509Ptr> read_certificates(const Named& named, Findings& findings) {
  std::vector<X509Ptr> certificates;
  const std::optional<std::string> octets = read_file(named, findings);
  if (!octets) return certificates;
  const BioPtr memory = memory_of(*octets);
  ERR_clear_error();
  while (X509* const next = PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(next);
  }
  const unsigned long end = ERR_peek_last_error();
  ERR_clear_error();
  const bool whole =
      ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  if (whole && !certificates.empty()) return certificates;
  findings.error("E331", named.key,
                 quoted(named) + (certificates.empty() ? " holds no certificate in PEM"
                                                       : " holds a broken certificate"),
                 "it begins with -----BEGIN CERTIFICATE-----");
  certificates.clear();
  return certificates;
}

}  // namespace

std::string latest_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown error";
}

std::optional<Identity> read_identity(const config::CertificateFiles& files,
                                      Findings& findings) {
  const Named certificate{"certificate file", files.key_path + ".certificate", files.certificate};
  const Named key{"key file", files.key_path + ".key", files.key};
  std::vector<X509Ptr> certificates = read_certificates(certificate, findings);
  Identity identity;
  identity.key = read_key(key, findings);
  if (certificates.empty() || !identity.key) return std::nullopt;
  identity.leaf = std::move(certificates.front());
  identity.chain.reset(sk_X509_new_null());
  for (std::size_t i = 1; i < certificates.size(); ++i) {
    sk_X509_push(identity.chain.get(), certificates[i].release());
  }
  if (X509_check_private_key(identity.leaf.get(), identity.key.get()) != 1) {
    ERR_clear_error();
    findings.error("E333", key.key,
                   quoted(key) + " does not belong to the certificate in " +
                       config::in_quotes(files.certificate),
                   "name the key that the certificate was made for; the server's own certificate "
                   "comes first in its file");
    return std::nullopt;
  }
  if (X509_cmp_current_time(X509_get0_notAfter(identity.leaf.get())) < 0) {
    findings.warning("W334", certificate.key, quoted(certificate) + " has expired",
                     "peers will refuse it; renew it");
  } else if (X509_cmp_current_time(X509_get0_notBefore(identity.leaf.get())) > 0) {
    findings.warning("W334", certificate.key, quoted(certificate) + " is not valid yet",
                     "peers will refuse it; check the clock of this machine");
  }
  return identity;
}

bool use_identity(SSL_CTX* context, const Identity& identity) {
  return SSL_CTX_use_cert_and_key(context, identity.leaf.get(), identity.key.get(),
                                  identity.chain.get(), 1) == 1;
}

void trust(SSL_CTX* context, const std::string& file, const std::string& key,
           Findings& findings) {
  const Named named{"CA file", key, file};
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const X509Ptr& certificate : read_certificates(named, findings)) {
    // The same certificate twice is no error since OpenSSL 1.1.1.
    if (X509_STORE_add_cert(store, certificate.get()) == 1) continue;
    findings.error("E331", key, quoted(named) + ": " + latest_reason(), "check the file");
  }
}

}  // namespace ifmatch::net
