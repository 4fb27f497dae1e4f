#include "proxy/net/connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "proxy/guard/assert.hpp"
#include "proxy/net/gather.hpp"

namespace ifmatch::net {
namespace {

// A connection that is silent for so long gives the memory of its input back.
constexpr std::chrono::seconds silence_max{1};

// More pieces than this go out in several system calls.
constexpr std::size_t pieces_max = 16;

// One attempt to send without waiting. Returns the octets taken, or the error in `failure`.
std::size_t send_some(int handle, std::span<const asio::const_buffer> buffers,
                      error_code& failure) {
  std::array<iovec, pieces_max> pieces;
  std::size_t count = 0;
  for (const asio::const_buffer& buffer : buffers) {
    if (count == pieces_max) break;
    if (buffer.size() == 0) continue;
    pieces[count++] = {const_cast<void*>(buffer.data()), buffer.size()};
  }
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  for (;;) {
    const ssize_t sent = ::sendmsg(handle, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EINTR) continue;
    failure.assign(errno, boost::system::system_category());
    return 0;
  }
}

}  // namespace

void InputBuffer::GiveBack::operator()(char* memory) const noexcept {
  if (capacity <= buffer_octets) {
    give_buffer(memory);
  } else {
    delete[] memory;
  }
}

InputBuffer::Memory InputBuffer::take(std::size_t capacity) {
  char* const memory = capacity <= buffer_octets ? take_buffer() : new char[capacity];
  return {memory, GiveBack{capacity}};
}

void InputBuffer::consume(std::size_t count) noexcept {
  IFMATCH_ASSERT(count <= end_ - begin_);
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

std::span<char> InputBuffer::prepare(std::size_t capacity_max) {
  if (end_ == capacity_ && begin_ > 0) {
    std::memmove(memory_.get(), memory_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == capacity_ && capacity_ < capacity_max) {
    const std::size_t capacity = capacity_ == 0 ? std::min(buffer_octets, capacity_max)
                                                : std::min(2 * capacity_, capacity_max);
    Memory grown = take(capacity);
    if (end_ > 0) std::memcpy(grown.get(), memory_.get(), end_);
    memory_ = std::move(grown);
    capacity_ = capacity;
  }
  return {memory_.get() + end_, capacity_ - end_};
}

void InputBuffer::release() noexcept {
  if (begin_ != end_) return;
  memory_.reset();
  capacity_ = begin_ = end_ = 0;
}

Connection::Connection(Socket connected, Sweeper& sweeper)
    : Swept(sweeper), socket(std::move(connected)), sweeper_(sweeper), heard_at_(sweeper.now()) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.set_option(tcp::no_delay(true), ignored);
}

// What a caller of a read is told of how it ended.
error_code Connection::told(error_code failure) const noexcept {
  if (failure && read_expired_) return asio::error::timed_out;
  // The kernel's want of memory must not be taken for a full buffer of ours.
  if (failure == asio::error::no_buffer_space) return asio::error::no_memory;
  return failure;
}

Task<error_code> Connection::read(std::size_t capacity_max, Instant deadline) {
  if (tls_ != nullptr) [[unlikely]] return read_decrypted(capacity_max, deadline);
  return read_in_the_clear(capacity_max, deadline);
}

Task<error_code> Connection::read_into(std::span<char> room, Instant deadline) {
  IFMATCH_ASSERT(!room.empty() && input.readable().empty());
  if (tls_ != nullptr) [[unlikely]] return read_into_decrypted(room, deadline);
  return read_into_in_the_clear(room, deadline);
}

Task<error_code> Connection::read_in_the_clear(std::size_t capacity_max, Instant deadline) {
  for (;;) {
    const std::span<char> room = input.prepare(capacity_max);
    if (room.empty()) co_return asio::error::no_buffer_space;
    // A peer that always has something to read never waits, so the sweep might never find it late.
    if (sweeper_.now() >= deadline) co_return asio::error::timed_out;
    read_deadline_ = deadline;
    read_expired_ = false;
    heard_at_ = sweeper_.now();
    input_read_ = InputRead::waiting;
    auto [failure, count] =
        co_await socket.async_read_some(asio::buffer(room.data(), room.size()), as_tuple);
    input.commit(count);
    octets_in_ += count;
    const bool rests =
        failure == asio::error::operation_aborted && input_read_ == InputRead::giving_back;
    input_read_ = InputRead::none;
    if (!rests) {
      read_deadline_ = never;
      heard_at_ = sweeper_.now();
      co_return told(failure);
    }
    // bound_read() may have been called meanwhile: the deadline is where it was left.
    input.release();
    input_read_ = InputRead::resting;
    auto [waiting] = co_await socket.async_wait(Socket::wait_read, as_tuple);
    // A cancel may come when the wait has ended already and only this has not yet been resumed.
    const bool cancelled = std::exchange(input_read_, InputRead::none) == InputRead::cancelled;
    deadline = std::exchange(read_deadline_, never);
    if (waiting) co_return told(waiting);
    if (cancelled) co_return told(asio::error::operation_aborted);
  }
}

Task<error_code> Connection::read_into_in_the_clear(std::span<char> room, Instant deadline) {
  received_ = 0;
  if (sweeper_.now() >= deadline) co_return asio::error::timed_out;
  read_deadline_ = deadline;
  read_expired_ = false;
  auto [failure, count] =
      co_await socket.async_read_some(asio::buffer(room.data(), room.size()), as_tuple);
  read_deadline_ = never;
  heard_at_ = sweeper_.now();
  received_ = count;
  octets_in_ += count;
  co_return told(failure);
}

Task<error_code> Connection::write(std::span<asio::const_buffer> buffers,
                                   std::chrono::milliseconds silence, Instant deadline) {
  written_ = 0;
  if (tls_ != nullptr) [[unlikely]] tls_->begin_write();
  const error_code failure = write_some(buffers);
  if (would_block(failure)) return write_rest(buffers, silence, deadline);
  return failure;
}

error_code Connection::write_some(std::span<asio::const_buffer>& buffers) {
  if (tls_ != nullptr) [[unlikely]] return write_encrypted(buffers);
  buffers = without_front(buffers, 0);
  error_code failure;
  while (!buffers.empty() && !failure) {
    const std::size_t sent = send_some(socket.native_handle(), buffers, failure);
    written_ += sent;
    octets_out_ += sent;
    buffers = without_front(buffers, sent);
  }
  return failure;
}

Task<error_code> Connection::write_rest(std::span<asio::const_buffer> buffers,
                                        std::chrono::milliseconds silence, Instant deadline) {
  for (;;) {
    const error_code waited = co_await wait_writable(std::min(after(silence), deadline));
    if (waited) co_return waited;
    const error_code failure = write_some(buffers);
    if (!would_block(failure)) co_return failure;
  }
}

Task<error_code> Connection::wait_writable(Instant deadline) {
  write_deadline_ = deadline;
  write_expired_ = false;
  auto [waiting] = co_await socket.async_wait(Socket::wait_write, as_tuple);
  write_deadline_ = never;
  if (waiting && write_expired_) co_return asio::error::timed_out;
  co_return waiting;
}

Task<error_code> Connection::wait_readable(Instant deadline) {
  if (sweeper_.now() >= deadline) co_return asio::error::timed_out;
  read_deadline_ = deadline;
  read_expired_ = false;
  auto [waiting] = co_await socket.async_wait(Socket::wait_read, as_tuple);
  read_deadline_ = never;
  heard_at_ = sweeper_.now();
  co_return told(waiting);
}

bool Connection::silent() {
  if (tls_ != nullptr) [[unlikely]] return tls_->silent();
  char octet;
  const ssize_t seen = ::recv(socket.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool Connection::peer_left() {
  if (tls_ != nullptr) [[unlikely]] return tls_->peer_left();
  char octet;
  const ssize_t seen = ::recv(socket.native_handle(), &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen == 0 || (seen < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void Connection::cancel_input_read() noexcept {
  if (input_read_ != InputRead::none) input_read_ = InputRead::cancelled;
}

void Connection::close() noexcept {
  if (tls_ != nullptr && socket.is_open()) [[unlikely]] tls_->finish();
  break_off();
}

void Connection::reset() noexcept {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  break_off();
}

void Connection::break_off() noexcept {
  cancel_input_read();
  error_code ignored;
  socket.close(ignored);
  if (tls_ != nullptr) [[unlikely]] tls_->detach();
}

void Connection::finish_writing() noexcept {
  if (tls_ != nullptr) [[unlikely]] {
    if (!socket.is_open()) return;
    tls_->finish();
    if (tls_->owes()) return;
  }
  error_code ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

void Connection::cancel() noexcept {
  cancel_input_read();
  error_code ignored;
  socket.cancel(ignored);
}

void Connection::sweep(Instant now) {
  const bool read_over = now >= read_deadline_;
  const bool write_over = now >= write_deadline_;
  if (read_over || write_over) {
    read_expired_ = read_over;
    write_expired_ = write_over;
    // Both directions end: whoever is late on one is not worth waiting for on the other.
    cancel();
    return;
  }
  if (!input.has_memory() || now - heard_at_ < silence_max) return;
  if (input_read_ == InputRead::none) {
    input.release();
    return;
  }
  // What is written at the same time would be cancelled, too.
  if (input_read_ != InputRead::waiting || write_deadline_ != never ||
      !input.readable().empty()) {
    return;
  }
  input_read_ = InputRead::giving_back;
  error_code ignored;
  socket.cancel(ignored);
}

}  // namespace ifmatch::net
