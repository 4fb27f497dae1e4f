#include "proxy/net/tls_stream.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>

#include "proxy/guard/assert.hpp"
#include "proxy/net/gather.hpp"

namespace ifmatch::net {
namespace {

// One operation looks at the socket so often: whoever sends endless records without content must
// not keep a thread to itself.
constexpr unsigned receives_max = 8;
constexpr std::size_t record_octets_max = SSL3_RT_MAX_PLAIN_LENGTH;
// One record of content, and answers to what the peer says meanwhile; more is somebody who only
// asks and never reads.
constexpr std::size_t outgoing_max = 128 * 1024;
constexpr std::size_t server_name_max = 255;

// The octets that go into the next record: where they lie if that is one piece, else copied.
std::string_view next_chunk(std::span<const asio::const_buffer> buffers) {
  const auto* const front = static_cast<const char*>(buffers.front().data());
  if (buffers.size() == 1 || buffers.front().size() >= record_octets_max) {
    return {front, std::min(buffers.front().size(), record_octets_max)};
  }
  thread_local std::array<char, record_octets_max> together;
  std::size_t count = 0;
  for (const asio::const_buffer& buffer : buffers) {
    const std::size_t fits = std::min(buffer.size(), together.size() - count);
    std::memcpy(together.data() + count, buffer.data(), fits);
    count += fits;
    if (count == together.size()) break;
  }
  return {together.data(), count};
}

// Of an error of certificate verification.
TlsFailure kind_of_verify(long result) {
  switch (result) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED: return TlsFailure::unknown_ca;
    default: return TlsFailure::bad_certificate;
  }
}

// Of a reason of OpenSSL's; alerts of the peer are among them.
TlsFailure kind_of_reason(int reason) {
  switch (reason) {
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_CIPHERS_AVAILABLE: return TlsFailure::no_shared_cipher;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return TlsFailure::no_client_certificate;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return TlsFailure::unknown_ca;
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: return TlsFailure::bad_certificate;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return TlsFailure::closed;
    case SSL_R_HTTP_REQUEST: return TlsFailure::plain_http;
    default: return TlsFailure::protocol;
  }
}

}  // namespace

void TlsSession::keep(ssl_session_st* session) noexcept {
  SSL_SESSION_free(latest_);
  latest_ = session;
}

TlsStream::TlsStream(ssl_st* ssl, std::shared_ptr<const void> context,
                     std::shared_ptr<TlsSession> session)
    : ssl_(ssl), context_(std::move(context)), session_(std::move(session)) {
  IFMATCH_ASSERT(ssl_ != nullptr);
  SSL_set_app_data(ssl_, this);
  if (session_ && session_->latest() != nullptr) SSL_set_session(ssl_, session_->latest());
}

TlsStream::~TlsStream() {
  // Without this OpenSSL would forbid to resume the session, as after an attack.
  if (!broken_) SSL_set_shutdown(ssl_, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(ssl_);
}

void TlsStream::attach(int handle, std::string_view early) {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ifmatch");
    IFMATCH_ASSERT(made != nullptr);
    BIO_meth_set_read(made, &TlsStream::bio_read);
    BIO_meth_set_write(made, &TlsStream::bio_write);
    BIO_meth_set_ctrl(made, &TlsStream::bio_control);
    return made;
  }();
  handle_ = handle;
  early_ = early;
  BIO* const bio = BIO_new(method);
  IFMATCH_ASSERT(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
}

int TlsStream::bio_read(bio_st* bio, char* data, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  const int count = stream.receive(data, static_cast<std::size_t>(size));
  if (stream.retry_read_) BIO_set_retry_read(bio);
  return count;
}

int TlsStream::receive(char* data, std::size_t size) {
  retry_read_ = false;
  if (!early_.empty()) {
    const std::size_t count = early_.copy(data, size);
    early_.erase(0, count);
    return static_cast<int>(count);
  }
  if (receives_left_ == 0) {
    retry_read_ = true;
    return -1;
  }
  --receives_left_;
  for (;;) {
    const ssize_t count = ::recv(handle_, data, size, MSG_DONTWAIT);
    if (count > 0) return static_cast<int>(count);
    if (count == 0) {
      ended_ = true;
      return 0;
    }
    if (errno == EINTR) continue;
    retry_read_ = errno == EAGAIN || errno == EWOULDBLOCK;
    if (!retry_read_) read_error_ = errno;
    return -1;
  }
}

int TlsStream::bio_write(bio_st* bio, const char* data, int size) {
  auto& stream = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  return stream.accept_octets({data, static_cast<std::size_t>(size)});
}

int TlsStream::accept_octets(std::string_view octets) {
  const int all = static_cast<int>(octets.size());
  if (outgoing_.empty()) octets.remove_prefix(hand_over(octets));
  // flush() will tell. What the peer has said before can still be read.
  if (write_error_ != 0) return all;
  if (outgoing_.size() + octets.size() > outgoing_max) return -1;
  outgoing_.append(octets);
  return all;
}

// Returns how many octets the kernel took.
std::size_t TlsStream::hand_over(std::string_view octets) {
  std::size_t count = 0;
  while (count < octets.size()) {
    const ssize_t sent = ::send(handle_, octets.data() + count, octets.size() - count,
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      count += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) write_error_ = errno;
    break;
  }
  handed_ += count;
  return count;
}

long TlsStream::bio_control(bio_st* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return static_cast<TlsStream*>(BIO_get_data(bio))->ended_ ? 1 : 0;
    default: return 0;
  }
}

void TlsStream::begin_operation() noexcept {
  // OpenSSL judges an operation by what earlier ones have left in the queue of this thread.
  ERR_clear_error();
  receives_left_ = receives_max;
}

error_code TlsStream::outcome(int returned) {
  switch (SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_NONE: return {};
    case SSL_ERROR_WANT_READ: return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN:
      why_ = {.kind = TlsFailure::closed, .text = "the peer has closed"};
      return asio::error::eof;
    default: break;
  }
  explain();
  broken_ = true;
  if (read_error_ != 0) return {read_error_, boost::system::system_category()};
  return asio::error::connection_reset;
}

void TlsStream::explain() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0 || ERR_GET_LIB(code) == ERR_LIB_SYS) {
    why_.kind = TlsFailure::closed;
    why_.text = read_error_ != 0 ? std::strerror(read_error_) : "the connection was closed";
    return;
  }
  const char* const reason = ERR_reason_error_string(code);
  why_.text = reason != nullptr ? reason : "unknown error";
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) {
    why_.kind = TlsFailure::other;
    return;
  }
  const long verified = SSL_get_verify_result(ssl_);
  if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
    why_.kind = kind_of_verify(verified);
    why_.verification = true;
    why_.text += std::string(": ") + X509_verify_cert_error_string(verified);
    return;
  }
  why_.kind = kind_of_reason(ERR_GET_REASON(code));
}

error_code TlsStream::handshake() {
  begin_operation();
  const int returned = SSL_do_handshake(ssl_);
  if (returned == 1) return {};
  const error_code failure = outcome(returned);
  // A session that the peer no longer likes must not spoil the next attempt.
  if (session_ && !would_block(failure)) session_->keep(nullptr);
  return failure;
}

std::size_t TlsStream::read(std::span<char> room, error_code& failure) {
  std::size_t count = 0;
  failure = asio::error::connection_reset;
  if (broken_) return 0;
  begin_operation();
  const int returned = SSL_read_ex(ssl_, room.data(), room.size(), &count);
  if (returned == 1) {
    failure = {};
    return count;
  }
  failure = outcome(returned);
  return 0;
}

error_code TlsStream::flush() {
  if (!outgoing_.empty() && write_error_ == 0) outgoing_.erase(0, hand_over(outgoing_));
  if (write_error_ != 0) {
    if (why_.text.empty()) why_ = {.kind = TlsFailure::closed, .text = std::strerror(write_error_)};
    return {write_error_, boost::system::system_category()};
  }
  if (!outgoing_.empty()) return asio::error::would_block;
  // An idle connection costs as little as it can.
  if (outgoing_.capacity() > std::string().capacity()) outgoing_ = std::string();
  return {};
}

error_code TlsStream::encrypt(std::string_view chunk, std::size_t& taken) {
  if (broken_ || finished_) return asio::error::broken_pipe;
  begin_operation();
  const int returned = SSL_write_ex(ssl_, chunk.data(), chunk.size(), &taken);
  if (returned == 1) return {};
  taken = 0;
  const error_code failure = outcome(returned);
  // It may wait for nothing here: a socket that is full does not show, and nothing is renegotiated.
  return would_block(failure) ? error_code(asio::error::connection_reset) : failure;
}

error_code TlsStream::write(std::span<asio::const_buffer>& buffers, std::size_t& written) {
  // What has left may be all of a record or a part of it; the peer may have read it either way.
  auto count_what_left = [&, before = handed_]() mutable {
    if (handed_ == before) return;
    before = handed_;
    written += std::exchange(unsure_, 0);
  };
  error_code failure = flush();
  count_what_left();
  buffers = without_front(buffers, 0);
  while (!failure && !buffers.empty()) {
    std::size_t taken = 0;
    failure = encrypt(next_chunk(buffers), taken);
    unsure_ += taken;
    buffers = without_front(buffers, taken);
    if (!failure) failure = flush();
    count_what_left();
  }
  return failure;
}

void TlsStream::finish() {
  if (broken_ || finished_ || SSL_is_init_finished(ssl_) == 0) return;
  finished_ = true;
  begin_operation();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool TlsStream::silent() {
  if (broken_) return false;
  char octet = 0;
  std::size_t count = 0;
  begin_operation();
  const int returned = SSL_peek_ex(ssl_, &octet, 1, &count);
  // A record that has come in part is somebody who has begun to speak.
  return returned != 1 && would_block(outcome(returned)) && receives_left_ > 0 &&
         SSL_has_pending(ssl_) == 0;
}

bool TlsStream::peer_left() {
  if (broken_) return true;
  char octet = 0;
  std::size_t count = 0;
  begin_operation();
  const int returned = SSL_peek_ex(ssl_, &octet, 1, &count);
  return returned != 1 && !would_block(outcome(returned));
}

bool TlsStream::holds_content() const noexcept { return SSL_pending(ssl_) > 0; }

std::string TlsStream::server_name() const {
  const char* const name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  std::string text = name != nullptr ? name : "";
  text.resize(std::min(text.size(), server_name_max));
  std::ranges::replace_if(
      text, [](unsigned char octet) { return std::isgraph(octet) == 0 || octet == '\''; }, '?');
  return text;
}

bool TlsStream::resumed() const noexcept { return SSL_session_reused(ssl_) == 1; }

std::string_view TlsStream::version() const noexcept { return SSL_get_version(ssl_); }

std::string_view TlsStream::cipher() const noexcept {
  return SSL_CIPHER_get_name(SSL_get_current_cipher(ssl_));
}

std::string TlsStream::peer_subject() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (certificate == nullptr) return {};
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  if (!out || X509_NAME_print_ex(out.get(), subject, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  // As BIO_get_mem_data() does, which is a macro with a cast of C.
  const long size = BIO_ctrl(out.get(), BIO_CTRL_INFO, 0, &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

void TlsStream::offered(ssl_session_st* session) noexcept {
  if (session_) {
    session_->keep(session);
  } else {
    SSL_SESSION_free(session);
  }
}

}  // namespace ifmatch::net
