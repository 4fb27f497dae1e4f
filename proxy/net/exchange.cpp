#include "proxy/net/exchange.hpp"

#include <array>
#include <random>
#include <utility>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {
namespace {

// Content of a refused request up to this size is read and dropped, so that the connection lives
// on.
constexpr std::uint64_t drained_octets_max = 64 * 1024;

// So often a request begins anew because of a reload. More reloads than that within one request are
// a mistake, and somebody waits for the answer.
constexpr unsigned restarts_max = 5;

http::ProblemDetails reconfigured_meanwhile() {
  return {.problem = http::Problem::resource_busy,
          .detail = "The configuration changed while the request came in. Nothing was written.",
          .retry_after = std::chrono::seconds(1)};
}

// Octets a second that a client must take of what it is sent: what is held for it is held for all.
constexpr std::size_t taken_per_second_min = 4096;

// More of them before one answer are read, since time alone bounds a wait, but not passed on. An
// API that tells of its progress every second stays below.
constexpr std::size_t interims_max = 100;

constexpr MessageLimits upstream_limits{
    .header_bytes = 64 * 1024, .header_fields = 256, .target_bytes = 0};

// Says why TLS broke, where it did: in TLS 1.3 an upstream refuses our certificate, or the lack of
// one, only after it was sent the first request.
http::Fault explained(http::Fault fault, const Connection& upstream) {
  const TlsStream* const tls = upstream.tls();
  if (tls == nullptr || tls->why().text.empty() || tls->why().kind == TlsFailure::closed) {
    return fault;
  }
  fault.detail = "TLS with the upstream failed: " + tls->why().text + ".";
  return fault;
}

}  // namespace

http::Fault fault_of(ReadError error, http::Origin origin, http::Sent sent) {
  using http::FaultKind;
  switch (error) {
    case ReadError::none: break;
    case ReadError::closed: return {origin, FaultKind::closed, sent};
    case ReadError::truncated: return {origin, FaultKind::closed, sent};
    case ReadError::timeout: return {origin, FaultKind::timeout, sent};
    case ReadError::malformed: return {origin, FaultKind::malformed, sent};
    case ReadError::version: return {origin, FaultKind::malformed, sent};
    case ReadError::target_too_long: return {origin, FaultKind::too_large, sent};
    case ReadError::fields_too_large: return {origin, FaultKind::too_large, sent};
  }
  IFMATCH_ASSERT(error != ReadError::none);
  return {};
}

std::uint64_t random_word() {
  thread_local std::mt19937_64 random{(std::uint64_t{std::random_device{}()} << 32U) ^
                                      std::random_device{}()};
  return random();
}

std::string make_instance() {
  std::array<std::uint64_t, 2> bits{random_word(), random_word()};
  bits[0] = (bits[0] & ~0xf000ULL) | 0x4000ULL;                      // version 4 (RFC 9562)
  bits[1] = (bits[1] & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;  // variant
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  std::size_t nibble = 0;
  for (char& octet : std::span(text).subspan(9)) {
    if (octet == '-') continue;
    octet = digits[(bits[nibble / 16] >> 60U) & 0xfU];
    bits[nibble / 16] <<= 4U;
    ++nibble;
  }
  return text;
}

http::ProblemDetails problem_of_client(ReadError error) {
  http::ProblemDetails details{.problem = http::Problem::bad_request,
                               .afterwards = http::Afterwards::close};
  switch (error) {
    case ReadError::timeout: details.problem = http::Problem::request_timeout; break;
    case ReadError::version: details.problem = http::Problem::version_not_supported; break;
    case ReadError::target_too_long: details.problem = http::Problem::target_too_long; break;
    case ReadError::fields_too_large: details.problem = http::Problem::fields_too_large; break;
    case ReadError::malformed:
    case ReadError::none:
    case ReadError::closed:
    case ReadError::truncated: break;
  }
  return details;
}

http::ProblemDetails problem_of_refusal(const guard::Action& action) {
  using std::chrono::seconds;
  const bool in_doubt = action.refusal == guard::Refusal::in_doubt;
  const seconds left = std::chrono::ceil<seconds>(action.retry_after);
  return {.problem = in_doubt ? http::Problem::outcome_unknown : http::Problem::resource_busy,
          .retry_after = std::max(left, seconds(1))};
}

void Answer::finish() {
  keep_lease();
  if (lease) lease.give_back(shape.keep_alive_timeout);
}

void Answer::keep_lease() {
  const bool complete = reader && reader->done();
  const bool reusable = complete && shape.keep_alive &&
                        shape.framing.kind != http::Framing::until_close;
  reader.reset();
  // Octets behind an answer mean that the two sides disagree about where it ended.
  if (reusable && lease && !lease.connection().holds_unread()) return;
  if (complete) lease.close();
  lease = Lease();
}

Exchange::Exchange(Worker& worker, Connection& client, RequestReader& reader,
                   const http::RequestHead& head, const http::RequestShape& shape,
                   const Door& door, const config::Listener& listener, const http::Peer& peer,
                   const Beginning& beginning)
    : worker_(worker),
      edition_(worker.edition()),
      client_(client),
      reader_(reader),
      head_(head),
      shape_(shape),
      door_(door),
      listener_(listener),
      peer_(peer),
      continue_owed_(shape.expects_continue),
      account_{.head = &head, .client_address = peer.text, .tls = client.tls()},
      reckoning_(worker.sinks, account_, client, reader, beginning) {
  identify();
}

void Exchange::identify() {
  if (peer_.trust == http::Peer::Trust::forwards && http::makes_claims(head_.fields)) {
    claims_ = std::make_unique<http::Claims>(
        http::believed_claims(head_.fields, site().trusted_proxies));
    if (!claims_->client.empty()) account_.client_address = claims_->client;
  }
  const config::Trace tracing = site().config.trace;
  if (tracing == config::Trace::off) return;
  const std::string_view sent = http::valid_traceparent(head_.fields);
  if (!sent.empty()) {
    account_.trace_id = http::trace_id_of(sent);
    return;
  }
  traceparent_ = std::string_view();
  if (tracing == config::Trace::pass) return;
  made_traceparent_ = http::make_traceparent({random_word(), random_word(), random_word()});
  traceparent_ = std::string_view(made_traceparent_.data(), made_traceparent_.size());
  account_.trace_id = traceparent_->substr(3, http::trace_id_octets);
}

Task<Flow> Exchange::serve() {
  // The server as a whole is we (RFC 9110 section 9.3.7): no route stands for all of them.
  if (shape_.target.form == http::TargetForm::asterisk) return answer_options();
  routing_ = route_request(site(), head_, shape_.target);
  route_ = routing_.route;
  account_.route = route_;
  account_.resource = routing_.folded;
  if (routing_.problem) {
    account_.decision = decision_of(routing_.problem->problem);
    return refuse(std::move(*routing_.problem));
  }
  // It was on the write way when it began, and its content has been taken off the connection. Where
  // nothing is guarded any more that way is as good as another: it sends what is held.
  if (content_ && shape_.framing.kind != http::Framing::none && routing_.way != Way::write) {
    if (routing_.way == Way::observe) withhold_own_tags();
    routing_.way = Way::write;
  }
  switch (routing_.way) {
    case Way::read: return read_way();
    case Way::write: return write_way();
    case Way::observe: return observe_way();
    case Way::pass: break;
  }
  return pass_way();
}

Task<Flow> Exchange::again() {
  if (++restarts_ > restarts_max) co_return co_await refuse(reconfigured_meanwhile());
  worker_.renew();
  // Nothing may refer any more to the edition that ends here.
  route_ = nullptr;
  routing_ = Routing();
  account_.route = nullptr;
  account_.resource = {};
  account_.upstream_address = {};
  account_.decision = Decision::none;
  onlooker_ = nullptr;
  withheld_ = {};
  edition_ = worker_.edition();
  co_return co_await serve();
}

http::Checked<guard::Resource> Exchange::resource() const {
  return resource_of(site(), routing_, head_, shape_.target);
}

Lent<std::string> Exchange::upstream_head(std::string_view method, http::Carry carry,
                                          const http::ContentFraming& framing,
                                          std::string_view hop_lines) const {
  const bool guarded_read = carry == http::Carry::guarded && method == "GET";
  std::array<http::FieldLine, 2> replaced;
  std::size_t replaced_count = 0;
  if (!hops_left_.empty()) replaced[replaced_count++] = {"Max-Forwards", hops_left_};
  if (!withheld_.empty()) replaced[replaced_count++] = {withheld_, {}};
  Lent<std::string> octets = worker_.lend_string();
  http::write_request_head(
      *octets, {.head = head_,
               .method = method,
               .base_path = route_->upstream->base_path,
               .target = shape_.target.octets,
               .host = host(),
               .client_address = peer_.text,
               .client_scheme = client_scheme(),
               .framing = framing,
               .carry = carry,
               .identity_coding = guarded_read,
               .no_cache = guarded_read && route_->settings->check == config::Check::recorded,
               .replaced = std::span(replaced).first(replaced_count),
               .traceparent = traceparent_,
               .claims = claims_.get(),
               .hop_lines = hop_lines});
  return octets;
}

Task<Result<void>> Exchange::ask(Answer& answer, std::string_view octets, std::string_view method,
                                 Instant total, Clock::duration& took) {
  Reuse reuse = Reuse::any;
  bool may_go_elsewhere = route_->upstream->urls.size() > 1;
  for (;;) {
    if (!answer.lease) {
      Result<Lease> lease = co_await pool().lease(reuse);
      if (lease.has_error()) co_return lease.error();
      answer.lease = std::move(*lease);
    }
    account_.upstream_address = answer.lease.place();
    const bool fresh = answer.lease.fresh();
    answer.lease.mark_used();
    const Stopwatch watch(worker_.sinks, took);
    asio::const_buffer buffer(octets.data(), octets.size());
    const error_code failure =
        co_await answer.lease.connection().write({&buffer, 1}, response_timeout(), total);
    Result<void> read = Result<void>{};
    if (failure) {
      read = fault_of(failure == asio::error::timed_out ? ReadError::timeout : ReadError::closed,
                      http::Origin::upstream, http::Sent::some);
    } else {
      read = co_await read_answer_head(answer, method, client_.after(response_timeout()), total);
    }
    if (!read.has_error()) co_return read;
    http::Fault fault = explained(read.error(), answer.lease.connection());
    // A kept connection may have ended while it was idle: nobody answered, so once more is allowed.
    const bool nothing_came =
        answer.interims == 0 && (!answer.reader || !answer.reader->begun());
    answer.reader.reset();
    answer.lease = Lease();
    if (!nothing_came || fault.kind != http::FaultKind::closed) co_return fault;
    // One that accepts and then closes without a word is about to die: another place is asked.
    if (fresh && !std::exchange(may_go_elsewhere, false)) co_return fault;
    reuse = Reuse::fresh_only;
  }
}

Task<std::optional<guard::Action>> Exchange::next_action(Obligation& duty) {
  account_.gated = true;
  // Most of the time the engine has answered at once: then there is nothing to measure.
  if (duty.answered()) return duty.next(client_);
  return wait_at_gates(duty);
}

Task<std::optional<guard::Action>> Exchange::wait_at_gates(Obligation& duty) {
  const Stopwatch watch(worker_.sinks, account_.gate_wait);
  co_return co_await duty.next(client_);
}

Task<Result<void>> Exchange::read_answer_head(Answer& answer, std::string_view method,
                                              Instant first_octet, Instant total) {
  bool reusable = true;
  for (;;) {
    answer.reader.reset();
    answer.reader.emplace(answer.lease.connection(), upstream_limits);
    if (method == "HEAD") answer.reader->without_content();
    const ReadError error =
        co_await answer.reader->read_head(answer.head, first_octet, response_timeout(), total);
    if (error != ReadError::none) {
      co_return fault_of(error, http::Origin::upstream, http::Sent::all);
    }
    Result<http::ResponseShape> shape = http::check_response(answer.head, method, answer.offer);
    if (shape.has_error()) co_return shape.error();
    answer.shape = std::move(*shape);
    // An interim answer that announces content leaves the end of the final one in doubt.
    reusable = reusable && answer.shape.keep_alive;
    answer.shape.keep_alive = reusable;
    if (answer.head.status >= 200 || answer.head.status == 101) co_return Result<void>{};
    if (++answer.interims <= interims_max && answer.interim) pass_interim(answer);
    if (!reader_.done()) continue;
    // 1xx does not extend the wait of a request that has been sent whole, also where the next head
    // has begun with the last one's octets.
    first_octet = std::min(first_octet, client_.after(response_timeout()));
    if (client_.now() >= first_octet) {
      co_return fault_of(ReadError::timeout, http::Origin::upstream, http::Sent::all);
    }
  }
}

void Exchange::learn(guard::ResourceView resource, const guard::Digest& target,
                     const http::Fields& asked, const http::Fields& answered,
                     const guard::Version& version, guard::Epoch since, guard::Shown shown) {
  if (http::varies_on_everything(answered)) return;
  // A cache in front of the API answered: whose version that is, nobody knows.
  const bool recorded = route_->settings->check == config::Check::recorded;
  if (recorded && answered.has(http::FieldId::age)) return;
  guard::Lesson lesson{.resource = resource,
                       .view = {},
                       .version = version,
                       .selection = site().selections.intern(asked),
                       .since = since,
                       .shown = shown};
  lesson.view.target = target;
  const http::Keyring& keyring = site().keyring;
  lesson.view.viewer = keyring.viewer_digest(asked, route_->settings->vary);
  lesson.view.variant =
      keyring.variant_digest(target, lesson.view.viewer, asked, answered);
  // Only there a client gets the coding that it asked for.
  if (route_->settings->mode == config::Mode::observe &&
      answered.has(http::FieldId::content_encoding)) {
    lesson.view.variant = keyring.coded_digest(
        lesson.view.variant, answered.first(http::FieldId::content_encoding));
  }
  const bool out_of_band = desk().learn(terms(), lesson, http::is_anonymous(asked));
  if (out_of_band) ++account_.out_of_band;
}

Flow Exchange::flow_after(const error_code& failure, http::Closing ending) {
  if (failure) return Flow::drop;
  return ending.keep_alive ? Flow::keep : Flow::close;
}

Instant Exchange::taken_by(std::size_t octets) const {
  const std::chrono::milliseconds pace(octets * 1000 / taken_per_second_min);
  return client_.after(listener_.timeouts.write + pace);
}

http::Closing Exchange::closing() const {
  const bool keep = shape_.keep_alive && !worker_.draining && !door_.closed && !must_close_;
  return {.client_minor_version = head_.minor_version, .keep_alive = keep};
}

Task<Flow> Exchange::send(std::span<asio::const_buffer> buffers, http::Closing ending) {
  if (!interim_left_.empty()) return send_behind_interim(buffers, ending);
  std::size_t octets = 0;
  for (const asio::const_buffer& buffer : buffers) octets += buffer.size();
  Task<error_code> written =
      client_.write(buffers, listener_.timeouts.write, taken_by(octets));
  if (written.await_ready()) return flow_after(written.await_resume(), ending);
  return sent_later(std::move(written), ending);
}

Task<Flow> Exchange::sent_later(Task<error_code> written, http::Closing ending) {
  co_return flow_after(co_await std::move(written), ending);
}

Task<Flow> Exchange::sent_later(Task<error_code> written, [[maybe_unused]] Lent<std::string> octets,
                                [[maybe_unused]] Lent<std::vector<asio::const_buffer>> buffers,
                                http::Closing ending) {
  co_return flow_after(co_await std::move(written), ending);
}

Task<Flow> Exchange::refuse(http::ProblemDetails details) {
  if (details.afterwards == http::Afterwards::close) must_close_ = true;
  const bool drains = !reader_.done() && !must_close_ && !continue_owed_ &&
                      shape_.framing.kind == http::Framing::length &&
                      shape_.framing.length <= drained_octets_max;
  if (drains) return refuse_when_drained(std::move(details));
  return refuse_now(details);
}

Task<Flow> Exchange::refuse_when_drained(http::ProblemDetails details) {
  const Instant deadline = client_.after(listener_.timeouts.body);
  ReadError error = ReadError::none;
  while (!reader_.done() && error == ReadError::none) {
    error = co_await reader_.read_content(deadline);
  }
  if (error != ReadError::none) must_close_ = true;
  co_return co_await refuse_now(details);
}

Task<Flow> Exchange::refuse_now(http::ProblemDetails& details) {
  // What the client still sends of its content would be taken for the next request.
  if (!reader_.done()) must_close_ = true;
  if (route_ != nullptr && details.route.empty()) details.route = route_->config->name;
  if (details.instance.empty()) details.instance = make_instance();
  account_.status = static_cast<std::uint16_t>(http::status_of(details));
  account_.problem = details.problem;
  // Elsewhere these answers have other reasons than a decision.
  const bool undecided = account_.decision == Decision::none && !account_.forwarded;
  if (undecided && routing_.way != Way::pass) account_.decision = decision_of(details.problem);
  const http::Closing ending = closing();
  Lent<std::string> octets = worker_.lend_string();
  http::write_problem(*octets, details,
                      {.method = head_.method, .date = worker_.date(), .closing = ending});
  Lent<std::vector<asio::const_buffer>> buffers = worker_.lend_buffers();
  if (!interim_left_.empty()) buffers->emplace_back(interim_left_.data(), interim_left_.size());
  buffers->emplace_back(octets->data(), octets->size());
  Task<error_code> written =
      client_.write(*buffers, listener_.timeouts.write, taken_by(octets->size()));
  if (written.await_ready()) return flow_after(written.await_resume(), ending);
  return sent_later(std::move(written), std::move(octets), std::move(buffers), ending);
}

}  // namespace ifmatch::net
