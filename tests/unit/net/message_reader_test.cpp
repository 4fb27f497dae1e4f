// Messages are read alike however their octets arrive, within their limits, and nothing but the
// header section ever becomes a field.
#include "proxy/net/message_reader.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;

enum class Arrival { at_once, octet_by_octet };
enum class Then { stays, ends };

// For the messages of failed tests.
void PrintTo(Arrival arrival, std::ostream* out) {
  *out << (arrival == Arrival::at_once ? "at once" : "octet by octet");
}

// What became of a message; nothing in `error` means that the reader still waits.
template <typename Head>
struct Message {
  Head head;
  std::string content;
  std::optional<ReadError> error;
  bool whole = false;
};

template <typename Head>
Task<void> read_message(MessageReader<Head>& reader, Message<Head>& message) {
  ReadError error = co_await reader.read_head(message.head, never, milliseconds(10'000));
  if (error == ReadError::none) error = reader.take_buffered();
  while (error == ReadError::none) {
    for (const std::string_view piece : reader.pieces()) message.content += piece;
    if (reader.done()) break;
    error = co_await reader.read_content(never);
  }
  message.error = error;
  message.whole = reader.done();
}

// One end of a connection, whose other end is the test.
class Wire {
 public:
  Wire() {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw std::bad_alloc();
    Socket near(io_.get_executor());
    near.assign(tcp::v4(), ends[0]);
    far_ = ends[1];
    connection.emplace(std::move(near), sweeper);
  }
  Wire(const Wire&) = delete;
  ~Wire() { end(); }

  void send(std::string_view octets) {
    ASSERT_EQ(::send(far_, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
              static_cast<ssize_t>(octets.size()));
    poll();
  }
  void end() {
    if (far_ >= 0) ::close(std::exchange(far_, -1));
    poll();
  }
  template <typename Head>
  void start(MessageReader<Head>& reader, Message<Head>& message) {
    start(read_message(reader, message));
  }
  void start(Task<void> reading) {
    spawn(io_, std::move(reading));
    poll();
  }
  // Does everything that can be done without waiting.
  void poll() {
    io_.restart();
    while (io_.poll() > 0) {
    }
  }

 private:
  asio::io_context io_;
  int far_ = -1;

 public:
  Sweeper sweeper;
  std::optional<Connection> connection;
};

template <typename Head>
Message<Head> read(std::string_view octets, const MessageLimits& limits, Arrival arrival,
                   Then then = Then::stays) {
  Wire wire;
  Message<Head> message;
  {
    MessageReader<Head> reader(*wire.connection, limits);
    wire.start(reader, message);
    if (arrival == Arrival::at_once) {
      wire.send(octets);
    } else {
      // Nobody reads on behind an error.
      for (std::size_t at = 0; at < octets.size() && !message.error; ++at) {
        wire.send(octets.substr(at, 1));
      }
    }
    // Whoever still waits ends with the connection, before the reader does.
    const bool waits = !message.error.has_value();
    wire.end();
    if (then == Then::stays && waits) message.error.reset();
  }
  return message;
}

class AMessage : public ::testing::TestWithParam<Arrival> {
 protected:
  static Message<http::RequestHead> request(std::string_view octets,
                                            const MessageLimits& limits = {},
                                            Then then = Then::stays) {
    return read<http::RequestHead>(octets, limits, GetParam(), then);
  }
  static Message<http::ResponseHead> response(std::string_view octets, Then then = Then::stays) {
    return read<http::ResponseHead>(octets, {}, GetParam(), then);
  }
};

TEST_P(AMessage, IsReadWithItsFieldsAndItsContent) {
  const auto message = request(
      "\r\nPUT /a?b HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\nX-One: 2\r\nContent-Length: "
      "5\r\n\r\nhello");
  EXPECT_EQ(message.error, ReadError::none);
  EXPECT_TRUE(message.whole);
  EXPECT_EQ(message.head.method, "PUT");
  EXPECT_EQ(message.head.target, "/a?b");
  EXPECT_EQ(message.head.minor_version, 1);
  EXPECT_EQ(message.head.fields.size(), 4U);
  EXPECT_EQ(message.head.fields.joined("x-one"), "1, 2");
  EXPECT_EQ(message.content, "hello");
}

TEST_P(AMessage, IsReadOutOfItsChunks) {
  const auto message = request(
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;name=value\r\nabc\r\n00a\r\n0123456789\r\n0\r\n\r\n");
  EXPECT_EQ(message.error, ReadError::none);
  EXPECT_TRUE(message.whole);
  EXPECT_EQ(message.content, "abc0123456789");
}

TEST_P(AMessage, HasNoFieldsFromItsTrailers) {
  const auto message = request(
      "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\n{}\r\n0\r\nIf-Match: *\r\nHost: b\r\nX-Late: 1\r\n\r\n");
  EXPECT_EQ(message.error, ReadError::none);
  EXPECT_TRUE(message.whole);
  EXPECT_EQ(message.content, "{}");
  EXPECT_EQ(message.head.fields.size(), 2U);
  EXPECT_FALSE(message.head.fields.has("If-Match"));
  EXPECT_EQ(message.head.fields.joined("Host"), "a");
}

// RFC 9110 section 2.5.
TEST_P(AMessage, OfAHigherMinorVersionIsTakenForOneOfOurs) {
  for (const std::string version : {"1.2", "1.9"}) {
    const auto asked = request("GET /a HTTP/" + version + "\r\nHost: a\r\n\r\n");
    EXPECT_EQ(asked.error, ReadError::none) << version;
    EXPECT_EQ(asked.head.minor_version, 1);
    EXPECT_EQ(asked.head.target, "/a");
    const auto answered = response("HTTP/" + version + " 200 OK\r\nContent-Length: 1\r\n\r\nx");
    EXPECT_EQ(answered.error, ReadError::none) << version;
    EXPECT_EQ(answered.head.minor_version, 1);
    EXPECT_EQ(answered.content, "x");
  }
  EXPECT_EQ(request("GET HTTP/1.2 HTTP/1.3\r\nHost: a\r\n\r\n").head.target, "HTTP/1.2");
  EXPECT_EQ(request("GET /a HTTP/1.a\r\nHost: a\r\n\r\n").error, ReadError::version);
  EXPECT_EQ(request("GET /a HTTP/1.10\r\nHost: a\r\n\r\n").error, ReadError::version);
}

TEST(AHigherMinorVersion, IsTakenForOneOfOursWhereverItsLineIsCut) {
  const std::string octets = "GET /a HTTP/1.2\r\nHost: a\r\n\r\n";
  for (std::size_t cut = 1; cut < octets.size(); ++cut) {
    Wire wire;
    Message<http::RequestHead> message;
    {
      MessageReader<http::RequestHead> reader(*wire.connection, {});
      wire.start(reader, message);
      wire.send(octets.substr(0, cut));
      wire.send(octets.substr(cut));
      wire.end();
    }
    EXPECT_EQ(message.error, ReadError::none) << "cut behind octet " << cut;
    EXPECT_EQ(message.head.minor_version, 1) << "cut behind octet " << cut;
  }
}

TEST_P(AMessage, HandsItsTrailersToWhomItAsksAndNobodyElse) {
  const std::string octets =
      "PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\n{}\r\n0\r\nIf-Match: *\r\nX-Late: 1\r\nX-Late:  2 \r\n\r\n";
  Wire wire;
  Message<http::RequestHead> message;
  http::Fields trailers;
  MessageReader<http::RequestHead> reader(*wire.connection, {});
  reader.keep_trailers(trailers);
  wire.start(reader, message);
  if (GetParam() == Arrival::at_once) {
    wire.send(octets);
  } else {
    for (std::size_t at = 0; at < octets.size(); ++at) {
      EXPECT_TRUE(trailers.empty() || at > octets.size() - 4);
      wire.send(octets.substr(at, 1));
    }
  }
  EXPECT_EQ(message.error, ReadError::none);
  EXPECT_TRUE(message.whole);
  EXPECT_EQ(trailers.size(), 3U);
  EXPECT_EQ(trailers.joined("X-Late"), "1, 2");
  EXPECT_EQ(message.head.fields.size(), 2U);
  EXPECT_FALSE(message.head.fields.has("If-Match"));
}

TEST_P(AMessage, WithAFoldedLineOfBlanksOnlyIsMalformed) {
  for (const char* folded : {"X-A:\r\n \r\n", "X-A: \r\n\t\r\n", "X-A: one\r\n \r\n"}) {
    const std::string head = "PUT /a HTTP/1.1\r\nHost: a\r\n";
    EXPECT_EQ(request(head + folded + "\r\n").error, ReadError::malformed) << folded;
    EXPECT_EQ(request(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + folded + "\r\n").error,
              ReadError::malformed)
        << folded;
  }
  const auto empty = request("GET /a HTTP/1.1\r\nHost: a\r\nX-A:\r\nX-B: \r\n\r\n");
  EXPECT_EQ(empty.error, ReadError::none);
  EXPECT_EQ(empty.head.fields.size(), 3U);
}

TEST_P(AMessage, WithAFoldedLineIsMalformed) {
  EXPECT_EQ(request("GET /a HTTP/1.1\r\nHost: a\r\nX-A: one\r\n two\r\n\r\n").error,
            ReadError::malformed);
}

TEST_P(AMessage, WithALineThatIsFoldedBeforeItsValueIsMalformed) {
  EXPECT_EQ(request("GET /a HTTP/1.1\r\nHost: a\r\nX-A:\r\n\tone\r\n\r\n").error,
            ReadError::malformed);
}

TEST_P(AMessage, IsMalformedInOneWayOrAnother) {
  for (const std::string_view octets :
       {"GET /a HTTP/1.1\r\nHost a\r\n\r\n", "GET /a HTTP/1.1\r\nHost : a\r\n\r\n", "GET\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    EXPECT_EQ(request(octets).error, ReadError::malformed) << octets;
  }
  EXPECT_EQ(request("GET /a HTTP/2.0\r\nHost: a\r\n\r\n").error, ReadError::version);
  EXPECT_EQ(request("GET /a HTTP/0.9\r\nHost: a\r\n\r\n").error, ReadError::version);
}

TEST_P(AMessage, WithAControlCharacterInAChunkExtensionIsMalformed) {
  const auto chunked = [](const std::string& extension) {
    return "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a=\"" + extension +
           "\"\r\nx\r\n0\r\n\r\n";
  };
  EXPECT_EQ(request(chunked("b\tc \xc3\xbc")).error, ReadError::none);
  for (const char octet : {'\0', '\r', '\n', '\x01', '\x7f'}) {
    EXPECT_EQ(request(chunked("b" + std::string(1, octet) + "c")).error, ReadError::malformed)
        << static_cast<int>(octet);
  }
}

TEST_P(AMessage, MayHaveOnlySoLongATarget) {
  const MessageLimits limits{.header_bytes = 1024, .header_fields = 10, .target_bytes = 64};
  const auto get = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(request(get(64), limits).error, ReadError::none);
  EXPECT_EQ(request(get(65), limits).error, ReadError::target_too_long);
}

TEST_P(AMessage, WithATargetLargerThanAllItMayHaveIsToldOfTheTarget) {
  const MessageLimits limits{.header_bytes = 1024, .header_fields = 10, .target_bytes = 64};
  const auto get = [](std::size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(request(get(4096), limits).error, ReadError::target_too_long);
}

TEST_P(AMessage, MayHaveOnlySoManyFields) {
  const MessageLimits limits{.header_bytes = 1024, .header_fields = 4, .target_bytes = 64};
  const auto get = [](int fields) {
    std::string octets = "GET /a HTTP/1.1\r\n";
    for (int count = 0; count < fields; ++count) octets += "X: 1\r\n";
    return octets + "\r\n";
  };
  EXPECT_EQ(request(get(4), limits).error, ReadError::none);
  EXPECT_EQ(request(get(5), limits).error, ReadError::fields_too_large);
}

TEST_P(AMessage, MayHaveOnlySoLargeAHeaderSection) {
  const MessageLimits limits{.header_bytes = 1024, .header_fields = 10, .target_bytes = 64};
  const auto get = [](std::size_t size) {
    const std::string begin = "GET /a HTTP/1.1\r\nX: ";
    return begin + std::string(size - begin.size() - 4, 'a') + "\r\n\r\n";
  };
  EXPECT_EQ(request(get(1000), limits).error, ReadError::none);
  EXPECT_EQ(request(get(1100), limits).error, ReadError::fields_too_large);
  EXPECT_EQ(request(get(100'000).substr(0, 5000), limits).error, ReadError::fields_too_large);
}

TEST_P(AMessage, MayHaveOnlySoLargeATrailerSectionAndChunkLine) {
  const MessageLimits limits{.header_bytes = 1024, .header_fields = 10, .target_bytes = 64};
  const std::string begin =
      "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n";
  const std::string large(5000, 'a');
  EXPECT_EQ(request(begin + "0\r\nX: 1\r\n\r\n", limits).error, ReadError::none);
  EXPECT_EQ(request(begin + "0\r\nX: " + large + "\r\n\r\n", limits).error,
            ReadError::fields_too_large);
  EXPECT_EQ(request(begin + "1;" + large + "\r\nx\r\n0\r\n\r\n", limits).error,
            ReadError::fields_too_large);
  std::string lines;
  for (int count = 0; count < 11; ++count) lines += "X: 1\r\n";
  EXPECT_EQ(request(begin + "0\r\n" + lines + "\r\n", limits).error, ReadError::fields_too_large);
}

TEST_P(AMessage, ThatIsBrokenOffIsTruncatedAndNoneAtAllIsAnEnd) {
  EXPECT_EQ(request("", {}, Then::ends).error, ReadError::closed);
  EXPECT_EQ(request("GET /a HT", {}, Then::ends).error, ReadError::truncated);
  EXPECT_EQ(request("PUT /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc", {}, Then::ends).error,
            ReadError::truncated);
  EXPECT_EQ(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n",
                     Then::ends)
                .error,
            ReadError::truncated);
}

TEST_P(AMessage, EndsWithItsConnectionWhereNothingElseSaysItsLength) {
  const auto message = response("HTTP/1.1 200 OK\r\nX: 1\r\n\r\nabc", Then::ends);
  EXPECT_EQ(message.error, ReadError::none);
  EXPECT_TRUE(message.whole);
  EXPECT_EQ(message.head.status, 200);
  EXPECT_EQ(message.content, "abc");
  EXPECT_FALSE(response("HTTP/1.1 200 OK\r\nX: 1\r\n\r\nabc").error);
}

INSTANTIATE_TEST_SUITE_P(Arriving, AMessage,
                         ::testing::Values(Arrival::at_once, Arrival::octet_by_octet),
                         [](const auto& test) {
                           return test.param == Arrival::at_once ? "AtOnce" : "OctetByOctet";
                         });

TEST(SeveralMessages, AreReadOneAfterTheOther) {
  Wire wire;
  wire.send(
      "PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
      "PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
      "GET /c HTTP/1.1\r\n\r\n");
  for (const auto& [target, content] :
       {std::pair<std::string, std::string>{"/a", "abc"}, {"/b", "x"}, {"/c", ""}}) {
    Message<http::RequestHead> message;
    MessageReader<http::RequestHead> reader(*wire.connection, {});
    wire.start(reader, message);
    EXPECT_EQ(message.error, ReadError::none);
    EXPECT_TRUE(message.whole);
    EXPECT_EQ(message.head.target, target);
    EXPECT_EQ(message.content, content);
  }
  EXPECT_EQ(wire.connection->input.readable(), "");
}

// Reads the content of an answer in pieces of `room`, straight from the socket where that is allowed.
Task<void> read_straight(MessageReader<http::ResponseHead>& reader, std::span<char> room,
                         Message<http::ResponseHead>& message) {
  ReadError error = co_await reader.read_head(message.head, never, milliseconds(10'000));
  if (error == ReadError::none) error = reader.take_buffered();
  while (error == ReadError::none) {
    for (const std::string_view piece : reader.pieces()) message.content += piece;
    if (reader.done()) break;
    const std::uint64_t straight = reader.straight_max();
    if (straight > 0) {
      const std::size_t size = std::min<std::uint64_t>(straight, room.size());
      error = co_await reader.read_content_into(room.first(size), never);
    } else {
      error = co_await reader.read_content(never);
    }
  }
  message.error = error;
  message.whole = reader.done();
}

class AnAnswerReadStraight : public testing::Test {
 protected:
  void start() { wire_.start(read_straight(reader_, room_, message_)); }

  Wire wire_;
  MessageReader<http::ResponseHead> reader_{*wire_.connection, {}};
  std::array<char, 100> room_{};
  Message<http::ResponseHead> message_;
};

TEST_F(AnAnswerReadStraight, IsWholeWithTheLastOctetOfItsLengthAndTakesNoneBehindIt) {
  const std::string content = std::string(150, 'a') + std::string(101, 'b') + "c";
  start();
  wire_.send("HTTP/1.1 200 OK\r\nContent-Length: 252\r\n\r\n" + content.substr(0, 30));
  EXPECT_EQ(reader_.straight_max(), 222U);
  wire_.send(content.substr(30, 221));
  EXPECT_FALSE(message_.error);
  EXPECT_EQ(reader_.straight_max(), 1U);
  wire_.send(content.substr(251) + "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(message_.error, ReadError::none);
  EXPECT_TRUE(message_.whole);
  EXPECT_EQ(message_.content, content);
  EXPECT_EQ(wire_.connection->input.readable(), "");
  EXPECT_FALSE(wire_.connection->silent());
}

TEST_F(AnAnswerReadStraight, ThatIsBrokenOffIsTruncated) {
  start();
  wire_.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  wire_.send("abcd");
  wire_.end();
  EXPECT_EQ(message_.error, ReadError::truncated);
  EXPECT_FALSE(message_.whole);
}

TEST_F(AnAnswerReadStraight, GoesThroughTheParserWhereNoLengthIsTold) {
  start();
  wire_.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
  EXPECT_EQ(reader_.straight_max(), 0U);
  wire_.send("c\r\n0\r\n\r\n");
  EXPECT_EQ(message_.error, ReadError::none);
  EXPECT_TRUE(message_.whole);
  EXPECT_EQ(message_.content, "abc");
}

TEST_F(AnAnswerReadStraight, GoesThroughTheParserWhereItEndsWithTheConnection) {
  start();
  wire_.send("HTTP/1.1 200 OK\r\n\r\nab");
  EXPECT_EQ(reader_.straight_max(), 0U);
  wire_.send("c");
  wire_.end();
  EXPECT_EQ(message_.error, ReadError::none);
  EXPECT_EQ(message_.content, "abc");
}

TEST_F(AnAnswerReadStraight, ThatCameAtOnceLeavesNothingToRead) {
  start();
  wire_.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef");
  EXPECT_EQ(reader_.straight_max(), 0U);
  EXPECT_EQ(message_.error, ReadError::none);
  EXPECT_EQ(message_.content, "abc");
}

TEST(AFieldName, IsTheSameToUsWhetherBeastKnowsItOrNot) {
  namespace beast_http = boost::beast::http;
  std::size_t known_to_us = 0;
  for (unsigned at = 1; at <= static_cast<unsigned>(beast_http::field::xref); ++at) {
    std::string name(beast_http::to_string(static_cast<beast_http::field>(at)));
    std::ranges::transform(name, name.begin(), [](unsigned char octet) { return toupper(octet); });
    const beast_http::field known = beast_http::string_to_field(name);
    EXPECT_EQ(identity_of(known, name), http::identify(name)) << name;
    known_to_us += http::identify(name) != http::FieldId::other ? 1 : 0;
  }
  EXPECT_GT(known_to_us, 30U);
  for (const std::string_view name : {"X-HTTP-Method", "X-Method-Override", "X-Forwarded-Proto",
                                      "X-Unknown", "If_Match"}) {
    EXPECT_EQ(identity_of(beast_http::string_to_field({name.data(), name.size()}), name),
              http::identify(name))
        << name;
  }
}

TEST(AnAnswerToHead, HasNoContentWhateverItsFieldsSay) {
  Wire wire;
  Message<http::ResponseHead> message;
  MessageReader<http::ResponseHead> reader(*wire.connection, {});
  reader.without_content();
  wire.start(reader, message);
  wire.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(message.error, ReadError::none);
  EXPECT_TRUE(message.whole);
}

TEST(ASilentPeer, IsWaitedForUntilTheDeadline) {
  Wire wire;
  Message<http::RequestHead> message;
  MessageReader<http::RequestHead> reader(*wire.connection, {});
  wire.start(reader, message);
  wire.send("GET /a HTTP/1.1\r\n");
  wire.sweeper.sweep(Clock::now() + milliseconds(9'000));
  wire.poll();
  EXPECT_FALSE(message.error);
  wire.sweeper.sweep(Clock::now() + milliseconds(20'000));
  wire.poll();
  EXPECT_EQ(message.error, ReadError::timeout);
}

}  // namespace
}  // namespace ifmatch::net
