#include "proxy/net/health_check.hpp"

#include <algorithm>

#include "proxy/http/framing.hpp"
#include "proxy/net/connector.hpp"
#include "proxy/net/message_reader.hpp"
#include "proxy/net/origins.hpp"

namespace ifmatch::net {
namespace {

constexpr MessageLimits answer_limits{
    .header_bytes = 64 * 1024, .header_fields = 256, .target_bytes = 0};
// More than this of an answer is not waited for: it is there, that is all that counts.
constexpr std::size_t content_max = 64 * 1024;

struct Finding {
  CheckedHealth::Outcome outcome = CheckedHealth::Outcome::failed;
  std::string why;  // of a failure
};

Finding failed(std::string why) { return {CheckedHealth::Outcome::failed, std::move(why)}; }

std::string request_for(const config::HealthCheck& check, const config::Endpoint& place) {
  return "GET " + check.path + " HTTP/1.1\r\nHost: " + authority_of(place) +
         "\r\nUser-Agent: ifmatch\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

Task<Finding> read_answer(Connection& connection, const config::HealthCheck& check,
                          Instant deadline) {
  http::ResponseHead head;
  for (;;) {
    MessageReader<http::ResponseHead> reader(connection, answer_limits);
    head = http::ResponseHead();
    ReadError error = co_await reader.read_head(head, deadline, check.timeout, deadline);
    if (error == ReadError::timeout) co_return failed("no answer in time");
    if (error != ReadError::none) co_return failed("no answer");
    if (http::check_response(head, "GET").has_error()) co_return failed("a malformed answer");
    if (head.status < 200) continue;
    const bool passes = std::ranges::any_of(check.status, [&head](const config::StatusRange& range) {
      return head.status >= range.first && head.status <= range.last;
    });
    if (!passes) co_return failed("the status " + std::to_string(head.status));
    error = reader.take_buffered();
    std::size_t size = 0;
    while (error == ReadError::none) {
      for (const std::string_view piece : reader.pieces()) size += piece.size();
      if (reader.done() || size > content_max) co_return Finding{CheckedHealth::Outcome::passed, {}};
      error = co_await reader.read_content(deadline);
    }
    co_return failed("half an answer");
  }
}

Task<Finding> check_once(asio::io_context& io, Sweeper& sweeper, UpstreamState& state,
                         std::size_t place) {
  const config::HealthCheck& check = *state.config().health_check;
  const Instant deadline = sweeper.after(check.timeout);
  Connector connector(io, sweeper, state);
  const auto connected = co_await connector.connect(place, deadline);
  if (connected.has_error()) co_return failed(connected.error().detail);
  Connection& connection = **connected;
  const std::string request = request_for(check, state.place(place).endpoint);
  asio::const_buffer buffer(request.data(), request.size());
  const error_code failure = co_await connection.write({&buffer, 1}, check.timeout, deadline);
  if (failure) co_return failed("the request could not be sent");
  co_return co_await read_answer(connection, check, deadline);
}

// Between two checks nothing holds the state, so that its end is noticed.
Task<void> check_for_ever(asio::io_context& io, Sweeper& sweeper,
                          std::weak_ptr<UpstreamState> checked, std::size_t place,
                          config::HealthCheck check) {
  CheckedHealth health(check.unhealthy_after, check.healthy_after);
  Timer timer(io.get_executor());
  for (;;) {
    if (const std::shared_ptr<UpstreamState> state = checked.lock()) {
      const Finding finding = co_await check_once(io, sweeper, *state, place);
      state->checked(place, finding.outcome, health.note(finding.outcome), finding.why);
    } else {
      co_return;
    }
    timer.expires_after(check.interval);
    auto [ended] = co_await timer.async_wait(as_tuple);
    if (ended) co_return;
  }
}

}  // namespace

void begin_health_checks(asio::io_context& io, Sweeper& sweeper,
                         const std::shared_ptr<UpstreamState>& state) {
  const std::optional<config::HealthCheck>& check = state->config().health_check;
  if (!check || !state->begin_checks()) return;
  for (std::size_t place = 0; place < state->size(); ++place) {
    spawn(io, check_for_ever(io, sweeper, state, place, *check));
  }
}

}  // namespace ifmatch::net
