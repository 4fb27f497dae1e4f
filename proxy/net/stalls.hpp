// Who holds a connection to an upstream and waits for its client. A pool whose connections are all
// in use would be closed to everybody by a few hundred clients that send or take an octet a second;
// so when somebody is in want of a connection, the slowest of these loses its own.
//
// A stream that waits for the API (an event stream between two events) is not one of them, and
// neither is one whose client is merely slow but gets on.
#pragma once

#include "proxy/net/connection.hpp"

namespace ifmatch::net {

// Of one thread.
class Stalls {
 public:
  // So many are in want of a connection of `held_of`: cuts as many streams that hold one, the slowest
  // first, as far as there are any that can be judged.
  void make_room(const void* held_of, std::size_t wanted, Instant now) noexcept;

 private:
  friend class Stall;
  [[nodiscard]] class Stall* slowest(const void* held_of, Instant now) const noexcept;

  class Stall* first_ = nullptr;
};

// One stream, as long as it lives. Counts from its beginning on.
class Stall {
 public:
  // `held_of` names the pool of the connection that is held.
  Stall(Stalls& stalls, const void* held_of, Connection& client);
  ~Stall();
  Stall(const Stall&) = delete;
  Stall& operator=(const Stall&) = delete;

  // It waits for its client from here on, or no longer.
  void begin_wait() noexcept { waits_ = true; }
  void end_wait() noexcept { waits_ = false; }
  // What was under way with the client was cancelled to make room.
  [[nodiscard]] bool cut() const noexcept { return cut_; }

 private:
  friend class Stalls;
  [[nodiscard]] std::uint64_t octets() const noexcept;
  // Octets a second since it began.
  [[nodiscard]] double pace(Instant now) const noexcept;

  Stalls& stalls_;
  const void* held_of_;
  Connection& client_;
  Instant since_;
  std::uint64_t before_;
  bool waits_ = false;
  bool cut_ = false;
  Stall* previous_ = nullptr;
  Stall* next_ = nullptr;
};

}  // namespace ifmatch::net
