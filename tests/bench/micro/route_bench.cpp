// From a target to its route and its way. The tables have their routes below one beginning, as
// those of one API do; what is asked for is the last one.
#include <stdexcept>

#include "config/loader.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/route.hpp"
#include "proxy/net/routing.hpp"
#include "tests/bench/micro/allocations.hpp"
#include "tests/bench/micro/samples.hpp"

namespace ifmatch::bench {
namespace {

constexpr std::string_view host = "api.shop.example.org";

struct Routes {
  explicit Routes(std::int64_t count, bool by_host = false) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      patterns.push_back(by_host ? "/v1/orders/{id}" : "/v1/name" + number + "/{id}");
      hosts.push_back(by_host ? "name" + number + ".shop.example.org" : "*");
    }
    std::vector<http::RouteSpec> specs;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      specs.push_back({.path = patterns[i],
                       .host = hosts[i],
                       .origin = 0,
                       .base_path = "",
                       .guarded = true});
    }
    std::string error;
    auto compiled = http::RouteTable::compile(specs, error);
    if (!compiled) throw std::logic_error(error);
    table = std::move(*compiled);
  }

  std::vector<std::string> patterns;
  std::vector<std::string> hosts;
  http::RouteTable table;
};

void match(benchmark::State& state) {
  const Routes routes(state.range(0));
  const std::string path = "/v1/name" + std::to_string(state.range(0) - 1) + "/8412735";
  const AllocationCount count(state);
  for (auto _ : state) {
    const auto match = routes.table.match(host, path);
    benchmark::DoNotOptimize(match);
  }
}
BENCHMARK(match)->Arg(10)->Arg(1000);

// One after another, so that not all of the table stays in the cache.
void match_in_turn(benchmark::State& state) {
  const Routes routes(state.range(0));
  std::vector<std::string> paths;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    paths.push_back("/v1/name" + std::to_string(i * 7 % state.range(0)) + "/8412735");
  }
  std::size_t next = 0;
  const AllocationCount count(state);
  for (auto _ : state) {
    const auto match = routes.table.match(host, paths[next]);
    benchmark::DoNotOptimize(match);
    if (++next == paths.size()) next = 0;
  }
}
BENCHMARK(match_in_turn)->Arg(10)->Arg(1000);

void match_by_host(benchmark::State& state) {
  const Routes routes(state.range(0), true);
  const std::string last = "name" + std::to_string(state.range(0) - 1) + ".shop.example.org";
  const AllocationCount count(state);
  for (auto _ : state) {
    const auto match = routes.table.match(last, "/v1/orders/8412735");
    benchmark::DoNotOptimize(match);
  }
}
BENCHMARK(match_by_host)->Arg(10)->Arg(1000);

void overlaps_guarded(benchmark::State& state) {
  const Routes routes(state.range(0));
  const std::string path = "/v1/name" + std::to_string(state.range(0) - 1) + "/8412735/lines";
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(routes.table.overlaps_guarded(0, path));
}
BENCHMARK(overlaps_guarded)->Arg(10)->Arg(1000);

void reaches_guarded(benchmark::State& state) {
  const Routes routes(state.range(0));
  const std::string path = "/v1/name" + std::to_string(state.range(0) - 1) + "/8412735";
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(routes.table.reaches_guarded(0, std::nullopt, path));
  }
}
BENCHMARK(reaches_guarded)->Arg(10)->Arg(1000);

// The last route is the one of the samples.
net::Site site_with(std::int64_t count, std::string_view mode) {
  std::string text =
      "version: 1\nlisteners:\n  - { name: public, address: \"127.0.0.1:0\" }\n"
      "upstreams:\n  api: { url: \"http://127.0.0.1:3000\" }\nstate_dir: none\nroutes:\n";
  for (std::int64_t i = 0; i < count; ++i) {
    const std::string name = i + 1 == count ? "orders" : "name" + std::to_string(i);
    text += "  - { name: " + name + ", match: { path: \"/v1/" + name +
            "/{id}\" }, upstream: api, mode: " + std::string(mode) + " }\n";
  }
  config::LoadResult loaded = config::load({{{"bench.yaml", text}}, {}, {}});
  if (!loaded.config) throw std::logic_error(loaded.diagnostics.at(0).code);
  return net::Site(std::move(*loaded.config), plugins::builtin_plugins());
}

void route_request(benchmark::State& state, const http::RequestHead& head,
                   std::string_view mode) {
  const net::Site site = site_with(state.range(0), mode);
  const auto shape = http::check_request(head);
  const AllocationCount count(state);
  for (auto _ : state) {
    const net::Routing routing = net::route_request(site, head, shape->target);
    if (routing.problem) throw std::logic_error("the sample goes nowhere");
    benchmark::DoNotOptimize(routing.route);
  }
}
BENCHMARK_CAPTURE(route_request, get, get_head(), "enforce")->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(route_request, put, put_head(), "enforce")->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(route_request, bypass_get, get_head(), "bypass")->Arg(10)->Arg(1000);
BENCHMARK_CAPTURE(route_request, bypass_put, put_head(), "bypass")->Arg(10)->Arg(1000);

void resource_of(benchmark::State& state) {
  const net::Site site = site_with(10, "enforce");
  const http::RequestHead head = get_head();
  const auto shape = http::check_request(head);
  const net::Routing routing = net::route_request(site, head, shape->target);
  const AllocationCount count(state);
  for (auto _ : state) {
    const auto resource = net::resource_of(site, routing, head, shape->target);
    benchmark::DoNotOptimize(resource->paths.data());
  }
}
BENCHMARK(resource_of);

}  // namespace
}  // namespace ifmatch::bench
