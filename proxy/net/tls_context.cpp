#include "proxy/net/tls_context.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <new>

#include "proxy/guard/assert.hpp"
#include "proxy/net/tls_files.hpp"

namespace ifmatch::net {
namespace {

// For TLS 1.2: forward secrecy and authenticated encryption, nothing else. What 1.3 has is sane.
constexpr const char* ciphers_of_1_2 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* groups = "X25519:P-256:P-384";
constexpr int security_level = 2;  // 112 bits

constexpr std::array<unsigned char, 9> alpn_offered{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), &SSL_CTX_free);
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  // An end without close_notify stays an error: a truncated answer must be told from a whole one.
  SSL_CTX_clear_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One system call for as many records as have come.
  SSL_CTX_set_read_ahead(context.get(), 1);
  SSL_CTX_set_security_level(context.get(), security_level);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_3_VERSION);
  return context;
}

// RFC 7301: a client that offers protocols, none of which we speak, is told so.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  for (const std::string_view spoken : {"http/1.1", "http/1.0"}) {
    for (unsigned int at = 0; at < offered_size; at += offered[at] + 1U) {
      const unsigned int size = std::min<unsigned int>(offered[at], offered_size - at - 1);
      const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), size);
      if (name != spoken) continue;
      *chosen = offered + at + 1;
      *chosen_size = static_cast<unsigned char>(size);
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool is_numeric(const std::string& host) {
  std::array<unsigned char, 16> octets{};
  return ::inet_pton(AF_INET, host.c_str(), octets.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), octets.data()) == 1;
}

void refuse_identity(const config::CertificateFiles& files, Findings& findings) {
  findings.error("E331", files.key_path + ".certificate",
                 "the certificate in " + config::in_quotes(files.certificate) +
                     " cannot be used: " + latest_reason(),
                 "make one with an EC key, or an RSA key of 2048 bits or more");
}

// Certificates of clients.
void ask_for_certificates(SSL_CTX* context, const config::ListenerTls& tls,
                          const std::string& path, Findings& findings) {
  trust(context, *tls.client_ca, path + ".client_ca", findings);
  // What clients are told about whom we trust, so that they can choose.
  if (STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(tls.client_ca->c_str())) {
    SSL_CTX_set_client_CA_list(context, names);
  }
  ERR_clear_error();
  const bool required = tls.client_auth == config::ClientAuth::required;
  SSL_CTX_set_verify(context,
                     SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
}

// Tickets hold what a session is, sealed with a key of this context: threads share it and keep
// nothing. It goes with the context, so nothing is resumed beyond a reload that may trust others.
void use_tickets(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  std::array<unsigned char, 16> id{};
  if (RAND_bytes(id.data(), static_cast<int>(id.size())) != 1) throw std::bad_alloc();
  SSL_CTX_set_session_id_context(context, id.data(), static_cast<unsigned int>(id.size()));
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<TlsStream*>(SSL_get_app_data(ssl))->offered(session);
  return 1;  // it is ours now
}

}  // namespace

struct TlsServer::Identities {
  std::vector<Identity> all;  // the first is the default

  // Those whose names cover `name`: exact ones, else those with a wildcard.
  [[nodiscard]] std::vector<const Identity*> of(std::string_view name) const {
    std::vector<const Identity*> found;
    for (const unsigned int flags : {static_cast<unsigned int>(X509_CHECK_FLAG_NO_WILDCARDS),
                                     static_cast<unsigned int>(
                                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)}) {
      for (const Identity& identity : all) {
        if (X509_check_host(identity.leaf.get(), name.data(), name.size(), flags, nullptr) == 1) {
          found.push_back(&identity);
        }
      }
      if (!found.empty()) break;
    }
    return found;
  }
};

TlsServer::TlsServer(std::shared_ptr<TlsFailures> failures)
    : failures_(std::move(failures)), identities_(std::make_unique<Identities>()) {}

// Several may cover a name, with keys of several kinds: OpenSSL takes what the client can verify.
int TlsServer::choose_certificate(SSL* ssl, void* identities) {
  const char* const asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (asked == nullptr) return 1;
  std::string_view name(asked);
  if (name.ends_with('.')) name.remove_suffix(1);
  const std::vector<const Identity*> found = static_cast<const Identities*>(identities)->of(name);
  if (found.empty()) return 1;
  SSL_certs_clear(ssl);
  // Of two with keys of one kind the later would replace the earlier.
  for (auto identity = found.rbegin(); identity != found.rend(); ++identity) {
    if (SSL_use_cert_and_key(ssl, (*identity)->leaf.get(), (*identity)->key.get(),
                             (*identity)->chain.get(), 1) != 1) {
      return 0;
    }
  }
  return 1;
}

std::shared_ptr<const TlsServer> TlsServer::build(const config::Listener& listener,
                                                  std::vector<config::Finding>& all,
                                                  std::shared_ptr<TlsFailures> failures) {
  IFMATCH_ASSERT(listener.tls.has_value());
  const config::ListenerTls& tls = *listener.tls;
  Findings findings(all);
  std::shared_ptr<TlsServer> server(new TlsServer(std::move(failures)));
  server->context_ = make_context(TLS_server_method());
  SSL_CTX* const context = server->context_.get();
  SSL_CTX_set_cipher_list(context, ciphers_of_1_2);
  SSL_CTX_set1_groups_list(context, groups);
  if (tls.min_version == config::TlsVersion::v1_3) {
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  }
  SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);
  use_tickets(context);
  for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
    std::optional<Identity> identity = read_identity(tls.certificates[i], findings);
    if (!identity) continue;
    // Every one is tried, so that none turns out to be unusable when a client asks for it.
    const std::shared_ptr<SSL_CTX> trial = make_context(TLS_server_method());
    if (!use_identity(i == 0 ? context : trial.get(), *identity)) {
      refuse_identity(tls.certificates[i], findings);
      continue;
    }
    server->identities_->all.push_back(std::move(*identity));
  }
  if (tls.client_ca) {
    ask_for_certificates(context, tls, "listeners." + listener.name + ".tls", findings);
  }
  if (findings.has_errors()) return nullptr;
  if (server->identities_->all.size() > 1) {
    SSL_CTX_set_cert_cb(context, &choose_certificate, server->identities_.get());
  }
  return server;
}

std::unique_ptr<TlsStream> TlsServer::open(const std::shared_ptr<const TlsServer>& of) {
  SSL* const ssl = SSL_new(of->context_.get());
  if (ssl == nullptr) throw std::bad_alloc();
  SSL_set_accept_state(ssl);
  return std::make_unique<TlsStream>(ssl, of);
}

std::shared_ptr<const TlsClient> TlsClient::build(const config::Upstream& upstream,
                                                  std::vector<config::Finding>& all,
                                                  std::shared_ptr<TlsFailures> failures) {
  const config::UpstreamTls& tls = upstream.tls;
  const std::string path = "upstreams." + upstream.name + ".tls";
  Findings findings(all);
  std::shared_ptr<TlsClient> client(new TlsClient(std::move(failures)));
  client->context_ = make_context(TLS_client_method());
  SSL_CTX* const context = client->context_.get();
  SSL_CTX_set_alpn_protos(context, alpn_offered.data(),
                          static_cast<unsigned int>(alpn_offered.size()));
  SSL_CTX_set_session_cache_mode(context,
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &keep_session);
  if (tls.ca) trust(context, *tls.ca, path + ".ca", findings);
  if (!tls.verify) {
    findings.warning("W335", path + ".verify",
                     "certificates of the upstream are not verified: whoever sits between can "
                     "read and change everything",
                     "name its authority with ca: FILE.pem instead");
  } else {
    if (!tls.ca) SSL_CTX_set_default_verify_paths(context);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (tls.certificate) {
    const std::optional<Identity> identity = read_identity(*tls.certificate, findings);
    if (identity && !use_identity(context, *identity)) {
      refuse_identity(*tls.certificate, findings);
    }
  }
  ERR_clear_error();
  if (findings.has_errors()) return nullptr;
  return client;
}

std::unique_ptr<TlsStream> TlsClient::open(const std::shared_ptr<const TlsClient>& of,
                                           const std::string& server,
                                           std::shared_ptr<TlsSession> session) {
  SSL* const ssl = SSL_new(of->context_.get());
  if (ssl == nullptr) throw std::bad_alloc();
  SSL_set_connect_state(ssl);
  auto stream = std::make_unique<TlsStream>(ssl, of, std::move(session));
  X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool numeric = is_numeric(server);
  const int set = numeric ? X509_VERIFY_PARAM_set1_ip_asc(expected, server.c_str())
                          : X509_VERIFY_PARAM_set1_host(expected, server.data(), server.size());
  // Without the name nothing would be verified that matters.
  if (set != 1) throw std::bad_alloc();
  // RFC 6066 section 3: addresses are no server names.
  if (!numeric) {
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(server.c_str()));
  }
  return stream;
}

std::vector<config::Finding> inspect_tls(const config::Config& config) {
  std::vector<config::Finding> findings;
  for (const config::Listener& listener : config.listeners) {
    if (listener.tls) (void)TlsServer::build(listener, findings);
  }
  for (const config::Upstream& upstream : config.upstreams) {
    if (upstream.has_tls()) (void)TlsClient::build(upstream, findings);
  }
  return findings;
}

}  // namespace ifmatch::net
