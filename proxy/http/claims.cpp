#include "proxy/http/claims.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "proxy/http/characters.hpp"
#include "proxy/http/target.hpp"

namespace ifmatch::http {
namespace {

constexpr std::string_view port_name = "X-Forwarded-Port";

// One element of either list.
struct Hop {
  std::optional<Address> address;  // unset: the walk ends here
  std::string scheme;
  std::string host;
};

// Hops of a field, the last one first.
using Hops = std::vector<Hop>;

bool is_port(std::string_view text) noexcept {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && text.size() <= 5 &&
         value >= 1 && value <= 65535;
}

// A port number or, in Forwarded, an obfuscated one.
bool is_node_port(std::string_view text) noexcept {
  if (!text.starts_with('_')) return is_port(text);
  return text.size() > 1 && std::ranges::all_of(text.substr(1), [](char octet) {
    return is(octet, octet_class::unreserved) && octet != '~';
  });
}

// "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80"; some also write an IPv6 address
// without brackets, which then has no port.
std::optional<Address> node_address(std::string_view node) {
  if (node.starts_with('[')) {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view rest = node.substr(end + 1);
    if (!rest.empty() && !(rest.front() == ':' && is_node_port(rest.substr(1)))) {
      return std::nullopt;
    }
    const std::string_view inside = node.substr(1, end - 1);
    return inside.find(':') != std::string_view::npos ? Address::parse(inside) : std::nullopt;
  }
  const std::size_t colon = node.find(':');
  if (colon != std::string_view::npos && node.find(':', colon + 1) == std::string_view::npos) {
    if (!is_node_port(node.substr(colon + 1))) return std::nullopt;
    node = node.substr(0, colon);
  }
  return Address::parse(node);
}

Hops hops_of_x_forwarded_for(const Fields& fields) {
  Hops hops;
  for (std::size_t i = fields.size(); i-- > 0;) {
    if (fields.id(i) != FieldId::x_forwarded_for) continue;
    std::string_view rest = fields.line(i).value;
    while (!rest.empty()) {
      const std::size_t comma = rest.rfind(',');
      const bool last = comma == std::string_view::npos;
      const std::string_view element = trimmed(last ? rest : rest.substr(comma + 1));
      rest = last ? std::string_view() : rest.substr(0, comma);
      if (element.empty()) continue;
      if (hops.size() == claimed_hops_max) return hops;
      hops.push_back({.address = node_address(element), .scheme = {}, .host = {}});
    }
  }
  return hops;
}

std::string scheme_of(std::string_view text) {
  for (const std::string_view scheme : {"http", "https"}) {
    if (equals_ignoring_case(text, scheme)) return std::string(scheme);
  }
  return {};
}

// Reads one line of Forwarded (RFC 7239 section 4), strictly: where one octet is not as it should
// be, the elements on the line cannot be told from each other.
class ForwardedLine {
 public:
  explicit ForwardedLine(std::string_view text) : text_(text) {}

  // Appends its elements from left to right. False: the line is malformed.
  [[nodiscard]] bool read(Hops& hops) {
    do {
      skip_blanks();
      if (at_end() || next() == ',') continue;
      if (hops.size() == claimed_hops_max || !read_element(hops.emplace_back())) return false;
    } while (take(','));
    return at_end();
  }

 private:
  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] char next() const noexcept { return text_[at_]; }
  bool take(char octet) noexcept {
    if (at_end() || next() != octet) return false;
    ++at_;
    return true;
  }
  void skip_blanks() noexcept {
    while (!at_end() && (next() == ' ' || next() == '\t')) ++at_;
  }

  bool read_element(Hop& hop) {
    unsigned seen = 0;
    do {
      skip_blanks();
      if (at_end() || next() == ',' || next() == ';') continue;
      const std::string_view name = take_token();
      if (name.empty() || !take('=') || !take_value()) return false;
      constexpr std::string_view known[] = {"for", "by", "proto", "host"};
      for (unsigned i = 0; i < std::size(known); ++i) {
        if (!equals_ignoring_case(name, known[i])) continue;
        if ((seen & (1U << i)) != 0) return false;
        seen |= 1U << i;
      }
      if (equals_ignoring_case(name, "for")) hop.address = node_address(value_);
      if (equals_ignoring_case(name, "proto")) hop.scheme = scheme_of(value_);
      if (equals_ignoring_case(name, "host") && is_valid_host(value_)) hop.host = value_;
      skip_blanks();
    } while (take(';'));
    return at_end() || next() == ',';
  }

  std::string_view take_token() noexcept {
    const std::size_t begin = at_;
    while (!at_end() && is(next(), octet_class::token)) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  bool take_value() {
    value_.clear();
    if (!take('"')) {
      value_ = take_token();
      return !value_.empty();
    }
    while (!at_end() && next() != '"') {
      (void)take('\\');
      if (at_end() || (is(next(), octet_class::control) && next() != '\t')) return false;
      value_ += text_[at_++];
    }
    return take('"');
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string value_;
};

Hops hops_of_forwarded(const Fields& fields) {
  Hops hops;
  for (std::size_t i = fields.size(); i-- > 0;) {
    if (fields.id(i) != FieldId::forwarded) continue;
    Hops line;
    if (!ForwardedLine(fields.line(i).value).read(line)) line.assign(1, Hop{});
    if (hops.size() + line.size() > claimed_hops_max) line.assign(1, Hop{});
    hops.insert(hops.end(), std::make_move_iterator(line.rbegin()),
                std::make_move_iterator(line.rend()));
  }
  return hops;
}

// The value where there is exactly one line of the name.
std::string_view only_line(const Fields& fields, FieldId id) {
  return fields.count(id) == 1 ? trimmed(fields.first(id)) : std::string_view();
}

// What one field says, unless the other one says otherwise.
void settle(std::string& from_forwarded, std::string from_other) {
  if (from_forwarded.empty()) {
    from_forwarded = std::move(from_other);
  } else if (!from_other.empty() && !equals_ignoring_case(from_forwarded, from_other)) {
    from_forwarded.clear();
  }
}

}  // namespace

Peer peer_of(const Address& address, std::span<const Network> trusted) {
  return {.address = address,
          .text = address.text(),
          .trust = any_contains(trusted, address) ? Peer::Trust::forwards : Peer::Trust::none};
}

bool makes_claims(const Fields& fields) noexcept {
  return fields.has(FieldId::x_forwarded_for) || fields.has(FieldId::forwarded) ||
         fields.has(FieldId::x_forwarded_proto) || fields.has(FieldId::x_forwarded_host) ||
         fields.has(port_name);
}

Claims believed_claims(const Fields& fields, std::span<const Network> trusted) {
  Hops listed = hops_of_x_forwarded_for(fields);
  Hops forwarded = hops_of_forwarded(fields);
  Claims claims;
  for (std::size_t i = 0; i < std::max(listed.size(), forwarded.size()); ++i) {
    const bool both = !listed.empty() && !forwarded.empty();
    if (both && (i >= listed.size() || i >= forwarded.size() ||
                 listed[i].address != forwarded[i].address)) {
      break;
    }
    if (!forwarded.empty()) {
      Hop& said = forwarded[i];
      if (!said.scheme.empty()) claims.scheme = std::move(said.scheme);
      if (!said.host.empty()) claims.host = std::move(said.host);
    }
    const std::optional<Address>& address = listed.empty() ? forwarded[i].address
                                                           : listed[i].address;
    if (!address) break;
    claims.hops.push_back(*address);
    if (!any_contains(trusted, *address)) break;
  }
  std::ranges::reverse(claims.hops);
  if (!claims.hops.empty()) claims.client = claims.hops.front().text();
  settle(claims.scheme, scheme_of(only_line(fields, FieldId::x_forwarded_proto)));
  const std::string_view host = only_line(fields, FieldId::x_forwarded_host);
  settle(claims.host, std::string(is_valid_host(host) ? host : std::string_view()));
  const std::string_view port = fields.count(port_name) == 1 ? trimmed(fields.first(port_name))
                                                             : std::string_view();
  if (is_port(port)) claims.port = port;
  return claims;
}

}  // namespace ifmatch::http
