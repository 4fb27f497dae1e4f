#include "tests/integration/torture/run.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <iomanip>
#include <optional>
#include <ostream>
#include <random>
#include <thread>
#include <utility>

#include "tests/integration/torture/faulty_upstream.hpp"

namespace ifmatch::torture {
namespace {

using std::chrono::milliseconds;

// Between two faults, so that there is progress to be disturbed.
constexpr milliseconds recovery{400};
// Longer than a quarantine and everything that a client waits for.
constexpr milliseconds peace_max{10'000};
// A good run applies many more; fewer would mean that the gates stay shut most of the time.
constexpr std::uint64_t applied_per_second_min = 5;

struct Fault {
  std::string name;
  std::function<void()> commit;
};

// One of each kind, as long as the time lasts, in an order drawn anew each round.
class Faults {
 public:
  Faults(Stage& stage, const Options& options) : chance_(options.seed) {
    const auto draw = [this](int least, int most) {
      return milliseconds(std::uniform_int_distribution<>(least, most)(chance_));
    };
    kinds_.push_back({"kill the upstream", [&stage] { stage.kill_upstream(); }});
    kinds_.push_back(
        {"freeze the upstream", [&stage, draw] { stage.freeze_upstream(draw(300, 2'000)); }});
    kinds_.push_back(
        {"fill the upstream's accept queue", [&stage] { stage.fill_accept_queue_of_upstream(); }});
    if (options.front == Front::nothing) return;
    kinds_.push_back({"stop the proxy", [&stage, draw] { stage.stop_proxy(draw(1'000, 3'000)); }});
    kinds_.push_back(
        {"stop the proxy, kill the upstream", [&stage] { stage.stop_proxy_and_kill_upstream(); }});
    kinds_.push_back({"exhaust the proxy's descriptors",
                      [&stage] { stage.exhaust_descriptors(milliseconds{1'000}); }});
    if (options.plan == Plan::proxy_survives) return;
    kinds_.push_back({"kill the proxy", [&stage] { stage.kill_proxy(); }});
    kinds_.push_back({"kill the proxy beside a frozen upstream",
                      [&stage] { stage.kill_proxy_beside_frozen_upstream(); }});
  }

  const Fault& next() {
    if (round_.empty()) {
      round_ = kinds_;
      std::ranges::shuffle(round_, chance_);
    }
    current_ = std::move(round_.back());
    round_.pop_back();
    return current_;
  }

 private:
  std::mt19937_64 chance_;
  std::vector<Fault> kinds_;
  std::vector<Fault> round_;
  Fault current_;
};

// Every resource is written once by a client without bad manners; returns those that refuse.
std::vector<std::string> write_everything(Client& client, const Landscape& landscape) {
  std::vector<std::string> shut;
  const support::Deadline deadline(peace_max);
  for (std::size_t resource = 0; resource < landscape.size(); ++resource) {
    // Once the time is over nothing more is asked for: each request might wait as long again.
    const bool written = !deadline.expired() &&
                         support::eventually([&] { return client.change(resource); }, deadline);
    if (!written) shut.push_back(landscape[resource].path);
  }
  return shut;
}

void add(ClientCounts& sum, const ClientCounts& counts) {
  for (const auto& [answer, times] : counts.answers) sum.answers[answer] += times;
  sum.reads += counts.reads;
  sum.not_modified += counts.not_modified;
  sum.cut_requests += counts.cut_requests;
  sum.left_early += counts.left_early;
  sum.broken_answers += counts.broken_answers;
  sum.unanswered += counts.unanswered;
}

void torment(Stage& stage, const Options& options) {
  Faults faults(stage, options);
  const support::Deadline deadline(options.time);
  while (!deadline.expired()) {
    Stage::pass(recovery);
    stage.expect_running();
    const Fault& fault = faults.next();
    if (options.progress != nullptr && options.plan == Plan::everything) {
      *options.progress << "  " << fault.name << std::endl;
    }
    fault.commit();
  }
  stage.expect_running();
}

}  // namespace

Report run(const Options& options) {
  Report report;
  report.options = options;
  const Landscape landscape;
  Arena arena{.landscape = landscape};
  Stage stage(options.front, options.seed, arena);
  std::deque<Client> clients;
  for (unsigned number = 1; number <= options.clients + 1; ++number) {
    clients.emplace_back(number, options.seed + number, arena);
  }
  {
    std::vector<std::jthread> threads;
    // Also when a fault throws, the clients must end.
    struct End {
      ~End() { arena.over = true; }
      Arena& arena;
    } end{arena};
    for (unsigned index = 0; index < options.clients; ++index) {
      threads.emplace_back([&client = clients[index]] { client.run(); });
    }
    std::optional<Sampler> sampler;
    if (options.plan == Plan::proxy_survives) {
      sampler.emplace(stage.proxy().pid(), options.progress);
    }
    torment(stage, options);
    if (sampler) report.samples = sampler->stop();
    stage.calm();
  }
  if (options.front == Front::ifmatch) {
    report.shut = write_everything(clients.back(), landscape);
  }
  stage.end();

  std::vector<Attempt> attempts;
  std::vector<Sighting> sightings;
  for (const Client& client : clients) {
    attempts.insert(attempts.end(), client.attempts().begin(), client.attempts().end());
    sightings.insert(sightings.end(), client.sightings().begin(), client.sightings().end());
    add(report.counts, client.counts());
  }
  JournalText journal = read_journal(stage.journal(), landscape);
  report.findings = check(landscape, journal.applied, attempts, sightings);
  report.faults = stage.faults();
  report.mishaps = std::move(journal.mishaps);
  if (!options.samples.empty()) write_samples(options.samples, report.samples);
  return report;
}

std::vector<std::string> Report::failures() const {
  std::vector<std::string> failures;
  const auto fail_if = [&failures](bool failed, const std::string& text) {
    if (failed) failures.push_back(text);
  };
  if (options.front == Front::nothing) {
    fail_if(findings.lost == 0,
            "no update was lost straight at the upstream: is the checker blind?");
    return failures;
  }
  fail_if(findings.lost > 0, std::to_string(findings.lost) + " updates were lost");
  fail_if(findings.broken > 0, std::to_string(findings.broken) + " promises were broken");
  fail_if(mishaps.contains("garbled content"), "content reached the upstream garbled");
  fail_if(counts.unanswered > 0, std::to_string(counts.unanswered) + " requests got no answer");
  for (const std::string& path : shut) fail_if(true, path + " could not be written in the end");
  const auto applied_min =
      applied_per_second_min * static_cast<std::uint64_t>(options.time.count());
  fail_if(findings.applied < applied_min,
          "only " + std::to_string(findings.applied) + " writes were applied");
  std::vector<std::string> expected = Stage::expected_faults(options.front);
  if (options.plan == Plan::everything) expected.emplace_back("proxy killed");
  for (const std::string& fault : expected) {
    fail_if(!faults.contains(fault), "there was no fault '" + fault + "'");
  }
  for (const std::string& mishap : expected_mishaps()) {
    fail_if(!mishaps.contains(mishap), "there was no mishap '" + mishap + "'");
  }
  fail_if(counts.cut_requests == 0, "no client cut a request off");
  if (options.plan == Plan::proxy_survives) {
    fail_if(counts.broken_answers > 0, std::to_string(counts.broken_answers) +
                                           " connections ended without an answer, though nobody "
                                           "ended the proxy");
    for (std::string& grown : growth(samples)) failures.push_back(std::move(grown));
  }
  return failures;
}

std::ostream& operator<<(std::ostream& out, const Report& report) {
  const auto row = [&out](const std::string& name, std::uint64_t value) {
    out << "  " << std::left << std::setw(52) << name << std::right << std::setw(10) << value
        << "\n";
  };
  out << (report.options.front == Front::ifmatch ? "through ifmatch" : "straight at the upstream")
      << ", " << report.options.time.count() << " s, " << report.options.clients
      << " clients, seed " << report.options.seed << "\nverdict\n";
  row("writes applied", report.findings.applied);
  row("UPDATES LOST", report.findings.lost);
  row("other promises broken", report.findings.broken);
  row("requests without any answer", report.counts.unanswered);
  row("resources that could not be written in the end", report.shut.size());
  out << "clients\n";
  row("reads", report.counts.reads);
  row("of them answered 304", report.counts.not_modified);
  row("writes cut off in the middle by their client", report.counts.cut_requests);
  row("writes sent and not waited for", report.counts.left_early);
  row("connections that ended without an answer", report.counts.broken_answers);
  out << "answers to writes\n";
  for (const auto& [answer, times] : report.counts.answers) row(answer, times);
  out << "faults\n";
  for (const auto& [fault, times] : report.faults) row(fault, times);
  out << "mishaps of the upstream\n";
  for (const auto& [mishap, times] : report.mishaps) row(mishap, times);
  if (!report.samples.empty()) {
    out << "soak (medians)\n";
    row("resident KiB in the second quarter", second_quarter(report.samples).resident_kibibytes);
    row("resident KiB in the last quarter", last_quarter(report.samples).resident_kibibytes);
    row("descriptors in the second quarter", second_quarter(report.samples).descriptors);
    row("descriptors in the last quarter", last_quarter(report.samples).descriptors);
  }
  for (const std::string& example : report.findings.examples) out << example << "\n";
  for (const std::string& failure : report.failures()) out << "FAILED: " << failure << "\n";
  return out;
}

}  // namespace ifmatch::torture
