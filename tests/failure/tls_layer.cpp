#include "tests/failure/tls_layer.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <new>

#include "tests/support/certificates.hpp"

namespace ifmatch::failure {
namespace {

class Tls final : public shim::Layer {
 public:
  explicit Tls(SSL_CTX* context) : ssl_(SSL_new(context), &SSL_free) {
    if (!ssl_) throw std::bad_alloc();
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  }

  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

  std::string begun() override { return go_on(); }

  std::string heard(std::string_view arrived, std::string& heard) override {
    BIO_write(SSL_get_rbio(ssl_.get()), arrived.data(), static_cast<int>(arrived.size()));
    std::string wire = go_on();
    std::array<char, 16 * 1024> room{};
    std::size_t count = 0;
    ERR_clear_error();
    while (SSL_read_ex(ssl_.get(), room.data(), room.size(), &count) == 1) {
      heard.append(room.data(), count);
    }
    return wire + out();
  }

  std::string said(std::string_view octets) override {
    unsaid_ += octets;
    return go_on();
  }

  std::string finished() override {
    if (SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
    return out();
  }

 private:
  // The handshake first, then what has waited for it.
  std::string go_on() {
    ERR_clear_error();
    std::size_t count = 0;
    if (SSL_do_handshake(ssl_.get()) == 1 && !unsaid_.empty() &&
        SSL_write_ex(ssl_.get(), unsaid_.data(), unsaid_.size(), &count) == 1) {
      unsaid_.clear();
    }
    return out();
  }

  std::string out() {
    BIO* const wire = SSL_get_wbio(ssl_.get());
    std::string octets(BIO_ctrl_pending(wire), '\0');
    if (!octets.empty()) BIO_read(wire, octets.data(), static_cast<int>(octets.size()));
    return octets;
  }

  std::shared_ptr<SSL> ssl_;
  std::string unsaid_;
};

}  // namespace

const TlsFiles& tls_files() {
  static const support::Authority authority;
  static const TlsFiles files = [] {
    const support::Certificate made = authority.issue();
    return TlsFiles{.shown = {.certificate = made.certificate, .key = made.key, .key_path = "tls"},
                    .authority = authority.file()};
  }();
  return files;
}

std::unique_ptr<shim::Layer> make_tls_client() {
  static SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  auto made = std::make_unique<Tls>(context);
  SSL_set_connect_state(made->ssl());
  return made;
}

std::unique_ptr<shim::Layer> make_tls_server() {
  static SSL_CTX* const context = [] {
    SSL_CTX* const prepared = SSL_CTX_new(TLS_server_method());
    const config::CertificateFiles& shown = tls_files().shown;
    SSL_CTX_use_certificate_chain_file(prepared, shown.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(prepared, shown.key.c_str(), SSL_FILETYPE_PEM);
    return prepared;
  }();
  auto made = std::make_unique<Tls>(context);
  SSL_set_accept_state(made->ssl());
  return made;
}

}  // namespace ifmatch::failure
