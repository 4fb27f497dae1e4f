// Upgrade (RFC 9110 section 7.8), for the one protocol that passes: WebSocket (RFC 6455). All else
// that a client offers is ignored, as the standard allows.
#pragma once

#include <string_view>

#include "proxy/http/message.hpp"

namespace ifmatch::http {

// Whether the request is the opening handshake of a WebSocket and offers nothing besides: GET on
// HTTP/1.1 without content, `Upgrade: websocket` alone, nominated by Connection, with one key and
// one version (RFC 6455 section 4.1). REQUIRES: check_request has let it pass.
[[nodiscard]] bool offers_websocket(const RequestHead& head,
                                    const ContentFraming& framing) noexcept;

// Whether a 101 takes up that offer and nothing else: `Upgrade: websocket`, nominated by
// Connection, no content announced. REQUIRES: the status is 101.
[[nodiscard]] bool switches_to_websocket(const ResponseHead& head) noexcept;

// What both sides say to the next hop.
inline constexpr std::string_view websocket_lines =
    "Connection: Upgrade\r\nUpgrade: websocket\r\n";

}  // namespace ifmatch::http
