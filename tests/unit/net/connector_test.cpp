// Attempts to connect on real sockets: what they say about the place that they went to.
#include "proxy/net/connector.hpp"

#include <gtest/gtest.h>

#include "tests/support/silent_place.hpp"

namespace ifmatch::net {
namespace {

using std::chrono::milliseconds;

class AConnector : public ::testing::Test {
 protected:
  static config::Upstream upstream(std::uint16_t port) {
    config::Upstream api;
    api.name = "api";
    api.urls.push_back({.url = "http://127.0.0.1", .host = "127.0.0.1", .port = port});
    api.timeouts.connect = milliseconds(400);
    return api;
  }

  Task<void> attempt(UpstreamState& state, milliseconds time) {
    Connector connector(io, sweeper, state);
    const auto connected = co_await connector.connect(0, Clock::now() + time);
    if (connected.has_error()) fault = connected.error();
    over = true;
  }
  Task<void> sweep_until_over() {
    Timer timer(io.get_executor());
    while (!over) {
      timer.expires_after(milliseconds(5));
      co_await timer.async_wait(as_tuple);
      sweeper.sweep(Clock::now());
    }
  }
  // Whether the place rests after an attempt that had so much time.
  bool rests_after(std::uint16_t port, milliseconds time) {
    UpstreamState state(upstream(port));
    over = false;
    fault.reset();
    io.restart();
    spawn(io, attempt(state, time));
    spawn(io, sweep_until_over());
    io.run();
    return state.place(0).rest.is_failing();
  }

  asio::io_context io{1};
  Sweeper sweeper;
  std::optional<http::Fault> fault;
  bool over = false;
};

TEST_F(AConnector, HoldsSilenceAgainstAPlaceOnlyWhereItHadTimeToAnswer) {
  const support::SilentPlace silent;
  EXPECT_FALSE(rests_after(silent.port(), milliseconds(20)));
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, http::FaultKind::timeout);
  EXPECT_TRUE(rests_after(silent.port(), milliseconds(400)));
}

TEST_F(AConnector, HoldsARefusalAgainstAPlaceHoweverLittleTimeThereWas) {
  std::uint16_t nobodys = 0;
  {
    const support::Socket listening = support::Socket::listen();
    nobodys = listening.local_port();
  }
  EXPECT_TRUE(rests_after(nobodys, milliseconds(20)));
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, http::FaultKind::refused);
}

}  // namespace
}  // namespace ifmatch::net
