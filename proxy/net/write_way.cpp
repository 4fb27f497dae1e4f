// The write way: from the checks that need nothing but the request, through the gate, to the one
// send and its outcome.
#include <array>
#include <utility>

#include "proxy/guard/assert.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/net/writing.hpp"

namespace ifmatch::net {
namespace {

// For an answer that is waiting already when a write could not be sent whole in its time.
constexpr std::chrono::milliseconds early_answer_grace{200};
// So much memory for the answer is there before a write is sent: one of that size is never dropped.
constexpr std::size_t answer_reserve = 64 * 1024;

// Octets a second that a client must send, on the whole, of content that is held.
constexpr std::size_t sent_per_second_min = 512;

http::ProblemDetails bodies_exhausted() {
  return {.problem = http::Problem::resource_busy,
          .detail = "Too much content is held at this moment. Nothing was written.",
          .retry_after = std::chrono::seconds(1)};
}

}  // namespace

Task<Flow> Exchange::write_way() {
  std::optional<Flow> flow;
  {
    Writing writing(*this);
    flow = co_await writing.run();
  }
  if (flow) co_return *flow;
  co_return co_await again();
}

Writing::Writing(Exchange& exchange)
    : x_(exchange),
      route_(*exchange.route_),
      enforced_(exchange.route_->settings->mode == config::Mode::enforce),
      wants_representation_(prefers_representation(exchange.head_.fields)),
      hold_(exchange.site().bodies),
      duty_(exchange.desk(), exchange.worker_.io.get_executor()) {}

Task<std::optional<Flow>> Writing::run() {
  if (std::optional<http::ProblemDetails> problem = check()) {
    co_return co_await x_.refuse(std::move(*problem));
  }
  if (const std::optional<Flow> answered = co_await read_content()) co_return *answered;
  if (!hold_.reserve(answer_reserve)) co_return co_await x_.refuse(bodies_exhausted());
  complete_request();
  if (duty_.submit(request_, x_.terms()) == Submitted::superseded) {
    keep_content();
    co_return std::nullopt;
  }
  co_return co_await follow();
}

std::optional<http::ProblemDetails> Writing::check() {
  const http::Fields& fields = x_.head_.fields;
  if (enforced_) {
    http::Checked<WriteTerms> terms = terms_of(route_, x_.head_, x_.shape_.target);
    if (terms.has_error()) return terms.error();
    terms_ = std::move(*terms);
    x_.account_.guarded = terms_.guarded;
  }
  http::Checked<guard::Resource> resource = x_.resource();
  if (resource.has_error()) return resource.error();
  request_.resource = std::move(*resource);
  probe_target_ = x_.shape_.target.octets;
  if (x_.shape_.target.has_query()) {
    rewritten_target_ = http::without_method_override(x_.shape_.target);
    probe_target_ = rewritten_target_;
  }
  if (enforced_) {
    const http::Keyring& keyring = x_.site().keyring;
    request_.view.target = keyring.target_digest(x_.shape_.target.host, probe_target_);
    request_.view.viewer = keyring.viewer_digest(fields, route_.settings->vary);
  }

  const std::size_t max_body = route_.settings->max_body;
  const http::ContentFraming& framing = x_.shape_.framing;
  if (framing.kind == http::Framing::length && framing.length > max_body) {
    return http::ProblemDetails{.problem = http::Problem::body_too_large};
  }
  return std::nullopt;
}

void Writing::keep_content() {
  if (!x_.content_) x_.content_ = std::string(content_);
}

Task<std::optional<Flow>> Writing::take_kept_content() {
  content_ = *x_.content_;
  if (content_.size() > route_.settings->max_body) {
    co_return co_await x_.refuse({.problem = http::Problem::body_too_large});
  }
  if (!hold_.take(content_.size())) co_return co_await x_.refuse(bodies_exhausted());
  co_return std::nullopt;
}

Task<std::optional<Flow>> Writing::read_content() {
  if (x_.content_) return take_kept_content();
  if (x_.reader_.done()) return std::optional<Flow>();
  return collect_content();
}

Task<std::optional<Flow>> Writing::collect_content() {
  const std::size_t max_body = route_.settings->max_body;
  if (std::exchange(x_.continue_owed_, false)) {
    x_.continued_ = true;
    asio::const_buffer interim(http::continue_answer.data(), http::continue_answer.size());
    const error_code failure =
        co_await x_.client_.write({&interim, 1}, x_.listener_.timeouts.write, never);
    if (failure) co_return Flow::drop;
  }
  const Instant begun = x_.client_.after(x_.listener_.timeouts.body);
  ReadError error = x_.reader_.take_buffered();
  // What came whole with the head stays where it is until the request is over.
  if (error == ReadError::none && x_.reader_.done() && x_.reader_.pieces().size() == 1 &&
      x_.reader_.pieces().front().size() <= max_body) {
    content_ = x_.reader_.pieces().front();
    co_return std::nullopt;
  }
  while (error == ReadError::none) {
    bool room = true;
    for (std::string_view piece : x_.reader_.pieces()) {
      room = room && collected_.size() + piece.size() <= max_body && hold_.take(piece.size());
      if (room) collected_.append(piece);
    }
    content_ = collected_;
    if (!room) {
      x_.must_close_ = true;
      http::ProblemDetails refusal{.problem = http::Problem::body_too_large};
      if (!hold_.exhausted()) co_return co_await x_.refuse(std::move(refusal));
      co_return co_await x_.refuse(bodies_exhausted());
    }
    if (x_.reader_.done()) co_return std::nullopt;
    // Silences alone would let an octet a minute hold memory for a day.
    const std::chrono::seconds pace(collected_.size() / sent_per_second_min);
    error = co_await x_.reader_.read_content(
        std::min(x_.client_.after(x_.listener_.timeouts.body), begun + pace));
  }
  co_return co_await x_.refuse(problem_of_client(error));
}

void Writing::complete_request() {
  const config::RouteSettings& settings = *route_.settings;
  request_.hold = terms_.exclusive ? guard::Hold::exclusive : guard::Hold::shared;
  request_.condition = std::move(terms_.conditions.condition);
  request_.check = settings.check == config::Check::recorded ? guard::Check::recorded
                                                             : guard::Check::confirm;
  request_.absent_is_answer = !terms_.puts;
  request_.needs_current = wants_representation_;
  request_.gate_wait = settings.gate.wait;
  request_.gate_queue = settings.gate.queue;
  request_.in_doubt = route_.in_doubt;
}

Task<Flow> Writing::follow() {
  for (;;) {
    const std::optional<guard::Action> action = co_await x_.next_action(duty_);
    if (!action) {
      // The client left while it waited: nothing was sent, and its gates are free again.
      duty_.leave();
      x_.account_.ending = Ending::client_left;
      co_return Flow::drop;
    }
    std::optional<Flow> answered;
    switch (action->what) {
      case guard::Do::wait: break;
      case guard::Do::probe: co_await probe(*action); break;
      case guard::Do::connect: answered = co_await connect(); break;
      case guard::Do::send: answered = co_await forward(); break;
      case guard::Do::refuse:
        duty_.refused();
        co_return co_await refuse(*action);
    }
    if (answered) co_return *answered;
  }
}

Task<std::optional<Flow>> Writing::connect() {
  // The API may have ended, or said more on, the connection that has just answered the probe.
  if (lease_ && !lease_.connection().silent()) lease_ = Lease();
  if (!lease_) {
    Result<Lease> lease = co_await x_.pool().lease(Reuse::verified);
    if (lease.has_error()) {
      duty_.leave();
      co_return co_await x_.refuse(http::problem_of(lease.error(), http::MethodKind::unsafe));
    }
    lease_ = std::move(*lease);
  }
  duty_.connected();
  co_return std::nullopt;
}

Task<std::optional<Flow>> Writing::forward() {
  duty_.sending();
  Account& account = x_.account_;
  if (terms_.guarded) account.decision = Decision::pass;
  account.from_record = terms_.guarded && request_.condition && !probed_at_;
  Result<Outcome> outcome = co_await exchange_once();
  if (outcome.has_error()) {
    const bool unsent = outcome.error().sent == http::Sent::nothing;
    lease_.reset();
    if (unsent) {
      duty_.unsent();
      co_return std::nullopt;
    }
    duty_.in_doubt();
    account.outcome_unknown = true;
    co_return co_await x_.refuse(http::problem_of(outcome.error(), http::MethodKind::unsafe));
  }
  const int status = outcome->head->status;
  const bool doubtful = route_.doubts(status) || (status == 202 && terms_.guarded);
  std::string etag;
  outcome->doubtful = doubtful;
  if (doubtful) {
    duty_.in_doubt();
    account.outcome_unknown = true;
  } else {
    etag = co_await lawful_tag(*outcome);
    duty_.settled();
  }
  co_return co_await answer(*outcome, etag);
}

Task<Result<Writing::Outcome>> Writing::exchange_once() {
  Instant total = Clock::now() + x_.response_timeout();
  const Lent<std::string> octets = x_.upstream_head(
      x_.head_.method, enforced_ ? http::Carry::guarded : http::Carry::everything,
      x_.shape_.framing.kind == http::Framing::none
          ? http::ContentFraming{}
          : http::ContentFraming{.kind = http::Framing::length, .length = content_.size()});
  Connection& connection = lease_.connection();
  std::array<asio::const_buffer, 2> buffers{asio::const_buffer(octets->data(), octets->size()),
                                            asio::const_buffer(content_.data(), content_.size())};
  lease_.mark_used();
  Account& account = x_.account_;
  account.forwarded = true;
  account.upstream_address = lease_.place();
  std::optional<Stopwatch> watch(std::in_place, x_.worker_.sinks, account.upstream);
  if (probed_at_ && !x_.worker_.sinks.empty()) {
    account.probe_window = Clock::now() - *probed_at_;
  }
  const error_code failure = co_await connection.write(buffers, x_.response_timeout(), total);
  // However long it was tried: of what no octet has left nothing can have happened.
  if (failure && connection.written() == 0) {
    co_return fault_of(ReadError::closed, http::Origin::upstream, http::Sent::nothing);
  }
  // The API may have answered before it had read everything: look, even when the time is over.
  if (failure == asio::error::timed_out) total = connection.after(early_answer_grace);
  Answer reply(x_.worker_);
  reply.interim = enforced_ ? http::Validators::drop : http::Validators::keep;
  reply.lease = std::move(lease_);
  const Result<void> read = co_await x_.read_answer_head(reply, x_.head_.method, total, total);
  watch.reset();
  Outcome outcome{.head = std::move(reply.lent_head), .shape = reply.shape};
  ReadError error = ReadError::none;
  if (!read.has_error()) {
    error = reply.reader->take_buffered();
    while (error == ReadError::none) {
      for (std::string_view piece : reply.reader->pieces()) {
        outcome.size += piece.size();
        outcome.overflowed = outcome.overflowed || outcome.size > route_.settings->max_body ||
                             !hold_.take(piece.size());
        if (!outcome.overflowed) outcome.content.append(piece);
      }
      if (reply.reader->done()) break;
      error = co_await reply.reader->read_content(total);
    }
  }
  if (read.has_error() || error != ReadError::none) {
    lease_ = std::move(reply.lease);
    reply.reader.reset();
    if (read.has_error()) {
      http::Fault fault = read.error();
      fault.sent = http::Sent::all;
      co_return fault;
    }
    co_return fault_of(error, http::Origin::upstream, http::Sent::all);
  }
  if (failure) reply.shape.keep_alive = false;
  reply.keep_lease();
  lease_ = std::move(reply.lease);
  co_return outcome;
}

Task<Flow> Writing::answer(Outcome& outcome, std::string_view etag) {
  if (lease_) lease_.give_back(outcome.shape.keep_alive_timeout);
  if (outcome.overflowed) {
    http::ProblemDetails problem = http::answer_too_large(outcome.head->status);
    if (outcome.doubtful) {
      problem = http::problem_of(
          fault_of(ReadError::fields_too_large, http::Origin::upstream, http::Sent::all),
          http::MethodKind::unsafe);
    }
    co_return co_await x_.refuse(std::move(problem));
  }
  const http::Closing ending = x_.closing();
  x_.account_.status = static_cast<std::uint16_t>(outcome.head->status);
  const bool bodiless = outcome.shape.framing.kind == http::Framing::none;
  const Lent<std::string> octets = x_.worker_.lend_string();
  http::write_response_head(
      *octets, {.head = *outcome.head,
                .validators = enforced_ ? http::Validators::drop : http::Validators::keep,
                .etag = etag,
                .framing = bodiless ? http::ContentFraming{}
                                    : http::ContentFraming{.kind = http::Framing::length,
                                                           .length = outcome.size},
                .closing = ending,
                .expose_etag = route_.expose_etag,
                .date = x_.worker_.date()});
  std::array<asio::const_buffer, 2> buffers{
      asio::const_buffer(octets->data(), octets->size()),
      asio::const_buffer(outcome.content.data(), outcome.content.size())};
  co_return co_await x_.send(buffers, ending);
}

Task<Flow> Writing::refuse(const guard::Action& action) {
  if (lease_) lease_.give_back(keep_alive_);
  x_.account_.decision = decision_of(action.refusal);
  x_.account_.from_record = action.from_record;
  if (action.refusal == guard::Refusal::absent || action.refusal == guard::Refusal::relayed) {
    return relay_probe();
  }
  // The tag and the octets must be of one answer.
  if (action.refusal == guard::Refusal::stale && action.current && shown_ &&
      shown_->content_complete) {
    return show_current(*shown_, *action.current);
  }
  return x_.refuse(problem_of(action));
}

http::ProblemDetails Writing::problem_of(const guard::Action& action) const {
  switch (action.refusal) {
    case guard::Refusal::busy:
    case guard::Refusal::in_doubt: return problem_of_refusal(action);
    case guard::Refusal::exists: return http::already_exists(x_.head_.fields, action.current);
    case guard::Refusal::stale: {
      http::ProblemDetails problem =
          http::stale_version(x_.head_.fields, terms_.conditions, action.current);
      if (route_.settings->on_stale == config::OnStale::s409) problem.status = 409;
      return problem;
    }
    case guard::Refusal::absent:
    case guard::Refusal::relayed:
    case guard::Refusal::unverifiable: break;
  }
  http::ProblemDetails problem;
  if (probed_.fault) {
    problem = http::problem_of(*probed_.fault, http::MethodKind::read);
    if (probed_.fault->sent == http::Sent::nothing) return problem;
  }
  problem.problem = http::Problem::version_unknown;
  problem.status = probed_.fault && probed_.fault->kind == http::FaultKind::timeout ? 504 : 502;
  problem.detail = "The version that is current could not be learnt, so nothing was written.";
  return problem;
}

}  // namespace ifmatch::net
