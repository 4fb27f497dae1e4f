// Every listener of the process over all threads: its sockets, who accepts on them, and which of
// them a reload keeps. Each thread has an acceptor of its own (SO_REUSEPORT).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/net/supervisor.hpp"
#include "proxy/net/worker.hpp"

namespace ifmatch::net {

// Called on the thread that runs the server; what concerns a worker is posted to it.
class Doors {
 public:
  // Both must outlive it.
  Doors(std::vector<std::unique_ptr<Worker>>& workers, const Supervisor& supervisor);
  ~Doors();
  Doors(const Doors&) = delete;
  Doors& operator=(const Doors&) = delete;

  // For a door that is bound later.
  [[nodiscard]] DoorId draw_id() noexcept { return next_id_++; }
  // Binds and listens, so that clients may connect, but accepts nobody yet. Throws
  // std::runtime_error with a sentence that names the address.
  void bind(DoorId id, const config::Listener& listener);
  [[nodiscard]] DoorId bind(const config::Listener& listener);
  // Begins to accept. REQUIRES: every worker has an edition in which the door is, or was told to
  // take it.
  void open(DoorId id);
  // Accepts nobody any more. Connections that were accepted are none of its business.
  void close(DoorId id);
  void close_all();

  // The address with its real port; "" where the door is closed.
  [[nodiscard]] std::string address(DoorId id) const;

 private:
  struct Listening;
  struct Entrance;

  static void close(Listening& listening);
  static Task<void> accept_for_ever(std::shared_ptr<Entrance> entrance);
  static Task<void> serve(std::shared_ptr<Entrance> entrance, Socket socket);

  std::vector<std::unique_ptr<Worker>>& workers_;
  const Supervisor& supervisor_;
  DoorId next_id_ = 1;
  std::vector<std::unique_ptr<Listening>> listening_;
};

}  // namespace ifmatch::net
