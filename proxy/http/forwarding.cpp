#include "proxy/http/forwarding.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "proxy/guard/assert.hpp"
#include "proxy/http/characters.hpp"
#include "proxy/http/conditions.hpp"
#include "proxy/http/connection.hpp"
#include "proxy/http/target.hpp"
#include "proxy/http/writing.hpp"

namespace ifmatch::http {

namespace {

bool begins_with(std::string_view name, std::string_view prefix) noexcept {
  return equals_ignoring_case(name.substr(0, prefix.size()), prefix);
}

// CGI and its heirs (WSGI, Rack, PHP) make one name of X-Real-IP and X_Real_IP.
// REQUIRES: `known` is in lower case.
bool reads_as(std::string_view name, std::string_view known) noexcept {
  return std::ranges::equal(name, known, [](char octet, char wanted) {
    return lowered(octet == '_' ? '-' : octet) == wanted;
  });
}

// What a client may not claim about its own way to us.
bool is_claim_of_origin(FieldId id, std::string_view name) noexcept {
  switch (id) {
    case FieldId::forwarded:
    case FieldId::x_forwarded_for:
    case FieldId::x_forwarded_host:
    case FieldId::x_forwarded_proto:
      return true;
    case FieldId::other: {
      constexpr std::string_view forwarded = "x-forwarded-";
      // The last two name another path to some frameworks, one that no route was asked about.
      return reads_as(name.substr(0, forwarded.size()), forwarded) ||
             reads_as(name, "x-real-ip") || reads_as(name, "x-original-url") ||
             reads_as(name, "x-rewrite-url");
    }
    default:
      return false;
  }
}

// What speaks of the write, or of how it is to be answered, and has no place in a read on its
// behalf. A method override above all: on the probe's GET it could write.
bool belongs_to_write(FieldId id, std::string_view name) noexcept {
  if (is_override_field(id) || id == FieldId::prefer) return true;
  constexpr std::array<std::string_view, 5> names = {"idempotency-key", "digest", "repr-digest",
                                                     "signature", "signature-input"};
  const auto equals = [name](std::string_view other) { return equals_ignoring_case(name, other); };
  return begins_with(name, "content-") ||
         (id == FieldId::other && std::ranges::any_of(names, equals));
}

bool is_carried(const ForwardedRequest& request, FieldId id, std::string_view name) noexcept {
  if (id == FieldId::host || id == FieldId::content_length || id == FieldId::expect) return false;
  if (is_hop_by_hop(id) || is_claim_of_origin(id, name)) return false;
  if (request.carry != Carry::everything && is_conditional_field(id)) return false;
  if (request.carry == Carry::probe && belongs_to_write(id, name)) return false;
  if (request.identity_coding && id == FieldId::accept_encoding) return false;
  if (request.no_cache && (id == FieldId::cache_control || id == FieldId::pragma)) return false;
  if (request.traceparent && (id == FieldId::traceparent || id == FieldId::tracestate)) return false;
  if (request.without_credentials &&
      (id == FieldId::authorization || id == FieldId::cookie)) {
    return false;
  }
  return request.replaced.empty() || !is_replaced(request.replaced, name);
}

// Calls `visit` with the address of each node on the way to us, the client's first.
template <typename Visit>
void for_each_node(const ForwardedRequest& request, Visit&& visit) {
  if (request.claims != nullptr) {
    for (const Address& hop : request.claims->hops) visit(std::string_view(hop.text()));
  }
  if (!request.client_address.empty()) visit(request.client_address);
}

// The first element of Forwarded, the client's, tells also what it asked for.
void write_forwarded(std::string& out, const ForwardedRequest& request, std::string_view scheme,
                     std::string_view host) {
  const auto write_asked = [&] {
    // Quoted because of the port; a valid Host has nothing that a quoted string must escape.
    if (!host.empty()) out.append("host=\"").append(host).append("\";");
    out.append("proto=").append(scheme);
  };
  out += "Forwarded: ";
  bool first = true;
  for_each_node(request, [&](std::string_view address) {
    // An identifier that hides who it is begins with an underscore (RFC 7239 section 6.3).
    if (address == unix_client) address = "_unix";
    const bool is_ipv6 = address.find(':') != std::string_view::npos;
    if (!first) out += ", ";
    out += is_ipv6 ? "for=\"[" : "for=";
    out += address;
    if (is_ipv6) out += "]\"";
    if (!std::exchange(first, false)) return;
    out += ';';
    write_asked();
  });
  if (first) write_asked();
  out += "\r\n";
}

// X-Forwarded-* for everybody, Forwarded (RFC 7239) for those who follow the standard. Both name
// the same nodes.
void write_origin(std::string& out, const ForwardedRequest& request) {
  const Claims* const claims = request.claims;
  const std::string_view scheme =
      claims != nullptr && !claims->scheme.empty() ? std::string_view(claims->scheme)
                                                   : request.client_scheme;
  const std::string_view host =
      claims != nullptr && !claims->host.empty() ? std::string_view(claims->host) : request.host;
  bool first = true;
  for_each_node(request, [&](std::string_view address) {
    out.append(std::exchange(first, false) ? "X-Forwarded-For: " : ", ").append(address);
  });
  if (!first) out += "\r\n";
  write_line(out, "X-Forwarded-Proto", scheme);
  if (!host.empty()) write_line(out, "X-Forwarded-Host", host);
  if (claims != nullptr && !claims->port.empty()) {
    write_line(out, "X-Forwarded-Port", claims->port);
  }
  write_forwarded(out, request, scheme, host);
}

// RFC 9110 section 8.6: these say that they have no content, since content is expected of them.
bool expects_length(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

void write_framing(std::string& out, std::string_view method, const ContentFraming& framing) {
  switch (framing.kind) {
    case Framing::length: write_length(out, framing.length); break;
    case Framing::chunked: out += "Transfer-Encoding: chunked\r\n"; break;
    case Framing::none:
      if (expects_length(method)) write_length(out, 0);
      break;
    case Framing::until_close: IFMATCH_ASSERT(false && "a request cannot end by closing");
  }
}

}  // namespace

void write_request_head(std::string& out, const ForwardedRequest& request) {
  const Fields& fields = request.head.fields;
  const Nominated nominated(fields);
  out.reserve(out.size() + fields.octets() + request.base_path.size() + request.target.size() +
              384);
  out += request.method;
  out += ' ';
  if (request.target != "*") out += request.base_path;
  out += request.target;
  out += " HTTP/1.1\r\n";
  write_line(out, "Host", request.host);
  CopiedLines carried(out);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string_view name = fields.line(i).name;
    if (is_carried(request, fields.id(i), name) && !nominated.contains(name)) {
      carried.add(fields.written(i));
    }
  }
  carried.finish();
  if (request.identity_coding) out += "Accept-Encoding: identity\r\n";
  if (request.no_cache) out += "Cache-Control: no-cache\r\n";
  write_replaced(out, request.replaced);
  write_via(out, request.head.minor_version);
  if (request.traceparent && !request.traceparent->empty()) {
    write_line(out, "Traceparent", *request.traceparent);
  }
  write_origin(out, request);
  out += request.hop_lines;
  write_framing(out, request.method, request.framing);
  out += "\r\n";
}

std::string http_date(std::chrono::system_clock::time_point when) {
  using namespace std::chrono;
  constexpr std::array<const char*, 7> weekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_days day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss time(floor<seconds>(when - day));
  std::array<char, 48> text{};
  const int size = std::snprintf(
      text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      weekdays[weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
      months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace ifmatch::http
