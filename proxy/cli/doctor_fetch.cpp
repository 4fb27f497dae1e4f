#include "proxy/cli/doctor_fetch.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "proxy/net/message_reader.hpp"

namespace ifmatch::cli {
namespace {

using Clock = std::chrono::steady_clock;

// What is looked at is a resource that somebody edits; of more than this no tag is made by default.
constexpr std::size_t content_kept_max = 64 * 1024 * 1024;
constexpr std::size_t head_max = 64 * 1024;

// Whether a text can stand in a request line or a field without ending it.
bool is_clean(std::string_view text) {
  return std::ranges::none_of(
      text, [](char octet) { return static_cast<unsigned char>(octet) <= 0x20 || octet == 0x7F; });
}

class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A socket that waits no longer than until a deadline.
class Wire {
 public:
  explicit Wire(Clock::time_point deadline) : deadline_(deadline) {}
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() {
    if (handle_ >= 0) ::close(handle_);
  }

  void connect(const DoctorUrl& url) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found)) {
      throw Failure("the name " + url.host + " cannot be resolved: " + ::gai_strerror(error));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
    std::string why = "no address";
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
      if (try_address(*at, why)) return;
    }
    throw Failure("cannot connect to " + url.authority + ": " + why);
  }

  [[nodiscard]] int handle() const { return handle_; }

  // A peer that always has something to say is not waited for.
  void check_time() const {
    if (Clock::now() >= deadline_) throw Failure("no whole answer in time");
  }

  // Waits for reading or writing; throws at the deadline.
  void wait(short events) {
    if (!ready(events)) throw Failure("no answer in time");
  }

 private:
  bool try_address(const addrinfo& address, std::string& why) {
    if (handle_ >= 0) ::close(handle_);
    handle_ = ::socket(address.ai_family, address.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                       address.ai_protocol);
    if (handle_ < 0) {
      why = std::strerror(errno);
      return false;
    }
    if (::connect(handle_, address.ai_addr, address.ai_addrlen) == 0) return true;
    if (errno != EINPROGRESS) {
      why = std::strerror(errno);
      return false;
    }
    if (!ready(POLLOUT)) {
      why = "no answer in time";
      return false;
    }
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(handle_, SOL_SOCKET, SO_ERROR, &error, &size);
    why = std::strerror(error);
    return error == 0;
  }

  bool ready(short events) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
      if (left.count() <= 0) return false;
      pollfd waiting{.fd = handle_, .events = events, .revents = 0};
      const int seen = ::poll(&waiting, 1, static_cast<int>(left.count()));
      if (seen > 0) return true;
      if (seen < 0 && errno != EINTR) throw Failure(std::strerror(errno));
    }
  }

  Clock::time_point deadline_;
  int handle_ = -1;
};

std::string openssl_reason() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return reason == nullptr ? "the handshake failed" : reason;
}

// The octets of one connection, in the clear or under TLS.
class Line {
 public:
  Line(const DoctorUrl& url, SSL_CTX* context, Clock::time_point deadline) : wire_(deadline) {
    wire_.connect(url);
    if (context != nullptr) shake_hands(url, context);
  }

  void write(std::string_view octets) {
    while (!octets.empty()) {
      const long sent = ssl_ ? tls_step(::SSL_write(ssl_.get(), octets.data(), clamp(octets.size())))
                             : plain_step(::send(wire_.handle(), octets.data(), octets.size(),
                                                 MSG_NOSIGNAL),
                                          POLLOUT);
      if (sent == 0) throw Failure("the connection ended before the request was sent");
      if (sent > 0) octets.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  // At least one octet, or none at the end of the connection.
  std::size_t read(std::span<char> room) {
    for (;;) {
      wire_.check_time();
      const long came = ssl_ ? tls_step(::SSL_read(ssl_.get(), room.data(), clamp(room.size())))
                             : plain_step(::recv(wire_.handle(), room.data(), room.size(), 0), POLLIN);
      if (came >= 0) return static_cast<std::size_t>(came);
    }
  }

 private:
  static int clamp(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, 1 << 20)); }

  // The count of a call, 0 at the end, -1 where it is to be made again.
  long plain_step(ssize_t result, short events) {
    if (result >= 0) return result;
    if (errno == EINTR) return -1;
    if (errno != EAGAIN && errno != EWOULDBLOCK) throw Failure(std::strerror(errno));
    wire_.wait(events);
    return -1;
  }

  long tls_step(int result) {
    if (result > 0) return result;
    switch (::SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ: wire_.wait(POLLIN); return -1;
      case SSL_ERROR_WANT_WRITE: wire_.wait(POLLOUT); return -1;
      case SSL_ERROR_ZERO_RETURN: return 0;
      default: break;
    }
    throw Failure("TLS: " + openssl_reason());
  }

  void shake_hands(const DoctorUrl& url, SSL_CTX* context) {
    ssl_.reset(::SSL_new(context));
    if (!ssl_) throw Failure("TLS: " + openssl_reason());
    ::SSL_set_fd(ssl_.get(), wire_.handle());
    std::array<unsigned char, sizeof(in6_addr)> numeric{};
    const bool is_address = ::inet_pton(AF_INET, url.host.c_str(), numeric.data()) == 1 ||
                            ::inet_pton(AF_INET6, url.host.c_str(), numeric.data()) == 1;
    if (is_address) {
      ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_.get()), url.host.c_str());
    } else {
      // As SSL_set_tlsext_host_name() does, which is a macro with a cast of C.
      ::SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(url.host.c_str()));
      ::SSL_set1_host(ssl_.get(), url.host.c_str());
    }
    ::ERR_clear_error();
    for (;;) {
      const int result = ::SSL_connect(ssl_.get());
      if (result == 1) return;
      const long verified = ::SSL_get_verify_result(ssl_.get());
      if (verified != X509_V_OK && ::SSL_get_error(ssl_.get(), result) == SSL_ERROR_SSL) {
        ::ERR_clear_error();
        throw Failure(std::string("TLS: the certificate cannot be verified: ") +
                      ::X509_verify_cert_error_string(verified));
      }
      if (tls_step(result) == 0) throw Failure("TLS: the connection ended in the handshake");
    }
  }

  struct FreeSsl {
    void operator()(SSL* ssl) const { ::SSL_free(ssl); }
  };

  Wire wire_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
};

std::string octets_of(const DoctorUrl& url, const DoctorRequest& request) {
  std::string out(request.method);
  out += " " + url.target + " HTTP/1.1\r\nHost: " + url.authority + "\r\n";
  for (const auto& [name, value] : request.fields) out += name + ": " + value + "\r\n";
  if (request.method != "GET") {
    out += "Content-Length: " + std::to_string(request.content.size()) + "\r\n";
  }
  out += "Connection: close\r\n\r\n";
  out += request.content;
  return out;
}

using Parser = net::MessageParser<http::ResponseHead>;

// Reads one message, its content included. What came and was not used stays in `input`.
Answered read_answer(Line& line, std::string& input) {
  Answered answer;
  Parser parser({.header_bytes = head_max, .header_fields = 512, .target_bytes = 0});
  parser.head = &answer.head;
  std::array<char, 16 * 1024> room;
  bool ended = false;
  for (;;) {
    boost::system::error_code failure;
    parser.input = input;
    parser.pieces.clear();
    const std::size_t used =
        parser.put(boost::asio::const_buffer(input.data(), input.size()), failure);
    const bool wants_more = failure == boost::beast::http::error::need_more;
    if (failure && !wants_more) throw Failure("what came is no answer in HTTP/1.1");
    for (std::string_view piece : parser.pieces) {
      answer.size += piece.size();
      if (answer.content.size() < content_kept_max) answer.content += piece;
    }
    input.erase(0, used);
    if (parser.is_header_done()) parser.eager(true);
    answer.whole = parser.is_done();
    if (answer.whole || answer.size > content_kept_max) return answer;
    if (used > 0 && !input.empty() && !wants_more) continue;
    if (ended && !parser.is_header_done()) {
      throw Failure(answer.head.status == 0 ? "the connection ended without an answer"
                                            : "the answer broke off");
    }
    if (ended) {
      parser.put_eof(failure);
      if (failure) throw Failure("the answer broke off");
      answer.whole = true;
      return answer;
    }
    const std::size_t came = line.read(room);
    ended = came == 0;
    input.append(room.data(), came);
  }
}

}  // namespace

std::variant<DoctorUrl, std::string> parse_doctor_url(std::string_view text) {
  DoctorUrl url;
  const std::size_t scheme_ends = text.find("://");
  const std::string_view scheme = text.substr(0, scheme_ends);
  if (scheme_ends == text.npos || (scheme != "http" && scheme != "https")) {
    return "write a URL that begins with http:// or https://";
  }
  if (!is_clean(text)) return "a URL has no blanks and no control characters";
  url.tls = scheme == "https";
  const std::string_view rest = text.substr(scheme_ends + 3);
  const std::size_t path = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, path);
  if (authority.find('@') != authority.npos) {
    return "no user names in the URL; write -H 'Authorization: ...'";
  }
  std::size_t colon = authority.rfind(':');
  const bool bracketed = authority.starts_with('[');
  if (bracketed) {
    const std::size_t end = authority.find(']');
    if (end == authority.npos) return "the bracket of the address is not closed";
    url.host = authority.substr(1, end - 1);
    colon = end + 1 < authority.size() ? end + 1 : authority.npos;
    if (colon != authority.npos && authority[colon] != ':') return "the URL has no valid host";
  } else {
    url.host = authority.substr(0, colon);
  }
  if (url.host.empty() || (!bracketed && url.host.find(':') != url.host.npos)) {
    return "the URL has no valid host";
  }
  url.port = colon == authority.npos ? (url.tls ? "443" : "80")
                                     : std::string(authority.substr(colon + 1));
  const bool is_number = !url.port.empty() && url.port.size() <= 5 &&
                         std::ranges::all_of(url.port, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number || std::stoul(url.port) == 0 || std::stoul(url.port) > 65535) {
    return "the URL has no valid port";
  }
  url.authority = authority;
  url.target = rest.substr(path, rest.find('#') - path);
  if (url.target.empty() || url.target.front() != '/') url.target.insert(0, "/");
  return url;
}

struct Doctor::Body {
  struct FreeContext {
    void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  };

  DoctorUrl url;
  std::chrono::seconds patience;
  std::unique_ptr<SSL_CTX, FreeContext> context;
};

Doctor::Doctor(DoctorUrl url, const DoctorTls& tls, std::chrono::seconds patience)
    : body_(std::make_unique<Body>(std::move(url), patience)) {
  if (!body_->url.tls) return;
  body_->context.reset(::SSL_CTX_new(::TLS_client_method()));
  SSL_CTX* const context = body_->context.get();
  if (context == nullptr) throw std::runtime_error("TLS: " + openssl_reason());
  ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // What ends without saying so is judged by its Content-Length, as it is without TLS.
  ::SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (tls.verification == Verification::none) return;
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int loaded = tls.ca_file.empty()
                         ? ::SSL_CTX_set_default_verify_paths(context)
                         : ::SSL_CTX_load_verify_file(context, tls.ca_file.c_str());
  if (loaded != 1) {
    ::ERR_clear_error();
    throw std::runtime_error("no certificates can be read from " +
                             (tls.ca_file.empty() ? "the system's store" : tls.ca_file));
  }
}

Doctor::~Doctor() = default;

std::variant<Answered, std::string> Doctor::ask(const DoctorRequest& request) {
  try {
    Line line(body_->url, body_->context.get(), Clock::now() + body_->patience);
    line.write(octets_of(body_->url, request));
    std::string input;
    for (;;) {
      Answered answer = read_answer(line, input);
      if (answer.head.status >= 200) return answer;
    }
  } catch (const Failure& failure) {
    return std::string(failure.what());
  }
}

}  // namespace ifmatch::cli
