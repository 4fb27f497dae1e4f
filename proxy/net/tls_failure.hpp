// Why two sides could not agree on TLS, in words that a metric can bear, and how often.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "proxy/net/asio.hpp"

namespace ifmatch::net {

enum class TlsFailure : std::uint8_t {
  timeout,                // the handshake took longer than timeouts.handshake
  protocol,               // no common version or ALPN protocol, or octets that are no TLS
  no_shared_cipher,       // no common cipher, group or signature algorithm
  bad_certificate,        // expired, revoked, for another purpose; ours to them as well
  unknown_ca,             // signed by somebody whom the other side does not trust
  no_client_certificate,  // one is required
  closed,                 // the client left before it was over
  plain_http,             // an HTTP request without TLS
  other,
};

// By enumerator: values of the label `reason`.
inline constexpr std::array<std::string_view, 9> tls_failure_names{
    "timeout",    "protocol",              "no_shared_cipher", "bad_certificate",
    "unknown_ca", "no_client_certificate", "closed",           "plain_http",
    "other"};

// Of one listener or upstream, over all threads. That of a listener survives a reload.
class TlsFailures {
 public:
  void count(TlsFailure failure) noexcept {
    counts_[static_cast<std::size_t>(failure)].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t of(TlsFailure failure) const noexcept {
    return counts_[static_cast<std::size_t>(failure)].load(std::memory_order_relaxed);
  }

  // Whether one more may be logged in this second: a scan of ports must not fill the log. Says in
  // `unsaid` how many were not since the last that was.
  [[nodiscard]] bool may_log(Instant now, std::uint64_t& unsaid) noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, tls_failure_names.size()> counts_{};
  std::atomic<std::int64_t> second_{0};
  std::atomic<std::uint32_t> said_{0};
  std::atomic<std::uint64_t> unsaid_{0};
};

// For the end of the line that is logged: " (12 more were not logged)", or nothing.
[[nodiscard]] std::string remark_on_unsaid(std::uint64_t unsaid);

}  // namespace ifmatch::net
