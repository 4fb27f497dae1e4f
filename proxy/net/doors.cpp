#include "proxy/net/doors.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>

#include "proxy/net/admission.hpp"
#include "proxy/net/listening.hpp"
#include "proxy/net/session.hpp"

namespace ifmatch::net {
namespace {

// After accept() failed for want of descriptors or memory.
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::chrono::seconds accept_silence{10};  // between two messages about it

void log_exception(const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    spdlog::error("a session ended by an exception: {}", error.what());
  }
}

enum class Kind : std::uint8_t { v4, v6, local };

Kind kind_of(const Descriptor& socket) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (::getsockopt(socket.number(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) return Kind::local;
  if (domain == AF_INET) return Kind::v4;
  return domain == AF_INET6 ? Kind::v6 : Kind::local;
}

// Who connected, as far as the kernel knows: clients of a Unix socket have no address.
http::Address client_of(Kind kind, const Socket& socket) {
  if (kind == Kind::local) return {};
  error_code gone;
  const tcp::endpoint peer = socket.remote_endpoint(gone);
  return gone ? http::Address() : address_of(peer);
}

}  // namespace

// One listener on one thread. Its sessions keep it alive; it ends on its worker's thread.
struct Doors::Entrance {
  Entrance(Worker& on, DoorId id, std::shared_ptr<Admission> counted, Descriptor socket)
      : worker(on),
        connections(std::move(counted)),
        kind(kind_of(socket)),
        acceptor(on.io.get_executor()) {
    door.id = id;
    // To Asio every stream socket is alike but for its addresses, which are not asked for where
    // there are none.
    acceptor.assign(kind == Kind::v6 ? tcp::v6() : tcp::v4(), socket.release());
    acceptor.non_blocking(true);
  }
  ~Entrance() {
    // Where it was never opened no worker knows it, and this may be any thread.
    if (door.edition) worker.remove_door(door);
  }
  Entrance(const Entrance&) = delete;
  Entrance& operator=(const Entrance&) = delete;

  // As the configuration in force says.
  [[nodiscard]] std::size_t limit() const { return door.listener->max_connections; }

  Worker& worker;
  Door door;
  std::shared_ptr<Admission> connections;  // of the listener, over all threads
  Kind kind;
  Acceptor acceptor;
};

struct Doors::Listening {
  DoorId id = 0;
  std::string address;
  SocketFile file;
  std::vector<std::shared_ptr<Entrance>> entrances;
};

Doors::Doors(std::vector<std::unique_ptr<Worker>>& workers, const Supervisor& supervisor)
    : workers_(workers), supervisor_(supervisor) {}

// REQUIRES: nothing runs on the workers' threads any more.
Doors::~Doors() = default;

DoorId Doors::bind(const config::Listener& listener) {
  const DoorId id = draw_id();
  bind(id, listener);
  return id;
}

void Doors::bind(DoorId id, const config::Listener& listener) {
  Listeners bound = listen_on(listener.address, workers_.size(), supervisor_);
  auto connections = std::make_shared<Admission>();
  auto listening = std::make_unique<Listening>();
  listening->id = id;
  listening->address = std::move(bound.address);
  listening->file = std::move(bound.file);
  // A listener that was handed over may consist of several sockets: then a thread has several.
  for (std::size_t at = 0; at < bound.sockets.size(); ++at) {
    Worker& worker = *workers_[at % workers_.size()];
    listening->entrances.push_back(
        std::make_shared<Entrance>(worker, id, connections, std::move(bound.sockets[at])));
  }
  listening_.push_back(std::move(listening));
}

void Doors::open(DoorId id) {
  for (const std::unique_ptr<Listening>& listening : listening_) {
    if (listening->id != id) continue;
    for (const std::shared_ptr<Entrance>& entrance : listening->entrances) {
      asio::post(entrance->worker.io, [entrance] {
        entrance->worker.add_door(entrance->door);
        spawn(entrance->worker.io, accept_for_ever(entrance));
      });
    }
  }
}

// The last reference is given up on the worker's thread: what is in it belongs there.
void Doors::close(Listening& listening) {
  for (std::shared_ptr<Entrance>& entrance : listening.entrances) {
    Worker& worker = entrance->worker;
    asio::post(worker.io, [closed = std::move(entrance)] {
      error_code ignored;
      closed->acceptor.close(ignored);
    });
  }
}

void Doors::close(DoorId id) {
  std::erase_if(listening_, [id](const std::unique_ptr<Listening>& listening) {
    if (listening->id != id) return false;
    close(*listening);
    return true;
  });
}

void Doors::close_all() {
  for (const std::unique_ptr<Listening>& listening : listening_) close(*listening);
  listening_.clear();
}

std::string Doors::address(DoorId id) const {
  const auto found = std::ranges::find_if(
      listening_, [id](const auto& listening) { return listening->id == id; });
  return found == listening_.end() ? std::string() : (*found)->address;
}

Task<void> Doors::accept_for_ever(std::shared_ptr<Entrance> entrance) {
  Worker& worker = entrance->worker;
  Timer pause(worker.io.get_executor());
  Throttle told(accept_silence);
  while (entrance->acceptor.is_open() && !entrance->door.closed) {
    // Whoever finds no room stays in the queue of the kernel.
    if (entrance->connections->inside() >= entrance->limit()) {
      co_await entrance->connections->wait(worker.io, entrance->limit(), accept_pause);
      continue;
    }
    Socket socket(worker.io.get_executor());
    auto [failure] = co_await entrance->acceptor.async_accept(socket, as_tuple);
    if (failure == asio::error::operation_aborted || !entrance->acceptor.is_open()) co_return;
    if (failure) {
      const std::size_t times = told.tell(Clock::now());
      if (times > 0) {
        spdlog::warn("accept: {} ({} times since the last such message)", failure.message(), times);
      }
      pause.expires_after(accept_pause);
      co_await pause.async_wait(as_tuple);
      continue;
    }
    // There was room for one, and other threads have accepted, too: it waits here.
    while (!entrance->connections->enter(entrance->limit())) {
      co_await entrance->connections->wait(worker.io, entrance->limit(), accept_pause);
      if (!entrance->acceptor.is_open() || entrance->door.closed) co_return;
    }
    spawn(worker.io, serve(entrance, std::move(socket)),
          [connections = entrance->connections](const std::exception_ptr& failure_of_session) {
            connections->leave();
            log_exception(failure_of_session);
          });
  }
}

Task<void> Doors::serve(std::shared_ptr<Entrance> entrance, Socket socket) {
  Worker& worker = entrance->worker;
  const http::Address address = client_of(entrance->kind, socket);
  std::optional<http::Peer> peer;
  {
    const EditionPtr kept = entrance->door.edition;
    peer = co_await find_peer(worker, *entrance->door.listener, socket, address);
  }
  if (!peer) co_return;
  if (entrance->kind == Kind::local && peer->text.empty()) peer->text = http::unix_client;
  auto connection = std::make_unique<Connection>(std::move(socket), worker.sweeper);
  Session session(worker, entrance->door, std::move(connection), std::move(*peer));
  co_await session.run();
}

}  // namespace ifmatch::net
