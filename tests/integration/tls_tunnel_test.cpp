// WebSockets under TLS on both sides: a real client and a real server, and octet by octet what a
// tunnel carries and how each way of ending, said or not, arrives at the other end.
#include "tests/integration/tls_fixture.hpp"
#include "tests/integration/websocket.hpp"
#include "tests/support/raw_api.hpp"

namespace ifmatch::support {
namespace {

using Ending = TlsRelay::Ending;

class ATunnelUnderTls : public ::testing::Test {
 protected:
  [[nodiscard]] ProxyConfig config(std::uint16_t upstream) const {
    ProxyConfig made = with_chat();
    made.listener += ", tls: { " + keys_of(certificate) + " }";
    made.upstream_url = "https://localhost:" + std::to_string(upstream);
    made.upstream += ", tls: { ca: \"" + authority.file() + "\" }";
    return made;
  }

  const Authority authority;
  const Certificate certificate = authority.issue();
};

// A tunnel whose two ends are the test, with TLS taken off before and behind it.
struct Joined {
  Joined(const ProxyConfig& config, const Certificate& certificate, Socket api,
         std::string_view ahead = "", Ending of_client = Ending::told,
         Ending of_api = Ending::told)
      : listening(std::move(api)),
        front(TlsRelay::Side::server, listening.local_port(),
              {.certificate = certificate, .ending = of_api}),
        proxy(ProxyProcess::start(with_port(config, front.port()))),
        back(TlsRelay::Side::client, proxy.port(), {.ending = of_client}),
        client(RawClient::connect(back.port())) {
    client.send(handshake() + std::string(ahead));
    std::optional<Socket> accepted = listening.accept();
    if (!accepted) throw SupportError("nobody came");
    upstream.emplace(std::move(*accepted));
    head = upstream->read_head();
    upstream->say(switching() + std::string(ahead));
    answer = client.read_head();
  }

  static ProxyConfig with_port(ProxyConfig config, std::uint16_t port) {
    config.upstream_url = "https://localhost:" + std::to_string(port);
    return config;
  }

  Socket listening;
  TlsRelay front;
  ProxyProcess proxy;
  TlsRelay back;
  RawClient client;
  std::optional<ApiSide> upstream;
  Head head;
  Head answer;
};

TEST_F(ATunnelUnderTls, OfARealClientAndARealServerWorks) {
  Process server = Process::start({python, IFMATCH_WEBSOCKET_PEER, "serve",
                                   certificate.certificate, certificate.key});
  const std::optional<std::string> line = server.wait_for_line("listening on ");
  ASSERT_TRUE(line) << server.transcript();
  const auto port = static_cast<std::uint16_t>(std::stoi(line->substr(line->rfind(' ') + 1)));
  ProxyProcess proxy = ProxyProcess::start(config(port));
  const auto talk = [&](const char* target) {
    return run_to_end({python, IFMATCH_WEBSOCKET_PEER, "talk", std::to_string(proxy.port()), target,
                       authority.file()});
  };
  const Finished client = talk("/chat/room");
  EXPECT_EQ(client.status, ExitStatus{}) << client.output << client.errors;
  EXPECT_NE(client.output.find("well"), std::string::npos) << client.output;
  EXPECT_NE(talk("/doc/1").output.find("rejected"), std::string::npos);
}

TEST_F(ATunnelUnderTls, CarriesWhatWasSentAheadAndMuchInBothDirections) {
  Joined joined(config(0), certificate, Socket::listen(), "ahead");
  EXPECT_EQ(find_field(joined.head.fields, "X-Forwarded-Proto"), "https");
  EXPECT_EQ(joined.client.read_octets(5), "ahead");
  EXPECT_EQ(joined.upstream->read(5), "ahead");
  std::string piece(1024 * 1024, '\0');
  for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<char>(i * 7 + i / 251);
  expect_both_ways(joined.client, *joined.upstream, piece, 16);
}

TEST_F(ATunnelUnderTls, EndsInOneDirectionAndGoesOnInTheOther) {
  Joined joined(config(0), certificate, Socket::listen());
  joined.client.send("last words");
  joined.client.half_close();
  EXPECT_EQ(joined.upstream->read(10), "last words");
  EXPECT_TRUE(joined.upstream->expect_closed());
  joined.upstream->say("an answer to them");
  EXPECT_EQ(joined.client.read_octets(17), "an answer to them");
  joined.upstream->socket().close();
  EXPECT_TRUE(joined.client.expect_closed());
  joined.client.close();
  EXPECT_TRUE(joined.front.ended().at(0).told_end);
  EXPECT_TRUE(joined.back.ended().at(0).told_end);
}

// Anybody on the way could cut it: the other end must not take that for the end of what was said.
TEST_F(ATunnelUnderTls, ThatIsCutOnOneSideIsNotSaidToEndOnTheOther) {
  {
    Joined joined(config(0), certificate, Socket::listen(), "", Ending::told, Ending::silent);
    joined.upstream->say("half of i");
    joined.upstream->socket().close();
    EXPECT_EQ(joined.client.read_octets(9), "half of i");
    EXPECT_TRUE(joined.client.expect_closed());
    joined.client.close();
    EXPECT_FALSE(joined.back.ended().at(0).told_end);
  }
  Joined joined(config(0), certificate, Socket::listen(), "", Ending::silent, Ending::told);
  joined.client.send("half of i");
  joined.client.close();
  EXPECT_EQ(joined.upstream->read(9), "half of i");
  EXPECT_TRUE(joined.upstream->expect_closed());
  joined.upstream->socket().close();
  EXPECT_FALSE(joined.front.ended().at(0).told_end);
}

}  // namespace
}  // namespace ifmatch::support
