// What tests of tunnels begin with: a route that lets WebSockets pass, and the opening handshake.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <thread>

#include "tests/support/proxy_process.hpp"
#include "tests/support/raw_api.hpp"

namespace ifmatch::support {

// Debian's own, for which python3-websockets is installed.
inline constexpr const char* python = "/usr/bin/python3";

// The example of RFC 6455 section 1.3.
inline constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr std::string_view accept_value = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// /doc is guarded, /chat is a bypass route for WebSockets, everything else one that is not.
inline ProxyConfig with_chat(std::string timeouts = "tunnel: 1h") {
  ProxyConfig config;
  config.listener = "timeouts: { " + timeouts + " }";
  config.routes =
      "  - { name: documents, match: { path: \"/doc/**\" }, upstream: api }\n"
      "  - { name: chat, match: { path: \"/chat/**\" }, upstream: api, mode: bypass,\n"
      "      upgrade: [websocket] }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  return config;
}

inline std::string handshake(std::string_view target = "/chat/1", std::string_view more = "") {
  return "GET " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
         std::string(key) + "\r\n" + std::string(more) + "\r\n";
}

inline std::string switching(std::string_view accept = accept_value) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: " +
         std::string(accept) + "\r\n\r\n";
}

// So many pieces go each way at once, and come out as they went in.
inline void expect_both_ways(RawClient& client, ApiSide& api, const std::string& piece,
                             int pieces) {
  std::thread upward([&] {
    for (int count = 0; count < pieces; ++count) client.send(piece);
  });
  std::thread downward([&] {
    for (int count = 0; count < pieces; ++count) api.say(piece);
  });
  std::thread reads([&] {
    for (int count = 0; count < pieces; ++count) {
      EXPECT_TRUE(api.read(piece.size()) == piece);
    }
  });
  for (int count = 0; count < pieces; ++count) {
    EXPECT_TRUE(client.read_octets(piece.size()) == piece);
  }
  for (std::thread* thread : {&upward, &downward, &reads}) thread->join();
}

}  // namespace ifmatch::support
