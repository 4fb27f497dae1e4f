// nginx and Caddy as peers of TLS: each stands before or behind ifmatch, and takes TLS off or puts
// it on with an implementation of its own.
#pragma once

#include <optional>
#include <string>

#include "tests/support/certificates.hpp"
#include "tests/support/servers.hpp"

namespace ifmatch::support {

enum class Product { nginx, caddy };

// What is to be known for TLS on one side.
struct TlsFiles {
  std::optional<Certificate> certificate;
  std::string trusts;  // PEM file; as a server "" asks nobody for a certificate
};

class ProductServer : public Server {
 protected:
  // `server` is the part of its configuration that says what it does.
  ProductServer(Product product, std::string_view server, std::uint16_t target);
};

// Takes TLS off in front of a plain server on `target`.
class TlsFrontServer : public ProductServer {
 public:
  TlsFrontServer(Product product, std::uint16_t target, const TlsFiles& files);
};

// A plain server that forwards to the TLS server on `target`, which it verifies as "localhost".
class TlsForwardingServer : public ProductServer {
 public:
  TlsForwardingServer(Product product, std::uint16_t target, const TlsFiles& files);
};

}  // namespace ifmatch::support
