// A connection under TLS, against OpenSSL driven by hand: what counts as silence, what may have
// left when a write fails, what an end means, and that a peer that only asks cannot grow us.
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>

#include "proxy/net/connection.hpp"
#include "proxy/net/tls_context.hpp"
#include "tests/support/certificates.hpp"

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t capacity = 32 * 1024;

// ifmatch's side is the client or the server; the other one is the test's.
class TlsConnection : public testing::Test {
 protected:
  TlsConnection() {
    // OpenSSL writes for the far side without asking that there be no signal.
    std::signal(SIGPIPE, SIG_IGN);
    sweeper_.sweep(now_);
  }
  ~TlsConnection() override {
    if (connection_) connection_->cancel();
    turn();
    far_.reset();
    if (far_handle_ >= 0) ::close(far_handle_);
  }

  void turn() {
    io_.restart();
    io_.poll();
  }
  void pass(milliseconds time) {
    for (const Instant until = now_ + time; now_ < until;) {
      now_ += sweep_interval;
      sweeper_.sweep(now_);
      turn();
    }
  }

  void connect() {
    std::array<int, 2> ends{};
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()));
    far_handle_ = ends[1];
    Socket socket(io_.get_executor());
    socket.assign(tcp::v4(), ends[0]);
    connection_.emplace(std::move(socket), sweeper_);
  }

  // The far side is a server, ours the client that verifies it.
  void meet_server(int version = TLS1_3_VERSION) {
    connect();
    context_.reset(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
    prepare_far(version);
    SSL_set_accept_state(far_.get());
    config::Upstream upstream;
    upstream.name = "api";
    upstream.urls = {{.url = "https://localhost", .scheme = config::Scheme::https, .host = "localhost"}};
    upstream.tls.ca = authority_.file();
    std::vector<config::Finding> findings;
    client_ = TlsClient::build(upstream, findings);
    ASSERT_NE(client_, nullptr);
    connection_->encrypt(TlsClient::open(client_, "localhost", session_));
    shake_hands();
  }

  // The far side is a client.
  void meet_client(int version = TLS1_3_VERSION) {
    connect();
    context_.reset(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    prepare_far(version);
    SSL_set_connect_state(far_.get());
    config::Listener listener;
    listener.name = "public";
    listener.tls.emplace().certificates.push_back(
        {certificate_.certificate, certificate_.key, ""});
    std::vector<config::Finding> findings;
    server_ = TlsServer::build(listener, findings);
    ASSERT_NE(server_, nullptr);
    connection_->encrypt(TlsServer::open(server_));
    shake_hands();
  }

  void prepare_far(int version) {
    SSL_CTX_set_min_proto_version(context_.get(), version);
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_use_certificate_chain_file(context_.get(), certificate_.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context_.get(), certificate_.key.c_str(), SSL_FILETYPE_PEM);
    far_.reset(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(far_.get(), far_handle_);
  }

  void shake_hands() {
    ended_.reset();
    spawn(io_, handshake());
    for (int i = 0; i < 20; ++i) {
      turn();
      (void)SSL_do_handshake(far_.get());
    }
    turn();
    ASSERT_TRUE(ended_) << "the handshake goes on";
    ASSERT_FALSE(*ended_) << ended_->message() << connection_->tls()->why().text;
  }

  void expect_no_second_handshake() {
    const auto agreed = [this] {
      std::string octets(64, '\0');
      octets.resize(SSL_get_finished(far_.get(), octets.data(), octets.size()));
      return octets;
    };
    const std::string before = agreed();
    start(read());
    ASSERT_EQ(1, SSL_renegotiate(far_.get()));
    for (int i = 0; i < 20; ++i) {
      char octet = 0;
      (void)SSL_do_handshake(far_.get());
      (void)SSL_peek(far_.get(), &octet, 1);
      turn();
    }
    ASSERT_FALSE(before.empty());
    EXPECT_EQ(agreed(), before);
  }

  void say(std::string_view text) {
    std::size_t count = 0;
    ASSERT_EQ(1, SSL_write_ex(far_.get(), text.data(), text.size(), &count));
  }

  Task<void> handshake() { ended_ = co_await connection_->handshake(connection_->after(seconds(5))); }
  Task<void> read() {
    ended_ = co_await connection_->read(capacity, connection_->after(seconds(5)));
  }
  Task<void> read_too_late() {
    ended_ = co_await connection_->read(capacity, connection_->now());
  }
  Task<void> read_straight_too_late() {
    std::array<char, 10> room{};
    ended_ = co_await connection_->read_into(room, connection_->now());
  }
  Task<void> read_on() {
    for (;;) {
      ended_ = co_await connection_->read(capacity, connection_->after(seconds(5)));
      if (*ended_) co_return;
      ++reads_;
    }
  }
  Task<void> write(std::string text) {
    asio::const_buffer buffer(text.data(), text.size());
    ended_ = co_await connection_->write({&buffer, 1}, milliseconds(200), never);
  }
  void start(Task<void> task) {
    ended_.reset();
    spawn(io_, std::move(task));
    turn();
  }
  // What is encrypted, as it lies in the socket.
  [[nodiscard]] std::string taken_raw() const {
    std::string octets(1024 * 1024, '\0');
    const ssize_t count = ::recv(far_handle_, octets.data(), octets.size(), MSG_DONTWAIT);
    octets.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return octets;
  }

  support::Authority authority_;
  const support::Certificate certificate_ = authority_.issue();
  asio::io_context io_{1};
  Sweeper sweeper_;
  Instant now_ = Clock::now();
  std::shared_ptr<const TlsClient> client_;
  std::shared_ptr<const TlsServer> server_;
  std::shared_ptr<TlsSession> session_ = std::make_shared<TlsSession>();
  std::optional<Connection> connection_;
  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> far_;
  int far_handle_ = -1;
  std::optional<error_code> ended_;
  int reads_ = 0;
};

TEST_F(TlsConnection, TicketsAndNewKeysAreSilenceButContentIsNot) {
  meet_server();
  // Two tickets have come behind the handshake.
  EXPECT_TRUE(connection_->silent());
  EXPECT_NE(session_->latest(), nullptr);
  ASSERT_EQ(1, SSL_key_update(far_.get(), SSL_KEY_UPDATE_REQUESTED));
  ASSERT_EQ(1, SSL_do_handshake(far_.get()));
  EXPECT_TRUE(connection_->silent());
  EXPECT_FALSE(connection_->peer_left());
  say("x");
  EXPECT_FALSE(connection_->silent());
  EXPECT_FALSE(connection_->peer_left());
  start(read());
  ASSERT_TRUE(ended_);
  EXPECT_FALSE(*ended_);
  EXPECT_EQ(connection_->input.readable(), "x");
  EXPECT_TRUE(connection_->holds_unread());
}

TEST_F(TlsConnection, PartOfARecordIsNoSilence) {
  meet_server();
  ASSERT_TRUE(connection_->silent());
  ASSERT_EQ(2, ::send(far_handle_, "\x17\x03", 2, 0));
  EXPECT_FALSE(connection_->silent());
}

TEST_F(TlsConnection, AnEndThatWasSaidIsAnEndAndAnyOtherIsNot) {
  for (const bool said : {true, false}) {
    meet_server();
    if (said) SSL_shutdown(far_.get());
    ::shutdown(far_handle_, SHUT_WR);
    EXPECT_FALSE(connection_->silent());
    EXPECT_TRUE(connection_->peer_left());
    start(read());
    ASSERT_TRUE(ended_);
    EXPECT_EQ(*ended_, said ? error_code(asio::error::eof)
                            : error_code(asio::error::connection_reset));
    far_.reset();
    ::close(far_handle_);
  }
}

TEST_F(TlsConnection, OctetsThatNeverReachedTheKernelWereNotWritten) {
  meet_server();
  (void)connection_->silent();
  // Somebody else has filled the socket.
  const std::string junk(64 * 1024, 'j');
  while (::send(connection_->socket.native_handle(), junk.data(), junk.size(),
                MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  while (::send(connection_->socket.native_handle(), "j", 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  start(write("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_FALSE(ended_);
  pass(milliseconds(400));
  ASSERT_TRUE(ended_);
  EXPECT_EQ(*ended_, asio::error::timed_out);
  EXPECT_EQ(connection_->written(), 0U);
  // And with the reset they never will be.
  connection_->reset();
  std::string left;
  for (std::string some = taken_raw(); !some.empty(); some = taken_raw()) left += some;
  EXPECT_EQ(left.find_first_not_of('j'), std::string::npos);
}

TEST_F(TlsConnection, OctetsThatMayHaveLeftWereWritten) {
  meet_server();
  start(write(std::string(8 * 1024 * 1024, 'x')));
  EXPECT_FALSE(ended_);
  pass(milliseconds(400));
  ASSERT_TRUE(ended_);
  EXPECT_EQ(*ended_, asio::error::timed_out);
  EXPECT_GT(connection_->written(), 0U);
  EXPECT_LT(connection_->written(), 8U * 1024 * 1024);
}

TEST_F(TlsConnection, WritesInOrderWhateverTheSocketTakes) {
  meet_server();
  std::string text(2 * 1024 * 1024, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  start(write(text));
  std::string got;
  std::array<char, 20'000> room{};
  while (got.size() < text.size()) {
    std::size_t count = 0;
    const int returned = SSL_read_ex(far_.get(), room.data(), room.size(), &count);
    if (returned == 1) {
      got.append(room.data(), count);
      continue;
    }
    ASSERT_EQ(SSL_get_error(far_.get(), returned), SSL_ERROR_WANT_READ);
    ASSERT_FALSE(ended_ && *ended_);
    turn();
  }
  turn();
  ASSERT_TRUE(ended_);
  EXPECT_FALSE(*ended_);
  EXPECT_TRUE(got == text);
  EXPECT_EQ(connection_->written(), text.size());
}

// What is encrypted can be taken back no more than what has left: whoever gives a write up and says
// the rest later must not say that again.
TEST_F(TlsConnection, WriteThatIsGivenUpTellsWhatGoesOutAllTheSame) {
  meet_client();
  std::string said;
  std::string rest;
  for (char letter = 'a'; rest.empty(); letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1)) {
    const std::string text(15'000, letter);
    said += text;
    asio::const_buffer buffer(text.data(), text.size());
    const Task<error_code> written = connection_->write({&buffer, 1}, milliseconds(200), never);
    if (!written.await_ready()) rest = text.substr(connection_->committed()) + "the rest";
    ASSERT_LT(said.size(), 64U * 1024 * 1024);
  }
  said += "the rest";
  start(write(rest));
  ASSERT_FALSE(ended_);
  EXPECT_LE(connection_->written(), rest.size()) << "of what was written before nothing counts";
  std::string got;
  std::array<char, 20'000> room{};
  for (int turns = 0; turns < 10'000 && got.size() < said.size(); ++turns) {
    std::size_t count = 0;
    if (SSL_read_ex(far_.get(), room.data(), room.size(), &count) == 1) {
      got.append(room.data(), count);
    } else {
      turn();
    }
  }
  turn();
  ASSERT_TRUE(ended_);
  EXPECT_FALSE(*ended_);
  EXPECT_EQ(connection_->written(), rest.size());
  EXPECT_TRUE(got == said) << got.size() << " of " << said.size();
}

TEST_F(TlsConnection, PeerThatOnlyAsksForNewKeysCannotGrowUs) {
  meet_client();
  start(read());
  int asked = 0;
  constexpr int many = 200'000;
  // It never reads what it asks for.
  for (; asked < many && !ended_; ++asked) {
    if (SSL_key_update(far_.get(), SSL_KEY_UPDATE_REQUESTED) != 1) break;
    const int returned = SSL_do_handshake(far_.get());
    if (returned == 1) continue;
    if (SSL_get_error(far_.get(), returned) != SSL_ERROR_WANT_WRITE) break;
    turn();
    (void)SSL_do_handshake(far_.get());
  }
  turn();
  EXPECT_TRUE(ended_);
  EXPECT_LT(asked, many);
}

// Whichever side asks for it.
TEST_F(TlsConnection, NothingIsRenegotiated) {
  for (const bool by_client : {true, false}) {
    if (by_client) {
      meet_client(TLS1_2_VERSION);
    } else {
      meet_server(TLS1_2_VERSION);
    }
    expect_no_second_handshake();
    connection_->reset();
    turn();
    far_.reset();
    ::close(far_handle_);
  }
}

// What anybody on the way could send again (RFC 8446 section 8) is no request.
TEST_F(TlsConnection, TakesNothingBeforeTheHandshakeIsOver) {
  meet_client();
  char octet = 0;
  (void)SSL_read(far_.get(), &octet, 1);
  SSL_SESSION* const session = SSL_get_session(far_.get());
  ASSERT_EQ(1, SSL_SESSION_is_resumable(session));
  EXPECT_EQ(SSL_SESSION_get_max_early_data(session), 0U);
}

TEST_F(TlsConnection, WaitsWithoutMemoryAndTakesOneRecordAfterTheOther) {
  meet_client();
  start(read());
  EXPECT_FALSE(ended_);
  EXPECT_FALSE(connection_->input.has_memory());
  say("first");
  say("second");
  turn();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(connection_->input.readable(), "first");
  start(read());
  ASSERT_TRUE(ended_);
  EXPECT_EQ(connection_->input.readable(), "firstsecond");
}

// Whoever always has a record ready must not keep the thread from all others.
TEST_F(TlsConnection, LetsOthersHaveATurnBetweenManyRecords) {
  meet_client();
  for (int record = 0; record < 20; ++record) say("x");
  spawn(io_, read_on());
  io_.restart();
  io_.poll_one();
  EXPECT_GT(reads_, 1);
  EXPECT_LT(reads_, 10);
  turn();
  EXPECT_EQ(reads_, 20);
}

// Whoever never lets it wait is late all the same.
TEST_F(TlsConnection, IsLateAlsoWhereThereIsSomethingToRead) {
  meet_client();
  say("something");
  start(read_too_late());
  EXPECT_EQ(ended_, error_code(asio::error::timed_out));
  start(read_straight_too_late());
  EXPECT_EQ(ended_, error_code(asio::error::timed_out));
}

TEST_F(TlsConnection, ReadEndsAtItsDeadlineAndAtACancel) {
  meet_client();
  start(read());
  pass(milliseconds(5'200));
  ASSERT_TRUE(ended_);
  EXPECT_EQ(*ended_, asio::error::timed_out);
  start(read());
  connection_->cancel();
  turn();
  ASSERT_TRUE(ended_);
  EXPECT_EQ(*ended_, asio::error::operation_aborted);
}

// The socket has become readable, the read does not know it yet, and there is no whole record.
TEST_F(TlsConnection, CancelBetweenTwoTurnsIsNotLost) {
  for (int turns = 0; turns < 4; ++turns) {
    meet_client();
    start(read());
    ASSERT_EQ(2, ::send(far_handle_, "\x17\x03", 2, 0));
    std::function<void(int)> later = [&](int left) {
      if (left == 0) return connection_->cancel();
      asio::post(io_, [&later, left] { later(left - 1); });
    };
    later(turns);
    turn();
    ASSERT_TRUE(ended_) << turns;
    EXPECT_EQ(*ended_, asio::error::operation_aborted);
    far_.reset();
    ::close(far_handle_);
  }
}

TEST_F(TlsConnection, SaysWhenNothingFollowsButNotAfterAReset) {
  for (const bool in_order : {true, false}) {
    meet_client(TLS1_2_VERSION);
    if (in_order) {
      connection_->close();
    } else {
      connection_->reset();
    }
    char octet = 0;
    const int returned = SSL_read(far_.get(), &octet, 1);
    EXPECT_EQ(SSL_get_error(far_.get(), returned) == SSL_ERROR_ZERO_RETURN, in_order);
    far_.reset();
    ::close(far_handle_);
  }
}

}  // namespace
}  // namespace ifmatch::net
