#include "proxy/net/upload.hpp"

#include "proxy/http/trailers.hpp"

namespace ifmatch::net {
namespace {

// An API that says neither 100 nor no for so long will not: many never say it. Clients that do not
// insist wait about as long (RFC 9110 section 10.1.1).
constexpr std::chrono::seconds permission_wait{1};

}  // namespace

Upload::Upload(Exchange& exchange, Connection& upstream, const UpstreamPool& pool,
               const http::Fields& trailers)
    : exchange_(exchange),
      upstream_(upstream),
      pool_(pool),
      trailers_(trailers),
      chunked_(exchange.shape_.framing.kind == http::Framing::chunked),
      bell_(exchange.worker_.io.get_executor(), never) {
  exchange_.upload_ = this;
}

Upload::~Upload() { exchange_.upload_ = nullptr; }

void Upload::append_pieces(std::vector<asio::const_buffer>& buffers) {
  const std::span<const std::string_view> pieces = exchange_.reader_.pieces();
  const bool done = exchange_.reader_.done();
  if (chunked_) chunk_.open(buffers, size_of(pieces));
  for (std::string_view piece : pieces) buffers.emplace_back(piece.data(), piece.size());
  if (!chunked_) return;
  if (done) http::write_trailers(trailer_lines_, trailers_, exchange_.head_.fields);
  chunk_.close(buffers, done ? LastChunk::yes : LastChunk::no, trailer_lines_);
}

void Upload::start() {
  running_ = true;
  awaits_permission_ = exchange_.continue_owed_;
  stall_.emplace(exchange_.worker_.stalls, &pool_, exchange_.client_);
  spawn(exchange_.worker_.io, run(), [this](const std::exception_ptr& failure) {
    running_ = false;
    if (failure) upstream_.cancel();
    bell_.cancel();
  });
}

void Upload::permit() {
  permitted_ = true;
  if (awaits_permission_) bell_.cancel();
}

Task<void> Upload::stop() {
  stopping_ = true;
  while (running_) {
    exchange_.client_.cancel();
    upstream_.cancel();
    bell_.expires_at(never);
    co_await bell_.async_wait(as_tuple);
  }
}

Task<bool> Upload::ask_for_content() {
  if (!permitted_ && !stopping_) {
    bell_.expires_after(permission_wait);
    co_await bell_.async_wait(as_tuple);
  }
  if (stopping_) co_return false;
  exchange_.tell_to_continue();
  const error_code failure = co_await exchange_.flush_interim();
  awaits_permission_ = false;
  if (failure) client_error_ = ReadError::closed;
  co_return !failure;
}

Task<void> Upload::run() {
  if (awaits_permission_ && !co_await ask_for_content()) {
    if (!stopping_) upstream_.cancel();
    co_return;
  }
  std::vector<asio::const_buffer> buffers;
  while (!exchange_.reader_.done()) {
    if (stopping_) co_return;
    stall_->begin_wait();
    client_error_ = co_await exchange_.reader_.read_content(
        exchange_.client_.after(exchange_.listener_.timeouts.body));
    stall_->end_wait();
    if (client_error_ != ReadError::none) {
      if (stall_->cut()) client_error_ = ReadError::timeout;
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

}  // namespace ifmatch::net
