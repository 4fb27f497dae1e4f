// What a listener or an upstream needs for TLS, read once from its files and then shared by all
// threads: certificates, keys, authorities, ciphers. It never changes. A reload makes new ones; the
// connections under way keep the one that they began with.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/loader.hpp"
#include "proxy/net/tls_stream.hpp"

struct ssl_ctx_st;

namespace ifmatch::net {

// Of a listener.
class TlsServer {
 public:
  // Adds what is wrong with the files to `findings`. Null if something keeps it from being used.
  [[nodiscard]] static std::shared_ptr<const TlsServer> build(
      const config::Listener& listener, std::vector<config::Finding>& findings,
      std::shared_ptr<TlsFailures> failures = std::make_shared<TlsFailures>());

  // For one connection.
  [[nodiscard]] static std::unique_ptr<TlsStream> open(const std::shared_ptr<const TlsServer>& of);

  [[nodiscard]] const std::shared_ptr<TlsFailures>& failures() const noexcept { return failures_; }

 private:
  struct Identities;
  explicit TlsServer(std::shared_ptr<TlsFailures> failures);
  static int choose_certificate(ssl_st* ssl, void* identities);

  std::shared_ptr<TlsFailures> failures_;
  std::unique_ptr<Identities> identities_;
  std::shared_ptr<ssl_ctx_st> context_;
};

// Of an upstream.
class TlsClient {
 public:
  // As TlsServer::build.
  [[nodiscard]] static std::shared_ptr<const TlsClient> build(
      const config::Upstream& upstream, std::vector<config::Finding>& findings,
      std::shared_ptr<TlsFailures> failures = std::make_shared<TlsFailures>());

  // For one connection to the upstream, which must show that it is `server`: a host name or a
  // numeric address. Resumes `session`, and keeps the next one there.
  [[nodiscard]] static std::unique_ptr<TlsStream> open(const std::shared_ptr<const TlsClient>& of,
                                                       const std::string& server,
                                                       std::shared_ptr<TlsSession> session);

  [[nodiscard]] TlsFailures& failures() const noexcept { return *failures_; }

 private:
  explicit TlsClient(std::shared_ptr<TlsFailures> failures) : failures_(std::move(failures)) {}

  std::shared_ptr<TlsFailures> failures_;
  std::shared_ptr<ssl_ctx_st> context_;
};

// Everything that is wrong with the certificates and keys that a configuration names.
[[nodiscard]] std::vector<config::Finding> inspect_tls(const config::Config& config);

}  // namespace ifmatch::net
