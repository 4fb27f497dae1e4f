#include "proxy/net/reloading.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <utility>

#include "proxy/net/reload_scope.hpp"

namespace ifmatch::net {
namespace {

std::string as_lines(const std::vector<std::string>& sentences) {
  std::string lines;
  for (const std::string& sentence : sentences) lines += "warning: " + sentence + "\n";
  return lines;
}

}  // namespace

std::string status_of(const Plan& plan, const Doors& doors) {
  std::string status;
  for (const DoorId door : plan.doors) {
    status += (status.empty() ? "listening on " : ", ") + doors.address(door);
  }
  return status;
}

Reloading::~Reloading() {
  for (auto* const waiting : {&asking_, &asked_}) {
    for (const Control::Reloaded& done : std::exchange(*waiting, {})) {
      done({Applied::no, "the server has ended\n"});
    }
  }
}

void Reloading::ask(Control::Reloaded done) {
  asked_.push_back(done ? std::move(done) : [](const ReloadOutcome&) {});
  if (asking_.empty()) next();
}

void Reloading::watch(Files files) {
  watch_.emplace(parts_.io, [this] {
    spdlog::info("the files have changed: reading the configuration again");
    ask({});
  });
  watch_->follow(std::move(files));
  spawn(parts_.io, watch_->listen());
  spawn(parts_.io, watch_->look());
}

void Reloading::next() {
  asking_ = std::exchange(asked_, {});
  if (asking_.empty()) return;
  if (!loader_) return tell({Applied::no, "there is no configuration to read again\n"});
  if (!parts_.control.ready()) return tell({Applied::no, "the server is about to end\n"});
  parts_.supervisor.reloading();
  const std::shared_ptr<const Plan> before = parts_.published.plan();
  Loaded loaded = loader_(before->site->memory);
  if (watch_) watch_->follow(std::move(loaded.files));
  if (!loaded.site) return tell({Applied::no, std::move(loaded.text)});
  std::shared_ptr<Plan> plan;
  std::vector<DoorId> added;
  try {
    plan = prepare(*before, std::move(loaded.site), added);
  } catch (const std::runtime_error& error) {
    for (const DoorId door : added) parts_.doors.close(door);
    return tell({Applied::no, loaded.text + "error: " + error.what() + "\n"});
  }
  loaded.text += as_lines(awaits_restart(started_with_, plan->site->config));
  put_into_force(*before, std::move(plan), std::move(added), std::move(loaded));
}

// Everything that can fail: the sockets of new listeners, and the claims of new origins. Claims
// come last, because one that found an unclean predecessor cannot be given back at once.
std::shared_ptr<Plan> Reloading::prepare(const Plan& before, std::shared_ptr<const Site> site,
                                         std::vector<DoorId>& added) {
  auto plan = std::make_shared<Plan>();
  plan->number = before.number + 1;
  plan->site = std::move(site);
  const std::vector<config::Listener>& listeners = plan->site->config.listeners;
  const auto kept = kept_listeners(before.site->config.listeners, listeners);
  for (std::size_t at = 0; at < listeners.size(); ++at) {
    plan->doors.push_back(kept[at] ? before.doors[*kept[at]]
                                   : parts_.doors.bind(listeners[at]));
    if (!kept[at]) added.push_back(plan->doors.back());
    plan->addresses.push_back(parts_.doors.address(plan->doors.back()));
  }
  plan->desks = parts_.desks.of(*plan->site);
  return plan;
}

// The swap. Guards turn to the new terms first, and while they do nobody can take the new plan: a
// thread that finds its terms superseded asks for the plan and waits for this. From the turn on no
// request is submitted under old terms (GuardDesk::reconfigured), and none under new ones before
// every guard has turned. Threads take the plan when they get to it; one that is late serves its
// requests with the old configuration a moment longer, which no guard notices where the terms are
// the same, and which is turned away where they are not.
void Reloading::put_into_force(const Plan& before, std::shared_ptr<Plan> plan,
                               std::vector<DoorId> added, Loaded loaded) {
  parts_.published.replace([&]() -> std::shared_ptr<const Plan> {
    plan->terms = parts_.desks.turn(*before.site, *plan->site, plan->desks);
    // Before any thread takes it, so that each finds what it is to tell its requests to.
    if (loaded.applied) loaded.applied();
    return plan;
  });
  for (const DoorId door : before.doors) {
    const bool kept = std::ranges::find(plan->doors, door) != plan->doors.end();
    if (!kept) parts_.doors.close(door);
  }
  auto left = std::make_shared<std::atomic<std::size_t>>(parts_.workers.size());
  auto after = std::make_shared<std::function<void()>>(
      [this, added = std::move(added), text = std::move(loaded.text)] {
        for (const DoorId door : added) {
          parts_.doors.open(door);
          spdlog::info("listening on {}", parts_.doors.address(door));
        }
        tell({Applied::yes, text});
      });
  for (const std::unique_ptr<Worker>& worker : parts_.workers) {
    asio::post(worker->io, [&io = parts_.io, &worker = *worker, left, after] {
      worker.renew();
      if (left->fetch_sub(1) == 1) asio::post(io, [after] { (*after)(); });
    });
  }
}

void Reloading::tell(const ReloadOutcome& outcome) {
  if (outcome.applied == Applied::yes) {
    spdlog::info("the new configuration is in force");
    if (!outcome.text.empty()) spdlog::warn("{}", outcome.text);
  } else {
    spdlog::error("the new configuration was refused, the old one stays in force:\n{}",
                  outcome.text);
  }
  parts_.control.note(outcome);
  // The end was told already, and is not to be taken back.
  if (parts_.control.ready()) {
    const std::string status = status_of(*parts_.published.plan(), parts_.doors);
    const bool refused = outcome.applied == Applied::no;
    parts_.supervisor.ready(refused ? status + "; the latest configuration was refused" : status);
  }
  for (const Control::Reloaded& done : std::exchange(asking_, {})) done(outcome);
  next();
}

}  // namespace ifmatch::net
