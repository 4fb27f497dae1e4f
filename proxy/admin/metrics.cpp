#include "proxy/admin/metrics.hpp"

#include <prometheus/text_serializer.h>

#include <sstream>

#include "config/keys.hpp"
#include "proxy/admin/build_info.hpp"

namespace ifmatch::admin {
namespace {

using net::Counter;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::size_t pass_on = 1;  // decisions are counted from `pass` on: `none` is no decision

// The requests of one route over all threads, by method and status.
using Answers = std::map<std::pair<std::size_t, unsigned>, std::uint64_t>;

void add_answers(Answers& answers, const net::AnswerTally& tally) {
  tally.for_each([&](std::size_t method, unsigned status, std::uint64_t count) {
    answers[{method, status}] += count;
  });
}

void add_requests(MetricFamily& family, const std::string& route, const Answers& answers) {
  for (const auto& [asked, count] : answers) {
    add_value(family,
              {{"route", route},
               {"method", std::string(net::counted_methods[asked.first])},
               {"code", std::to_string(asked.second)}},
              static_cast<double>(count));
  }
}

void collect_requests(const net::Site& site, Families& families) {
  MetricFamily requests = make_family(
      "ifmatch_requests_total", "Requests, by what the client was told; code 0: nothing.",
      MetricType::Counter);
  Answers unrouted;
  for (const net::ThreadCounts& thread : site.tallies.threads().threads()) {
    add_answers(unrouted, thread.unrouted);
  }
  add_requests(requests, "", unrouted);
  for (const net::SiteRoute& route : site.routes) {
    Answers answers;
    for (const net::RouteCounts& thread : route.tally->threads()) {
      add_answers(answers, thread.requests);
    }
    add_requests(requests, route.config->name, answers);
  }
  families.push_back(std::move(requests));
}

// Every decision of the mode in force is there from the start, so that a rate has a zero to begin
// at; others only where they were counted.
void collect_decisions(const net::Site& site, Families& families) {
  MetricFamily decisions = make_family(
      "ifmatch_decisions_total", "What was decided about writes.", MetricType::Counter);
  for (std::size_t decision = pass_on; decision < net::decision_names.size(); ++decision) {
    std::uint64_t count = 0;
    for (const net::ThreadCounts& thread : site.tallies.threads().threads()) {
      count += thread.unrouted_decisions[decision].value();
    }
    if (count == 0) continue;
    add_value(decisions,
              {{"route", ""},
               {"mode", ""},
               {"decision", std::string(net::decision_names[decision])}},
              static_cast<double>(count));
  }
  for (const net::SiteRoute& route : site.routes) {
    for (std::size_t mode = 0; mode < config::mode_names.size(); ++mode) {
      const bool in_force = mode == static_cast<std::size_t>(route.settings->mode) &&
                            route.settings->mode != config::Mode::bypass;
      for (std::size_t decision = pass_on; decision < net::decision_names.size(); ++decision) {
        const std::uint64_t count = route.tally->sum(
            [&](const net::RouteCounts& thread) -> const Counter& {
              return thread.decisions[mode][decision];
            });
        if (count == 0 && !in_force) continue;
        add_value(decisions,
                  {{"route", route.config->name},
                   {"mode", std::string(config::mode_names[mode])},
                   {"decision", std::string(net::decision_names[decision])}},
                  static_cast<double>(count));
      }
    }
  }
  families.push_back(std::move(decisions));
}

void collect_probes(const net::Site& site, Families& families) {
  MetricFamily probes = make_family("ifmatch_probes_total",
                                    "Requests of our own that ask for the current version.",
                                    MetricType::Counter);
  MetricFamily changes = make_family(
      "ifmatch_out_of_band_changes_total",
      "Versions that were seen to change without a write through this proxy.", MetricType::Counter);
  for (const net::SiteRoute& route : site.routes) {
    if (route.settings->mode == config::Mode::bypass) continue;
    for (std::size_t result = 0; result < net::probe_result_names.size(); ++result) {
      const std::uint64_t count =
          route.tally->sum([&](const net::RouteCounts& thread) -> const Counter& {
            return thread.probes[result];
          });
      add_value(probes,
                {{"route", route.config->name},
                 {"result", std::string(net::probe_result_names[result])}},
                static_cast<double>(count));
    }
    const std::uint64_t count = route.tally->sum(
        [](const net::RouteCounts& thread) -> const Counter& { return thread.out_of_band; });
    add_value(changes, {{"route", route.config->name}}, static_cast<double>(count));
  }
  families.push_back(std::move(probes));
  families.push_back(std::move(changes));
}

void collect_threads(const net::Site& site, Families& families) {
  std::vector<const net::Timing*> waits;
  std::vector<const net::Timing*> windows;
  std::uint64_t clients = 0;
  for (const net::ThreadCounts& thread : site.tallies.threads().threads()) {
    waits.push_back(&thread.gate_wait);
    windows.push_back(&thread.probe_window);
    clients += thread.clients.value();
  }
  families.push_back(make_family("ifmatch_gate_wait_seconds",
                                 "Time that requests waited at their gates, zero included.",
                                 MetricType::Histogram));
  add_timings(families.back(), {}, waits);
  families.push_back(make_family(
      "ifmatch_probe_window_seconds",
      "From the end of a probe's answer to the first octet of the write that it let through.",
      MetricType::Histogram));
  add_timings(families.back(), {}, windows);
  families.push_back(make_family("ifmatch_client_connections", "Connections of clients.",
                                 MetricType::Gauge));
  add_value(families.back(), {}, static_cast<double>(clients));
  families.push_back(make_family("ifmatch_proxy_headers_refused_total",
                                 "Connections that were closed for their PROXY header.",
                                 MetricType::Counter));
  for (std::size_t fault = 0; fault < net::proxy_header_faults.size(); ++fault) {
    std::uint64_t refused = 0;
    for (const net::ThreadCounts& thread : site.tallies.threads().threads()) {
      refused += thread.proxy_headers_refused[fault].value();
    }
    add_value(families.back(), {{"reason", std::string(net::proxy_header_faults[fault])}},
              static_cast<double>(refused));
  }
  families.push_back(make_family("ifmatch_body_bytes_held",
                                 "Memory that is reserved for contents held at this moment.",
                                 MetricType::Gauge));
  add_value(families.back(), {}, static_cast<double>(site.bodies.used()));
}

void collect_upstreams(const net::Site& site, Families& families) {
  MetricFamily seconds = make_family(
      "ifmatch_upstream_seconds",
      "From the first octet of a forwarded request to the end of the head of its answer.",
      MetricType::Histogram);
  MetricFamily connections = make_family(
      "ifmatch_upstream_connections",
      "Connections to the upstream; waiting: requests that wait for one.", MetricType::Gauge);
  for (std::size_t index = 0; index < site.config.upstreams.size(); ++index) {
    const std::string& name = site.config.upstreams[index].name;
    const net::UpstreamTally& tally = *site.upstream_tallies[index];
    std::vector<const net::Timing*> timings;
    for (const net::UpstreamCounts& thread : tally.threads()) timings.push_back(&thread.answers);
    add_timings(seconds, {{"upstream", name}}, timings);
    const auto add = [&](const char* state, Counter net::UpstreamCounts::*member) {
      const std::uint64_t sum = tally.sum(
          [&](const net::UpstreamCounts& thread) -> const Counter& { return thread.*member; });
      add_value(connections, {{"upstream", name}, {"state", state}}, static_cast<double>(sum));
    };
    add("idle", &net::UpstreamCounts::idle);
    add("active", &net::UpstreamCounts::active);
    add("waiting", &net::UpstreamCounts::waiting);
  }
  families.push_back(std::move(seconds));
  families.push_back(std::move(connections));
}

// Every reason is there from the start, so that a rate has a zero to begin at.
void add_failures(MetricFamily& family, const char* whose, const std::string& name,
                  const net::TlsFailures& failures) {
  for (std::size_t reason = 0; reason < net::tls_failure_names.size(); ++reason) {
    add_value(family,
              {{whose, name}, {"reason", std::string(net::tls_failure_names[reason])}},
              static_cast<double>(failures.of(static_cast<net::TlsFailure>(reason))));
  }
}

void collect_tls(const net::Site& site, Families& families) {
  MetricFamily clients = make_family("ifmatch_tls_handshake_failures_total",
                                     "Clients with whom TLS could not be agreed on.",
                                     MetricType::Counter);
  for (const config::Listener& listener : site.config.listeners) {
    const std::shared_ptr<const net::TlsServer> tls = site.tls_of(listener);
    if (tls) add_failures(clients, "listener", listener.name, *tls->failures());
  }
  MetricFamily servers = make_family("ifmatch_upstream_tls_handshake_failures_total",
                                     "Connections to an upstream on which TLS could not be "
                                     "agreed on.",
                                     MetricType::Counter);
  for (const std::shared_ptr<net::UpstreamState>& upstream : site.upstreams) {
    const std::shared_ptr<const net::TlsClient>& tls = upstream->tls();
    if (tls) add_failures(servers, "upstream", upstream->config().name, tls->failures());
  }
  if (!clients.metric.empty()) families.push_back(std::move(clients));
  if (!servers.metric.empty()) families.push_back(std::move(servers));
}

void collect_moment(const Moment& moment, Families& families) {
  const auto gauge = [&](const char* name, const char* help, double value) {
    families.push_back(make_family(name, help, MetricType::Gauge));
    add_value(families.back(), {}, value);
  };
  gauge("ifmatch_records", "Versions that are remembered.",
        static_cast<double>(moment.engine.entries));
  gauge("ifmatch_gates_busy", "Gates that are held, awaited or in quarantine.",
        static_cast<double>(moment.engine.gates_busy));
  gauge("ifmatch_config_last_reload_successful",
        "Whether the latest reload was applied; 1 also before the first.",
        moment.life.last_reload.applied == net::Applied::yes ? 1 : 0);
  families.push_back(make_family("ifmatch_build_info", "What is running.", MetricType::Gauge));
  add_value(families.back(),
            {{"version", std::string(build_version)}, {"commit", std::string(build_commit())}}, 1);
}

void collect_ledger(const LedgerTimings& ledger, Families& families) {
  MetricFamily seconds = make_family("ifmatch_ledger_seconds",
                                     "Time that operations of the ledger took.",
                                     MetricType::Histogram);
  MetricFamily errors = make_family("ifmatch_ledger_errors_total",
                                    "Operations of the ledger that failed.", MetricType::Counter);
  for (std::size_t op = 0; op < ledger_operations.size(); ++op) {
    const Labels labels{{"op", std::string(ledger_operations[op])}};
    const net::Timing* const timing = &ledger.seconds[op];
    add_timings(seconds, labels, {&timing, 1});
    add_value(errors, labels, static_cast<double>(ledger.errors[op].value()));
  }
  families.push_back(std::move(seconds));
  families.push_back(std::move(errors));
}

}  // namespace

MetricFamily make_family(std::string name, std::string help, MetricType type) {
  return {.name = std::move(name), .help = std::move(help), .type = type, .metric = {}};
}

void add_value(MetricFamily& family, Labels labels, double value) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void add_timings(MetricFamily& family, Labels labels,
                 std::span<const net::Timing* const> timings) {
  prometheus::ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  prometheus::ClientMetric::Histogram& histogram = metric.histogram;
  // The total is that of the buckets as they were read: they must not contradict each other.
  std::uint64_t total = 0;
  for (std::size_t bucket = 0; bucket <= net::Timing::bounds.size(); ++bucket) {
    for (const net::Timing* timing : timings) total += timing->bucket(bucket);
    const bool bounded = bucket < net::Timing::bounds.size();
    if (!bounded) break;
    histogram.bucket.push_back(
        {.cumulative_count = total, .upper_bound = net::Timing::bounds[bucket]});
  }
  histogram.bucket.push_back(
      {.cumulative_count = total, .upper_bound = std::numeric_limits<double>::infinity()});
  histogram.sample_count = total;
  for (const net::Timing* timing : timings) histogram.sample_sum += timing->sum_seconds();
}

guard::EngineCounts sum_of(std::span<const guard::EngineCounts> engines) {
  guard::EngineCounts sum;
  for (const guard::EngineCounts& each : engines) {
    sum.entries += each.entries;
    sum.nodes += each.nodes;
    sum.gates_busy += each.gates_busy;
    sum.requests += each.requests;
    sum.everything_in_doubt = sum.everything_in_doubt || each.everything_in_doubt;
    sum.out_of_band += each.out_of_band;
  }
  return sum;
}

Families collect(const net::Site& site, const Moment& moment, const LedgerTimings& ledger) {
  Families families;
  collect_requests(site, families);
  collect_decisions(site, families);
  collect_probes(site, families);
  collect_threads(site, families);
  collect_upstreams(site, families);
  collect_tls(site, families);
  collect_moment(moment, families);
  collect_ledger(ledger, families);
  return families;
}

std::string render(const Families& families) {
  std::ostringstream out;
  const prometheus::TextSerializer serializer;
  serializer.Serialize(out, families);
  return std::move(out).str();
}

}  // namespace ifmatch::admin
