#include "proxy/http/message.hpp"

#include <algorithm>
#include <array>

namespace ifmatch::http {

MethodKind kind_of(std::string_view method) noexcept {
  if (method == "GET" || method == "HEAD") return MethodKind::read;
  if (method == "CONNECT" || method == "TRACE") return MethodKind::forbidden;
  // Safe by their definitions: RFC 9110 section 9.3.7, RFC 4918 section 9.1, RFC 3253 section 3.6,
  // RFC 5323 section 2 and the QUERY method. Names are case-sensitive; "options" is unknown.
  constexpr std::array<std::string_view, 5> safe = {"OPTIONS", "PROPFIND", "REPORT", "SEARCH",
                                                    "QUERY"};
  return std::ranges::find(safe, method) != safe.end() ? MethodKind::safe : MethodKind::unsafe;
}

}  // namespace ifmatch::http
