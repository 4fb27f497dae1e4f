#include "tests/conformance/response_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>

#include "tests/conformance/request_table.hpp"
#include "tests/integration/fixture.hpp"

namespace ifmatch::conformance {

namespace {

using support::RawClient;
using support::Reply;
using support::Request;
using support::Response;

constexpr std::string_view elsewhere = "/pass/elsewhere";

// With `check: recorded` a guarded write shows by the lack of a probe that a version is recorded;
// the quarantine outlasts the test, so that doubt shows.
support::ProxyConfig observable(const std::string& url) {
  support::ProxyConfig config;
  config.upstream_url = url;
  config.upstream = "timeouts: { connect: 2s, response: 600ms }";
  config.defaults = "max_body: 1KiB, check: recorded, in_doubt: 10m";
  config.routes =
      "  - { name: documents, match: { path: \"/doc/**\" }, upstream: api }\n"
      "  - { name: rest, match: { path: \"/**\" }, upstream: api, mode: bypass }\n";
  config.more = "threads: 1\n";
  return config;
}

Reply ordinary(const Request&) {
  Reply reply;
  reply.fields = {{"Content-Type", "application/json"}};
  reply.body = "{}";
  return reply;
}

bool is_guarded(Asked asked) {
  return asked == Asked::get || asked == Asked::head || asked == Asked::post || asked == Asked::put;
}

bool is_write(Asked asked) {
  return asked == Asked::post || asked == Asked::put || asked == Asked::bypass_put;
}

bool is_head(Asked asked) {
  return asked == Asked::head || asked == Asked::bypass_head;
}

std::string method_of(Asked asked) {
  switch (asked) {
    case Asked::get:
    case Asked::bypass_get:
      return "GET";
    case Asked::head:
    case Asked::bypass_head:
      return "HEAD";
    case Asked::post:
      return "POST";
    case Asked::put:
    case Asked::bypass_put:
      return "PUT";
  }
  return "";
}

// The method in which the request arrives at the API: a guarded HEAD is answered from a GET.
std::string upstream_method_of(Asked asked) {
  return asked == Asked::head ? "GET" : method_of(asked);
}

bool leaves_outcome_open(int status) {
  return status == 502 || status == 503 || status == 504 || (status >= 520 && status <= 599);
}

std::string meaning_of(const ResponseRow& row) {
  const std::string status = std::to_string(row.status);
  return row.problem.empty() ? status : status + " " + row.problem;
}

// The answer to a HEAD has no content that could name the problem.
std::string meaning_of(const Response& answer) {
  constexpr std::string_view prefix = "urn:ifmatch:problem:";
  const std::string status = std::to_string(answer.status);
  if (answer.field("Content-Type") != "application/problem+json") return status;
  if (answer.body.empty()) return status + " of a HEAD";
  const std::string type = support::json_member(answer.body, "type");
  return status + " " + (type.starts_with(prefix) ? type.substr(prefix.size()) : type);
}

// The connection on which the last such request arrived, 0 when none did.
int connection_of(const std::vector<Request>& requests, std::string_view method,
                  std::string_view target) {
  int connection = 0;
  for (const Request& request : requests) {
    if (request.method == method && request.target == target) connection = request.connection;
  }
  return connection;
}

}  // namespace

void ResponseSection::served(std::string row, std::string octets, std::string content,
                             Connection connection, Ends ends, std::string remark) {
  const ResponseRow of_get{.name = row + "_to_GET",
                           .asked = Asked::get,
                           .octets = octets,
                           .ends = ends,
                           .content = content,
                           .tag = Tag::handed_out,
                           .connection = connection,
                           .knows = Knows::version,
                           .remark = remark};
  rows.push_back(of_get);
  for (const Asked asked : {Asked::bypass_get, Asked::post, Asked::put}) {
    ResponseRow other = of_get;
    other.name = row + "_to_" + (is_write(asked) ? "" : "bypass_") + method_of(asked);
    other.asked = asked;
    other.tag = Tag::none;
    other.knows = is_write(asked) ? Knows::settled : Knows::nothing;
    rows.push_back(std::move(other));
  }
}

void ResponseSection::relayed(std::string row, std::string octets, int status, std::string content,
                              Connection connection, Ends ends, std::string remark) {
  for (const Asked asked : {Asked::get, Asked::bypass_get, Asked::post, Asked::put}) {
    ResponseRow one{
        .name = row + "_to_" + (asked == Asked::bypass_get ? "bypass_" : "") + method_of(asked),
        .asked = asked,
        .octets = octets,
        .ends = ends,
        .status = status,
        .content = content,
        .connection = connection,
        .remark = remark};
    if (is_write(asked)) {
      one.knows = leaves_outcome_open(status) ? Knows::in_doubt : Knows::settled;
    }
    rows.push_back(std::move(one));
  }
}

void ResponseSection::malformed(std::string row, std::string octets, Ends ends,
                                std::string remark) {
  for (const Asked asked : {Asked::get, Asked::bypass_get, Asked::post, Asked::put}) {
    rows.push_back(
        {.name = row + "_to_" + (asked == Asked::bypass_get ? "bypass_" : "") + method_of(asked),
         .asked = asked,
         .octets = octets,
         .ends = ends,
         .status = 502,
         .problem = is_write(asked) ? "outcome-unknown" : "upstream-unreachable",
         .connection = Connection::dropped,
         .knows = is_write(asked) ? Knows::in_doubt : Knows::nothing,
         .remark = remark});
  }
}

void ResponseSection::malformed_content(std::string row, std::string octets, Ends ends) {
  malformed(std::move(row), std::move(octets), ends);
  ResponseRow& of_bypass = *(rows.end() - 3);
  of_bypass.status = 200;
  of_bypass.problem.clear();
  of_bypass.delivery = Delivery::cut;
}

void ResponseSection::unfinished(std::string row, std::string octets, Delivery of_bypass) {
  malformed(std::move(row), std::move(octets));
  for (auto one = rows.end() - 4; one != rows.end(); ++one) {
    one->status = 504;
    if (!is_write(one->asked)) one->problem = "upstream-timeout";
    if (one->asked == Asked::bypass_get && of_bypass == Delivery::cut) {
      one->status = 200;
      one->problem.clear();
      one->delivery = Delivery::cut;
    }
  }
}

void ResponseSection::interim(std::vector<int> statuses) {
  for (auto one = rows.end() - 4; one != rows.end(); ++one) one->interim = statuses;
}

void PrintTo(const ResponseSection& section, std::ostream* out) {
  *out << section.name << ", " << section.rows.size() << " rows";
}

ResponseBench::ResponseBench()
    : upstream_(ordinary), proxy_(support::ProxyProcess::start(observable(upstream_.url()))) {}

void ResponseBench::run(const ResponseRow& row) {
  const ::testing::ScopedTrace trace(__FILE__, __LINE__,
                                     row.name + ": " + visible(row.octets) +
                                         (row.remark.empty() ? "" : "\n  (" + row.remark + ")"));
  upstream_.forget();
  try {
    converse(row);
  } catch (const std::exception& failure) {
    ADD_FAILURE() << failure.what();
  }
  upstream_.behave(ordinary);
}

void ResponseBench::converse(const ResponseRow& row) {
  const std::string path = (is_guarded(row.asked) ? "/doc/" : "/pass/") + std::to_string(++rows_);
  upstream_.behave([row, path](const Request& request) {
    if (request.target != path || request.method != upstream_method_of(row.asked)) {
      return ordinary(request);
    }
    Reply reply;
    reply.verbatim = row.octets;
    reply.close_after = row.ends == Ends::closes;
    return reply;
  });
  RawClient client = RawClient::connect(proxy_.port());
  const support::Fields fields =
      row.asked == Asked::put ? support::Fields{{"If-Match", "*"}} : support::Fields{};
  client.send(client.compose(method_of(row.asked), path, fields, is_write(row.asked) ? "{}" : ""));
  if (row.delivery == Delivery::cut) {
    bool whole = true;
    try {
      const Response answer = client.read_response();
      EXPECT_FALSE(answer.has("ETag"));
      whole = !answer.truncated;
    } catch (const support::TimedOut&) {
      throw;
    } catch (const support::SupportError&) {
      whole = false;  // it broke before the head was whole
    }
    EXPECT_FALSE(whole) << "the client takes a broken answer for a whole one";
    client = RawClient::connect(proxy_.port());
  } else {
    const Response answer = client.read_response(is_head(row.asked) ? RawClient::Body::none
                                                                    : RawClient::Body::as_framed);
    check_answer(row, answer);
  }
  upstream_.behave(ordinary);
  // On the same connection of the client, so that it shows that nothing is left over there either.
  EXPECT_EQ(client.request("GET", elsewhere).body, "{}");
  const std::vector<Request> arrived = upstream_.requests();
  const int used = connection_of(arrived, upstream_method_of(row.asked), path);
  const int used_next = connection_of(arrived, "GET", elsewhere);
  EXPECT_NE(used, 0) << "the request never arrived";
  EXPECT_EQ(used == used_next, row.connection == Connection::used_again)
      << "the next request of the proxy goes out on connection " << used_next << ", after " << used;
  if (is_guarded(row.asked)) check_knowledge(row, path);
}

void ResponseBench::check_answer(const ResponseRow& row, const Response& answer) const {
  EXPECT_EQ(meaning_of(answer), meaning_of(row)) << visible(answer.body);
  EXPECT_EQ(answer.version, "HTTP/1.1");
  EXPECT_FALSE(answer.truncated);
  EXPECT_EQ(answer.interim, row.interim);
  if (row.problem.empty()) {
    EXPECT_EQ(visible(answer.body), visible(row.content));
    EXPECT_TRUE(answer.has("Via"));
  }
  if (is_guarded(row.asked)) {
    EXPECT_EQ(support::is_our_tag(answer.tag()), row.tag == Tag::handed_out) << answer.tag();
    EXPECT_EQ(answer.has("ETag"), row.tag == Tag::handed_out) << answer.tag();
    EXPECT_FALSE(answer.has("Last-Modified"));
    EXPECT_FALSE(answer.has("Accept-Ranges"));
  }
  EXPECT_EQ(support::count_fields(answer.fields, "Date"), 1U);
  EXPECT_LE(support::count_fields(answer.fields, "Content-Length") +
                support::count_fields(answer.fields, "Transfer-Encoding"),
            1U);
  for (const std::string_view name : {"Connection", "Keep-Alive", "Proxy-Connection", "TE",
                                      "Trailer", "Upgrade", "Proxy-Authenticate"}) {
    EXPECT_FALSE(answer.has(name)) << name << ": " << answer.field(name);
  }
  for (const auto& [name, value] : row.with) {
    std::vector<std::string> expected;
    std::vector<std::string> got;
    for (const auto& [other, line] : row.with) {
      if (support::same_name(other, name)) expected.push_back(line);
    }
    for (const auto& [other, line] : answer.fields) {
      if (support::same_name(other, name)) got.push_back(line);
    }
    EXPECT_EQ(got, expected) << name;
  }
  for (const std::string& name : row.without) {
    EXPECT_FALSE(answer.has(name)) << name << ": " << answer.field(name);
  }
}

void ResponseBench::check_knowledge(const ResponseRow& row, const std::string& path) {
  upstream_.forget();
  const Response written = support::request_once(proxy_.port(), "PUT", path, {{"If-Match", "*"}});
  const bool probed = upstream_.count("GET") != 0;
  const bool arrived = upstream_.count("PUT") != 0;
  if (row.knows == Knows::in_doubt) {
    EXPECT_EQ(meaning_of(written), "503 outcome-unknown") << "the resource is not in quarantine";
    EXPECT_FALSE(probed);
    EXPECT_FALSE(arrived) << "a write passed another one whose outcome nobody knows";
    return;
  }
  EXPECT_EQ(meaning_of(written), "200") << "the resource cannot be written";
  EXPECT_TRUE(arrived);
  EXPECT_EQ(probed, row.knows != Knows::version)
      << (probed ? "the version was not recorded" : "a version is recorded that must not be");
}

}  // namespace ifmatch::conformance
