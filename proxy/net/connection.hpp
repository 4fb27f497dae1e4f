// One TCP connection with its read buffer and its deadlines, in the clear or under TLS, which is
// the same to all who use it. Reading and writing may be under way at the same time, by one
// coroutine each.
#pragma once

#include "proxy/net/asio.hpp"
#include "proxy/net/buffer_memory.hpp"
#include "proxy/net/sweeper.hpp"
#include "proxy/net/tls_stream.hpp"

namespace ifmatch::net {

struct Address;

// Octets that were received and not yet consumed. Grows up to a limit given at each fill.
class InputBuffer {
 public:
  [[nodiscard]] std::string_view readable() const noexcept {
    return {memory_.get() + begin_, end_ - begin_};
  }
  void consume(std::size_t count) noexcept;
  // Changes one octet of readable().
  void replace(std::size_t position, char octet) noexcept {
    memory_.get()[begin_ + position] = octet;
  }

  // Room for at least one more octet, or an empty span when `capacity_max` octets are waiting
  // already. Views of readable() dangle after it.
  [[nodiscard]] std::span<char> prepare(std::size_t capacity_max);
  void commit(std::size_t count) noexcept { end_ += count; }

  // Gives the memory back when nothing is waiting in it.
  void release() noexcept;
  [[nodiscard]] bool has_memory() const noexcept { return capacity_ > 0; }

 private:
  struct GiveBack {
    std::size_t capacity;
    void operator()(char* memory) const noexcept;
  };
  using Memory = std::unique_ptr<char, GiveBack>;
  static Memory take(std::size_t capacity);

  Memory memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

class Connection final : private Swept {
 public:
  Connection(Socket socket, Sweeper& sweeper);

  // From here on all that is read and written is what TLS carries. What waits in `input` is taken
  // for the first of it. REQUIRES: no read or write is under way.
  void encrypt(std::unique_ptr<TlsStream> tls);
  // Agrees on keys with the peer; before it nothing can be read or written. On an error tls() tells
  // why, unless it is asio::error::timed_out.
  [[nodiscard]] Task<error_code> handshake(Instant deadline);
  // Null on a connection in the clear.
  [[nodiscard]] const TlsStream* tls() const noexcept { return tls_.get(); }

  // Waits until the socket has something to read, an end included. No octet is taken.
  [[nodiscard]] Task<error_code> wait_readable(Instant deadline);

  // Reads at least one octet into `input`. Errors: asio::error::eof when the peer has finished,
  // asio::error::timed_out past the deadline, asio::error::no_buffer_space when `capacity_max`
  // octets are waiting already, or what the socket says.
  // After a second of silence it waits without the memory of `input`.
  [[nodiscard]] Task<error_code> read(std::size_t capacity_max, Instant deadline);

  // The same into memory of the caller's, which it has to keep while it waits. received() says how
  // much came. REQUIRES: nothing waits in `input`, which would come first.
  [[nodiscard]] Task<error_code> read_into(std::span<char> room, Instant deadline);
  [[nodiscard]] std::size_t received() const noexcept { return received_; }

  // Gives the read into `input` that is under way, if there is one, an earlier deadline.
  void bound_read(Instant deadline) noexcept {
    if (input_read_ != InputRead::none && read_deadline_ > deadline) read_deadline_ = deadline;
  }

  // Writes all of it in as few system calls as the socket allows. The first attempt is made before
  // it returns; it suspends only when the socket is full, and `silence` bounds each such wait.
  // `buffers` is consumed. `written` counts the octets that the kernel took, also when an error
  // ends the write.
  [[nodiscard]] Task<error_code> write(std::span<asio::const_buffer> buffers,
                                       std::chrono::milliseconds silence, Instant deadline);
  [[nodiscard]] std::size_t written() const noexcept { return written_; }
  // For whoever gives the latest write up and says the rest of it later: the octets that are out of
  // his hands. Under TLS those are more than written(), since what is encrypted goes out before
  // whatever is written next.
  [[nodiscard]] std::size_t committed() const noexcept {
    return written_ + (tls_ != nullptr ? tls_->unsure() : 0);
  }

  // Octets of content and heads, both ways, since the connection was made.
  [[nodiscard]] std::uint64_t octets_in() const noexcept { return octets_in_; }
  [[nodiscard]] std::uint64_t octets_out() const noexcept { return octets_out_; }

  // Whether octets were received that nobody has read yet.
  [[nodiscard]] bool holds_unread() const noexcept {
    return !input.readable().empty() || (tls_ != nullptr && tls_->holds_content());
  }
  // True while the peer has neither sent anything nor closed. One system call.
  [[nodiscard]] bool silent();
  // True when the peer has closed its side or the connection broke; data does not count.
  [[nodiscard]] bool peer_left();

  // Ends both directions. After reset() nothing that is still unsent leaves the machine, and the
  // peer cannot take what it got for the whole. close() is for a connection whose last message was
  // read and written whole: it tells a peer under TLS so.
  void close() noexcept;
  void reset() noexcept;
  // As close(), but a peer under TLS is not told that this is the end.
  void break_off() noexcept;
  void finish_writing() noexcept;
  // Waits until the kernel has taken what finish_writing() had to say; at once where it has.
  [[nodiscard]] Task<error_code> flush(std::chrono::milliseconds silence, Instant deadline);
  // Cancels what is under way; it ends with operation_aborted.
  void cancel() noexcept;

  // The time of the latest sweep, and a deadline for the calls above: see Sweeper.
  [[nodiscard]] Instant now() const noexcept { return sweeper_.now(); }
  [[nodiscard]] Instant after(Clock::duration wait) const noexcept { return sweeper_.after(wait); }

  InputBuffer input;
  Socket socket;
  std::shared_ptr<const Address> address;  // of an upstream, that it leads to

 private:
  void sweep(Instant now) override;
  // Takes what it has written off `buffers`; all of it if there is no error.
  error_code write_some(std::span<asio::const_buffer>& buffers);
  Task<error_code> read_in_the_clear(std::size_t capacity_max, Instant deadline);
  Task<error_code> read_into_in_the_clear(std::span<char> room, Instant deadline);
  error_code write_encrypted(std::span<asio::const_buffer>& buffers);
  Task<error_code> read_decrypted(std::size_t capacity_max, Instant deadline);
  Task<error_code> read_into_decrypted(std::span<char> room, Instant deadline);
  // Waits for what a TLS read wants: its turn, or the socket.
  Task<error_code> wait_for_turn(std::size_t count, Instant& deadline);
  Task<error_code> wait_writable(Instant deadline);
  Task<error_code> flush_rest(std::chrono::milliseconds silence, Instant deadline);
  Task<error_code> write_rest(std::span<asio::const_buffer> buffers,
                              std::chrono::milliseconds silence, Instant deadline);
  void cancel_input_read() noexcept;
  [[nodiscard]] error_code told(error_code failure) const noexcept;

  const Sweeper& sweeper_;
  std::unique_ptr<TlsStream> tls_;
  std::uint8_t reads_in_a_row_ = 0;  // of TLS, without having waited
  Instant read_deadline_ = never;
  Instant write_deadline_ = never;
  Instant heard_at_;  // when the latest read began or ended
  bool read_expired_ = false;
  bool write_expired_ = false;
  // The read into `input` that is under way. A cancel that is not the sweep's own way to give the
  // memory back ends it, whichever of the two came first, also while it rests without memory.
  enum class InputRead : std::uint8_t { none, waiting, giving_back, resting, cancelled };
  InputRead input_read_ = InputRead::none;
  std::size_t received_ = 0;
  std::size_t written_ = 0;
  std::uint64_t octets_in_ = 0;
  std::uint64_t octets_out_ = 0;
};

}  // namespace ifmatch::net
