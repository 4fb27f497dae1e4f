// Heads are written anew: what is copied, what is not, and what is added.
#include "proxy/http/forwarding.hpp"

#include <gtest/gtest.h>

#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::contains;
using testing::occurrences;
using testing::request_of;
using testing::response_of;

constexpr std::string_view now = "Sun, 06 Nov 1994 08:49:37 GMT";

std::string write(const ForwardedRequest& request) {
  std::string out;
  write_request_head(out, request);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
  EXPECT_EQ(occurrences(out, "\r\n\r\n"), 1U);
  return out;
}

ForwardedRequest forwarded(const RequestHead& head) {
  return {.head = head,
          .method = head.method,
          .base_path = "",
          .target = head.target,
          .host = head.fields.first("Host"),
          .client_address = "192.0.2.1",
          .framing = {}};
}

std::string write(const ForwardedResponse& response) {
  std::string out;
  write_response_head(out, response);
  EXPECT_TRUE(out.ends_with("\r\n\r\n"));
  return out;
}

ForwardedResponse answered(const ResponseHead& head) {
  return {.head = head, .etag = {}, .framing = {Framing::length, 5}, .closing = {}, .date = now};
}

TEST(ForwardedRequests, AreWrittenAnew) {
  const RequestHead head = request_of("PUT", "/a?b", {{"Host", "example.org:8080"},
                                                      {"X-Thing", "1"},
                                                      {"Content-Length", "3"},
                                                      {"Via", "1.0 before"},
                                                      {"x-thing", "2"}});
  ForwardedRequest request = forwarded(head);
  request.base_path = "/api";
  request.framing = {Framing::length, 3};
  EXPECT_EQ(write(request),
            "PUT /api/a?b HTTP/1.1\r\n"
            "Host: example.org:8080\r\n"
            "X-Thing: 1\r\n"
            "Via: 1.0 before\r\n"
            "x-thing: 2\r\n"
            "Via: 1.1 ifmatch\r\n"
            "X-Forwarded-For: 192.0.2.1\r\n"
            "X-Forwarded-Proto: http\r\n"
            "X-Forwarded-Host: example.org:8080\r\n"
            "Forwarded: for=192.0.2.1;host=\"example.org:8080\";proto=http\r\n"
            "Content-Length: 3\r\n"
            "\r\n");
}

TEST(ForwardedRequests, CarryNothingOfTheConnection) {
  const RequestHead head = request_of("POST", "/", {{"Host", "h"},
                                                    {"Connection", "close, X-Hop"},
                                                    {"X-Hop", "hop-value"},
                                                    {"Keep-Alive", "timeout=5"},
                                                    {"Proxy-Connection", "keep-alive"},
                                                    {"Proxy-Authorization", "secret"},
                                                    {"TE", "trailers"},
                                                    {"Trailer", "X-End"},
                                                    {"Transfer-Encoding", "chunked"},
                                                    {"Upgrade", "h2c"},
                                                    {"HTTP2-Settings", "AAMAAABk"},
                                                    {"Expect", "100-continue"}});
  ForwardedRequest request = forwarded(head);
  request.framing = {Framing::chunked, 0};
  const std::string out = write(request);
  for (const std::string_view dropped :
       {"Connection", "hop-value", "Keep-Alive", "secret", "TE:", "X-End", "Upgrade", "h2c",
        "HTTP2", "Expect"}) {
    EXPECT_FALSE(contains(out, dropped)) << dropped;
  }
  EXPECT_EQ(occurrences(out, "Transfer-Encoding: chunked\r\n"), 1U);
}

TEST(ForwardedRequests, NeverHaveTwoFramings) {
  const RequestHead head =
      request_of("PUT", "/", {{"Host", "h"}, {"Content-Length", "99"}, {"content-length", "98"}});
  ForwardedRequest request = forwarded(head);
  request.framing = {Framing::length, 3};
  const std::string out = write(request);
  EXPECT_EQ(occurrences(out, "ontent-"), 1U);
  EXPECT_TRUE(contains(out, "Content-Length: 3\r\n"));
}

TEST(ForwardedRequests, WithoutContentSaySoWhereContentIsExpected) {
  for (const std::string_view method : {"POST", "PUT", "PATCH"}) {
    const RequestHead head = request_of(method, "/", {{"Host", "h"}});
    EXPECT_TRUE(contains(write(forwarded(head)), "Content-Length: 0\r\n")) << method;
  }
  for (const std::string_view method : {"GET", "DELETE", "OPTIONS"}) {
    const RequestHead head = request_of(method, "/", {{"Host", "h"}});
    EXPECT_FALSE(contains(write(forwarded(head)), "Content-Length")) << method;
  }
}

TEST(ForwardedRequests, LoseTheirConditionsWhenGuarded) {
  const RequestHead head = request_of("PUT", "/", {{"Host", "h"},
                                                   {"If-Match", "\"a\""},
                                                   {"if-none-match", "*"},
                                                   {"If-Modified-Since", "x"},
                                                   {"If-Unmodified-Since", "x"},
                                                   {"If-Range", "x"},
                                                   {"Range", "bytes=0-1"},
                                                   {"Content-Type", "text/plain"}});
  ForwardedRequest request = forwarded(head);
  const std::string everything = write(request);
  for (const std::string_view name : {"If-Match", "if-none-match", "If-Modified-Since",
                                      "If-Unmodified-Since", "If-Range", "Range: bytes"}) {
    EXPECT_TRUE(contains(everything, name)) << name;
  }
  request.carry = Carry::guarded;
  const std::string guarded = write(request);
  EXPECT_FALSE(contains(guarded, "If-"));
  EXPECT_FALSE(contains(guarded, "if-"));
  EXPECT_FALSE(contains(guarded, "Range"));
  EXPECT_TRUE(contains(guarded, "Content-Type: text/plain"));
}

TEST(ForwardedRequests, ThatProbeCarryNothingOfTheWrite) {
  const RequestHead head = request_of("POST", "/", {{"Host", "h"},
                                                    {"Authorization", "token"},
                                                    {"Cookie", "id=1"},
                                                    {"X-Tenant", "t"},
                                                    {"Content-Type", "application/json"},
                                                    {"Content-Encoding", "gzip"},
                                                    {"Content-Digest", "x"},
                                                    {"Prefer", "return=minimal"},
                                                    {"X-HTTP-Method-Override", "DELETE"},
                                                    {"X-HTTP-Method", "DELETE"},
                                                    {"X-Method-Override", "DELETE"},
                                                    {"Idempotency-Key", "k"},
                                                    {"If-Match", "*"},
                                                    {"Accept", "text/html"},
                                                    {"Accept-Encoding", "br"},
                                                    {"Cache-Control", "max-age=60"},
                                                    {"Pragma", "x"}});
  const FieldLine replaced[] = {{"Accept", "application/json"}, {"X-Tenant", ""}};
  ForwardedRequest request = forwarded(head);
  request.method = "GET";
  request.carry = Carry::probe;
  request.identity_coding = true;
  request.no_cache = true;
  request.replaced = replaced;
  const std::string out = write(request);
  EXPECT_TRUE(out.starts_with("GET / HTTP/1.1\r\n"));
  for (const std::string_view dropped :
       {"Content-", "Prefer", "DELETE", "Idempotency", "If-Match", "text/html", "br\r\n",
        "max-age", "Pragma", "X-Tenant"}) {
    EXPECT_FALSE(contains(out, dropped)) << dropped;
  }
  for (const std::string_view kept :
       {"Authorization: token\r\n", "Cookie: id=1\r\n", "Accept: application/json\r\n",
        "Accept-Encoding: identity\r\n", "Cache-Control: no-cache\r\n"}) {
    EXPECT_EQ(occurrences(out, kept), 1U) << kept;
  }
  request.without_credentials = true;
  EXPECT_FALSE(contains(write(request), "token"));
  EXPECT_FALSE(contains(write(request), "id=1"));
}

TEST(ForwardedRequests, ReplaceWhatTheClientClaimsAboutItsWay) {
  const RequestHead head = request_of("GET", "/", {{"Host", "h"},
                                                   {"X-Forwarded-For", "10.0.0.1"},
                                                   {"x-forwarded-host", "evil"},
                                                   {"X-Forwarded-Proto", "https"},
                                                   {"X-Forwarded-Port", "444"},
                                                   {"X-Real-IP", "10.0.0.2"},
                                                   {"Forwarded", "for=10.0.0.3"}});
  ForwardedRequest request = forwarded(head);
  request.client_address = "2001:db8::1";
  const std::string out = write(request);
  for (const std::string_view forged : {"10.0.0.", "evil", "https", "444"}) {
    EXPECT_FALSE(contains(out, forged)) << forged;
  }
  EXPECT_TRUE(contains(out, "X-Forwarded-For: 2001:db8::1\r\n"));
  EXPECT_TRUE(contains(out, "Forwarded: for=\"[2001:db8::1]\";host=\"h\";proto=http\r\n"));
}

// CGI and its heirs make one name of both, and would believe the one that we did not write.
TEST(ForwardedRequests, ReplaceWhatIsClaimedUnderNamesWithUnderscores) {
  const RequestHead head = request_of("GET", "/", {{"Host", "h"},
                                                   {"X_Forwarded_Port", "forged"},
                                                   {"x-forwarded_prefix", "forged"},
                                                   {"X_Real-IP", "forged"},
                                                   {"X_REAL_IP", "forged"},
                                                   {"X_Original_URL", "forged"},
                                                   {"x_rewrite-url", "forged"},
                                                   {"X_Really", "kept"},
                                                   {"X_Original", "kept"}});
  const std::string out = write(forwarded(head));
  EXPECT_FALSE(contains(out, "forged")) << out;
  EXPECT_EQ(occurrences(out, "kept"), 2U) << out;
}

TEST(ForwardedRequests, TellTheWayThatIsBelieved) {
  const RequestHead head = request_of("GET", "/", {{"Host", "inner"},
                                                   {"X-Forwarded-For", "203.0.113.9, 2001:db8::7"},
                                                   {"X-Forwarded-Prefix", "/other"},
                                                   {"X-Real-IP", "203.0.113.9"}});
  Claims claims;
  claims.hops = {*Address::parse("2001:db8::7"), *Address::parse("10.0.0.2")};
  claims.scheme = "https";
  claims.host = "shop.example:8443";
  claims.port = "8443";
  ForwardedRequest request = forwarded(head);
  request.client_address = "10.0.0.3";
  request.claims = &claims;
  EXPECT_EQ(write(request),
            "GET / HTTP/1.1\r\n"
            "Host: inner\r\n"
            "Via: 1.1 ifmatch\r\n"
            "X-Forwarded-For: 2001:db8::7, 10.0.0.2, 10.0.0.3\r\n"
            "X-Forwarded-Proto: https\r\n"
            "X-Forwarded-Host: shop.example:8443\r\n"
            "X-Forwarded-Port: 8443\r\n"
            "Forwarded: for=\"[2001:db8::7]\";host=\"shop.example:8443\";proto=https, "
            "for=10.0.0.2, for=10.0.0.3\r\n"
            "\r\n");
  request.client_address = "";
  claims = {};
  EXPECT_TRUE(contains(write(request), "\r\nForwarded: host=\"inner\";proto=http\r\n"));
  EXPECT_FALSE(contains(write(request), "X-Forwarded-For"));
}

TEST(ForwardedRequests, ToTheServerItselfHaveNoBasePath) {
  const RequestHead head = request_of("OPTIONS", "*", {{"Host", "h"}});
  ForwardedRequest request = forwarded(head);
  request.base_path = "/api";
  EXPECT_TRUE(write(request).starts_with("OPTIONS * HTTP/1.1\r\n"));
}

TEST(ForwardedResponses, AreWrittenAnewWithOurTag) {
  const ResponseHead head = response_of(200, {{"Content-Type", "text/plain"},
                                              {"ETag", "\"theirs\""},
                                              {"Last-Modified", "x"},
                                              {"Accept-Ranges", "bytes"},
                                              {"Transfer-Encoding", "chunked"},
                                              {"Connection", "keep-alive, X-Hop"},
                                              {"X-Hop", "1"},
                                              {"Keep-Alive", "timeout=5"},
                                              {"Set-Cookie", "a=1"},
                                              {"Set-Cookie", "b=2"}});
  ForwardedResponse response = answered(head);
  response.etag = "\"im1-x\"";
  EXPECT_EQ(write(response),
            "HTTP/1.1 200 Fine\r\n"
            "Content-Type: text/plain\r\n"
            "Set-Cookie: a=1\r\n"
            "Set-Cookie: b=2\r\n"
            "ETag: \"im1-x\"\r\n"
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Via: 1.1 ifmatch\r\n"
            "Content-Length: 5\r\n"
            "\r\n");
}

TEST(ForwardedResponses, OfGuardedRoutesNeverCarryTheUpstreamsValidators) {
  const ResponseHead head = response_of(
      200, {{"etag", "\"theirs\""}, {"LAST-MODIFIED", "then"}, {"Accept-Ranges", "bytes"}});
  const std::string dropped = write(answered(head));
  EXPECT_FALSE(contains(dropped, "theirs"));
  EXPECT_FALSE(contains(dropped, "then"));
  EXPECT_FALSE(contains(dropped, "bytes"));
  ForwardedResponse response = answered(head);
  response.validators = Validators::keep;
  EXPECT_TRUE(contains(write(response), "theirs"));
  EXPECT_TRUE(contains(write(response), "then"));
  response.etag = "\"ours\"";
  EXPECT_FALSE(contains(write(response), "theirs")) << "two tags would contradict each other";
}

TEST(ForwardedResponses, EndAsTheClientCanRead) {
  const ResponseHead head = response_of(200, {{"Date", "then"}, {"Content-Length", "9"}});
  ForwardedResponse response = answered(head);
  EXPECT_FALSE(contains(write(response), "Connection"));
  EXPECT_FALSE(contains(write(response), std::string(now)));
  response.framing = {Framing::chunked, 0};
  EXPECT_TRUE(contains(write(response), "Transfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(contains(write(response), "Content-Length"));
  response.closing = {.client_minor_version = 0, .keep_alive = true};
  response.framing = {Framing::length, 5};
  EXPECT_TRUE(contains(write(response), "Connection: keep-alive\r\n"));
  response.framing = {Framing::until_close, 0};
  EXPECT_TRUE(contains(write(response), "Connection: close\r\n"));
  response.framing = {Framing::length, 5};
  response.closing.keep_alive = false;
  EXPECT_TRUE(contains(write(response), "Connection: close\r\n"));
}

TEST(ForwardedResponses, WithoutContentHaveNoFraming) {
  for (const int status : {103, 204, 304}) {
    const ResponseHead head = response_of(status, {{"Content-Length", "9"}});
    const std::string out = write(answered(head));
    EXPECT_FALSE(contains(out, "Content-Length")) << status;
  }
}

TEST(ForwardedResponses, MayGetAnotherStatusAndFields) {
  const ResponseHead head = response_of(200, {{"Content-Type", "text/plain"}, {"Vary", "a"}});
  const FieldLine replaced[] = {{"Vary", "a, Prefer"}, {"Content-Location", "/a"}};
  ForwardedResponse response = answered(head);
  response.status = 412;
  response.replaced = replaced;
  const std::string out = write(response);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 412 Precondition Failed\r\n"));
  EXPECT_EQ(occurrences(out, "Vary"), 1U);
  EXPECT_TRUE(contains(out, "Vary: a, Prefer\r\n"));
  EXPECT_TRUE(contains(out, "Content-Location: /a\r\n"));
}

TEST(ForwardedResponses, NeverCarryAReasonThatEndsTheLine) {
  ResponseHead head = response_of(200, {});
  head.reason = "Fine\r\nX: y";
  EXPECT_TRUE(write(answered(head)).starts_with("HTTP/1.1 200 OK\r\n"));
  head.reason = "";
  EXPECT_TRUE(write(answered(head)).starts_with("HTTP/1.1 200 \r\n"));
}

TEST(ForwardedResponses, ExposeTheTagToPagesOfOtherOrigins) {
  const auto exposes = [](testing::Lines lines, ExposeEtag expose) {
    const ResponseHead head = response_of(200, lines);
    ForwardedResponse response = answered(head);
    response.etag = "\"im1-x\"";
    response.expose_etag = expose;
    return contains(write(response), "Access-Control-Expose-Headers: ETag\r\n");
  };
  constexpr auto automatic = ExposeEtag::automatic;
  EXPECT_FALSE(exposes({}, automatic));
  EXPECT_TRUE(exposes({}, ExposeEtag::always));
  EXPECT_TRUE(exposes({{"Access-Control-Allow-Origin", "*"}}, automatic));
  EXPECT_FALSE(exposes({{"Access-Control-Allow-Origin", "*"}}, ExposeEtag::never));
  EXPECT_TRUE(exposes({{"Access-Control-Allow-Origin", "https://a"},
                       {"Access-Control-Expose-Headers", "X-A"}},
                      automatic));
  EXPECT_FALSE(exposes({{"Access-Control-Allow-Origin", "https://a"},
                        {"Access-Control-Expose-Headers", "X-A, etag"}},
                       automatic));
  EXPECT_FALSE(exposes({{"Access-Control-Allow-Origin", "*"},
                        {"Access-Control-Expose-Headers", "*"}},
                       automatic));
  EXPECT_TRUE(exposes({{"Access-Control-Allow-Origin", "https://a"},
                       {"Access-Control-Allow-Credentials", "true"},
                       {"Access-Control-Expose-Headers", "*"}},
                      automatic));
  const ResponseHead untagged = response_of(200, {{"Access-Control-Allow-Origin", "*"}});
  EXPECT_FALSE(contains(write(answered(untagged)), "Expose"));
}

TEST(NotModified, CarriesWhatTheStandardAsksFor) {
  const ResponseHead head = response_of(200, {{"Cache-Control", "max-age=5"},
                                              {"Content-Location", "/a"},
                                              {"Date", "then"},
                                              {"ETag", "\"theirs\""},
                                              {"Expires", "later"},
                                              {"Vary", "Accept"},
                                              {"Set-Cookie", "a=1"},
                                              {"Access-Control-Allow-Origin", "*"},
                                              {"Content-Type", "text/plain"},
                                              {"Content-Length", "9"},
                                              {"Content-Encoding", "gzip"},
                                              {"Last-Modified", "then"},
                                              {"X-Other", "1"}});
  ForwardedResponse response = answered(head);
  response.etag = "\"im1-x\"";
  std::string out;
  write_not_modified(out, response);
  EXPECT_EQ(out,
            "HTTP/1.1 304 Not Modified\r\n"
            "Cache-Control: max-age=5\r\n"
            "Content-Location: /a\r\n"
            "Date: then\r\n"
            "Expires: later\r\n"
            "Vary: Accept\r\n"
            "Set-Cookie: a=1\r\n"
            "Access-Control-Allow-Origin: *\r\n"
            "ETag: \"im1-x\"\r\n"
            "Access-Control-Expose-Headers: ETag\r\n"
            "Via: 1.1 ifmatch\r\n"
            "\r\n");
}

TEST(ProblemAnswers, AreWholeAnswers) {
  ProblemDetails details;
  details.problem = Problem::stale_version;
  details.current = "\"im1-x\"";
  details.extra_fields = {{"Access-Control-Allow-Origin", "*"}};
  std::string out;
  write_problem(out, details, {.method = "PUT", .date = now, .closing = {}});
  const std::string content = render(details);
  EXPECT_TRUE(out.starts_with("HTTP/1.1 412 Precondition Failed\r\n"));
  for (const std::string& line :
       {std::string("Content-Type: application/problem+json\r\n"),
        std::string("Cache-Control: no-store\r\n"), std::string("ETag: \"im1-x\"\r\n"),
        std::string("Access-Control-Allow-Origin: *\r\n"), "Date: " + std::string(now) + "\r\n",
        "Content-Length: " + std::to_string(content.size()) + "\r\n"}) {
    EXPECT_EQ(occurrences(out, line), 1U) << line;
  }
  EXPECT_TRUE(out.ends_with("\r\n\r\n" + content));
  EXPECT_FALSE(contains(out, "Connection"));
  std::string head;
  write_problem(head, details, {.method = "HEAD", .date = now, .closing = {}});
  EXPECT_EQ(head + content, out);
}

TEST(ProblemAnswers, SayWhenToRetryAndWhatIsAllowed) {
  ProblemDetails details;
  details.problem = Problem::resource_busy;
  std::string out;
  write_problem(out, details, {.method = "PUT", .date = now, .closing = {}});
  EXPECT_TRUE(contains(out, "Retry-After: 1\r\n"));
  details.retry_after = std::chrono::seconds(17);
  out.clear();
  write_problem(out, details, {.method = "PUT", .date = now, .closing = {}});
  EXPECT_TRUE(contains(out, "Retry-After: 17\r\n"));
  ProblemDetails method;
  method.problem = Problem::method_not_allowed;
  method.allow = "GET";
  method.afterwards = Afterwards::close;
  out.clear();
  write_problem(out, method, {.method = "TRACE", .date = now, .closing = {}});
  EXPECT_TRUE(contains(out, "Allow: GET\r\n"));
  EXPECT_TRUE(contains(out, "Connection: close\r\n"));
  EXPECT_FALSE(contains(out, "Retry-After"));
  EXPECT_FALSE(contains(out, "no-store"));
}

TEST(HttpDate, IsWrittenInTheFixedForm) {
  using namespace std::chrono;
  const auto at = [](long long seconds_since_epoch) {
    return http_date(system_clock::time_point(seconds(seconds_since_epoch)));
  };
  EXPECT_EQ(at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(at(1709164799), "Wed, 28 Feb 2024 23:59:59 GMT");
  EXPECT_EQ(at(1709164800), "Thu, 29 Feb 2024 00:00:00 GMT");
}

}  // namespace
}  // namespace ifmatch::http
