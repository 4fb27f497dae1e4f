// HTTP hygiene: what RFC 9110 and RFC 9112 forbid, section by section, and what smuggling is made
// of. Every line of these tables was let through by some parser.
#include "proxy/http/framing.hpp"

#include <gtest/gtest.h>

#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

using testing::Lines;
using testing::request_of;
using testing::response_of;

using namespace std::string_view_literals;

// "none", "chunked", "until close" or the length.
std::string text_of(const ContentFraming& framing) {
  switch (framing.kind) {
    case Framing::none: return "none";
    case Framing::chunked: return "chunked";
    case Framing::until_close: return "until close";
    case Framing::length: return std::to_string(framing.length);
  }
  return "";
}

std::string framing_of_request(Lines lines, int minor_version = 1) {
  RequestHead head = request_of("PUT", "/a", lines, minor_version);
  head.fields.add("Host", "h");
  const auto shape = check_request(head);
  if (shape) return text_of(shape->framing);
  EXPECT_EQ(shape.error().problem, Problem::bad_request);
  EXPECT_EQ(shape.error().afterwards, Afterwards::close);
  return "refused";
}

// RFC 9112 sections 6.1 to 6.3.
TEST(RequestFraming, IsExactlyOneOfThree) {
  const struct {
    Lines lines;
    std::string_view framing;
  } cases[] = {
      {{}, "none"},
      {{{"Content-Length", "0"}}, "0"},
      {{{"content-length", "3"}}, "3"},
      {{{"Content-Length", " 3\t"}}, "3"},
      {{{"Content-Length", "007"}}, "7"},
      {{{"Content-Length", "999999999999999999"}}, "999999999999999999"},
      {{{"Transfer-Encoding", "chunked"}}, "chunked"},
      {{{"TRANSFER-ENCODING", " Chunked "}}, "chunked"},
      {{{"Content-Length", "3, 3"}}, "refused"},
      {{{"Content-Length", "3"}, {"Content-Length", "3"}}, "refused"},
      {{{"Content-Length", "3"}, {"Content-Length", "4"}}, "refused"},
      {{{"Content-Length", ""}}, "refused"},
      {{{"Content-Length", "-1"}}, "refused"},
      {{{"Content-Length", "+3"}}, "refused"},
      {{{"Content-Length", "0x3"}}, "refused"},
      {{{"Content-Length", "3.0"}}, "refused"},
      {{{"Content-Length", "1e3"}}, "refused"},
      {{{"Content-Length", "3 3"}}, "refused"},
      {{{"Content-Length", "3;"}}, "refused"},
      {{{"Content-Length", "18446744073709551616"}}, "refused"},
      {{{"Content-Length", "\xD9\xA3"}}, "refused"},
      {{{"Content-Length", "chunked"}}, "refused"},
      {{{"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}}, "refused"},
      {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "3"}}, "refused"},
      {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "0"}}, "refused"},
      {{{"Transfer-Encoding", "identity"}, {"Content-Length", "3"}}, "refused"},
      {{{"Transfer-Encoding", ""}}, "refused"},
      {{{"Transfer-Encoding", "gzip"}}, "refused"},
      {{{"Transfer-Encoding", "identity"}}, "refused"},
      {{{"Transfer-Encoding", "gzip, chunked"}}, "refused"},
      {{{"Transfer-Encoding", "chunked, gzip"}}, "refused"},
      {{{"Transfer-Encoding", "chunked, chunked"}}, "refused"},
      {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, "refused"},
      {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "identity"}}, "refused"},
      {{{"Transfer-Encoding", ",chunked"}}, "refused"},
      {{{"Transfer-Encoding", "chunked,"}}, "refused"},
      {{{"Transfer-Encoding", "chunked;a=b"}}, "refused"},
      {{{"Transfer-Encoding", "\"chunked\""}}, "refused"},
      {{{"Transfer-Encoding", "chunkedx"}}, "refused"},
      {{{"Transfer-Encoding", "xchunked"}}, "refused"},
      {{{"Transfer-Encoding", "\x0b"sv}}, "refused"},
      {{{"Transfer_Encoding", "chunked"}}, "refused"},
      {{{"Content_Length", "3"}}, "refused"},
      {{{"Transfer-Encoding ", "chunked"}}, "refused"},
      {{{" Transfer-Encoding", "chunked"}}, "refused"},
  };
  for (const auto& [lines, framing] : cases) {
    EXPECT_EQ(framing_of_request(lines), framing)
        << (lines.size() != 0 ? lines.begin()->second : "no field");
  }
}

TEST(RequestFraming, HasNoTransferCodingOnHttp10) {
  EXPECT_EQ(framing_of_request({{"Transfer-Encoding", "chunked"}}, 0), "refused");
  EXPECT_EQ(framing_of_request({{"Content-Length", "3"}}, 0), "3");
}

Problem problem_of_request(const RequestHead& head) {
  const auto shape = check_request(head);
  EXPECT_FALSE(shape.has_value());
  if (shape) return Problem::not_implemented;
  EXPECT_EQ(shape.error().afterwards, Afterwards::close);
  return shape.error().problem;
}

// RFC 9110 sections 5.1, 5.5 and 7.2, RFC 9112 sections 3 and 5.
TEST(RequestHeads, AreRefusedWhenMalformed) {
  const struct {
    std::string_view what;
    RequestHead head;
  } cases[] = {
      {"no Host", request_of("GET", "/", {})},
      {"two Hosts", request_of("GET", "/", {{"Host", "a"}, {"Host", "b"}})},
      {"the same Host twice", request_of("GET", "/", {{"Host", "a"}, {"Host", "a"}})},
      {"an empty Host", request_of("GET", "/", {{"Host", ""}})},
      {"a list of Hosts", request_of("GET", "/", {{"Host", "a, b"}})},
      {"a Host with a path", request_of("GET", "/", {{"Host", "a/b"}})},
      {"a Host with a user", request_of("GET", "/", {{"Host", "u@a"}})},
      {"a bad Host on 1.0", request_of("GET", "/", {{"Host", "a b"}}, 0)},
      {"two Hosts on 1.0", request_of("GET", "/", {{"Host", "a"}, {"Host", "b"}}, 0)},
      {"another authority", request_of("GET", "http://b/", {{"Host", "a"}})},
      {"authority-form", request_of("GET", "a:80", {{"Host", "a"}})},
      {"asterisk-form", request_of("GET", "*", {{"Host", "a"}})},
      {"HTTP/2 preface", request_of("PRI", "*", {})},
      {"an empty method", request_of("", "/", {{"Host", "a"}})},
      {"a method that is no token", request_of("G ET", "/", {{"Host", "a"}})},
      {"a space before the colon", request_of("GET", "/", {{"Host", "a"}, {"X ", "b"}})},
      {"a tab before the colon", request_of("GET", "/", {{"Host", "a"}, {"X\t", "b"}})},
      {"an empty name", request_of("GET", "/", {{"Host", "a"}, {"", "b"}})},
      {"a folded line", request_of("GET", "/", {{"Host", "a"}, {" X", "b"}})},
      {"a colon in a name", request_of("GET", "/", {{"Host", "a"}, {"X:Y", "b"}})},
      {"a name beyond ASCII", request_of("GET", "/", {{"Host", "a"}, {"\xC3\xA4", "b"}})},
      {"a control in a name", request_of("GET", "/", {{"Host", "a"}, {"X\x01", "b"}})},
      {"NUL in a value", request_of("GET", "/", {{"Host", "a"}, {"X", "b\0c"sv}})},
      {"CR in a value", request_of("GET", "/", {{"Host", "a"}, {"X", "b\rc"}})},
      {"LF in a value", request_of("GET", "/", {{"Host", "a"}, {"X", "b\nY: c"}})},
      {"DEL in a value", request_of("GET", "/", {{"Host", "a"}, {"X", "b\x7f"}})},
      {"a disguised condition", request_of("PUT", "/", {{"Host", "a"}, {"If_Match", "*"}})},
      {"a disguised override",
       request_of("POST", "/", {{"Host", "a"}, {"X_HTTP_Method_Override", "PUT"}})},
      {"Content-Range on PUT",
       request_of("PUT", "/", {{"Host", "a"}, {"Content-Range", "bytes 0-1/2"}})},
      {"the nomination of Host", request_of("GET", "/", {{"Host", "a"}, {"Connection", "Host"}})},
      {"the nomination of Authorization",
       request_of("GET", "/", {{"Host", "a"}, {"Connection", "close, authorization"}})},
      {"the nomination of Content-Length",
       request_of("PUT", "/", {{"Host", "a"}, {"Connection", "content-length"}})},
      {"the nomination of Transfer-Encoding",
       request_of("PUT", "/", {{"Host", "a"}, {"Connection", "Transfer-Encoding"}})},
      {"the nomination of Cookie",
       request_of("GET", "/", {{"Host", "a"}, {"Connection", "x"}, {"Connection", "Cookie"}})},
      {"the nomination of Content-Foo",
       request_of("GET", "/", {{"Host", "a"}, {"Connection", "Content-Foo"}})},
      {"the nomination of no token",
       request_of("GET", "/", {{"Host", "a"}, {"Connection", "a b"}})},
  };
  for (const auto& [what, head] : cases) {
    EXPECT_EQ(problem_of_request(head), Problem::bad_request) << what;
  }
}

TEST(RequestHeads, MayNotNominateConditions) {
  for (const std::string_view name : {"If-Match", "if-none-match", "If-Unmodified-Since", "Range",
                                      "If-Range", "If-Modified-Since"}) {
    EXPECT_EQ(problem_of_request(request_of("PUT", "/", {{"Host", "a"}, {"Connection", name}})),
              Problem::bad_condition)
        << name;
  }
}

TEST(RequestHeads, MayNominateFieldsOfTheirOwn) {
  EXPECT_TRUE(check_request(request_of(
      "GET", "/", {{"Host", "a"}, {"Connection", "keep-alive, X-Hop, Upgrade, TE,,"}})));
}

TEST(RequestHeads, RefuseConnectAndTraceWithAllow) {
  for (const auto& head : {request_of("CONNECT", "a:80", {{"Host", "a:80"}}),
                           request_of("TRACE", "/", {{"Host", "a"}})}) {
    const auto shape = check_request(head);
    ASSERT_FALSE(shape);
    EXPECT_EQ(shape.error().problem, Problem::method_not_allowed);
    EXPECT_EQ(shape.error().allow, allowed_methods);
    EXPECT_EQ(shape.error().afterwards, Afterwards::close);
  }
}

TEST(RequestHeads, RefuseAmbiguousPaths) {
  EXPECT_EQ(problem_of_request(request_of("GET", "/a/../b", {{"Host", "a"}})),
            Problem::ambiguous_path);
}

// RFC 9110 section 10.1.1.
TEST(RequestHeads, UnderstandOneExpectation) {
  const auto shape = [](std::string_view expect, std::string_view length, int minor = 1) {
    return check_request(request_of(
        "PUT", "/", {{"Host", "a"}, {"Expect", expect}, {"Content-Length", length}}, minor));
  };
  EXPECT_TRUE(shape("100-continue", "3")->expects_continue);
  EXPECT_TRUE(shape("100-Continue", "3")->expects_continue);
  EXPECT_FALSE(shape("100-continue", "0")->expects_continue);
  EXPECT_FALSE(shape("100-continue", "3", 0)->expects_continue);
  EXPECT_FALSE(shape("", "3")->expects_continue);
  for (const std::string_view other : {"200-ok", "100-continue, x", "x, 100-continue",
                                       "100-continue=1", "100"}) {
    EXPECT_EQ(shape(other, "3").error().problem, Problem::expectation_failed) << other;
  }
}

// RFC 9112 section 9.3.
TEST(RequestHeads, TellWhetherTheConnectionStays) {
  const auto keeps = [](std::string_view connection, int minor) {
    return check_request(request_of("GET", "/", {{"Host", "a"}, {"Connection", connection}}, minor))
        ->keep_alive;
  };
  EXPECT_TRUE(keeps("", 1));
  EXPECT_TRUE(keeps("keep-alive", 1));
  EXPECT_FALSE(keeps("close", 1));
  EXPECT_FALSE(keeps("Close, keep-alive", 1));
  EXPECT_FALSE(keeps("x, CLOSE", 1));
  EXPECT_FALSE(keeps("", 0));
  EXPECT_TRUE(keeps("Keep-Alive", 0));
  EXPECT_FALSE(keeps("keep-alive, close", 0));
}

TEST(RequestHeads, PassWithValuesThatAreUnusualButClear) {
  const auto shape = check_request(request_of("BREW", "/Pot-1?x", {{"Host", "h:8080"},
                                                                  {"X-Tab", "a\tb"},
                                                                  {"X-Latin", "\xE4"},
                                                                  {"X_Own", "1"},
                                                                  {"X-Empty", ""}}));
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->target.octets, "/Pot-1?x");
  EXPECT_EQ(shape->target.host, "h:8080");
}

TEST(RequestHeads, NeedNoHostOnHttp10) {
  EXPECT_TRUE(check_request(request_of("GET", "/", {}, 0)));
}

std::string framing_of_response(int status, std::string_view method, Lines lines, int minor = 1) {
  const auto shape = check_response(response_of(status, lines, minor), method);
  if (shape) return text_of(shape->framing) + (shape->keep_alive ? "" : ", close");
  EXPECT_EQ(shape.error().origin, Origin::upstream);
  EXPECT_EQ(shape.error().kind, FaultKind::malformed);
  EXPECT_EQ(shape.error().sent, Sent::all);
  return "malformed";
}

TEST(ResponseFraming, IsReadAsStrictly) {
  const struct {
    int status;
    std::string_view method;
    Lines lines;
    std::string_view framing;
  } cases[] = {
      {200, "GET", {{"Content-Length", "3"}}, "3"},
      {200, "GET", {{"Transfer-Encoding", "chunked"}}, "chunked"},
      {200, "GET", {}, "until close, close"},
      {200, "HEAD", {{"Content-Length", "3"}}, "none"},
      {200, "HEAD", {{"Transfer-Encoding", "chunked"}}, "none"},
      {200, "HEAD", {}, "none"},
      {304, "GET", {{"Content-Length", "3"}}, "none"},
      {204, "PUT", {}, "none"},
      {204, "PUT", {{"Content-Length", "0"}}, "none"},
      {204, "PUT", {{"Content-Length", "3"}}, "none, close"},
      {204, "PUT", {{"Transfer-Encoding", "chunked"}}, "none, close"},
      {100, "PUT", {}, "none"},
      {103, "GET", {{"Link", "x"}}, "none"},
      {205, "PUT", {{"Content-Length", "0"}}, "0"},
      {500, "PUT", {{"Content-Length", "3"}, {"Connection", "close"}}, "3, close"},
      {101, "GET", {{"Upgrade", "websocket"}}, "malformed"},
      {200, "GET", {{"Content-Length", "3, 3"}}, "malformed"},
      {200, "GET", {{"Content-Length", "3"}, {"Content-Length", "3"}}, "malformed"},
      {200, "GET", {{"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}}, "malformed"},
      {200, "HEAD", {{"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}}, "malformed"},
      {304, "GET", {{"Content-Length", "x"}}, "malformed"},
      {200, "GET", {{"Transfer-Encoding", "gzip, chunked"}}, "malformed"},
      {200, "GET", {{"Transfer-Encoding", "identity"}}, "malformed"},
      {200, "GET", {{"Transfer-Encoding", "chunked, chunked"}}, "malformed"},
      {200, "GET", {{"Content-Length", "-3"}}, "malformed"},
      {200, "GET", {{"X ", "a"}}, "malformed"},
      {200, "GET", {{"X", "a\nb"}}, "malformed"},
      {200, "GET", {{"X", "a\0b"sv}}, "malformed"},
      {200, "GET", {{"X", "a\x01"}, {"Content-Length", "1"}}, "1"},
      {99, "GET", {}, "malformed"},
      {1000, "GET", {}, "malformed"},
  };
  for (const auto& [status, method, lines, framing] : cases) {
    EXPECT_EQ(framing_of_response(status, method, lines), framing)
        << status << ' ' << (lines.size() != 0 ? lines.begin()->second : "no field");
  }
}

TEST(ResponseFraming, HasNoTransferCodingOnHttp10) {
  EXPECT_EQ(framing_of_response(200, "GET", {{"Transfer-Encoding", "chunked"}}, 0), "malformed");
  EXPECT_EQ(framing_of_response(200, "GET", {{"Content-Length", "3"}}, 0), "3, close");
  EXPECT_EQ(framing_of_response(200, "GET", {{"Content-Length", "3"}, {"Connection", "keep-alive"}},
                                0),
            "3");
}

TEST(ResponseHeads, TellHowLongTheConnectionIsKept) {
  const auto timeout = [](std::string_view value) {
    return check_response(response_of(200, {{"Content-Length", "0"}, {"Keep-Alive", value}}), "GET")
        ->keep_alive_timeout;
  };
  EXPECT_EQ(timeout("timeout=5"), std::chrono::seconds(5));
  EXPECT_EQ(timeout("max=100, Timeout=0"), std::chrono::seconds(0));
  EXPECT_EQ(timeout("timeout = 7 ,x"), std::chrono::seconds(7));
  for (const std::string_view value : {"", "5", "timeout", "timeout=", "timeout=x", "timeout=-1",
                                       "timeout=5x", "timeout=99999999999999"}) {
    EXPECT_EQ(timeout(value), std::nullopt) << value;
  }
  EXPECT_FALSE(check_response(
                   response_of(200, {{"Content-Length", "0"}, {"Keep-Alive", "max=0"}}), "GET")
                   ->keep_alive);
}

}  // namespace
}  // namespace ifmatch::http
