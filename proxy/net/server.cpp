#include "proxy/net/server.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>
#include <utility>

#include "proxy/net/desks.hpp"
#include "proxy/net/doors.hpp"
#include "proxy/net/reload_scope.hpp"
#include "proxy/net/session.hpp"

namespace ifmatch::net {
namespace {

constexpr std::chrono::milliseconds drain_look{20};
constexpr std::chrono::seconds release_look{1};

std::string as_lines(const std::vector<std::string>& sentences) {
  std::string lines;
  for (const std::string& sentence : sentences) lines += "warning: " + sentence + "\n";
  return lines;
}

}  // namespace

class Server::Body {
 public:
  Body(std::shared_ptr<const Site> site, plugins::Ledger& ledger, Loader loader)
      : desks_(ledger, site->config.store.max_resources),
        loader_(std::move(loader)),
        first_(std::move(site)),
        doors_(workers_) {}

  ~Body() {
    control_.attach({}, {});
    end_workers();
    refuse_waiting();
  }

  void start() {
    try {
      auto plan = std::make_shared<Plan>();
      plan->site = std::move(first_);
      plan->desks = desks_.of(*plan->site);
      for (const std::shared_ptr<GuardDesk>& desk : plan->desks) {
        plan->terms.push_back(desk->terms());
      }
      for (std::size_t at = 0; at < plan->site->config.listeners.size(); ++at) {
        plan->doors.push_back(next_door_++);
      }
      published_.emplace(plan);
      const std::size_t threads = thread_count(plan->site->config);
      for (std::size_t index = 0; index < threads; ++index) {
        workers_.push_back(std::make_unique<Worker>(*published_, Share{index, threads}));
        if (index < sinks_.size()) workers_.back()->sinks = sinks_[index];
      }
      for (std::size_t at = 0; at < plan->doors.size(); ++at) {
        doors_.bind(plan->doors[at], plan->site->config.listeners[at]);
      }
      for (const DoorId door : plan->doors) doors_.open(door);
    } catch (...) {
      // Nothing was served: marks made a moment ago go, those of an unclean predecessor stay.
      desks_.release_all();
      throw;
    }
    // Before anybody is told that we are ready, so that the first TERM is never lost.
    signals_.emplace(io_, SIGTERM, SIGINT);
    signals_->add(SIGHUP);
    signals_->add(SIGUSR1);
    control_.attach(
        [this](Control::Reloaded done) {
          asio::post(io_, [this, done = std::move(done)] { reload(done); });
        },
        [this] { asio::post(io_, [this] { begin_to_end("the control"); }); });
    control_.enter(Phase::serving);
  }

  std::vector<std::string> addresses() const {
    std::vector<std::string> addresses;
    for (const DoorId door : published_->plan()->doors) addresses.push_back(doors_.address(door));
    return addresses;
  }

  Control& control() noexcept { return control_; }

  void add_sink(std::size_t thread, AccountSink& sink) {
    if (sinks_.size() <= thread) sinks_.resize(thread + 1);
    sinks_[thread].push_back(&sink);
  }

  Ended run() {
    spawn(io_, obey_signals());
    spawn(io_, release_for_ever());
    for (std::size_t index = 0; index < workers_.size(); ++index) {
      Worker& worker = *workers_[index];
      spawn(worker.io, worker.sweep_for_ever([this, index](Instant now) {
        if (index == 0) desks_.tick(now);
      }));
    }
    std::vector<std::thread> threads;
    threads.emplace_back([this] { run_until_stopped(io_); });
    for (std::size_t index = 1; index < workers_.size(); ++index) {
      threads.emplace_back([this, index] { run_until_stopped(workers_[index]->io); });
    }
    run_until_stopped(workers_.front()->io);
    for (std::thread& thread : threads) thread.join();
    control_.enter(Phase::ended);
    control_.attach({}, {});
    // What is still under way ends here and reports its outcome; then it shows what is left.
    end_workers();
    desks_.tell_observed();
    if (ended_ != Ended::failed) desks_.release_all();
    return ended_;
  }

 private:
  // A reload that has been asked for waits for the one under way, and then serves all who asked.
  void reload(Control::Reloaded done) {
    if (done) asked_.push_back(std::move(done));
    else asked_.emplace_back([](const ReloadOutcome&) {});
    if (asking_.empty()) next_reload();
  }

  void next_reload() {
    asking_ = std::exchange(asked_, {});
    if (asking_.empty()) return;
    if (!loader_) return tell({Applied::no, "there is no configuration to read again"});
    if (!control_.ready()) return tell({Applied::no, "the server is about to end"});
    const std::shared_ptr<const Plan> before = published_->plan();
    Loaded loaded = loader_(before->site->memory);
    if (!loaded.site) return tell({Applied::no, std::move(loaded.text)});
    std::shared_ptr<Plan> plan;
    std::vector<DoorId> added;
    try {
      plan = prepare(*before, std::move(loaded.site), added);
    } catch (const std::runtime_error& error) {
      for (const DoorId door : added) doors_.close(door);
      return tell({Applied::no, loaded.text + "error: " + error.what() + "\n"});
    }
    loaded.text += as_lines(awaits_restart(before->site->config, plan->site->config));
    put_into_force(*before, std::move(plan), std::move(added), std::move(loaded));
  }

  // Everything that can fail: the sockets of new listeners, and the claims of new origins. Claims
  // come last, because one that found an unclean predecessor cannot be given back at once.
  std::shared_ptr<Plan> prepare(const Plan& before, std::shared_ptr<const Site> site,
                                std::vector<DoorId>& added) {
    auto plan = std::make_shared<Plan>();
    plan->site = std::move(site);
    const std::vector<config::Listener>& listeners = plan->site->config.listeners;
    const auto kept = kept_listeners(before.site->config.listeners, listeners);
    for (std::size_t at = 0; at < listeners.size(); ++at) {
      plan->doors.push_back(kept[at] ? before.doors[*kept[at]] : next_door_++);
      if (kept[at]) continue;
      added.push_back(plan->doors.back());
      doors_.bind(plan->doors.back(), listeners[at]);
    }
    plan->desks = desks_.of(*plan->site);
    return plan;
  }

  // The swap. Guards turn to the new terms first, and while they do nobody can take the new plan:
  // a thread that finds its terms superseded asks for the plan and waits for this. From the turn on
  // no request is submitted under old terms (GuardDesk::reconfigured), and none under new ones
  // before every guard has turned. Threads take the plan when they get to it; one that is late
  // serves its requests with the old configuration a moment longer, which no guard notices where
  // the terms are the same, and which is turned away where they are not.
  void put_into_force(const Plan& before, std::shared_ptr<Plan> plan, std::vector<DoorId> added,
                      Loaded loaded) {
    published_->replace([&]() -> std::shared_ptr<const Plan> {
      plan->terms = desks_.turn(*before.site, *plan->site, plan->desks);
      return plan;
    });
    std::vector<DoorId> removed;
    for (const DoorId door : before.doors) {
      if (std::ranges::find(plan->doors, door) == plan->doors.end()) removed.push_back(door);
    }
    for (const DoorId door : removed) doors_.close(door);
    auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
    auto after = std::make_shared<std::function<void()>>(
        [this, added = std::move(added), loaded = std::move(loaded)] {
          for (const DoorId door : added) {
            doors_.open(door);
            spdlog::info("listening on {}", doors_.address(door));
          }
          if (loaded.applied) loaded.applied();
          tell({Applied::yes, loaded.text});
        });
    for (const std::unique_ptr<Worker>& worker : workers_) {
      asio::post(worker->io, [this, &worker = *worker, left, after] {
        worker.renew();
        if (left->fetch_sub(1) == 1) asio::post(io_, [after] { (*after)(); });
      });
    }
  }

  void tell(const ReloadOutcome& outcome) {
    if (outcome.applied == Applied::yes) {
      spdlog::info("the new configuration is in force");
      if (!outcome.text.empty()) spdlog::warn("{}", outcome.text);
    } else {
      spdlog::error("the new configuration was refused, the old one stays in force:\n{}",
                    outcome.text);
    }
    control_.note(outcome);
    for (const Control::Reloaded& done : std::exchange(asking_, {})) done(outcome);
    next_reload();
  }

  void refuse_waiting() {
    for (auto* const waiting : {&asking_, &asked_}) {
      for (const Control::Reloaded& done : std::exchange(*waiting, {})) {
        done({Applied::no, "the server has ended"});
      }
    }
  }

  Task<void> obey_signals() {
    for (;;) {
      auto [failure, number] = co_await signals_->async_wait(as_tuple);
      if (failure) co_return;
      if (number == SIGHUP) {
        spdlog::info("SIGHUP: reading the configuration again");
        reload({});
      } else if (number == SIGUSR1) {
        control_.reopen_logs();
      } else {
        begin_to_end(number == SIGINT ? "SIGINT" : "SIGTERM");
      }
    }
  }

  // The first time it drains, the second time it ends.
  void begin_to_end(const char* why) {
    if (!std::exchange(ending_, true)) {
      spdlog::info("{}: finishing the requests under way", why);
      spawn(io_, drain());
      return;
    }
    spdlog::warn("{}: ending at once", why);
    ended_ = Ended::cut_short;
    stop();
  }

  Task<void> drain() {
    const config::Shutdown shutdown = published_->plan()->site->config.shutdown;
    Timer look(io_.get_executor());
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

  Control control_;
  Desks desks_;
  Loader loader_;
  std::shared_ptr<const Site> first_;  // until it is published
  std::optional<Published> published_;
  std::vector<AccountSinks> sinks_;    // by thread, until there are workers
  std::vector<std::unique_ptr<Worker>> workers_;
  asio::io_context io_{1};  // of the thread that obeys; all below is its own once it runs
  Doors doors_;
  DoorId next_door_ = 1;
  std::optional<asio::signal_set> signals_;
  std::vector<Control::Reloaded> asking_;  // of the reload under way
  std::vector<Control::Reloaded> asked_;   // since it began
  bool ending_ = false;
  std::atomic<Ended> ended_{Ended::drained};
};

Server::Server(std::shared_ptr<const Site> site, plugins::Ledger& ledger, Loader loader)
    : body_(std::make_unique<Body>(std::move(site), ledger, std::move(loader))) {}
Server::~Server() = default;
void Server::start() { body_->start(); }
void Server::add_sink(std::size_t thread, AccountSink& sink) { body_->add_sink(thread, sink); }
std::vector<std::string> Server::addresses() const { return body_->addresses(); }
Control& Server::control() noexcept { return body_->control(); }
Ended Server::run() { return body_->run(); }

}  // namespace ifmatch::net
