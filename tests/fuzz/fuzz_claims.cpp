// What peers say about the way of a request: however it is forged, only hops that a trusted one
// vouches for are believed, what is sent on is read back as what was believed, and what stands left
// of the client changes nothing.
//
// Input: lines of fields. Those that begin with 'f' are Forwarded, with 'p' X-Forwarded-Proto, with
// 'h' X-Forwarded-Host, all others X-Forwarded-For.
#include "proxy/http/claims.hpp"
#include "proxy/http/forwarding.hpp"
#include "tests/fuzz/property.hpp"

namespace ifmatch::fuzz {
namespace {

const std::vector<http::Network>& trusted() {
  static const std::vector<http::Network> networks{
      {*http::Address::parse("10.0.0.0"), 96 + 8}, {*http::Address::parse("2001:db8::"), 32}};
  return networks;
}

bool same(const http::Claims& a, const http::Claims& b) {
  return a.hops == b.hops && a.scheme == b.scheme && a.host == b.host && a.port == b.port;
}

// The fields of a head that was written, without the line for the peer itself.
http::Fields fields_of(std::string_view written) {
  http::Fields fields;
  while (!written.empty()) {
    const std::size_t end = written.find("\r\n");
    const std::string_view line = written.substr(0, end);
    written = end == std::string_view::npos ? std::string_view() : written.substr(end + 2);
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos || line.starts_with("GET ")) continue;
    fields.add(line.substr(0, colon), line.substr(colon + 2));
  }
  return fields;
}

void check(std::string_view input) {
  const std::string where(input);
  http::RequestHead head;
  for (const std::string_view line : lines_of(input, 16)) {
    const char kind = line.empty() ? ' ' : line.front();
    const bool named = kind == 'f' || kind == 'p' || kind == 'h';
    head.fields.add(kind == 'f'   ? "Forwarded"
                    : kind == 'p' ? "X-Forwarded-Proto"
                    : kind == 'h' ? "X-Forwarded-Host"
                                  : "X-Forwarded-For",
                    named ? line.substr(1) : line);
  }
  const http::Claims claims = http::believed_claims(head.fields, trusted());
  IFMATCH_PROPERTY(claims.hops.size() <= http::claimed_hops_max, "the walk is bounded", where);
  for (std::size_t i = 1; i < claims.hops.size(); ++i) {
    IFMATCH_PROPERTY(http::any_contains(trusted(), claims.hops[i]),
                     "only trusted hops vouch for others", where);
  }

  std::string out;
  http::write_request_head(out, {.head = head,
                                 .method = "GET",
                                 .base_path = "",
                                 .target = "/",
                                 .host = "inner",
                                 .client_address = "10.9.9.9",
                                 .framing = {},
                                 .claims = &claims});
  const http::Fields sent = fields_of(out);
  IFMATCH_PROPERTY(sent.count("Forwarded") == 1 && sent.count("X-Forwarded-For") == 1 &&
                       sent.count("X-Forwarded-Proto") == 1 && sent.count("X-Forwarded-Host") == 1,
                   "each is sent once", where + " as " + out);
  http::Claims expected = claims;
  expected.hops.push_back(*http::Address::parse("10.9.9.9"));
  if (expected.scheme.empty()) expected.scheme = "http";
  if (expected.host.empty()) expected.host = "inner";
  const bool stays = expected.hops.size() <= http::claimed_hops_max;
  IFMATCH_PROPERTY(!stays || same(http::believed_claims(sent, trusted()), expected),
                   "the next proxy believes what we did", where + " as " + out);

  // A stranger's word about the way before it, put in front of everything else.
  if (claims.hops.empty() || http::any_contains(trusted(), claims.hops.front())) return;
  http::Fields longer;
  bool first = true;
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    const http::Fields::Line line = head.fields.line(i);
    const bool front = first && head.fields.id(i) == http::FieldId::x_forwarded_for &&
                       line.value.find_first_not_of(", \t") != std::string_view::npos;
    if (front) first = false;
    longer.add(line.name, (front ? "10.1.1.1, 203.0.113.1, " : "") + std::string(line.value));
  }
  IFMATCH_PROPERTY(same(http::believed_claims(longer, trusted()), claims),
                   "what stands left of the client changes nothing", where);
}

}  // namespace
}  // namespace ifmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ifmatch::fuzz::check(ifmatch::fuzz::text_of(data, size));
  return 0;
}
