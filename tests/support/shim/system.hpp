// Stands in for the kernel: sockets whose streams live in this process's memory, epoll over them,
// and the steady clock. The linker binds the calls of the code under test to it (see
// CMakeLists.txt), so that the very octets of production code run, Asio included; nothing leaves
// the process, time passes only when a test says so, and any call can be made to fail.
#pragma once

#include <sys/epoll.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::shim {

using Duration = std::chrono::steady_clock::duration;
using Instant = std::chrono::steady_clock::time_point;

// Which of the code's peers a stream leads to.
enum class Side : std::uint8_t { client, upstream };
inline constexpr std::size_t side_count = 2;

enum class Operation : std::uint8_t { open, connect, read, write, peek };
inline constexpr std::size_t operation_count = 5;

// What one call does instead of what was asked. "Broken": the call after the next says EPIPE or
// end, as Linux does once the error was told.
enum class Effect : std::uint8_t {
  none,
  reset,              // ECONNRESET, and the stream is broken
  broken_pipe,        // EPIPE, and the stream is broken
  timed_out,          // ETIMEDOUT, and the stream is broken
  refused,            // connect: ECONNREFUSED
  refused_later,      // connect: EINPROGRESS, and then ECONNREFUSED
  later,              // connect: EINPROGRESS, and then it succeeds
  end,                // read and peek: the peer has finished
  stall,              // EAGAIN (connect: EINPROGRESS) from here on: only a deadline ends it
  no_descriptors,     // open: EMFILE
  no_memory,          // ENOBUFS, once
  interrupted,        // EINTR, once
  not_ready,          // EAGAIN, once; the readiness is told again
  one_octet,          // takes or gives one octet only
  one_then_reset,     // write: takes one octet, then the stream is broken
  half_then_reset,    // write: takes half of what it is given, then the stream is broken
  half_then_stall,    // write: takes half of what it is given, then EAGAIN for ever
  all_then_reset,     // write: all of it arrives, then the stream is broken
  swallowed,          // write: says that all was taken, nothing arrives, the stream is broken
};

[[nodiscard]] std::string_view name_of(Side side) noexcept;
[[nodiscard]] std::string_view name_of(Operation operation) noexcept;
[[nodiscard]] std::string_view name_of(Effect effect) noexcept;

// The nth call of that kind on that side, counted from 1.
struct Fault {
  Side side = Side::client;
  Operation operation = Operation::read;
  std::size_t nth = 1;
  Effect effect = Effect::none;
};

class System;

// What lies between the octets on the wire and those that whoever plays the far end says and hears:
// TLS. All of these return what goes onto the wire because of it.
class Layer {
 public:
  Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  virtual ~Layer() = default;

  [[nodiscard]] virtual std::string begun() = 0;
  // Appends to `heard` what the octets `arrived` carry.
  [[nodiscard]] virtual std::string heard(std::string_view arrived, std::string& heard) = 0;
  [[nodiscard]] virtual std::string said(std::string_view octets) = 0;
  [[nodiscard]] virtual std::string finished() = 0;
};

// One connection. The code under test has a descriptor for it; the script at the far end uses the
// functions here.
class Stream {
 public:
  Stream(System& system, Side side, int descriptor)
      : system_(system), side_(side), descriptor_(descriptor) {}

  // From here on the far end speaks and hears through `layer`.
  void wear(std::unique_ptr<Layer> layer);

  // The far end: what has arrived there since the last call, and what it says.
  [[nodiscard]] std::string take();
  void say(std::string_view octets);
  // It will say no more.
  void finish();
  // It is gone: whatever it had said and was not read yet is lost.
  void break_off();

  // The code has ended its direction, by shutdown or close. What had arrived before stays to take.
  [[nodiscard]] bool peer_finished() const noexcept { return finished_ || closed_; }
  // Nothing will be heard or read by the code any more: it closed, or the stream broke.
  [[nodiscard]] bool peer_gone() const noexcept { return closed_ || far_sees_reset_; }
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  // The code closed it with a reset (SO_LINGER with a time of 0).
  [[nodiscard]] bool was_reset() const noexcept { return closed_ && reset_on_close_; }

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] Side side() const noexcept { return side_; }
  // Octets that the code was told were taken, and octets that it was given, since the beginning.
  [[nodiscard]] std::size_t taken_total() const noexcept { return taken_total_; }
  [[nodiscard]] std::size_t given_total() const noexcept { return given_total_; }
  // The code has read the end of what the far end had to say.
  [[nodiscard]] bool end_was_read() const noexcept { return end_was_read_; }

  // The same of what the far end has heard, and of what it has said and was given whole: where it
  // wears a layer these are other octets.
  [[nodiscard]] std::size_t heard_total() const noexcept {
    return layer_ ? heard_total_ : taken_total_;
  }
  [[nodiscard]] std::size_t said_and_given() const noexcept;

  // So many octets wait at the far end at most before a write has to wait.
  void bound_room(std::size_t octets) noexcept { room_max_ = octets; }

 private:
  friend class System;
  enum class State : std::uint8_t { unconnected, connecting, refused, open };

  void notify(std::uint32_t events);
  [[nodiscard]] std::uint32_t level() const noexcept;
  void break_with(int error);
  bool put_on_wire(std::string_view octets);

  System& system_;
  Side side_;
  int descriptor_;
  std::unique_ptr<Layer> layer_;
  std::size_t heard_total_ = 0;
  std::size_t wire_total_ = 0;  // octets that were put on the wire by the far end
  struct Mark {
    std::size_t wire;
    std::size_t said;
  };
  std::vector<Mark> marks_;  // up to which octet of the wire what was said reaches
  State state_ = State::unconnected;
  std::string to_code_;
  std::size_t given_ = 0;  // octets at the front of `to_code_` that were read already
  std::string to_far_;
  std::size_t room_max_ = std::size_t{1} << 20;
  std::size_t taken_total_ = 0;
  std::size_t given_total_ = 0;
  int error_ = 0;  // told by the next call
  bool broken_ = false;
  bool finished_ = false;
  bool closed_ = false;
  bool reset_on_close_ = false;
  bool far_finished_ = false;
  bool far_sees_reset_ = false;
  bool read_stalled_ = false;
  bool write_stalled_ = false;
  bool ended_ = false;  // by a fault: reads see the end whatever the far end says
  bool end_was_read_ = false;
};

// The system calls of the test's thread go to the one that was made last and still lives; those on
// descriptors that are not of its making go to the kernel.
class System {
 public:
  System();
  ~System();
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  [[nodiscard]] static System* current() noexcept;

  [[nodiscard]] Instant now() const noexcept { return now_; }
  void advance(Duration step) noexcept { now_ += step; }

  // A connection of a client, as accept() would return it. The caller owns the descriptor.
  [[nodiscard]] std::shared_ptr<Stream> accept_client();

  // The owner of one of the streams that are open.
  [[nodiscard]] std::shared_ptr<Stream> share(const Stream& stream) const {
    return streams_.at(stream.descriptor());
  }

  // Told of each connection that the code has made to the upstream.
  std::function<void(std::shared_ptr<Stream>)> on_connected;
  // Told of each write before it happens, with all that the code offers.
  std::function<void(Stream&, std::string_view)> on_write;

  // Counts from zero again, and makes one call fail; `none` makes none fail.
  void arm(const Fault& fault);
  void disarm() { arm({}); }
  [[nodiscard]] bool fired() const noexcept { return fired_; }
  [[nodiscard]] std::size_t count(Side side, Operation operation) const noexcept {
    return counts_[static_cast<std::size_t>(side)][static_cast<std::size_t>(operation)];
  }
  // Reads and writes move so many octets at most, on both sides.
  void dribble(std::size_t octets_max) noexcept { octets_max_ = octets_max; }

  // Whether a readiness waits to be told: then there is something to do without time passing.
  [[nodiscard]] bool has_news() const noexcept;
  // Descriptors of either kind that the code has not closed.
  [[nodiscard]] std::size_t descriptors_open() const noexcept { return streams_.size(); }
  [[nodiscard]] std::size_t descriptors_open(Side side) const noexcept;
  // What no correct program does: a descriptor used after it was closed.
  [[nodiscard]] const std::vector<std::string>& violations() const noexcept { return violations_; }

  // The calls; -1 with `errno` as the kernel says it. The owner has checked owns().
  [[nodiscard]] bool owns(int descriptor) const noexcept;
  int open_socket();
  int connect(int descriptor);
  ssize_t receive(int descriptor, std::span<const iovec> pieces, bool peeks);
  ssize_t send(int descriptor, std::span<const iovec> pieces);
  int socket_error(int descriptor);
  void linger(int descriptor, bool resets);
  int shut_down(int descriptor, int how);
  int close(int descriptor);
  short poll(int descriptor, short events);
  int open_poller();
  int control(int poller, int operation, int descriptor, epoll_event* event);
  int wait(int poller, epoll_event* events, int count);

 private:
  friend class Stream;
  struct Registration {
    int descriptor = -1;
    std::uint32_t events = 0;
    std::uint32_t pending = 0;
    epoll_data_t data{};
  };
  struct Poller {
    int descriptor = -1;
    std::vector<Registration> registrations;
  };

  [[nodiscard]] Stream* find(int descriptor);
  [[nodiscard]] Effect next(Side side, Operation operation);
  void notify(int descriptor, std::uint32_t events);

  System* previous_;
  Instant now_;
  int next_descriptor_;
  std::map<int, std::shared_ptr<Stream>> streams_;
  std::vector<Poller> pollers_;
  Fault fault_;
  bool fired_ = false;
  std::array<std::array<std::size_t, operation_count>, side_count> counts_{};
  std::size_t octets_max_ = SIZE_MAX;
  std::vector<std::string> violations_;
};

}  // namespace ifmatch::shim
