// One TLS connection over a non-blocking socket, as a machine that never waits: whoever drives it
// (connection.cpp) waits for the socket when it says would_block. OpenSSL never sees a full socket:
// what the kernel does not take at once is kept here, so that a record under way can neither stop
// what is read nor be torn by what OpenSSL has to say in between (a KeyUpdate, an alert).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "proxy/net/asio.hpp"
#include "proxy/net/tls_failure.hpp"

struct bio_st;
struct ssl_st;
struct ssl_session_st;

namespace ifmatch::net {

// The latest session of one thread with one upstream: the next handshake is shorter for it.
class TlsSession {
 public:
  TlsSession() = default;
  ~TlsSession() { keep(nullptr); }
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Takes `session` over, in place of what was kept.
  void keep(ssl_session_st* session) noexcept;
  [[nodiscard]] ssl_session_st* latest() const noexcept { return latest_; }

 private:
  ssl_session_st* latest_ = nullptr;
};

class TlsStream {
 public:
  // Takes `ssl` over, which knows its side. `context` lives as long; `session` may be null.
  TlsStream(ssl_st* ssl, std::shared_ptr<const void> context,
            std::shared_ptr<TlsSession> session = nullptr);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // `early` are octets of it that were read off the socket before.
  void attach(int handle, std::string_view early);
  // The socket is closed: its number may soon be another's.
  void detach() noexcept { handle_ = -1; }

  // All of these: would_block means that the socket has to become readable, or writable while
  // owes(). Any other error is the end of it; why() tells more.
  [[nodiscard]] error_code handshake();
  // asio::error::eof only if the peer has said that nothing follows (close_notify). An end of the
  // socket without that may be forged by anybody on the way: connection_reset.
  [[nodiscard]] std::size_t read(std::span<char> room, error_code& failure);
  // What an earlier write has left to go out does not count as written by the next one.
  void begin_write() noexcept { unsure_ = 0; }
  // Takes what was encrypted off `buffers`, and adds it to `written` as soon as an octet of it may
  // have left.
  [[nodiscard]] error_code write(std::span<asio::const_buffer>& buffers, std::size_t& written);
  // Hands the kernel what it did not take before.
  [[nodiscard]] error_code flush();
  [[nodiscard]] bool owes() const noexcept { return !outgoing_.empty(); }
  // Octets of content that were encrypted and of which nothing has left yet.
  [[nodiscard]] std::size_t unsure() const noexcept { return unsure_; }

  // Says that nothing follows. Not after an error, which the peer must be able to tell from an end.
  void finish();

  // True while the peer has neither sent content nor ended. Tickets and new keys are no content.
  [[nodiscard]] bool silent();
  // True when the peer has ended or the connection broke; content does not count.
  [[nodiscard]] bool peer_left();
  // Content that was decrypted and not yet read.
  [[nodiscard]] bool holds_content() const noexcept;

  struct Why {
    TlsFailure kind = TlsFailure::other;
    std::string text;          // "certificate verify failed: certificate has expired"
    bool verification = false;  // it was the peer's certificate that we did not accept
  };
  [[nodiscard]] const Why& why() const noexcept { return why_; }
  // What the client asked for (RFC 6066), only octets that a host name may have; "" for nothing.
  [[nodiscard]] std::string server_name() const;
  [[nodiscard]] bool resumed() const noexcept;
  // What was agreed on: "TLSv1.3", "TLS_AES_256_GCM_SHA384".
  [[nodiscard]] std::string_view version() const noexcept;
  [[nodiscard]] std::string_view cipher() const noexcept;
  // The subject of the peer's certificate (RFC 2253), in ASCII; "" where it showed none.
  [[nodiscard]] std::string peer_subject() const;

  // For the client side: a session that the peer offers. Called by OpenSSL.
  void offered(ssl_session_st* session) noexcept;

 private:
  static int bio_read(bio_st* bio, char* data, int size);
  static int bio_write(bio_st* bio, const char* data, int size);
  static long bio_control(bio_st* bio, int command, long number, void* pointer);
  [[nodiscard]] int receive(char* data, std::size_t size);
  [[nodiscard]] int accept_octets(std::string_view octets);
  [[nodiscard]] std::size_t hand_over(std::string_view octets);
  void begin_operation() noexcept;
  [[nodiscard]] error_code outcome(int returned);
  [[nodiscard]] error_code encrypt(std::string_view chunk, std::size_t& taken);
  void explain();

  ssl_st* ssl_;
  std::shared_ptr<const void> context_;
  std::shared_ptr<TlsSession> session_;
  int handle_ = -1;
  unsigned receives_left_ = 0;  // of the operation under way
  bool retry_read_ = false;
  bool ended_ = false;     // the socket's end was seen
  bool broken_ = false;    // OpenSSL must not be asked any more
  bool finished_ = false;  // close_notify was said
  int read_error_ = 0;
  int write_error_ = 0;
  std::string early_;
  std::string outgoing_;       // encrypted, not yet taken by the kernel
  std::size_t unsure_ = 0;     // octets of content in `outgoing_` alone
  std::uint64_t handed_ = 0;   // encrypted octets that the kernel took
  Why why_;
};

}  // namespace ifmatch::net
