// What a peer says about the way that a request took before it reached the peer: X-Forwarded-* and
// Forwarded (RFC 7239). Only a peer that the operator trusts is believed, and of what it sends on
// from others only as much as trusted ones vouch for. None of it ever changes routing: routes are
// matched with Host alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/address.hpp"
#include "proxy/http/fields.hpp"

namespace ifmatch::http {

// Who is at the other end of the connection, or whom a PROXY header names in its stead.
struct Peer {
  enum class Trust : std::uint8_t { none, forwards };  // forwards: it may speak for others

  Address address;
  std::string text;  // of the address; "" where there is none
  Trust trust = Trust::none;
};

[[nodiscard]] Peer peer_of(const Address& address, std::span<const Network> trusted);

inline constexpr std::size_t claimed_hops_max = 32;

// What of it is believed. Whatever is not believed is never sent on.
struct Claims {
  // The client first, then the proxies between it and the peer, which is not among them. Empty
  // where the peer is taken for the client.
  std::vector<Address> hops;
  std::string client;  // the first of them as text; "" where there is none
  std::string scheme;  // "http" or "https"; "" where nothing believable was said
  std::string host;    // as the client asked for it, port included; likewise
  std::string port;    // likewise
};

// Whether any line of these fields is there: most requests have none.
[[nodiscard]] bool makes_claims(const Fields& fields) noexcept;

// REQUIRES: the request came from a trusted peer. The hops are walked from the right. Each is
// vouched for by the one to its right, the last one by the peer; the first that is not trusted is
// the client, and what stands left of it is its own word and dropped. A hop that is no address
// (malformed, `unknown`, obfuscated) ends the walk before it. Where X-Forwarded-For and Forwarded
// are both given, only the hops that both name are believed: a proxy that writes one of the two and
// passes the other would otherwise let its clients choose who they are. X-Forwarded-Proto, -Host
// and -Port count when they hold one valid value that Forwarded does not contradict.
[[nodiscard]] Claims believed_claims(const Fields& fields, std::span<const Network> trusted);

}  // namespace ifmatch::http
