// GET and HEAD of a guarded route: forwarded without conditions, hashed, recorded, tagged, and only
// then compared with what the client has.
#include "proxy/guard/assert.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/net/exchange.hpp"

namespace ifmatch::net {

// What a read knows while its answer comes in.
struct Exchange::Reading {
  http::ParsedConditions conditions;
  guard::Resource resource;
  guard::Epoch since = 0;
  std::string held;          // content that was copied out of the connection's buffer
  std::uint64_t size = 0;    // octets of content so far
  bool overflowing = false;  // more than is held back to be tagged
};

namespace {

// An event stream has no end that could be waited for.
bool is_endless(const http::ResponseHead& head) {
  const std::string_view type = head.fields.first(http::FieldId::content_type);
  constexpr std::string_view stream = "text/event-stream";
  return http::equals_ignoring_case(type.substr(0, stream.size()), stream);
}

}  // namespace

Task<std::optional<Flow>> Exchange::enter_read(Obligation& duty,
                                               const guard::Resource& resource) {
  const config::GateLimits& gate = route_->settings->gate;
  duty.submit_read({.resource = resource, .gate_wait = gate.wait, .gate_queue = gate.queue});
  const std::optional<guard::Action> action = co_await duty.next(client_);
  if (!action) co_return Flow::drop;
  if (action->what == guard::Do::connect) co_return std::nullopt;
  IFMATCH_ASSERT(action->what == guard::Do::refuse);
  duty.refused();
  co_return co_await refuse(problem_of_refusal(*action));
}

Task<Flow> Exchange::read_way() {
  if (shape_.framing.kind != http::Framing::none && !reader_.done()) {
    http::ProblemDetails problem{
        .problem = http::Problem::bad_request,
        .detail = "A GET or HEAD of a guarded route must not have content: it would select a "
                  "representation that nobody could name."};
    co_return co_await refuse(std::move(problem));
  }
  http::Checked<http::ParsedConditions> conditions =
      http::parse_conditions(head_.fields, route_->conditions);
  if (conditions.has_error()) co_return co_await refuse(conditions.error());
  http::Checked<guard::Resource> named = resource();
  if (named.has_error()) co_return co_await refuse(named.error());

  GuardDesk& desk = worker_.desk_of(*route_);
  std::optional<Obligation> duty;
  if (route_->settings->reads == config::Reads::wait) {
    duty.emplace(desk, worker_.io.get_executor());
    const std::optional<Flow> answered = co_await enter_read(*duty, *named);
    if (answered) co_return *answered;
  }
  Reading reading{.conditions = std::move(*conditions), .resource = std::move(*named)};
  reading.since = desk.epoch();
  Answer answer(worker_);
  const Lent<std::string> octets = upstream_head("GET", http::Carry::guarded, {});
  const Result<void> asked = co_await ask(answer, *octets, "GET", never);
  if (asked.has_error()) {
    duty.reset();
    co_return co_await refuse(http::problem_of(asked.error(), http::MethodKind::read));
  }
  if (answer.head.status != 200 || is_endless(answer.head)) {
    duty.reset();
    const Flow flow = co_await relay(answer, http::Validators::drop, {});
    answer.finish();
    co_return flow;
  }

  const bool head_only = head_.method == "HEAD";
  const std::size_t held_max = route_->settings->max_body;
  const Lent<plugins::VersionHasher> hasher = worker_.lend_hasher(*route_);
  hasher->begin(answer.head.fields.first(http::FieldId::content_type),
                answer.head.fields.first(http::FieldId::content_encoding));
  BodyHold hold(worker_.site.bodies);
  ReadError error = answer.reader->take_buffered();
  const bool in_place = error == ReadError::none && answer.reader->done();
  while (error == ReadError::none) {
    for (std::string_view piece : answer.reader->pieces()) {
      hasher->update(std::as_bytes(std::span(piece)));
      reading.size += piece.size();
      if (in_place || head_only) continue;
      reading.overflowing =
          reading.overflowing || reading.size > held_max || !hold.take(piece.size());
      reading.held.append(piece);
    }
    if (answer.reader->done() || reading.overflowing) break;
    error = co_await answer.reader->read_content(client_.after(response_timeout()));
  }
  if (error != ReadError::none) {
    duty.reset();
    co_return co_await refuse(http::problem_of(
        fault_of(error, http::Origin::upstream, http::Sent::all), http::MethodKind::read));
  }
  duty.reset();
  const std::optional<guard::Version> version =
      reading.overflowing ? std::nullopt : hasher->finish();
  if (version) {
    learn(reading.resource,
          worker_.site.keyring.target_digest(shape_.target.host, shape_.target.octets),
          head_.fields, answer.head.fields, *version, reading.since);
  }
  co_return co_await answer_read(reading, answer, version);
}

Task<Flow> Exchange::answer_read(Reading& reading, Answer& answer,
                                 const std::optional<guard::Version>& version) {
  http::ReadVerdict verdict = http::ReadVerdict::proceed;
  if (reading.conditions.condition) {
    verdict = http::evaluate_read(*reading.conditions.condition, version);
  }
  if (verdict == http::ReadVerdict::failed) {
    co_return co_await refuse(http::stale_version(reading.conditions, version));
  }
  if (reading.overflowing) {
    const Flow flow = co_await relay(answer, http::Validators::drop, reading.held);
    answer.finish();
    co_return flow;
  }

  const std::string etag = version ? http::format_tag(*version) : std::string();
  const http::Closing ending = closing();
  const http::ForwardedResponse forwarded{
      .head = answer.head,
      .validators = http::Validators::drop,
      .etag = etag,
      .framing = {.kind = http::Framing::length, .length = reading.size},
      .closing = ending,
      .expose_etag = route_->expose_etag,
      .date = worker_.date()};
  const Lent<std::string> octets = worker_.lend_string();
  const Lent<std::vector<asio::const_buffer>> buffers = worker_.lend_buffers();
  if (verdict == http::ReadVerdict::not_modified) {
    http::write_not_modified(*octets, forwarded);
  } else {
    http::write_response_head(*octets, forwarded);
  }
  buffers->emplace_back(octets->data(), octets->size());
  if (verdict == http::ReadVerdict::proceed && head_.method != "HEAD") {
    if (!reading.held.empty()) {
      buffers->emplace_back(reading.held.data(), reading.held.size());
    } else {
      for (std::string_view piece : answer.reader->pieces()) {
        buffers->emplace_back(piece.data(), piece.size());
      }
    }
  }
  // What was copied out needs the connection no longer: a slow client must not keep it from others.
  const bool in_place = reading.held.empty() && reading.size > 0 && head_.method != "HEAD" &&
                        verdict == http::ReadVerdict::proceed;
  if (!in_place) answer.finish();
  const Flow flow = co_await send(*buffers, ending);
  if (in_place) answer.finish();
  co_return flow;
}

}  // namespace ifmatch::net
