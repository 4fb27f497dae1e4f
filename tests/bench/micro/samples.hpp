// The messages that the benchmarks work on: a GET and a PUT of one order as API clients send them,
// and the answer to the GET.
#pragma once

#include <string>
#include <string_view>

#include "proxy/guard/types.hpp"
#include "proxy/http/message.hpp"

namespace ifmatch::bench {

inline constexpr std::string_view get_octets =
    "GET /v1/orders/8412735?expand=lines HTTP/1.1\r\n"
    "Host: api.shop.example.org\r\n"
    "User-Agent: orders-client/2.14 (linux; x86_64)\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-GB,en;q=0.8\r\n"
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.ZG9udC1sb29rLWF0LW1l\r\n"
    "X-Request-Id: 5b1f7d3e-6a0c-4f5e-9a39-0c4f5e9a3912\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

inline constexpr std::string_view answer_octets =
    "HTTP/1.1 200 OK\r\n"
    "Server: uvicorn\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 900\r\n"
    "Cache-Control: private, max-age=0\r\n"
    "Vary: Accept, Accept-Encoding, Origin\r\n"
    "X-Request-Id: 5b1f7d3e-6a0c-4f5e-9a39-0c4f5e9a3912\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

// The field lines of a head, without Beast.
inline void add_lines(http::Fields& fields, std::string_view octets) {
  octets.remove_prefix(octets.find('\n') + 1);
  while (!octets.starts_with('\r')) {
    const std::string_view line = octets.substr(0, octets.find('\r'));
    const std::size_t colon = line.find(':');
    fields.add(line.substr(0, colon), line.substr(colon + 2));
    octets.remove_prefix(line.size() + 2);
  }
}

inline http::RequestHead get_head() {
  http::RequestHead head;
  head.method = "GET";
  head.target = "/v1/orders/8412735?expand=lines";
  add_lines(head.fields, get_octets);
  return head;
}

inline constexpr std::string_view own_tag = "\"im1-Hf80Lb6gmA3aSg-LWwCxyMPR19rlRRQF\"";

inline http::RequestHead put_head() {
  http::RequestHead head = get_head();
  head.method = "PUT";
  head.fields.add("Content-Type", "application/json");
  head.fields.add("Content-Length", "900");
  head.fields.add("If-Match", own_tag);
  return head;
}

inline http::ResponseHead answer_head() {
  http::ResponseHead head;
  head.status = 200;
  head.reason = "OK";
  add_lines(head.fields, answer_octets);
  return head;
}

// Octets spread like those of a digest, others for every number.
template <typename Octets>
Octets octets_of(std::uint64_t number) {
  Octets octets{};
  std::uint64_t state = number * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U;
  for (auto& octet : octets) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    octet = static_cast<std::uint8_t>(state >> 56U);
  }
  return octets;
}

}  // namespace ifmatch::bench
