#include "proxy/net/doors.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/v6_only.hpp>
#include <cstdlib>
#include <stdexcept>

#include "proxy/net/session.hpp"

namespace ifmatch::net {
namespace {

constexpr int backlog = 4096;  // the kernel lowers it to net.core.somaxconn
constexpr int free_port_attempts = 10;
// After accept() failed for want of descriptors or memory.
constexpr std::chrono::milliseconds accept_pause{100};

std::string to_text(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

// REQUIRES: the loader has checked that it is HOST:PORT with a numeric host.
tcp::endpoint endpoint_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const unsigned long port = std::strtoul(address.c_str() + colon + 1, nullptr, 10);
  error_code failure;
  const asio::ip::address numeric = asio::ip::make_address(host, failure);
  if (failure) throw std::runtime_error("listener address '" + address + "' is not numeric");
  return {numeric, static_cast<std::uint16_t>(port)};
}

enum class Sharing : std::uint8_t { alone, shared };

void bind_to(Acceptor& acceptor, const tcp::endpoint& endpoint, Sharing sharing) {
  acceptor.open(endpoint.protocol());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  if (endpoint.address().is_v6()) acceptor.set_option(boost::asio::ip::v6_only(true));
  if (sharing == Sharing::shared) {
    const int on = 1;
    if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
      throw boost::system::system_error(errno, boost::system::system_category(), "SO_REUSEPORT");
    }
  }
  acceptor.bind(endpoint);
}

void log_exception(const std::exception_ptr& failure) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    spdlog::error("a session ended by an exception: {}", error.what());
  }
}

using Count = std::shared_ptr<std::atomic<std::size_t>>;

}  // namespace

// One listener on one thread. Its sessions keep it alive; it ends on its worker's thread.
struct Doors::Entrance {
  Entrance(Worker& on, DoorId id, Count counted)
      : worker(on), connections(std::move(counted)), acceptor(on.io.get_executor()) {
    door.id = id;
  }
  ~Entrance() {
    // Where it was never opened no worker knows it, and this may be any thread.
    if (door.edition) worker.remove_door(door);
  }
  Entrance(const Entrance&) = delete;
  Entrance& operator=(const Entrance&) = delete;

  Worker& worker;
  Door door;
  Count connections;  // of the listener, over all threads
  Acceptor acceptor;
};

struct Doors::Listening {
  DoorId id = 0;
  std::string address;
  std::vector<std::shared_ptr<Entrance>> entrances;
};

Doors::Doors(std::vector<std::unique_ptr<Worker>>& workers) : workers_(workers) {}

// REQUIRES: nothing runs on the workers' threads any more.
Doors::~Doors() = default;

// One for each thread, on a port that is ours alone; `endpoint` gets it where any would do.
void Doors::bind_entrances(Listening& listening, tcp::endpoint& endpoint) {
  auto connections = std::make_shared<std::atomic<std::size_t>>(0);
  // SO_REUSEPORT would let us join another process on its port: look without it first.
  Acceptor alone(workers_.front()->io.get_executor());
  bind_to(alone, endpoint, Sharing::alone);
  alone.listen(1);
  if (endpoint.port() == 0) endpoint.port(alone.local_endpoint().port());
  alone.close();
  for (const std::unique_ptr<Worker>& worker : workers_) {
    auto entrance = std::make_shared<Entrance>(*worker, listening.id, connections);
    bind_to(entrance->acceptor, endpoint, Sharing::shared);
    entrance->acceptor.listen(backlog);
    entrance->acceptor.non_blocking(true);
    listening.entrances.push_back(std::move(entrance));
  }
}

void Doors::bind(DoorId id, const config::Listener& listener) {
  const tcp::endpoint wanted = endpoint_of(listener.address);
  auto listening = std::make_unique<Listening>();
  listening->id = id;
  for (int attempt = 1;; ++attempt) {
    tcp::endpoint endpoint = wanted;
    try {
      bind_entrances(*listening, endpoint);
      listening->address = to_text(endpoint);
      break;
    } catch (const boost::system::system_error& error) {
      listening->entrances.clear();
      // A port that was free a moment ago is another's now: another one will do as well.
      if (wanted.port() == 0 && attempt < free_port_attempts) continue;
      throw std::runtime_error("cannot listen on " + listener.address + ": " +
                               error.code().message());
    }
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

const std::string& Doors::address(DoorId id) const {
  const auto found = std::ranges::find_if(
      listening_, [id](const auto& listening) { return listening->id == id; });
  return (*found)->address;
}

Task<void> Doors::accept_for_ever(std::shared_ptr<Entrance> entrance) {
  Worker& worker = entrance->worker;
  Timer pause(worker.io.get_executor());
  while (entrance->acceptor.is_open()) {
    if (entrance->connections->load(std::memory_order_relaxed) >=
        entrance->door.listener->max_connections) {
      pause.expires_after(accept_pause);
      co_await pause.async_wait(as_tuple);
      continue;
    }
    Socket socket(worker.io.get_executor());
    tcp::endpoint peer;
    auto [failure] = co_await entrance->acceptor.async_accept(socket, peer, as_tuple);
    if (failure == asio::error::operation_aborted || !entrance->acceptor.is_open()) co_return;
    if (failure) {
      spdlog::warn("accept: {}", failure.message());
      pause.expires_after(accept_pause);
      co_await pause.async_wait(as_tuple);
      continue;
    }
    entrance->connections->fetch_add(1, std::memory_order_relaxed);
    spawn(worker.io, serve(entrance, std::move(socket), address_of(peer)),
          [connections = entrance->connections](const std::exception_ptr& failure_of_session) {
            connections->fetch_sub(1, std::memory_order_relaxed);
            log_exception(failure_of_session);
          });
  }
}

Task<void> Doors::serve(std::shared_ptr<Entrance> entrance, Socket socket,
                        http::Address address) {
  Worker& worker = entrance->worker;
  std::optional<http::Peer> peer;
  {
    const EditionPtr kept = entrance->door.edition;
    peer = co_await find_peer(worker, *entrance->door.listener, socket, address);
  }
  if (!peer) co_return;
  auto connection = std::make_unique<Connection>(std::move(socket), worker.sweeper);
  Session session(worker, entrance->door, std::move(connection), std::move(*peer));
  co_await session.run();
}

}  // namespace ifmatch::net
