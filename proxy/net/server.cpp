#include "proxy/net/server.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/ip/v6_only.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include "proxy/net/session.hpp"
#include "proxy/net/worker.hpp"

namespace ifmatch::net {
namespace {

constexpr int backlog = 4096;  // the kernel lowers it to net.core.somaxconn
// After accept() failed for want of descriptors or memory.
constexpr std::chrono::milliseconds accept_pause{100};
constexpr std::chrono::milliseconds drain_look{20};

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

}  // namespace

class Server::Body {
 public:
  Body(Site& site, plugins::Ledger& ledger) : site_(site), ledger_(ledger) {
    for (const std::string& origin : site.origins()) {
      guard::EngineLimits limits;
      limits.entries_max = site.config.store.max_resources;
      // Strangers must not be able to choose paths that collide.
      std::random_device random;
      limits.hash_seed = (std::uint64_t{random()} << 32U) ^ random();
      desks_.push_back(std::make_unique<GuardDesk>(origin, limits));
    }
    const std::size_t threads = thread_count(site.config);
    for (std::size_t index = 0; index < threads; ++index) {
      std::vector<std::size_t> shares;
      for (const config::Upstream& upstream : site.config.upstreams) {
        const std::size_t rest = index < upstream.max_connections % threads ? 1 : 0;
        shares.push_back(std::max<std::size_t>(1, upstream.max_connections / threads + rest));
      }
      workers_.push_back(std::make_unique<Worker>(site, desks_, shares));
    }
  }

  ~Body() { end_workers(); }

  void start() {
    try {
      claim_origins();
      for (const config::Listener& listener : site_.config.listeners) listen(listener);
    } catch (...) {
      // Nothing was served: marks made a moment ago go, those of an unclean predecessor stay.
      release_origins();
      throw;
    }
    // Before anybody is told that we are ready, so that the first TERM is never lost.
    signals_.emplace(workers_.front()->io, SIGTERM, SIGINT, SIGUSR1);
  }

  std::vector<std::string> addresses() const { return addresses_; }

  Control& control() noexcept { return control_; }

  void add_sink(std::size_t thread, AccountSink& sink) { workers_[thread]->sinks.push_back(&sink); }

  Ended run() {
    spawn(workers_.front()->io, obey_signals());
    for (std::size_t index = 0; index < workers_.size(); ++index) {
      Worker& worker = *workers_[index];
      spawn(worker.io, worker.sweep_for_ever([this, index](Instant now) {
        if (index != 0) return;
        for (const std::unique_ptr<GuardDesk>& desk : desks_) desk->tick(now);
      }));
    }
    for (Accepting& accepting : acceptors_) {
      spawn(accepting.worker->io, accept_for_ever(accepting));
    }
    std::vector<std::thread> threads;
    for (std::size_t index = 1; index < workers_.size(); ++index) {
      threads.emplace_back([this, index] { run_worker(*workers_[index]); });
    }
    run_worker(*workers_.front());
    for (std::thread& thread : threads) thread.join();
    // What is still under way ends here and reports its outcome; then it shows what is left.
    end_workers();
    tell_observed();
    if (ended_ != Ended::failed) release_origins();
    return ended_;
  }

 private:
  void end_workers() {
    for (const std::unique_ptr<GuardDesk>& desk : desks_) desk->shut();
    acceptors_.clear();
    signals_.reset();
    workers_.clear();
  }

  struct Accepting {
    Accepting(Worker* on, const config::Listener* of,
              std::shared_ptr<std::atomic<std::size_t>> counted)
        : worker(on),
          listener(of),
          connections(std::move(counted)),
          acceptor(on->io.get_executor()) {}

    Worker* worker;
    const config::Listener* listener;
    std::shared_ptr<std::atomic<std::size_t>> connections;  // of the listener, over all threads
    Acceptor acceptor;
  };

  void claim_origins() {
    for (std::size_t index = 0; index < desks_.size(); ++index) {
      const std::string& origin = desks_[index]->origin();
      const plugins::Claim claim = ledger_.claim(origin);
      if (claim.predecessor == plugins::Predecessor::alive) {
        throw std::runtime_error("another instance guards " + origin + ": " + claim.detail);
      }
      if (claim.predecessor == plugins::Predecessor::unknown) {
        spdlog::warn("{}: no protection against an unclean end: {}", origin, claim.detail);
      }
      if (claim.predecessor == plugins::Predecessor::unclean) {
        const auto in_doubt = site_.longest_in_doubt(index);
        spdlog::warn("{}: the last instance did not end cleanly; writes are refused for {} ms",
                     origin, in_doubt.count());
        desks_[index]->ask([&](guard::Engine& engine) {
          engine.quarantine_everything(Clock::now() + in_doubt);
        });
      }
    }
  }

  void tell_observed() const {
    std::vector<const Observatory*> observatories;
    for (const std::unique_ptr<GuardDesk>& desk : desks_) {
      observatories.push_back(&desk->observatory());
    }
    for (const std::string& line : observed_lines(observatories)) spdlog::info("observe: {}", line);
  }

  // A quarantine that still runs is a write that nobody has accounted for: its mark stays.
  void release_origins() {
    for (const std::unique_ptr<GuardDesk>& desk : desks_) {
      const guard::EngineCounts counts =
          desk->ask([](guard::Engine& engine) { return engine.counts(); });
      if (counts.requests == 0 && !counts.everything_in_doubt) {
        ledger_.release(desk->origin());
      } else {
        spdlog::warn("{}: writes are in doubt at the end; the next start begins in quarantine",
                     desk->origin());
      }
    }
  }

  void listen(const config::Listener& listener) {
    tcp::endpoint endpoint = endpoint_of(listener.address);
    auto connections = std::make_shared<std::atomic<std::size_t>>(0);
    try {
      // SO_REUSEPORT would let us join another process on its port: look without it first.
      Acceptor alone(workers_.front()->io.get_executor());
      bind_to(alone, endpoint, Sharing::alone);
      alone.listen(1);
      if (endpoint.port() == 0) endpoint.port(alone.local_endpoint().port());
      alone.close();
      for (const std::unique_ptr<Worker>& worker : workers_) {
        Accepting& accepting = acceptors_.emplace_back(worker.get(), &listener, connections);
        bind_to(accepting.acceptor, endpoint, Sharing::shared);
        accepting.acceptor.listen(backlog);
        accepting.acceptor.non_blocking(true);
      }
    } catch (const boost::system::system_error& error) {
      throw std::runtime_error("cannot listen on " + listener.address + ": " +
                               error.code().message());
    }
    addresses_.push_back(to_text(endpoint));
  }

  Task<void> accept_for_ever(Accepting& accepting) {
    Worker& worker = *accepting.worker;
    Timer pause(worker.io.get_executor());
    while (accepting.acceptor.is_open()) {
      if (accepting.connections->load(std::memory_order_relaxed) >=
          accepting.listener->max_connections) {
        pause.expires_after(accept_pause);
        co_await pause.async_wait(as_tuple);
        continue;
      }
      Socket socket(worker.io.get_executor());
      tcp::endpoint peer;
      auto [failure] = co_await accepting.acceptor.async_accept(socket, peer, as_tuple);
      if (failure == asio::error::operation_aborted || !accepting.acceptor.is_open()) co_return;
      if (failure) {
        spdlog::warn("accept: {}", failure.message());
        pause.expires_after(accept_pause);
        co_await pause.async_wait(as_tuple);
        continue;
      }
      accepting.connections->fetch_add(1, std::memory_order_relaxed);
      spawn(
          worker.io,
          serve(worker, *accepting.listener, std::move(socket), address_of(peer)),
          [connections = accepting.connections](const std::exception_ptr& failure_of_session) {
            connections->fetch_sub(1, std::memory_order_relaxed);
            log_exception(failure_of_session);
          });
    }
  }

  static Task<void> serve(Worker& worker, const config::Listener& listener, Socket socket,
                          http::Address address) {
    std::optional<http::Peer> peer = co_await find_peer(worker, listener, socket, address);
    if (!peer) co_return;
    auto connection = std::make_unique<Connection>(std::move(socket), worker.sweeper);
    Session session(worker, listener, std::move(connection), std::move(*peer));
    co_await session.run();
  }

  static void log_exception(const std::exception_ptr& failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      spdlog::error("a session ended by an exception: {}", error.what());
    }
  }

  void run_worker(Worker& worker) {
    try {
      worker.io.run();
    } catch (const std::exception& error) {
      // A handler of ours threw outside of every coroutine: nothing can be trusted any more.
      spdlog::critical("a thread ended by an exception: {}", error.what());
      ended_ = Ended::failed;
      stop();
    }
  }

  void stop() {
    for (const std::unique_ptr<Worker>& worker : workers_) worker->io.stop();
  }

  Task<void> obey_signals() {
    for (bool ending = false;;) {
      auto [failure, number] = co_await signals_->async_wait(as_tuple);
      if (failure) co_return;
      if (number == SIGUSR1) {
        control_.reopen_logs();
      } else if (!std::exchange(ending, true)) {
        spdlog::info("signal {}: finishing the requests under way", number);
        spawn(workers_.front()->io, drain());
      } else {
        spdlog::warn("signal {}: ending at once", number);
        ended_ = Ended::cut_short;
        stop();
        co_return;
      }
    }
  }

  Task<void> drain() {
    // Counted down by each thread once nothing of it is left.
    auto busy = std::make_shared<std::atomic<std::size_t>>(workers_.size());
    for (Accepting& accepting : acceptors_) {
      asio::post(accepting.worker->io, [&accepting] {
        error_code ignored;
        accepting.acceptor.close(ignored);
      });
    }
    for (const std::unique_ptr<Worker>& worker : workers_) {
      spawn(worker->io, drain_worker(*worker, busy));
    }
    const Instant deadline = Clock::now() + site_.config.shutdown.drain_timeout;
    Timer look(workers_.front()->io.get_executor());
    while (busy->load() > 0 && Clock::now() < deadline) {
      look.expires_after(drain_look);
      co_await look.async_wait(as_tuple);
    }
    ended_ = busy->load() == 0 ? Ended::drained : Ended::cut_short;
    if (ended_ == Ended::cut_short) spdlog::warn("the drain time-out has passed");
    stop();
  }

  static Task<void> drain_worker(Worker& worker, std::shared_ptr<std::atomic<std::size_t>> busy) {
    worker.draining = true;
    for (Interruptible* session : std::vector<Interruptible*>(worker.sessions)) {
      session->interrupt_if_idle();
    }
    Timer look(worker.io.get_executor());
    while (!worker.sessions.empty()) {
      look.expires_after(drain_look);
      co_await look.async_wait(as_tuple);
    }
    busy->fetch_sub(1);
  }

  Control control_;
  Site& site_;
  plugins::Ledger& ledger_;
  std::vector<std::unique_ptr<GuardDesk>> desks_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::deque<Accepting> acceptors_;
  std::vector<std::string> addresses_;
  std::optional<asio::signal_set> signals_;
  std::atomic<Ended> ended_{Ended::drained};
};

Server::Server(Site& site, plugins::Ledger& ledger)
    : body_(std::make_unique<Body>(site, ledger)) {}
Server::~Server() = default;
void Server::start() { body_->start(); }
void Server::add_sink(std::size_t thread, AccountSink& sink) { body_->add_sink(thread, sink); }
Control& Server::control() noexcept { return body_->control(); }
std::vector<std::string> Server::addresses() const { return body_->addresses(); }
Ended Server::run() { return body_->run(); }

}  // namespace ifmatch::net
