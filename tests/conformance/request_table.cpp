#include "tests/conformance/request_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>

#include "tests/integration/fixture.hpp"

namespace ifmatch::conformance {

namespace {

using support::RawClient;
using support::Reply;
using support::Request;
using support::Response;

constexpr std::string_view sentinel = "/doc/sentinel";

support::ProxyConfig tight_limits(const std::string& url) {
  support::ProxyConfig config;
  config.upstream_url = url;
  config.listener =
      "timeouts: { header: 400ms, body: 400ms }, "
      "limits: { header_bytes: 4KiB, header_fields: 40, target_bytes: 1KiB }";
  config.defaults = "max_body: 1KiB";
  config.routes =
      "  - { name: documents, match: { path: \"/doc/**\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  config.more = "threads: 1\n";
  return config;
}

Reply answer_everything(const Request& request) {
  Reply reply;
  reply.fields = {{"Content-Type", "application/json"}};
  reply.body = request.method == "GET" ? "{}" : "\"done\"";
  return reply;
}

bool is_read(const Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

std::vector<std::string> lines_of(const support::Fields& fields, std::string_view name) {
  std::vector<std::string> lines;
  for (const auto& [line_name, value] : fields) {
    if (support::same_name(line_name, name)) lines.push_back(value);
  }
  return lines;
}

// "412 stale-version", or "412 problem" where there is no content to name it.
std::string meaning_of(const Answer& expected) {
  const std::string status = std::to_string(expected.status);
  if (expected.problem.empty()) return status;
  return status + (expected.to == Answer::To::head ? " problem" : " " + expected.problem);
}

std::string meaning_of(const Response& answer, Answer::To to) {
  constexpr std::string_view prefix = "urn:ifmatch:problem:";
  const std::string status = std::to_string(answer.status);
  if (answer.field("Content-Type") != "application/problem+json") return status;
  if (to == Answer::To::head) return status + " problem";
  const std::string type = support::json_member(answer.body, "type");
  return status + " " + (type.starts_with(prefix) ? type.substr(prefix.size()) : type);
}

std::string described(const std::vector<Request>& requests) {
  std::string text;
  for (const Request& request : requests) {
    text += "\n  " + request.method + " " + request.target + " " + visible(request.body);
  }
  return text.empty() ? "\n  nothing" : text;
}

}  // namespace

void RequestSection::served(std::string row, std::string octets, std::string remark) {
  rows.push_back({.name = std::move(row),
                  .octets = std::move(octets),
                  .answers = {{}},
                  .after = After::open,
                  .arrivals = {{.method = "GET", .target = "/doc/a"}},
                  .remark = std::move(remark)});
}

void RequestSection::refused(std::string row, std::string octets, int status, std::string problem,
                             std::string remark) {
  rows.push_back({.name = std::move(row),
                  .octets = std::move(octets),
                  .answers = {{.status = status, .problem = std::move(problem)}},
                  .after = After::closed,
                  .arrivals = {},
                  .remark = std::move(remark)});
}

void RequestSection::forwarded(std::string row, std::string octets, Arrival arrival,
                               std::string remark) {
  rows.push_back({.name = std::move(row),
                  .octets = std::move(octets),
                  .answers = {{}},
                  .after = After::open,
                  .arrivals = {std::move(arrival)},
                  .remark = std::move(remark)});
}

void PrintTo(const RequestSection& section, std::ostream* out) {
  *out << section.name << ", " << section.rows.size() << " rows";
}

std::string request(std::string_view request_line, std::string_view lines,
                    std::string_view content) {
  return std::string(request_line) + " HTTP/1.1\r\nHost: api.test\r\n" + std::string(lines) +
         "\r\n" + std::string(content);
}

std::string get(std::string_view lines) {
  return request("GET /doc/a", lines);
}

std::string post(std::string_view lines, std::string_view content) {
  return request("POST /doc/a", lines, content);
}

std::string pass(std::string_view lines, std::string_view content) {
  return request("POST /pass/a", lines, content);
}

std::string put(std::string_view lines, std::string_view content) {
  return request("PUT /doc/a", "If-Match: *\r\n" + std::string(lines), content);
}

std::string visible(std::string_view octets) {
  constexpr std::size_t shown_max = 600;
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  for (const char octet : octets.substr(0, shown_max)) {
    const auto value = static_cast<unsigned char>(octet);
    if (octet == '\r') {
      text += "\\r";
    } else if (octet == '\n') {
      text += "\\n";
    } else if (value < 0x20 || value > 0x7e) {
      text += "\\x";
      text += hex[value >> 4U];
      text += hex[value & 15U];
    } else {
      text += octet;
    }
  }
  return octets.size() > shown_max ? text + "..." : text;
}

RequestBench::RequestBench()
    : upstream_(answer_everything),
      proxy_(support::ProxyProcess::start(tight_limits(upstream_.url()))) {}

void RequestBench::run(const RequestRow& row) {
  const ::testing::ScopedTrace trace(__FILE__, __LINE__,
                                     row.name + ": " + visible(row.octets) +
                                         (row.remark.empty() ? "" : "\n  (" + row.remark + ")"));
  upstream_.forget();
  try {
    converse(row);
  } catch (const std::exception& failure) {
    ADD_FAILURE() << failure.what() << "\n  arrived:" << described(upstream_.requests());
  }
}

void RequestBench::converse(const RequestRow& row) {
  RawClient client = RawClient::connect(proxy_.port());
  static_cast<void>(client.try_send(row.octets));
  if (row.then == Then::ends_its_side) client.half_close();
  for (std::size_t index = 0; index < row.answers.size(); ++index) {
    const Answer& expected = row.answers[index];
    const Response answer = client.read_response(
        expected.to == Answer::To::head ? RawClient::Body::none : RawClient::Body::as_framed);
    const bool last = index + 1 == row.answers.size();
    check_answer(expected, answer, last ? row.after : After::open);
  }
  // A further request shows that nothing is left over: neither here nor at the API.
  if (row.after == After::closed) {
    EXPECT_TRUE(client.expect_closed()) << "the connection should be closed now";
    EXPECT_EQ(support::request_once(proxy_.port(), "GET", sentinel).status, 200);
  } else {
    const Response next = client.request("GET", sentinel);
    EXPECT_EQ(next.status, 200) << "the next request on the connection: " << next.body;
  }
  const std::vector<Request> arrived = upstream_.requests();
  EXPECT_EQ(arrived.size(), row.arrivals.size() + 1) << "arrived:" << described(arrived);
  if (arrived.empty()) return;
  EXPECT_EQ(arrived.back().target, sentinel) << "arrived:" << described(arrived);
  for (const Request& each : arrived) check_hygiene(each);
  for (std::size_t i = 0; i < std::min(arrived.size() - 1, row.arrivals.size()); ++i) {
    check_arrival(row.arrivals[i], arrived[i]);
  }
}

void RequestBench::check_answer(const Answer& expected, const Response& answer,
                                After after_it) const {
  EXPECT_EQ(meaning_of(answer, expected.to), meaning_of(expected)) << answer.body;
  EXPECT_EQ(answer.version, "HTTP/1.1");
  EXPECT_EQ(answer.interim, expected.interim);
  EXPECT_FALSE(answer.truncated);
  EXPECT_EQ(support::count_fields(answer.fields, "Date"), 1U);
  EXPECT_LE(support::count_fields(answer.fields, "Content-Length") +
                support::count_fields(answer.fields, "Transfer-Encoding"),
            1U);
  // RFC 9112 section 9.6: whoever closes says so.
  const bool says_close = support::same_name(answer.field("Connection"), "close");
  EXPECT_EQ(says_close, after_it == After::closed) << answer.field("Connection");
  if (expected.status == 405) {
    EXPECT_TRUE(answer.has("Allow"));
  }
}

void RequestBench::check_arrival(const Arrival& expected, const Request& arrived) const {
  EXPECT_EQ(arrived.method, expected.method);
  EXPECT_EQ(arrived.target, expected.target);
  EXPECT_EQ(visible(arrived.body), visible(expected.content));
  for (const auto& [name, value] : expected.with) {
    EXPECT_EQ(lines_of(arrived.fields, name), lines_of(expected.with, name)) << name;
  }
  for (const std::string& name : expected.without) {
    EXPECT_FALSE(arrived.has(name)) << name << ": " << arrived.field(name);
  }
}

// What holds of every message that we write, whatever was read.
void RequestBench::check_hygiene(const Request& arrived) const {
  EXPECT_EQ(arrived.version, "HTTP/1.1");
  EXPECT_EQ(arrived.target.find("smuggled"), std::string::npos) << arrived.target;
  EXPECT_EQ(support::count_fields(arrived.fields, "Host"), 1U);
  EXPECT_LE(support::count_fields(arrived.fields, "Content-Length") +
                support::count_fields(arrived.fields, "Transfer-Encoding"),
            1U);
  if (arrived.has("Transfer-Encoding")) {
    EXPECT_EQ(arrived.field("Transfer-Encoding"), "chunked");
  }
  EXPECT_TRUE(arrived.has("Via"));  // RFC 9110 section 7.6.3
  const bool guarded = arrived.target.starts_with("/doc/");
  const bool wants_trailers = !guarded && arrived.field("TE") == "trailers";
  for (const std::string_view name :
       {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE", "Trailer",
        "Upgrade", "HTTP2-Settings", "Expect"}) {
    if (wants_trailers && (name == "TE" || name == "Connection")) continue;
    EXPECT_FALSE(arrived.has(name)) << name << ": " << arrived.field(name);
  }
  if (!guarded) return;
  for (const std::string_view name : {"If-Match", "If-None-Match", "If-Modified-Since",
                                      "If-Unmodified-Since", "If-Range", "Range"}) {
    EXPECT_FALSE(arrived.has(name)) << name << " of a guarded request is ours alone";
  }
  if (is_read(arrived)) {
    EXPECT_EQ(lines_of(arrived.fields, "Accept-Encoding"), std::vector<std::string>{"identity"});
  }
}

}  // namespace ifmatch::conformance
