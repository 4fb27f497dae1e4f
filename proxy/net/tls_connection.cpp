// What a connection does otherwise when it is under TLS: the loops that wait for the socket on
// behalf of TlsStream.
#include <utility>

#include "proxy/guard/assert.hpp"
#include "proxy/net/connection.hpp"
#include "proxy/net/gather.hpp"

namespace ifmatch::net {
namespace {

// So often one reads what is there already without letting others of this thread have a turn.
constexpr std::uint8_t reads_in_a_row_max = 8;

}  // namespace

void Connection::encrypt(std::unique_ptr<TlsStream> tls) {
  IFMATCH_ASSERT(tls_ == nullptr && tls != nullptr && input_read_ == InputRead::none);
  tls->attach(socket.native_handle(), input.readable());
  input.consume(input.readable().size());
  input.release();
  tls_ = std::move(tls);
}

Task<error_code> Connection::handshake(Instant deadline) {
  IFMATCH_ASSERT(tls_ != nullptr);
  for (;;) {
    const error_code failure = tls_->handshake();
    // An answer comes only to what has left. An alert is not waited for.
    error_code flushed = tls_->flush();
    if (failure && !would_block(failure)) co_return failure;
    while (would_block(flushed)) {
      const error_code waited = co_await wait_writable(deadline);
      if (waited) co_return waited;
      flushed = tls_->flush();
    }
    if (flushed) co_return flushed;
    if (!failure) co_return error_code();
    const error_code waited = co_await wait_readable(deadline);
    if (waited) co_return waited;
  }
}

// With `count` octets at hand others may have a turn first; with none the socket is waited for, until
// `deadline` or what bound_read() makes of it.
Task<error_code> Connection::wait_for_turn(std::size_t count, Instant& deadline) {
  if (count > 0) {
    if (++reads_in_a_row_ < reads_in_a_row_max) co_return error_code();
    reads_in_a_row_ = 0;
    co_await asio::post(socket.get_executor(), as_tuple);
    co_return error_code();
  }
  reads_in_a_row_ = 0;
  read_expired_ = false;
  read_deadline_ = deadline;
  input_read_ = InputRead::resting;
  auto [waiting] = co_await socket.async_wait(Socket::wait_read, as_tuple);
  // A cancel may come when the wait has ended already and only this has not yet been resumed.
  const bool cancelled = std::exchange(input_read_, InputRead::none) == InputRead::cancelled;
  deadline = std::exchange(read_deadline_, never);
  heard_at_ = sweeper_.now();
  if (waiting) co_return told(waiting);
  co_return cancelled ? told(asio::error::operation_aborted) : error_code();
}

Task<error_code> Connection::read_decrypted(std::size_t capacity_max, Instant deadline) {
  for (;;) {
    const std::span<char> room = input.prepare(capacity_max);
    if (room.empty()) co_return asio::error::no_buffer_space;
    if (sweeper_.now() >= deadline) co_return asio::error::timed_out;
    error_code failure;
    const std::size_t count = tls_->read(room, failure);
    input.commit(count);
    octets_in_ += count;
    heard_at_ = sweeper_.now();
    if (failure && !would_block(failure)) co_return told(failure);
    // Whoever waits does so without memory; what has come in part stays.
    if (count == 0) input.release();
    const error_code waited = co_await wait_for_turn(count, deadline);
    if (waited) co_return waited;
    if (count > 0) co_return error_code();
  }
}

Task<error_code> Connection::read_into_decrypted(std::span<char> room, Instant deadline) {
  received_ = 0;
  for (;;) {
    if (sweeper_.now() >= deadline) co_return asio::error::timed_out;
    error_code failure;
    received_ = tls_->read(room, failure);
    octets_in_ += received_;
    if (failure && !would_block(failure)) co_return told(failure);
    const error_code waited = co_await wait_for_turn(received_, deadline);
    if (waited) co_return waited;
    if (received_ > 0) co_return error_code();
  }
}

error_code Connection::write_encrypted(std::span<asio::const_buffer>& buffers) {
  const std::size_t before = written_;
  const error_code failure = tls_->write(buffers, written_);
  octets_out_ += written_ - before;
  return failure;
}

Task<error_code> Connection::flush(std::chrono::milliseconds silence, Instant deadline) {
  if (tls_ == nullptr || !tls_->owes()) return error_code();
  return flush_rest(silence, deadline);
}

Task<error_code> Connection::flush_rest(std::chrono::milliseconds silence, Instant deadline) {
  for (;;) {
    const error_code failure = tls_->flush();
    if (!failure) finish_writing();
    if (!would_block(failure)) co_return failure;
    const error_code waited = co_await wait_writable(std::min(after(silence), deadline));
    if (waited) co_return waited;
  }
}

}  // namespace ifmatch::net
