// Trailer fields stay what they are, and none of them says what only a header section may say; and
// an offer of a WebSocket is told from everything that merely looks like one.
#include "proxy/http/trailers.hpp"

#include <gtest/gtest.h>

#include <string>

#include "proxy/http/framing.hpp"
#include "proxy/http/upgrade.hpp"

namespace ifmatch::http {
namespace {

TEST(Trailers, OfWhatIsKnownOnlyAtTheEndMayPass) {
  for (const char* name : {"Digest", "Repr-Digest", "Content-Digest", "Grpc-Status", "grpc-message",
                           "Server-Timing", "X-Checksum", "ETag", "Signature"}) {
    EXPECT_TRUE(may_trail(name)) << name;
  }
}

TEST(Trailers, OfWhatOnlyAHeaderSectionMaySayMayNot) {
  for (const char* name :
       {// framing and this hop
        "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
        "Upgrade", "Proxy-Connection",
        // routing
        "Host", "Forwarded", "X-Forwarded-For", "x-forwarded-port", "X-Real-IP", "Via",
        "Max-Forwards", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override",
        "X-HTTP-Method", "X-Method-Override", "X-Accel-Redirect",
        // authentication
        "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Cookie",
        "Set-Cookie", "Authentication-Info",
        // conditions and other modifiers
        "If-Match", "if-none-match", "If-Modified-Since", "If-Unmodified-Since", "If-Range",
        "If-Schedule-Tag-Match", "Range", "Expect", "Cache-Control", "Pragma", "Prefer", "Accept",
        "Accept-Encoding", "Idempotency-Key", "Origin",
        // the content and the answer
        "Content-Type", "Content-Encoding", "Content-Range", "Content-Location", "Age", "Date",
        "Expires", "Location", "Retry-After", "Vary", "Warning", "Last-Modified",
        "Access-Control-Allow-Origin",
        // names that others read as one of these, or not at all
        "If_Match", "x_anything", "", "a b", "a:"}) {
    EXPECT_FALSE(may_trail(name)) << name;
  }
}

TEST(Trailers, AreWrittenLineByLine) {
  Fields trailers;
  trailers.add("X-Sum", "1");
  trailers.add("If-Match", "*");
  trailers.add("X-Hop", "2");
  trailers.add("X-Sum", "3");
  trailers.add("X-Broken", std::string("a\x01z", 3));
  Fields head;
  head.add("Connection", "X-Hop");
  std::string out;
  write_trailers(out, trailers, head);
  EXPECT_EQ(out, "X-Sum: 1\r\nX-Sum: 3\r\n");
}

TEST(Trailers, AreAnnouncedByTheNamesThatMayPass) {
  Fields fields;
  EXPECT_EQ(trailer_announcement(fields), "");
  fields.add("Trailer", "Content-Length, If-Match");
  EXPECT_EQ(trailer_announcement(fields), "");
  fields.add("Trailer", "X-Sum,, Host");
  fields.add("trailer", "ETag");
  EXPECT_EQ(trailer_announcement(fields), "Trailer: X-Sum, ETag\r\n");
}

RequestHead handshake() {
  RequestHead head;
  head.method = "GET";
  head.target = "/chat";
  head.fields.add("Host", "a");
  head.fields.add("Connection", "keep-alive, Upgrade");
  head.fields.add("Upgrade", "WebSocket");
  head.fields.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  head.fields.add("Sec-WebSocket-Version", "13");
  return head;
}

TEST(AWebSocketOffer, IsRecognised) {
  EXPECT_TRUE(offers_websocket(handshake(), {}));
  EXPECT_TRUE(offers_websocket(handshake(), {.kind = Framing::length, .length = 0}));
}

TEST(AWebSocketOffer, IsNoneWithAnythingBesides) {
  const auto refuse = [](const char* why, auto change, ContentFraming framing = {}) {
    RequestHead head = handshake();
    change(head);
    EXPECT_FALSE(offers_websocket(head, framing)) << why;
  };
  refuse("a write", [](RequestHead& head) { head.method = "POST"; });
  refuse("a HEAD", [](RequestHead& head) { head.method = "HEAD"; });
  refuse("1.0", [](RequestHead& head) { head.minor_version = 0; });
  refuse("content", [](RequestHead&) {}, {.kind = Framing::length, .length = 1});
  refuse("chunks", [](RequestHead&) {}, {.kind = Framing::chunked});
  refuse("two offers", [](RequestHead& head) { head.fields.add("Upgrade", "h2c"); });
  refuse("the same twice", [](RequestHead& head) { head.fields.add("Upgrade", "websocket"); });
  refuse("a list", [](RequestHead& head) {
    head.fields.remove("Upgrade");
    head.fields.add("Upgrade", "websocket, h2c");
  });
  refuse("h2c", [](RequestHead& head) {
    head.fields.remove("Upgrade");
    head.fields.add("Upgrade", "h2c");
  });
  refuse("no offer", [](RequestHead& head) { head.fields.remove("Upgrade"); });
  refuse("not nominated", [](RequestHead& head) { head.fields.remove("Connection"); });
  refuse("no key", [](RequestHead& head) { head.fields.remove("Sec-WebSocket-Key"); });
  refuse("two keys", [](RequestHead& head) { head.fields.add("Sec-WebSocket-Key", "x"); });
  refuse("no version", [](RequestHead& head) { head.fields.remove("Sec-WebSocket-Version"); });
}

ResponseHead switching(std::string_view upgrade = "websocket") {
  ResponseHead head;
  head.status = 101;
  head.fields.add("Connection", "Upgrade");
  head.fields.add("Upgrade", upgrade);
  return head;
}

TEST(ASwitchOfProtocols, IsTakenOnlyWhereItWasAskedFor) {
  EXPECT_FALSE(check_response(switching(), "GET").has_value());
  EXPECT_TRUE(check_response(switching(), "GET", Offer::websocket).has_value());
  EXPECT_FALSE(check_response(switching("h2c"), "GET", Offer::websocket).has_value());
  EXPECT_FALSE(check_response(switching("websocket, x"), "GET", Offer::websocket).has_value());
  ResponseHead head = switching();
  head.fields.remove("Connection");
  EXPECT_FALSE(check_response(head, "GET", Offer::websocket).has_value());
  head = switching();
  head.fields.add("Content-Length", "2");
  EXPECT_FALSE(check_response(head, "GET", Offer::websocket).has_value());
}

}  // namespace
}  // namespace ifmatch::http
