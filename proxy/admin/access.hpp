// Who may ask the admin server. It listens on loopback unless there is a token, but a browser on
// this machine is on loopback, too, and does what any page tells it: so the Host must be ours (or a
// name that an attacker had resolve to 127.0.0.1 would do), and nothing is changed across sites.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/message.hpp"

namespace ifmatch::admin {

struct AccessRules {
  std::string host;                  // that is listened on, without port: "127.0.0.1", "::1"
  std::optional<std::string> token;  // with one, any Host will do: a page cannot know the token
};

// What an answer tells, or a request does.
enum class Exposure : std::uint8_t {
  probe,   // a word for whoever restarts or balances: needs no token
  look,
  change,
};

enum class Access : std::uint8_t {
  granted,
  wrong_host,    // 403
  cross_site,    // 403: a browser asks on behalf of another site
  unauthorized,  // 401: no token, or a wrong one
};

// `host` is that of the request, with its port.
[[nodiscard]] Access check_access(const AccessRules& rules, const http::RequestHead& head,
                                  std::string_view host, Exposure exposure);

// Whether it names this machine by loopback, or the host that is listened on. With or without port.
[[nodiscard]] bool is_own_host(std::string_view host, std::string_view listened);

// In a time that tells nothing about where they differ.
[[nodiscard]] bool equal_secrets(std::string_view one, std::string_view other);

}  // namespace ifmatch::admin
