// Either side of TLS, without a socket, for the far end of a stream.
#pragma once

#include <memory>
#include <string>

#include "config/config.hpp"
#include "tests/support/shim/system.hpp"

namespace ifmatch::failure {

struct TlsFiles {
  config::CertificateFiles shown;
  std::string authority;  // that vouches for it
};

// Made once.
[[nodiscard]] const TlsFiles& tls_files();

// A client that believes whoever answers, and a server that shows the certificate.
[[nodiscard]] std::unique_ptr<shim::Layer> make_tls_client();
[[nodiscard]] std::unique_ptr<shim::Layer> make_tls_server();

}  // namespace ifmatch::failure
