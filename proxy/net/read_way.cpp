// GET and HEAD of a guarded route: forwarded without conditions, hashed, recorded, tagged, and only
// then compared with what the client has.
#include "proxy/guard/assert.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/net/chunk.hpp"
#include "proxy/net/exchange.hpp"

namespace ifmatch::net {

// What a read knows while its answer comes in.
struct Exchange::Reading {
  http::ParsedConditions conditions;
  guard::Resource resource;
  guard::Epoch since = 0;
  HeldContent held;          // content that does not lie in the connection's buffer
  BodyHold hold;             // of that
  std::uint64_t size = 0;    // octets of content so far
  bool overflowing = false;  // more than is held back to be tagged
};

Task<Exchange::Entered> Exchange::enter_read(Obligation& duty, const guard::Resource& resource,
                                             Flow& answered) {
  const config::GateLimits& gate = route_->settings->gate;
  const Submitted submitted = duty.submit_read(
      {.resource = resource, .gate_wait = gate.wait, .gate_queue = gate.queue}, terms());
  if (submitted == Submitted::superseded) co_return Entered::superseded;
  const std::optional<guard::Action> action = co_await next_action(duty);
  if (action && action->what == guard::Do::connect) co_return Entered::yes;
  answered = Flow::drop;
  if (action) {
    IFMATCH_ASSERT(action->what == guard::Do::refuse);
    duty.refused();
    answered = co_await refuse(problem_of_refusal(*action));
  } else {
    account_.ending = Ending::client_left;
  }
  co_return Entered::answered;
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

  std::optional<Obligation> duty;
  if (route_->settings->reads == config::Reads::wait) {
    duty.emplace(desk(), worker_.io.get_executor());
    Flow answered = Flow::drop;
    const Entered entered = co_await enter_read(*duty, *named, answered);
    if (entered == Entered::answered) co_return answered;
    if (entered == Entered::superseded) {
      duty.reset();
      co_return co_await again();
    }
  }
  Reading reading{.conditions = std::move(*conditions),
                  .resource = std::move(*named),
                  .held = HeldContent(worker_.contents),
                  .hold = BodyHold(site().bodies)};
  reading.since = desk().epoch();
  Answer answer(worker_);
  answer.interim = http::Validators::drop;
  const Lent<std::string> octets = upstream_head("GET", http::Carry::guarded, {});
  account_.forwarded = true;
  const Result<void> asked = co_await ask(answer, *octets, "GET", never, account_.upstream);
  if (asked.has_error()) {
    duty.reset();
    co_return co_await refuse(http::problem_of(asked.error(), http::MethodKind::read));
  }
  if (answer.head.status != 200 || is_endless(answer.head)) {
    duty.reset();
    const Result<void> begun = begin_content(answer, http::Validators::drop);
    if (begun.has_error()) {
      co_return co_await refuse(http::problem_of(begun.error(), http::MethodKind::read));
    }
    const Flow flow = co_await relay(answer, http::Validators::drop, {});
    answer.finish();
    co_return flow;
  }

  const Lent<plugins::VersionHasher> hasher = edition_->lend_hasher(*route_);
  hasher->begin(answer.head.fields.first(http::FieldId::content_type),
                answer.head.fields.first(http::FieldId::content_encoding));
  ReadError error = answer.reader->take_buffered();
  if (error == ReadError::none && answer.reader->done()) {
    for (std::string_view piece : answer.reader->pieces()) {
      hasher->update(std::as_bytes(std::span(piece)));
      reading.size += piece.size();
    }
  } else if (error == ReadError::none) {
    error = co_await take_content(reading, answer, *hasher);
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
          site().keyring.target_digest(shape_.target.host, shape_.target.octets),
          head_.fields, answer.head.fields, *version, reading.since);
  }
  co_return co_await answer_read(reading, answer, version);
}

Task<ReadError> Exchange::take_content(Reading& reading, Answer& answer,
                                       plugins::VersionHasher& hasher) {
  const bool held = head_.method != "HEAD";
  const std::size_t held_max = route_->settings->max_body;
  const std::uint64_t here = size_of(answer.reader->pieces());
  const std::uint64_t coming = answer.reader->straight_max();
  const bool measured = held && coming > 0;
  if (measured) {
    // What is too long is known before it comes. Of the budget it takes what has come, so that
    // nobody can fill that with promises.
    reading.overflowing = here + coming > held_max;
    if (!reading.overflowing) reading.held.reserve(here + coming);
  }
  for (bool in_place = false;;) {
    for (std::string_view piece : answer.reader->pieces()) {
      hasher.update(std::as_bytes(std::span(piece)));
      reading.size += piece.size();
      if (!held) continue;
      reading.overflowing = reading.overflowing || reading.size > held_max ||
                            !reading.hold.take(piece.size());
      if (in_place) {
        reading.held.commit(piece.size());
      } else {
        reading.held.append(piece);
      }
    }
    if (answer.reader->done() || reading.overflowing) co_return ReadError::none;
    const Instant deadline = client_.after(response_timeout());
    const std::uint64_t left = measured ? answer.reader->straight_max() : 0;
    in_place = left > 0;
    ReadError error = ReadError::none;
    if (in_place) {
      error = co_await answer.reader->read_content_into(reading.held.room().first(left), deadline);
    } else {
      error = co_await answer.reader->read_content(deadline);
    }
    if (error != ReadError::none) co_return error;
  }
}

Task<Flow> Exchange::answer_read(Reading& reading, Answer& answer,
                                 const std::optional<guard::Version>& version) {
  http::ReadVerdict verdict = http::ReadVerdict::proceed;
  if (reading.conditions.condition) {
    verdict = http::evaluate_read(*reading.conditions.condition, version);
  }
  if (verdict == http::ReadVerdict::failed) {
    account_.decision = Decision::stale;
    return refuse(http::stale_version(head_.fields, reading.conditions, version));
  }
  if (reading.overflowing) return relay_untagged(reading, answer);

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
  Lent<std::string> octets = worker_.lend_string();
  Lent<std::vector<asio::const_buffer>> buffers = worker_.lend_buffers();
  const bool unchanged = verdict == http::ReadVerdict::not_modified;
  account_.status = static_cast<std::uint16_t>(unchanged ? 304 : answer.head.status);
  if (!interim_left_.empty()) buffers->emplace_back(interim_left_.data(), interim_left_.size());
  if (unchanged) {
    http::write_not_modified(*octets, forwarded);
  } else {
    http::write_response_head(*octets, forwarded);
  }
  buffers->emplace_back(octets->data(), octets->size());
  if (verdict == http::ReadVerdict::proceed && head_.method != "HEAD") {
    if (!reading.held.empty()) {
      buffers->emplace_back(reading.held.view().data(), reading.held.view().size());
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
  Task<error_code> written =
      client_.write(*buffers, listener_.timeouts.write, taken_by(reading.size));
  if (!written.await_ready()) {
    return wait_for(std::move(written), std::move(octets), std::move(buffers), answer, ending);
  }
  if (in_place) answer.finish();
  return flow_after(written.await_resume(), ending);
}

// For a client that reads slowly. What is being written stays here, or in the connection of the
// answer, until it has been taken.
Task<Flow> Exchange::wait_for(Task<error_code> written,
                              [[maybe_unused]] Lent<std::string> octets,
                              [[maybe_unused]] Lent<std::vector<asio::const_buffer>> buffers,
                              Answer& answer, http::Closing ending) {
  std::optional<Stall> stall;
  if (answer.lease) {
    stall.emplace(worker_.stalls, &pool(), client_);
    stall->begin_wait();
  }
  const Flow flow = flow_after(co_await std::move(written), ending);
  answer.finish();
  co_return flow;
}

Task<Flow> Exchange::relay_untagged(Reading& reading, Answer& answer) {
  // What came last is held already.
  const Result<void> begun = begin_content(answer, http::Validators::drop);
  if (begun.has_error()) {
    co_return co_await refuse(http::problem_of(begun.error(), http::MethodKind::read));
  }
  const Flow flow = co_await relay(answer, http::Validators::drop, reading.held.view());
  answer.finish();
  co_return flow;
}

}  // namespace ifmatch::net
