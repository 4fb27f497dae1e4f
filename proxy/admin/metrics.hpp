// The text of /metrics: every name of the contract, from the tallies of all threads. The labels
// are names of the configuration, methods of a fixed set and statuses: never a path, a host or an
// id, of which a client could make up any number.
#pragma once

#include <prometheus/metric_family.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "proxy/admin/measured_ledger.hpp"
#include "proxy/guard/engine.hpp"
#include "proxy/net/control.hpp"
#include "proxy/net/site.hpp"

namespace ifmatch::admin {

using Families = std::vector<prometheus::MetricFamily>;

// What is measured where nothing is counted: as it is at this moment.
struct Moment {
  guard::EngineCounts engine;  // summed over all origins
  net::LifeState life;
};

[[nodiscard]] guard::EngineCounts sum_of(std::span<const guard::EngineCounts> engines);

// All families of ours. `site` must stay as it is meanwhile.
[[nodiscard]] Families collect(const net::Site& site, const Moment& moment, const LedgerTimings& ledger);

// In the text format 0.0.4 of Prometheus.
inline constexpr std::string_view metrics_media_type = "text/plain; version=0.0.4; charset=utf-8";
[[nodiscard]] std::string render(const Families& families);

// For whoever adds families.
[[nodiscard]] prometheus::MetricFamily make_family(std::string name, std::string help,
                                                   prometheus::MetricType type);
using Labels = std::vector<prometheus::ClientMetric::Label>;
void add_value(prometheus::MetricFamily& family, Labels labels, double value);
void add_timings(prometheus::MetricFamily& family, Labels labels,
                 std::span<const net::Timing* const> timings);

}  // namespace ifmatch::admin
