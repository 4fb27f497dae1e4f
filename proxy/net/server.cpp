#include "proxy/net/server.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>
#include <utility>

#include "proxy/net/reloading.hpp"

namespace ifmatch::net {
namespace {

constexpr std::chrono::milliseconds drain_look{20};
constexpr std::chrono::seconds release_look{1};
// Beats in the time within which one is expected: systemd advises two, and a look may be late.
constexpr int beats_per_deadline = 3;

// Whoever closes a terminal hangs up on what runs in it; that asks for nothing.
bool at_terminal() { return ::isatty(STDERR_FILENO) != 0 || ::isatty(STDIN_FILENO) != 0; }

}  // namespace

class Server::Body {
 public:
  Body(std::shared_ptr<const Site> site, plugins::Ledger& ledger, const Supervisor& supervisor,
       Loader loader)
      : supervisor_(supervisor),
        desks_(ledger, site->config.store.max_resources),
        loader_(std::move(loader)),
        first_(std::move(site)),
        doors_(workers_, supervisor) {}

  ~Body() {
    control_.attach({}, {});
    end_workers();
  }

  void start() {
    try {
      begin_to_serve();
    } catch (...) {
      // Nothing was served: marks made a moment ago go, those of an unclean predecessor stay.
      desks_.release_all();
      throw;
    }
    reloading_.emplace(Reloading::Parts{io_, control_, supervisor_, *published_, desks_, doors_,
                                        workers_},
                       std::move(loader_));
    // Before anybody is told that we are ready, so that the first TERM is never lost.
    signals_.emplace(io_, SIGTERM, SIGINT);
    signals_->add(SIGHUP);
    signals_->add(SIGUSR1);
    control_.attach(
        [this](Control::Reloaded done) {
          asio::post(io_, [this, done = std::move(done)] { reloading_->ask(done); });
        },
        [this] { asio::post(io_, [this] { begin_to_end("told to drain"); }); });
    control_.enter(Phase::serving);
  }

  void watch(Files files) { reloading_->watch(std::move(files)); }

  std::vector<std::string> addresses() const {
    return published_->plan()->addresses;
  }

  Control& control() noexcept { return control_; }

  void add_sink(std::size_t thread, AccountSink& sink) {
    if (sinks_.size() <= thread) sinks_.resize(thread + 1);
    sinks_[thread].push_back(&sink);
  }

  void look(const Look& look) const {
    const std::shared_ptr<const Plan> plan = published_->plan();
    look(*plan->site, plan->desks);
  }

  Ended run() {
    spawn(io_, obey_signals());
    spawn(io_, release_for_ever());
    if (supervisor_.watchdog()) spawn(io_, beat_for_ever(*supervisor_.watchdog()));
    for (std::size_t index = 0; index < workers_.size(); ++index) {
      Worker& worker = *workers_[index];
      spawn(worker.io, worker.sweep_for_ever([this, index](Instant now) {
        if (index == 0) desks_.tick(now);
      }));
    }
    supervisor_.ready(status_of(*published_->plan(), doors_));
    std::vector<std::thread> threads;
    threads.emplace_back([this] { run_until_stopped(io_); });
    for (std::size_t index = 1; index < workers_.size(); ++index) {
      threads.emplace_back([this, index] { run_until_stopped(workers_[index]->io); });
    }
    run_until_stopped(workers_.front()->io);
    for (std::thread& thread : threads) thread.join();
    control_.enter(Phase::ended);
    control_.attach({}, {});
    reloading_.reset();
    // What is still under way ends here and reports its outcome; then it shows what is left.
    end_workers();
    desks_.tell_observed();
    if (ended_ != Ended::failed) desks_.release_all();
    return ended_;
  }

 private:
  void begin_to_serve() {
    auto plan = std::make_shared<Plan>();
    plan->site = std::move(first_);
    const Site& site = *plan->site;
    plan->desks = desks_.of(site);
    for (const std::shared_ptr<GuardDesk>& desk : plan->desks) {
      plan->terms.push_back(desk->terms());
    }
    for (std::size_t at = 0; at < site.config.listeners.size(); ++at) {
      plan->doors.push_back(doors_.draw_id());
    }
    published_.emplace(plan);
    const std::size_t threads = thread_count(site.config);
    for (std::size_t index = 0; index < threads; ++index) {
      workers_.push_back(std::make_unique<Worker>(*published_, index));
      if (index >= sinks_.size()) continue;
      for (AccountSink* const sink : sinks_[index]) workers_.back()->add_sink(*sink);
    }
    for (std::size_t at = 0; at < plan->doors.size(); ++at) {
      doors_.bind(plan->doors[at], site.config.listeners[at]);
    }
    for (const DoorId door : plan->doors) {
      plan->addresses.push_back(doors_.address(door));
      doors_.open(door);
    }
  }

  Task<void> obey_signals() {
    for (;;) {
      auto [failure, number] = co_await signals_->async_wait(as_tuple);
      if (failure) co_return;
      switch (number) {
        case SIGHUP:
          if (at_terminal()) {
            spdlog::info("SIGHUP is ignored, because a terminal is attached");
          } else {
            spdlog::info("SIGHUP: reading the configuration again");
            reloading_->ask({});
          }
          break;
        case SIGUSR1: control_.reopen_logs(); break;
        default: obey_end(number == SIGINT ? "SIGINT" : "SIGTERM");
      }
    }
  }

  // The first signal drains, the second one ends.
  void obey_end(const char* signal) {
    if (!std::exchange(signalled_, true)) return begin_to_end(signal);
    spdlog::warn("{}: ending at once", signal);
    ended_ = Ended::cut_short;
    stop();
  }

  // Told once more it is not hastened: whoever runs `ifmatch drain` before a container is stopped
  // sends TERM a moment later.
  void begin_to_end(const char* why) {
    if (std::exchange(ending_, true)) {
      spdlog::info("{}: the requests under way are being finished already", why);
      return;
    }
    spdlog::info("{}: finishing the requests under way", why);
    supervisor_.stopping("finishing the requests under way");
    spawn(io_, drain());
  }

  Task<void> drain() {
    const config::Shutdown shutdown = published_->plan()->site->config.shutdown;
    Timer look(io_.get_executor());
    control_.enter(Phase::leaving);
    if (shutdown.pre_stop_delay.count() > 0) {
      look.expires_after(shutdown.pre_stop_delay);
      co_await look.async_wait(as_tuple);
    }
    control_.enter(Phase::draining);
    doors_.close_all();
    // Counted down by each thread once nothing of it is left.
    auto busy = std::make_shared<std::atomic<std::size_t>>(workers_.size());
    for (const std::unique_ptr<Worker>& worker : workers_) {
      spawn(worker->io, drain_worker(*worker, busy));
    }
    const Instant deadline = Clock::now() + shutdown.drain_timeout;
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

  Task<void> release_for_ever() {
    Timer timer(io_.get_executor());
    for (;;) {
      timer.expires_after(release_look);
      auto [stopped] = co_await timer.async_wait(as_tuple);
      if (stopped) co_return;
      desks_.release_unused();
    }
  }

  // systemd hears of us only while every thread turns: one that hangs makes it start us again.
  Task<void> beat_for_ever(std::chrono::microseconds deadline) {
    std::vector<std::uint64_t> seen(workers_.size(), 0);
    Timer timer(io_.get_executor());
    for (;;) {
      timer.expires_after(deadline / beats_per_deadline);
      auto [stopped] = co_await timer.async_wait(as_tuple);
      if (stopped) co_return;
      bool all_turn = true;
      for (std::size_t index = 0; index < workers_.size(); ++index) {
        const std::uint64_t sweeps = workers_[index]->sweeps.load(std::memory_order_relaxed);
        all_turn = all_turn && sweeps != std::exchange(seen[index], sweeps);
      }
      if (all_turn) supervisor_.beat();
    }
  }

  void run_until_stopped(asio::io_context& io) {
    try {
      io.run();
    } catch (const std::exception& error) {
      // A handler of ours threw outside of every coroutine: nothing can be trusted any more.
      spdlog::critical("a thread ended by an exception: {}", error.what());
      ended_ = Ended::failed;
      stop();
    }
  }

  void stop() {
    for (const std::unique_ptr<Worker>& worker : workers_) worker->io.stop();
    io_.stop();
  }

  void end_workers() {
    desks_.shut();
    doors_.close_all();
    signals_.reset();
    workers_.clear();
  }

  const Supervisor& supervisor_;
  Control control_;
  Desks desks_;
  Loader loader_;                      // until it is started
  std::shared_ptr<const Site> first_;  // the same
  std::optional<Published> published_;
  std::vector<AccountSinks> sinks_;    // by thread, until there are workers
  std::vector<std::unique_ptr<Worker>> workers_;
  asio::io_context io_{1};  // of the thread that obeys; all below is its own once it runs
  Doors doors_;
  std::optional<Reloading> reloading_;
  std::optional<asio::signal_set> signals_;
  bool ending_ = false;
  bool signalled_ = false;  // to end
  std::atomic<Ended> ended_{Ended::drained};
};

Server::Server(std::shared_ptr<const Site> site, plugins::Ledger& ledger,
               const Supervisor& supervisor, Loader loader)
    : body_(std::make_unique<Body>(std::move(site), ledger, supervisor, std::move(loader))) {}
Server::~Server() = default;
void Server::start() { body_->start(); }
void Server::add_sink(std::size_t thread, AccountSink& sink) { body_->add_sink(thread, sink); }
void Server::watch(Files files) { body_->watch(std::move(files)); }
void Server::look(const Look& look) const { body_->look(look); }
std::vector<std::string> Server::addresses() const { return body_->addresses(); }
Control& Server::control() noexcept { return body_->control(); }
Ended Server::run() { return body_->run(); }

}  // namespace ifmatch::net
