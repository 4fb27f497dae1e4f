#include "proxy/admin/access.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>
#include <boost/asio/ip/address.hpp>

#include "proxy/http/characters.hpp"

namespace ifmatch::admin {
namespace {

using Sha256 = std::array<unsigned char, 32>;

Sha256 digest(std::string_view text) {
  Sha256 result{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), result.data(), &size, EVP_sha256(), nullptr);
  return result;
}

// "[::1]:9901" -> "::1", "localhost." -> "localhost"; as it is where it makes no sense.
std::string_view without_port(std::string_view host) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(1, end - 1);
  }
  host = host.substr(0, host.find(':'));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

bool has_token(const http::Fields& fields, std::string_view token) {
  if (fields.count("Authorization") != 1) return false;
  const std::string_view value = http::trimmed(fields.first("Authorization"));
  const std::size_t blank = value.find(' ');
  if (blank == std::string_view::npos) return false;
  if (!http::equals_ignoring_case(value.substr(0, blank), "Bearer")) return false;
  return equal_secrets(http::trimmed(value.substr(blank)), token);
}

// Browsers say on whose behalf they ask; what is no browser does not.
bool comes_from_elsewhere(const AccessRules& rules, const http::Fields& fields,
                          std::string_view host) {
  if (fields.has("Sec-Fetch-Site")) {
    const std::string_view site = http::trimmed(fields.first("Sec-Fetch-Site"));
    if (site != "same-origin" && site != "none") return true;
  }
  if (!fields.has("Origin")) return false;
  std::string_view origin = http::trimmed(fields.first("Origin"));
  const std::size_t scheme = origin.find("://");
  if (fields.count("Origin") != 1 || scheme == std::string_view::npos) return true;
  origin.remove_prefix(scheme + 3);
  // A page of another port of this machine is another site.
  return !http::equals_ignoring_case(origin, host) ||
         (!rules.token && !is_own_host(origin, rules.host));
}

}  // namespace

bool equal_secrets(std::string_view one, std::string_view other) {
  const Sha256 first = digest(one);
  const Sha256 second = digest(other);
  return CRYPTO_memcmp(first.data(), second.data(), first.size()) == 0;
}

bool is_own_host(std::string_view host, std::string_view listened) {
  const std::string_view name = without_port(host);
  if (http::equals_ignoring_case(name, "localhost")) return true;
  boost::system::error_code not_numeric;
  const auto address = boost::asio::ip::make_address(name, not_numeric);
  if (not_numeric) return false;
  return address.is_loopback() || address == boost::asio::ip::make_address(listened, not_numeric);
}

Access check_access(const AccessRules& rules, const http::RequestHead& head, std::string_view host,
                    Exposure exposure) {
  // A balancer's check in HTTP/1.0 names no host at all, which no browser leaves out.
  const bool nameless_probe = exposure == Exposure::probe && host.empty();
  if (!rules.token && !nameless_probe && !is_own_host(host, rules.host)) return Access::wrong_host;
  if (rules.token && exposure != Exposure::probe && !has_token(head.fields, *rules.token)) {
    return Access::unauthorized;
  }
  if (exposure == Exposure::change && comes_from_elsewhere(rules, head.fields, host)) {
    return Access::cross_site;
  }
  return Access::granted;
}

}  // namespace ifmatch::admin
