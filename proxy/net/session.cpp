#include "proxy/net/session.hpp"

#include <algorithm>

namespace ifmatch::net {
namespace {

// After an answer that ends the connection, what the client still sends is discarded for so long:
// a reset would take the answer away from it.
constexpr std::chrono::seconds linger_max{2};
constexpr std::size_t linger_capacity = 16 * 1024;

}  // namespace

Session::Session(Worker& worker, const Door& door, std::unique_ptr<Connection> client,
                 http::Peer peer)
    : worker_(worker),
      door_(door),
      client_(std::move(client)),
      peer_(std::move(peer)),
      judged_by_(worker.edition()->plan()->number) {
  worker_.sessions.push_back(this);
}

Session::~Session() { std::erase(worker_.sessions, this); }

void Session::interrupt_if_idle() {
  if (idle_ || (waiting_ != nullptr && !waiting_->begun())) client_->cancel();
}

Task<void> Session::run() {
  bool first = true;
  Flow flow = Flow::keep;
  if (door_.listener->tls) flow = co_await secure();
  while (flow == Flow::keep) {
    if (leaving() && client_->input.readable().empty()) {
      client_->close();
      flow = Flow::drop;
      break;
    }
    const config::ListenerTimeouts& timeouts = door_.listener->timeouts;
    const Instant deadline = client_->after(first ? timeouts.header : timeouts.idle);
    // Until a request begins nothing is held for it: most connections are idle most of the time.
    if (client_->input.readable().empty()) {
      idle_ = true;
      const std::size_t room = door_.listener->limits.header_bytes + 1;
      const error_code ended = co_await client_->read(room, deadline);
      idle_ = false;
      if (ended) {
        client_->close();
        flow = Flow::drop;
        break;
      }
    }
    flow = co_await serve_one(deadline);
    first = false;
    if (leaving() && flow == Flow::keep) flow = Flow::close;
  }
  if (flow == Flow::close) co_await linger();
}

Task<Flow> Session::serve_one(Instant first_octet) {
  const Beginning beginning(worker_.sinks, *client_);
  const Lent<http::RequestHead> head = worker_.lend_request_head();
  // The limits of the moment at which the request begins hold until its end.
  const EditionPtr kept = door_.edition;
  const config::Listener& listener = *door_.listener;
  RequestReader reader(*client_, {.header_bytes = listener.limits.header_bytes,
                                  .header_fields = listener.limits.header_fields,
                                  .target_bytes = listener.limits.target_bytes});
  waiting_ = &reader;
  const ReadError error = co_await reader.read_head(*head, first_octet, listener.timeouts.header);
  waiting_ = nullptr;
  const bool silent_end = error == ReadError::closed || error == ReadError::truncated ||
                          (error == ReadError::timeout && !reader.begun());
  if (silent_end) co_return Flow::drop;
  if (error != ReadError::none) {
    co_return co_await refuse(reader, *head, problem_of_client(error), beginning);
  }
  const http::Checked<http::RequestShape> shape = http::check_request(*head);
  if (shape.has_error()) {
    http::ProblemDetails problem = shape.error();
    // Content that was not read would be taken for a request.
    if (!reader.done()) problem.afterwards = http::Afterwards::close;
    co_return co_await refuse(reader, *head, problem, beginning);
  }
  judge_peer();
  Exchange exchange(worker_, *client_, reader, *head, *shape, door_, listener, peer_, beginning);
  const Flow flow = co_await exchange.serve();
  exchange.ended(flow);
  co_return flow;
}

void Session::judge_peer() {
  const Plan& plan = *worker_.edition()->plan();
  if (plan.number == judged_by_) return;
  judged_by_ = plan.number;
  peer_.trust = http::peer_of(peer_.address, plan.site->trusted_proxies).trust;
}

Task<Flow> Session::refuse(const RequestReader& reader, const http::RequestHead& head,
                           const http::ProblemDetails& refusal, const Beginning& beginning) {
  http::ProblemDetails problem = refusal;
  Account account{.head = &head,
                  .client_address = peer_.text,
                  .tls = client_->tls(),
                  .decision = decision_of(problem.problem),
                  .problem = problem.problem,
                  .status = static_cast<std::uint16_t>(http::status_of(problem))};
  if (worker_.edition()->site().config.trace != config::Trace::off) {
    account.trace_id = http::trace_id_of(http::valid_traceparent(head.fields));
  }
  const Reckoning reckoning(worker_.sinks, account, *client_, reader, beginning);
  problem.instance = make_instance();
  const bool keep = problem.afterwards == http::Afterwards::keep && !leaving();
  std::string octets;
  http::write_problem(
      octets, problem,
      {.method = head.method,
       .date = worker_.date(),
       .closing = {.client_minor_version = head.minor_version, .keep_alive = keep}});
  asio::const_buffer buffer(octets.data(), octets.size());
  const error_code failure =
      co_await client_->write({&buffer, 1}, door_.listener->timeouts.write, never);
  if (failure) {
    account.ending = Ending::client_left;
    co_return Flow::drop;
  }
  co_return keep ? Flow::keep : Flow::close;
}

Task<void> Session::linger() {
  if (!client_->socket.is_open()) co_return;
  client_->finish_writing();
  if (co_await client_->flush(door_.listener->timeouts.write, never)) co_return;
  const Instant deadline = client_->after(linger_max);
  for (;;) {
    client_->input.consume(client_->input.readable().size());
    const error_code failure = co_await client_->read(linger_capacity, deadline);
    if (failure) co_return;
  }
}

}  // namespace ifmatch::net
