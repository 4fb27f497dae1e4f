#include "proxy/admin/meters.hpp"

#include <exception>

#include "config/keys.hpp"

namespace ifmatch::admin {
namespace {

constexpr std::size_t contended_kept = 64;   // by each thread
constexpr std::size_t contended_shown = 20;

}  // namespace

ThreadMeter::ThreadMeter(std::size_t thread, net::ThreadCounts& counts)
    : thread_(thread), counts_(counts), contention_(contended_kept) {}

void ThreadMeter::told(const net::Account& account) noexcept {
  const std::size_t method = net::counted_method(account.head->method);
  const auto decision = static_cast<std::size_t>(account.decision);
  if (account.route == nullptr) {
    counts_.unrouted.add(method, account.status);
    counts_.unrouted_decisions[decision].add();
  } else {
    const net::SiteRoute& route = *account.route;
    net::RouteCounts& counts = route.tally->of(thread_);
    counts.requests.add(method, account.status);
    counts.decisions[static_cast<std::size_t>(route.settings->mode)][decision].add();
    for (std::size_t result = 0; result < account.probes.size(); ++result) {
      if (account.probes[result] != 0) counts.probes[result].add(account.probes[result]);
    }
    if (account.out_of_band != 0) counts.out_of_band.add(account.out_of_band);
    if (account.upstream.count() != 0 && route.upstream_tally) {
      route.upstream_tally->of(thread_).answers.add(account.upstream);
    }
  }
  if (account.gated) counts_.gate_wait.add(account.gate_wait);
  if (account.probe_window) counts_.probe_window.add(*account.probe_window);
  if (account.decision == net::Decision::none && account.gate_wait.count() == 0) return;
  try {
    keep(account);
  } catch (const std::exception&) {
    // Without memory there is nothing to show, which is no reason to end.
  }
}

void ThreadMeter::keep(const net::Account& account) {
  const auto now = std::chrono::system_clock::now();
  const std::lock_guard lock(mutex_);
  note_contention(account);
  if (account.decision == net::Decision::none) return;
  const auto fill = [&](Decided& decided) {
    decided.at = now;
    keep_shown(decided.route, account.route ? account.route->config->name : std::string_view());
    keep_shown(decided.method, account.head->method);
    keep_shown(decided.resource, account.resource);
    keep_shown(decided.trace_id, account.trace_id);
    decided.mode = account.route ? config::mode_names[static_cast<std::size_t>(
                                       account.route->settings->mode)]
                                 : std::string_view();
    decided.decision = account.decision;
    decided.status = account.status;
    decided.from_record = account.from_record;
    decided.outcome_unknown = account.outcome_unknown;
    decided.probed = false;
    for (const std::uint8_t count : account.probes) decided.probed = decided.probed || count != 0;
    decided.took = account.took;
    decided.gate_wait = account.gate_wait;
  };
  fill(decisions_.next());
  if (account.decision != net::Decision::pass) fill(refusals_.next());
}

void ThreadMeter::note_contention(const net::Account& account) {
  if (account.route == nullptr || account.resource.empty()) return;
  const bool waited = account.gate_wait.count() != 0;
  const bool stale = account.decision == net::Decision::stale;
  const bool busy = account.decision == net::Decision::busy ||
                    account.decision == net::Decision::in_doubt;
  const unsigned events = (waited ? 1U : 0U) + (stale ? 1U : 0U) + (busy ? 1U : 0U);
  if (events == 0) return;
  Contended& entry = contention_.note(account.resource.substr(0, shown_octets_max),
                                      account.route->config->name, events);
  if (waited) ++entry.waits;
  if (stale) ++entry.stale;
  if (busy) ++entry.busy;
  entry.waited += account.gate_wait;
}

void ThreadMeter::copy_decisions(Which which, std::vector<Decided>& out) const {
  const std::lock_guard lock(mutex_);
  (which == Which::all ? decisions_ : refusals_).copy_to(out);
}

void ThreadMeter::copy_contention(std::vector<Contended>& out) const {
  const std::lock_guard lock(mutex_);
  out.insert(out.end(), contention_.entries().begin(), contention_.entries().end());
}

Meters::Meters(net::TallyBook& tallies) {
  for (std::size_t thread = 0; thread < tallies.threads().threads().size(); ++thread) {
    threads_.push_back(std::make_unique<ThreadMeter>(thread, tallies.thread(thread)));
  }
}

std::vector<Decided> Meters::decisions(ThreadMeter::Which which) const {
  std::vector<Decided> all;
  for (const std::unique_ptr<ThreadMeter>& thread : threads_) thread->copy_decisions(which, all);
  return latest_of(std::move(all));
}

std::vector<Contended> Meters::hottest() const {
  std::vector<Contended> all;
  for (const std::unique_ptr<ThreadMeter>& thread : threads_) thread->copy_contention(all);
  return hottest_of(std::move(all), contended_shown);
}

}  // namespace ifmatch::admin
