// What tests of TLS begin with: a store whose upstream and whose clients speak TLS as the test
// wishes, with the real program between them.
#pragma once

#include <optional>
#include <string>

#include "tests/integration/fixture.hpp"
#include "tests/support/certificates.hpp"
#include "tests/support/tls_relay.hpp"

namespace ifmatch::support {

inline std::string keys_of(const Certificate& certificate) {
  return "certificate: \"" + certificate.certificate + "\", key: \"" + certificate.key + "\"";
}

// A listener with TLS in front of a store in the clear.
class SecureListener {
 public:
  // `tls` is added to the keys of the listener's `tls`, `listener` to its own.
  explicit SecureListener(const Certificate& certificate, const std::string& tls = "",
                          const std::string& listener = "", ProxyConfig config = {})
      : store(with(std::move(config), certificate, tls, listener)) {}

  // A client of it; it believes everybody unless the options say whom it trusts.
  [[nodiscard]] std::unique_ptr<TlsRelay> client(TlsRelay::Options options = {}) const {
    return std::make_unique<TlsRelay>(TlsRelay::Side::client, store.proxy.port(),
                                      std::move(options));
  }
  // Waits for the line that tells of a failed handshake.
  [[nodiscard]] std::string failure_told(std::size_t skip = 0) {
    return store.proxy.process().wait_for_line("TLS handshake with", Deadline{}, skip).value_or("");
  }

  GuardedStore store;

 private:
  static ProxyConfig with(ProxyConfig config, const Certificate& certificate,
                          const std::string& tls, const std::string& listener) {
    config.listener = "tls: { " + keys_of(certificate) + (tls.empty() ? "" : ", " + tls) + " }" +
                      (listener.empty() ? "" : ", " + listener);
    return config;
  }
};

// A store whose upstream speaks TLS.
class SecureUpstream {
 public:
  // `tls` are the keys of the upstream's `tls`; `host` stands in its URL.
  explicit SecureUpstream(TlsRelay::Options options, const std::string& tls,
                          const std::string& host = "localhost", ProxyConfig config = {})
      : upstream(store.behaviour()),
        front(TlsRelay::Side::server, upstream.port(), std::move(options)),
        proxy(ProxyProcess::start(with(std::move(config), host, front.port(), tls))) {}

  [[nodiscard]] Response request(std::string_view method, std::string_view target,
                                 const Fields& fields = {}, std::string_view body = {}) const {
    return request_once(proxy.port(), method, target, fields, body);
  }

  DocumentStore store;
  ScriptedUpstream upstream;
  TlsRelay front;
  ProxyProcess proxy;

 private:
  static ProxyConfig with(ProxyConfig config, const std::string& host, std::uint16_t port,
                          const std::string& tls) {
    config.upstream_url = "https://" + host + ":" + std::to_string(port);
    config.upstream += ", tls: { " + tls + " }";
    return config;
  }
};

}  // namespace ifmatch::support
