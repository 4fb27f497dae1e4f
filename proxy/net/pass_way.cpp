// Everything that needs no guard: bypass routes and safe methods other than GET and HEAD. Content
// streams in both directions at the pace of the slower side, and nothing is held.
#include <charconv>

#include "proxy/http/trailers.hpp"
#include "proxy/http/upgrade.hpp"
#include "proxy/net/upload.hpp"

namespace ifmatch::net {
namespace {

// How often an OPTIONS may still be forwarded (RFC 9110 section 7.6.2). To every other method the
// field means nothing; nor does what is not one number.
std::optional<std::uint64_t> max_forwards(const http::RequestHead& head) {
  constexpr std::string_view name = "Max-Forwards";
  if (head.method != "OPTIONS" || head.fields.count(name) != 1) return std::nullopt;
  const std::string_view digits = http::trimmed(head.fields.first(name));
  std::uint64_t hops = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), hops);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return hops;
}

}  // namespace

Task<Flow> Exchange::answer_options() {
  if (!reader_.done()) must_close_ = true;
  http::ResponseHead head;
  head.status = 200;
  account_.status = 200;
  head.reason = http::reason_phrase(200);
  head.fields.add("Allow", http::allowed_methods);
  const http::Closing ending = closing();
  std::string octets;
  http::write_response_head(octets, {.head = head,
                                     .framing = {.kind = http::Framing::length, .length = 0},
                                     .closing = ending,
                                     .date = worker_.date()});
  asio::const_buffer buffer(octets.data(), octets.size());
  co_return co_await send({&buffer, 1}, ending);
}

bool Exchange::offers_upgrade() const noexcept {
  return !route_->config->upgrade.empty() && http::offers_websocket(head_, shape_.framing);
}

std::string Exchange::hop_lines(const Answer& answer) const {
  if (answer.offer == http::Offer::websocket) return std::string(http::websocket_lines);
  // Fields that each hop says anew. Trailer fields that a guarded route asked for would be dropped.
  const http::Fields& fields = head_.fields;
  std::string lines;
  if (is_guarded() || head_.minor_version < 1) return lines;
  if (http::lists(fields, http::FieldId::te, "trailers")) {
    lines += "TE: trailers\r\nConnection: TE\r\n";
  }
  if (shape_.framing.kind == http::Framing::chunked) lines += http::trailer_announcement(fields);
  return lines;
}

Task<Flow> Exchange::pass_way() {
  if (const std::optional<std::uint64_t> hops = max_forwards(head_)) {
    if (*hops == 0) co_return co_await answer_options();
    hops_left_ = std::to_string(*hops - 1);
  }
  Answer answer(worker_);
  answer.interim = validators();
  if (offers_upgrade()) {
    // What flows through a tunnel nobody checks, so it must not lead to what an API that is lax
    // about paths takes for something guarded.
    if (may_reach_guarded(site(), routing_, shape_.target)) {
      http::ProblemDetails problem{.problem = http::Problem::ambiguous_path};
      co_return co_await refuse(std::move(problem));
    }
    answer.offer = http::Offer::websocket;
  }
  if (!reader_.done() || http::kind_of(head_.method) == http::MethodKind::unsafe) {
    co_return co_await pass_with_content(answer);
  }
  const Lent<std::string> octets = upstream_head(head_.method, carry(), {}, hop_lines(answer));
  account_.forwarded = true;
  Result<void> asked = co_await ask(answer, *octets, head_.method, never, account_.upstream);
  if (!asked.has_error() && answer.head.status == 101) co_return co_await join(answer);
  if (!asked.has_error()) asked = begin_content(answer, validators());
  if (asked.has_error()) {
    co_return co_await refuse(http::problem_of(asked.error(), http::MethodKind::safe));
  }
  const Flow flow = co_await relay(answer, validators(), {});
  answer.finish();
  co_return flow;
}

Task<Flow> Exchange::pass_with_content(Answer& answer) {
  const http::MethodKind kind = http::kind_of(head_.method);
  Passage passage(desk(), route_->in_doubt);
  if (kind == http::MethodKind::unsafe && passage.enter(terms()) == Submitted::superseded) {
    co_return co_await again();
  }
  Result<Lease> lease = co_await pool().lease(Reuse::verified);
  if (lease.has_error()) co_return co_await refuse(http::problem_of(lease.error(), kind));
  answer.lease = std::move(*lease);
  answer.lease.mark_used();
  account_.upstream_address = answer.lease.place();

  http::Fields trailers;
  if (!is_guarded()) reader_.keep_trailers(trailers);
  Upload upload(*this, answer.lease.connection(), pool(), trailers);
  const ReadError broken = reader_.take_buffered();
  if (broken != ReadError::none) {
    co_return co_await refuse(problem_of_client(broken));
  }
  // A client that has sent content already waits for nobody.
  if (continue_owed_ && (reader_.done() || !reader_.pieces().empty())) {
    tell_to_continue();
    if (co_await flush_interim()) co_return Flow::drop;
  }
  co_return co_await pass_content(answer, upload, passage);
}

Task<Flow> Exchange::pass_content(Answer& answer, Upload& upload, Passage& passage) {
  const http::MethodKind kind = http::kind_of(head_.method);
  Connection& upstream = answer.lease.connection();
  std::string lines = hop_lines(answer);
  if (continue_owed_) lines += "Expect: 100-continue\r\n";
  const Lent<std::string> octets =
      upstream_head(head_.method, carry(), shape_.framing, lines);
  std::vector<asio::const_buffer> buffers{asio::const_buffer(octets->data(), octets->size())};
  upload.append_pieces(buffers);
  std::optional<Stopwatch> watch(std::in_place, worker_.sinks, account_.upstream);
  account_.forwarded = true;
  passage.sending();
  if (onlooker_ != nullptr) onlooker_->sending();
  const error_code failure = co_await upstream.write(buffers, response_timeout(), never);
  if (failure && upstream.written() == 0) {
    passage.settled();
    if (onlooker_ != nullptr) onlooker_->unsent();
  }
  const bool whole = reader_.done();
  if (!failure && !whole) upload.start();

  // While content still flows, its own silences bound the wait; the upload then bounds the read.
  const Instant first_octet = whole || failure ? client_.after(response_timeout()) : never;
  Result<void> read = Result<void>{};
  Flow flow = Flow::close;
  std::exception_ptr thrown;
  try {
    read = co_await read_answer_head(answer, head_.method, first_octet, never);
    watch.reset();
    // Nobody who was refused is told to go on.
    if (upload.awaits_permission()) co_await upload.stop();
    if (!read.has_error()) read = begin_content(answer, validators());
    if (!read.has_error()) flow = co_await relay(answer, validators(), {});
  } catch (...) {
    thrown = std::current_exception();
  }
  // The upload refers to what is here: whatever happened, it ends first.
  co_await upload.stop();
  if (thrown) std::rethrow_exception(thrown);
  if (read.has_error()) {
    http::ProblemDetails problem = http::problem_of(read.error(), kind);
    if (upload.client_error() != ReadError::none)
      problem = problem_of_client(upload.client_error());
    if (!reader_.done()) problem.afterwards = http::Afterwards::close;
    flow = co_await refuse(std::move(problem));
  } else {
    // An answer that came before the request was whole leaves a connection that still owes content.
    const bool sent_whole = !failure && (whole || upload.sent_whole());
    if (!sent_whole) answer.shape.keep_alive = false;
    if (answer.reader->done() && !route_->doubts(answer.head.status)) passage.settled();
    answer.finish();
  }
  co_return flow == Flow::keep && !reader_.done() ? Flow::close : flow;
}

}  // namespace ifmatch::net
