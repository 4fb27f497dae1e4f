#include "tests/support/tls_relay.hpp"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <csignal>

namespace ifmatch::support {
namespace {

constexpr int look_interval = 20;  // milliseconds between two looks at whether to stop
constexpr std::uint64_t over = ~std::uint64_t{0};  // of a connection that moves nothing any more

void need(bool fine, const char* what) {
  if (!fine) throw SupportError(std::string("OpenSSL: ") + what);
}

std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const text = ERR_reason_error_string(code);
  ERR_clear_error();
  return text != nullptr ? text : "the connection was closed";
}

std::string wire_form(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& name : protocols) {
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

int version_of(const std::string& text) {
  if (text == "1.1") return TLS1_1_VERSION;
  return text == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION;
}

// Waits for an event; false at the next look.
bool wait_for(int handle, short events) {
  pollfd one{handle, events, 0};
  return ::poll(&one, 1, look_interval) > 0;
}

std::shared_ptr<SSL_CTX> make_context(TlsRelay::Side side, const TlsRelay::Options& options) {
  const bool server = side == TlsRelay::Side::server;
  std::shared_ptr<SSL_CTX> made(SSL_CTX_new(server ? TLS_server_method() : TLS_client_method()),
                                &SSL_CTX_free);
  SSL_CTX* const context = made.get();
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (options.versions == "1.1") SSL_CTX_set_security_level(context, 0);
  if (!options.versions.empty()) {
    SSL_CTX_set_min_proto_version(context, version_of(options.versions));
    SSL_CTX_set_max_proto_version(context, version_of(options.versions));
  }
  if (!options.ciphers.empty()) SSL_CTX_set_cipher_list(context, options.ciphers.c_str());
  if (options.certificate) {
    need(SSL_CTX_use_certificate_chain_file(context, options.certificate->certificate.c_str()) == 1,
         "certificate");
    need(SSL_CTX_use_PrivateKey_file(context, options.certificate->key.c_str(),
                                     SSL_FILETYPE_PEM) == 1,
         "key");
  }
  if (!options.trusts.empty()) {
    need(SSL_CTX_load_verify_file(context, options.trusts.c_str()) == 1, "authority");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (!server && !options.protocols.empty()) {
    const std::string wire = wire_form(options.protocols);
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(wire.data()),
                            static_cast<unsigned int>(wire.size()));
  }
  return made;
}

}  // namespace

TlsRelay::TlsRelay(Side side, std::uint16_t port, Options options)
    : side_(side),
      target_(port),
      options_(std::move(options)),
      context_(make_context(side, options_)),
      listening_(Socket::listen()),
      port_(listening_.local_port()) {
  std::signal(SIGPIPE, SIG_IGN);
  if (side == Side::client) {
    SSL_CTX_set_session_cache_mode(context_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context_.get(), &TlsRelay::keep_session);
  } else {
    SSL_CTX_set_session_id_context(context_.get(), reinterpret_cast<const unsigned char*>("t"), 1);
  }
  acceptor_ = std::thread([this] { accept_all(); });
}

TlsRelay::~TlsRelay() {
  stopping_ = true;
  listening_.interrupt();
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
}

std::vector<Agreed> TlsRelay::agreed(std::size_t count) const {
  (void)eventually([&] {
    const std::lock_guard lock(mutex_);
    return agreed_.size() >= count;
  });
  const std::lock_guard lock(mutex_);
  return agreed_;
}

std::vector<Agreed> TlsRelay::ended(std::size_t count) const {
  (void)eventually([&] {
    const std::lock_guard lock(mutex_);
    return ended_ >= count;
  });
  const std::lock_guard lock(mutex_);
  return agreed_;
}

// Of two more looks that found nothing the second has begun after this was called.
bool TlsRelay::settle() const {
  std::unique_lock lock(mutex_);
  const std::vector<std::uint64_t> before = idle_turns_;
  lock.unlock();
  return eventually([&] {
    const std::lock_guard held(mutex_);
    for (std::size_t index = 0; index < before.size(); ++index) {
      if (idle_turns_[index] != over && idle_turns_[index] < before[index] + 2) return false;
    }
    return true;
  });
}

void TlsRelay::accept_all() {
  while (std::optional<Socket> accepted = listening_.accept()) {
    threads_.emplace_back([this, socket = std::move(*accepted)]() mutable {
      try {
        serve(std::move(socket));
      } catch (const SupportError&) {
        // The other side is gone: what the test waits for tells.
      }
    });
  }
}

int TlsRelay::keep_session(ssl_st* ssl, ssl_session_st* session) {
  auto& relay = *static_cast<TlsRelay*>(SSL_get_app_data(ssl));
  const std::lock_guard lock(relay.mutex_);
  relay.session_.reset(session, &SSL_SESSION_free);
  return 1;
}

void TlsRelay::serve(Socket accepted) {
  Socket plain;
  Socket secure;
  if (side_ == Side::server) {
    secure = std::move(accepted);
    if (options_.acting == Acting::stalled) {
      while (!stopping_ && !wait_for(secure.descriptor(), POLLRDHUP)) continue;
      return;
    }
  } else {
    plain = std::move(accepted);
    secure = Socket::connect(target_);
    (void)secure.send_all(options_.preface);
  }
  const std::shared_ptr<SSL> ssl(SSL_new(context_.get()), &SSL_free);
  SSL_set_app_data(ssl.get(), this);
  SSL_set_fd(ssl.get(), secure.descriptor());
  if (side_ == Side::client) {
    const std::lock_guard lock(mutex_);
    if (session_) SSL_set_session(ssl.get(), session_.get());
    if (!options_.server_name.empty()) {
      SSL_ctrl(ssl.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               options_.server_name.data());
      SSL_set1_host(ssl.get(), options_.server_name.c_str());
    }
  }
  const std::optional<std::size_t> index = shake_hands(ssl.get(), secure.descriptor());
  if (!index) {
    if (plain.is_open()) plain.reset();
    return;
  }
  if (side_ == Side::server) plain = Socket::connect(target_);
  pump(plain, secure, ssl.get(), *index);
}

// Returns which connection it is; nothing where there is none.
std::optional<std::size_t> TlsRelay::shake_hands(ssl_st* ssl, int handle) {
  ::fcntl(handle, F_SETFL, ::fcntl(handle, F_GETFL) | O_NONBLOCK);
  if (side_ == Side::server) {
    SSL_set_accept_state(ssl);
  } else {
    SSL_set_connect_state(ssl);
  }
  Agreed result;
  while (!stopping_) {
    ERR_clear_error();
    const int returned = SSL_do_handshake(ssl);
    if (returned == 1) break;
    const int error = SSL_get_error(ssl, returned);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      (void)wait_for(handle, error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT);
      continue;
    }
    result.failed = true;
    result.error = reason();
    break;
  }
  result.version = SSL_get_version(ssl);
  if (!result.failed) result.cipher = SSL_get_cipher_name(ssl);
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  if (size > 0) result.protocol.assign(reinterpret_cast<const char*>(protocol), size);
  const char* const asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (asked != nullptr) result.server_name = asked;
  result.resumed = SSL_session_reused(ssl) == 1;
  if (const X509* const peer = SSL_get0_peer_certificate(ssl)) {
    std::array<char, 256> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name.data(),
                              static_cast<int>(name.size()));
    result.subject = name.data();
  }
  const std::lock_guard lock(mutex_);
  agreed_.push_back(result);
  idle_turns_.push_back(result.failed ? over : 0);
  if (result.failed || stopping_) return std::nullopt;
  return agreed_.size() - 1;
}

// What runs through one connection, both ways.
class TlsRelay::Pump {
 public:
  Pump(ssl_st* ssl, int plain, Ending ending)
      : ssl_(ssl), plain_(plain), secure_(SSL_get_fd(ssl)), ending_(ending) {}

  // Moves what can be moved without waiting. False when there was nothing.
  bool turn() {
    bool moved = take_plain();
    moved = send_secure() || moved;
    moved = take_secure() || moved;
    return send_plain() || moved;
  }

  void wait() const {
    const auto events = [](bool reads, bool writes) {
      return static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
    };
    std::array<pollfd, 2> both{
        pollfd{plain_, events(!plain_ended_ && outgoing_.empty(), !incoming_.empty()), 0},
        pollfd{secure_, events(!secure_ended_ && incoming_.empty(), !outgoing_.empty()), 0}};
    // An end that was seen would be seen again and again.
    if (both[0].events == 0) both[0].fd = -1;
    if (both[1].events == 0) both[1].fd = -1;
    (void)::poll(both.data(), both.size(), look_interval);
  }

  [[nodiscard]] bool over() const {
    return broken || (plain_ended_ && secure_ended_ && outgoing_.empty() && incoming_.empty());
  }

  bool broken = false;
  std::string error;
  bool told_end = false;

 private:
  bool take_plain() {
    if (plain_ended_ || !outgoing_.empty()) return false;
    const ssize_t count = ::recv(plain_, room_.data(), room_.size(), MSG_DONTWAIT);
    if (count < 0) {
      broken = errno != EAGAIN;
      return false;
    }
    outgoing_.assign(room_.data(), static_cast<std::size_t>(count));
    if (count > 0) return true;
    plain_ended_ = true;
    if (ending_ == Ending::told) SSL_shutdown(ssl_);
    ::shutdown(secure_, SHUT_WR);
    return true;
  }

  bool send_secure() {
    std::size_t count = 0;
    ERR_clear_error();
    if (outgoing_.empty()) return false;
    if (SSL_write_ex(ssl_, outgoing_.data(), outgoing_.size(), &count) != 1) return false;
    outgoing_.erase(0, count);
    return true;
  }

  bool take_secure() {
    if (secure_ended_ || !incoming_.empty()) return false;
    std::size_t count = 0;
    ERR_clear_error();
    const int returned = SSL_read_ex(ssl_, room_.data(), room_.size(), &count);
    const int failure = SSL_get_error(ssl_, returned);
    if (returned == 1) {
      incoming_.assign(room_.data(), count);
    } else if (failure == SSL_ERROR_ZERO_RETURN) {
      told_end = secure_ended_ = true;
      ::shutdown(plain_, SHUT_WR);
    } else if (failure != SSL_ERROR_WANT_READ) {
      error = reason();
      broken = true;
    }
    return failure != SSL_ERROR_WANT_READ;
  }

  bool send_plain() {
    if (incoming_.empty()) return false;
    const ssize_t sent =
        ::send(plain_, incoming_.data(), incoming_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      broken = errno != EAGAIN;
      return false;
    }
    incoming_.erase(0, static_cast<std::size_t>(sent));
    return true;
  }

  ssl_st* ssl_;
  int plain_;
  int secure_;
  Ending ending_;
  std::array<char, 64 * 1024> room_{};
  std::string outgoing_;
  std::string incoming_;
  bool plain_ended_ = false;
  bool secure_ended_ = false;
};

void TlsRelay::pump(Socket& plain, Socket& secure, ssl_st* ssl, std::size_t index) {
  Pump pump(ssl, plain.descriptor(), options_.ending);
  while (!stopping_ && !pump.over()) {
    if (pump.turn()) continue;
    {
      const std::lock_guard lock(mutex_);
      ++idle_turns_[index];
    }
    pump.wait();
  }
  {
    const std::lock_guard lock(mutex_);
    idle_turns_[index] = over;
    agreed_[index].error = pump.error;
    agreed_[index].told_end = pump.told_end;
    ++ended_;
  }
  if (!pump.broken) return;
  // A connection that broke must not look like one that ended.
  plain.reset();
  secure.reset();
}

}  // namespace ifmatch::support
