// From the accounts of requests to the text of /metrics: every name of the contract, with its labels
// and no others, and the numbers that were told.
#include "proxy/admin/metrics.hpp"

#include <gtest/gtest.h>

#include "config/loader.hpp"
#include "plugins/registry.hpp"
#include "proxy/admin/meters.hpp"

namespace ifmatch::admin {
namespace {

using net::Decision;
using std::chrono::milliseconds;

constexpr std::string_view configuration = R"(version: 1
upstreams:
  api: { url: "http://127.0.0.1:3000" }
routes:
  - { name: order, match: { path: "/orders/{id}" }, upstream: api }
  - { name: rest, match: { path: "/**" }, upstream: api, mode: bypass }
threads: 2
)";

class Metrics : public testing::Test {
 protected:
  Metrics()
      : site_(std::move(*config::load({.files = {{.path = "-", .text = std::string(configuration)}},
                                       .environment = {},
                                       .overrides = {}})
                             .config),
              plugins::builtin_plugins()),
        meters_(site_.tallies) {}

  net::Account told(const std::string& method, const char* route, int status,
                    Decision decision = Decision::none) {
    head_.method = method;
    net::Account account{.head = &head_, .client_address = {}};
    account.resource = "/orders/1";
    account.status = static_cast<std::uint16_t>(status);
    account.decision = decision;
    for (const net::SiteRoute& each : site_.routes) {
      if (route != nullptr && each.config->name == route) account.route = &each;
    }
    return account;
  }

  std::string text() {
    return render(collect(site_, {.engine = {.entries = 7, .gates_busy = 2}, .life = {}}, ledger_));
  }

  // Whether this very line is there.
  bool has(const std::string& line) {
    const std::string all = "\n" + text();
    return all.find("\n" + line + "\n") != std::string::npos;
  }

  net::Site site_;
  Meters meters_;
  LedgerTimings ledger_;
  http::RequestHead head_;
};

TEST_F(Metrics, CountRequestsOverAllThreads) {
  meters_.of(0).told(told("GET", "order", 200));
  meters_.of(1).told(told("GET", "order", 200));
  meters_.of(1).told(told("PUT", "order", 412, Decision::stale));
  meters_.of(0).told(told("GET", nullptr, 404));
  meters_.of(0).told(told("BREW", "rest", 418));
  meters_.of(0).told(told("", nullptr, 400));
  EXPECT_TRUE(has(R"(ifmatch_requests_total{route="order",method="GET",code="200"} 2)")) << text();
  EXPECT_TRUE(has(R"(ifmatch_requests_total{route="order",method="PUT",code="412"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_requests_total{route="",method="GET",code="404"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_requests_total{route="rest",method="OTHER",code="418"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_requests_total{route="",method="OTHER",code="400"} 1)"));
}

TEST_F(Metrics, CountDecisionsByModeAndBeginAtZero) {
  EXPECT_TRUE(has(R"(ifmatch_decisions_total{route="order",mode="enforce",decision="stale"} 0)"));
  meters_.of(0).told(told("PUT", "order", 412, Decision::stale));
  meters_.of(0).told(told("PUT", "order", 204, Decision::pass));
  meters_.of(1).told(told("PUT", "order", 204, Decision::pass));
  meters_.of(1).told(told("POST", "rest", 503, Decision::busy));
  EXPECT_TRUE(has(R"(ifmatch_decisions_total{route="order",mode="enforce",decision="stale"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_decisions_total{route="order",mode="enforce",decision="pass"} 2)"));
  EXPECT_TRUE(has(R"(ifmatch_decisions_total{route="rest",mode="bypass",decision="busy"} 1)"));
  EXPECT_EQ(text().find("decision=\"none\""), std::string::npos);
}

TEST_F(Metrics, CountProbesAndChangesAroundTheProxy) {
  net::Account account = told("PUT", "order", 204, Decision::pass);
  account.probes = {2, 1, 0, 0};
  account.out_of_band = 1;
  account.probe_window = milliseconds(3);
  account.gated = true;
  account.gate_wait = milliseconds(40);
  account.upstream = milliseconds(700);
  meters_.of(1).told(account);
  EXPECT_TRUE(has(R"(ifmatch_probes_total{route="order",result="version"} 2)")) << text();
  EXPECT_TRUE(has(R"(ifmatch_probes_total{route="order",result="absent"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_out_of_band_changes_total{route="order"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_probe_window_seconds_bucket{le="0.0025"} 0)"));
  EXPECT_TRUE(has(R"(ifmatch_probe_window_seconds_bucket{le="0.005"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_gate_wait_seconds_bucket{le="0.025"} 0)"));
  EXPECT_TRUE(has(R"(ifmatch_gate_wait_seconds_bucket{le="0.05"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_gate_wait_seconds_sum 0.04)"));
  EXPECT_TRUE(has(R"(ifmatch_upstream_seconds_bucket{upstream="api",le="0.5"} 0)"));
  EXPECT_TRUE(has(R"(ifmatch_upstream_seconds_bucket{upstream="api",le="+Inf"} 1)"));
  EXPECT_TRUE(has(R"(ifmatch_upstream_seconds_count{upstream="api"} 1)"));
}

TEST_F(Metrics, HaveEveryNameOfTheContract) {
  meters_.of(0).told(told("GET", "order", 200));
  const std::string all = text();
  for (const std::string& start : {
           std::string("ifmatch_requests_total{route="), std::string("ifmatch_decisions_total{route="),
           std::string("ifmatch_probes_total{route="), std::string("ifmatch_probe_window_seconds_count "),
           std::string("ifmatch_out_of_band_changes_total{route="),
           std::string("ifmatch_gate_wait_seconds_count "), std::string("ifmatch_gates_busy 2"),
           std::string("ifmatch_upstream_seconds_count{upstream="),
           std::string("ifmatch_upstream_connections{upstream=\"api\",state="),
           std::string("ifmatch_records 7"), std::string("ifmatch_ledger_seconds_count{op="),
           std::string("ifmatch_ledger_errors_total{op="),
           std::string("ifmatch_config_last_reload_successful 1"),
           std::string("ifmatch_build_info{version=")}) {
    EXPECT_NE(all.find("\n" + start), std::string::npos) << start;
  }
}

TEST_F(Metrics, ShowNoPathOfAClient) {
  head_.target = "/orders/secret-1";
  net::Account account = told("PUT", "order", 412, Decision::stale);
  account.resource = "/orders/secret-1";
  meters_.of(0).told(account);
  EXPECT_EQ(text().find("secret-1"), std::string::npos);
  ASSERT_EQ(meters_.hottest().size(), 1U);
  EXPECT_EQ(meters_.hottest()[0].resource, "/orders/secret-1");
}

TEST_F(Metrics, GoOnOverAReload) {
  meters_.of(0).told(told("GET", "order", 200));
  const net::Site next(site_.config, plugins::builtin_plugins(), site_.memory);
  EXPECT_EQ(next.routes[0].tally, site_.routes[0].tally);
  EXPECT_EQ(next.upstream_tallies[0], site_.upstream_tallies[0]);
}

TEST_F(Metrics, RefusalsAreNotPushedOutByWhatPasses) {
  meters_.of(0).told(told("PUT", "order", 412, Decision::stale));
  for (std::size_t time = 0; time < 2 * decisions_max; ++time) {
    meters_.of(0).told(told("PUT", "order", 204, Decision::pass));
  }
  EXPECT_EQ(meters_.decisions(ThreadMeter::Which::all).size(), decisions_max);
  const std::vector<Decided> refused = meters_.decisions(ThreadMeter::Which::refused);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].decision, Decision::stale);
  EXPECT_EQ(refused[0].route, "order");
}

}  // namespace
}  // namespace ifmatch::admin
