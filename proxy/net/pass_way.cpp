// Everything that needs no guard: bypass routes and safe methods other than GET and HEAD. Content
// streams in both directions at the pace of the slower side, and nothing is held.
#include <charconv>

#include "proxy/net/chunk.hpp"
#include "proxy/net/exchange.hpp"

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

// Sends the content of a request on while its answer may already be coming back. Runs beside
// pass_way(), which outlives it.
class Upload {
 public:
  Upload(Exchange& exchange, Connection& upstream, bool chunked)
      : exchange_(exchange),
        upstream_(upstream),
        chunked_(chunked),
        bell_(exchange.worker_.io.get_executor(), never) {}

  // Appends what the reader has just taken, framed for the upstream. The views live until the
  // reader is asked again.
  void append_pieces(std::vector<asio::const_buffer>& buffers) {
    const std::span<const std::string_view> pieces = exchange_.reader_.pieces();
    if (chunked_) chunk_.open(buffers, size_of(pieces));
    for (std::string_view piece : pieces) buffers.emplace_back(piece.data(), piece.size());
    if (chunked_) {
      chunk_.close(buffers, exchange_.reader_.done() ? LastChunk::yes : LastChunk::no);
    }
  }

  void start() {
    running_ = true;
    spawn(exchange_.worker_.io, run(), [this](const std::exception_ptr& failure) {
      running_ = false;
      if (failure) upstream_.cancel();
      bell_.cancel();
    });
  }

  // Ends it, whatever it waits for.
  [[nodiscard]] Task<void> stop() {
    stopping_ = true;
    while (running_) {
      exchange_.client_.cancel();
      upstream_.cancel();
      bell_.expires_at(never);
      co_await bell_.async_wait(as_tuple);
    }
  }

  // Every octet was handed to the kernel.
  [[nodiscard]] bool sent_whole() const noexcept { return sent_whole_; }
  [[nodiscard]] ReadError client_error() const noexcept { return client_error_; }

 private:
  Task<void> run() {
    std::vector<asio::const_buffer> buffers;
    while (!exchange_.reader_.done()) {
      client_error_ = co_await exchange_.reader_.read_content(
          exchange_.client_.after(exchange_.listener_.timeouts.body));
      if (client_error_ != ReadError::none) {
        upstream_.cancel();
        co_return;
      }
      if (stopping_) co_return;
      buffers.clear();
      append_pieces(buffers);
      const error_code failure =
          co_await upstream_.write(buffers, exchange_.response_timeout(), never);
      // The upstream may have answered before it had read everything: pass_way() looks.
      if (failure) break;
      if (exchange_.reader_.done()) sent_whole_ = true;
      if (stopping_) co_return;
    }
    upstream_.bound_read(upstream_.after(exchange_.response_timeout()));
  }

  Exchange& exchange_;
  Connection& upstream_;
  bool chunked_;
  Timer bell_;
  bool running_ = false;
  bool stopping_ = false;
  bool sent_whole_ = false;
  ReadError client_error_ = ReadError::none;
  ChunkFrame chunk_;
};

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

Task<Flow> Exchange::pass_way() {
  const bool guarded = route_->settings->mode == config::Mode::enforce;
  if (const std::optional<std::uint64_t> hops = max_forwards(head_)) {
    if (*hops == 0) co_return co_await answer_options();
    hops_left_ = std::to_string(*hops - 1);
  }
  Answer answer(worker_);
  if (!reader_.done() || http::kind_of(head_.method) == http::MethodKind::unsafe) {
    co_return co_await pass_with_content(answer);
  }
  const http::Carry carry = guarded ? http::Carry::guarded : http::Carry::everything;
  const Lent<std::string> octets = upstream_head(head_.method, carry, {});
  account_.forwarded = true;
  const Result<void> asked = co_await ask(answer, *octets, head_.method, never, account_.upstream);
  if (asked.has_error()) {
    co_return co_await refuse(http::problem_of(asked.error(), http::MethodKind::safe));
  }
  const Flow flow = co_await relay(
      answer, guarded ? http::Validators::drop : http::Validators::keep, {});
  answer.finish();
  co_return flow;
}

Task<Flow> Exchange::pass_with_content(Answer& answer) {
  const bool guarded = route_->settings->mode == config::Mode::enforce;
  const http::MethodKind kind = http::kind_of(head_.method);
  Passage passage(desk(), route_->in_doubt);
  if (kind == http::MethodKind::unsafe && passage.enter(terms()) == Submitted::superseded) {
    co_return co_await again();
  }
  Result<Lease> lease = co_await pool().lease(Reuse::verified);
  if (lease.has_error()) co_return co_await refuse(http::problem_of(lease.error(), kind));
  answer.lease = std::move(*lease);
  answer.lease.mark_used();
  if (std::exchange(continue_owed_, false)) {
    asio::const_buffer interim(http::continue_answer.data(), http::continue_answer.size());
    const error_code failure =
        co_await client_.write({&interim, 1}, listener_.timeouts.write, never);
    if (failure) co_return Flow::drop;
  }

  Connection& upstream = answer.lease.connection();
  Upload upload(*this, upstream, shape_.framing.kind == http::Framing::chunked);
  const ReadError broken = reader_.take_buffered();
  if (broken != ReadError::none) {
    co_return co_await refuse(problem_of_client(broken));
  }
  const http::Carry carry = guarded ? http::Carry::guarded : http::Carry::everything;
  const Lent<std::string> octets = upstream_head(head_.method, carry, shape_.framing);
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

  // While content still flows, its own silences bound the wait; run() then bounds the read.
  const Instant first_octet = whole || failure ? client_.after(response_timeout()) : never;
  Result<void> read = Result<void>{};
  Flow flow = Flow::close;
  std::exception_ptr thrown;
  try {
    read = co_await read_answer_head(answer, head_.method, first_octet, never);
    watch.reset();
    if (!read.has_error()) {
      flow = co_await relay(answer, guarded ? http::Validators::drop : http::Validators::keep, {});
    }
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
