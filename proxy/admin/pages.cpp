#include "proxy/admin/pages.hpp"

#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "config/keys.hpp"
#include "proxy/admin/build_info.hpp"
#include "proxy/admin/metrics.hpp"

namespace ifmatch::admin {
namespace {

using net::Counter;

template <typename Get>
json::object by_decision(const net::Site& site, Get&& of_route) {
  json::object decisions;
  for (std::size_t decision = 1; decision < net::decision_names.size(); ++decision) {
    decisions[net::decision_names[decision]] = of_route(site, decision);
  }
  return decisions;
}

std::uint64_t decisions_of(const net::SiteRoute& route, std::size_t decision) {
  std::uint64_t count = 0;
  for (std::size_t mode = 0; mode < config::mode_names.size(); ++mode) {
    count += route.tally->sum([&](const net::RouteCounts& thread) -> const Counter& {
      return thread.decisions[mode][decision];
    });
  }
  return count;
}

std::uint64_t all_of(const net::AnswerTally& tally) {
  std::uint64_t count = 0;
  tally.for_each([&](std::size_t, unsigned, std::uint64_t more) { count += more; });
  return count;
}

std::uint64_t requests_of(const net::SiteRoute& route) {
  std::uint64_t count = 0;
  for (const net::RouteCounts& thread : route.tally->threads()) count += all_of(thread.requests);
  return count;
}

json::object life_of(const net::LifeState& life) {
  json::object configuration{{"loaded_at", to_text(life.configured_at)},
                             {"reloads_applied", life.reloads_applied},
                             {"reloads_refused", life.reloads_refused}};
  if (life.last_reload_at) {
    configuration["last_reload"] = {
        {"at", to_text(*life.last_reload_at)},
        {"applied", life.last_reload.applied == net::Applied::yes},
        {"text", life.last_reload.text}};
  } else {
    configuration["last_reload"] = nullptr;
  }
  return configuration;
}

// One line of a check, in the way of Kubernetes.
void add_check(Health& health, std::string_view name, Health::State state,
               std::string_view found) {
  health.text += state == Health::State::good ? "[+]" : "[-]";
  health.text += name;
  health.text += ' ';
  health.text += found;
  health.text += '\n';
  if (state == Health::State::bad) health.state = state;
}

void add_beat(Health& health, const View& view) {
  const std::chrono::nanoseconds silence = longest_silence(view.site);
  if (silence <= beat_max) return add_check(health, "threads", Health::State::good, "ok");
  add_check(health, "threads", Health::State::bad,
            "stuck for " + std::to_string(silence / std::chrono::seconds(1)) + " s");
}

}  // namespace

json::object status_page(const View& view) {
  const net::Site& site = view.site;
  const guard::EngineCounts engine = sum_of(view.engines);
  std::uint64_t requests = 0;
  std::uint64_t clients = 0;
  for (const net::ThreadCounts& thread : site.tallies.threads().threads()) {
    requests += all_of(thread.unrouted);
    clients += thread.clients.value();
  }
  for (const net::SiteRoute& route : site.routes) requests += requests_of(route);
  const auto uptime = std::chrono::system_clock::now() - view.life.started_at;
  json::array listeners;
  for (const std::string& address : view.listeners) listeners.emplace_back(address);
  return {
      {"version", build_version},
      {"commit", build_commit()},
      {"pid", ::getpid()},
      {"phase", net::name_of(view.life.phase)},
      {"ready", readiness_of(view).state == Health::State::good},
      {"started_at", to_text(view.life.started_at)},
      {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(uptime).count()},
      {"listeners", std::move(listeners)},
      {"threads", site.tallies.threads().threads().size()},
      {"configuration", life_of(view.life)},
      {"client_connections", clients},
      {"requests", requests},
      {"decisions", by_decision(site,
                                [](const net::Site& all, std::size_t decision) {
                                  std::uint64_t count = 0;
                                  for (const net::ThreadCounts& thread :
                                       all.tallies.threads().threads()) {
                                    count += thread.unrouted_decisions[decision].value();
                                  }
                                  for (const net::SiteRoute& route : all.routes) {
                                    count += decisions_of(route, decision);
                                  }
                                  return count;
                                })},
      {"records", engine.entries},
      {"gates_busy", engine.gates_busy},
      {"quarantined_at_start", engine.everything_in_doubt},
      {"body_bytes_held", site.bodies.used()},
  };
}

json::object routes_page(const View& view) {
  json::array routes;
  for (const net::SiteRoute& route : view.site.routes) {
    json::array guarded;
    for (const std::string& method : route.settings->guard) guarded.emplace_back(method);
    json::object probes;
    for (std::size_t result = 0; result < net::probe_result_names.size(); ++result) {
      probes[net::probe_result_names[result]] =
          route.tally->sum([&](const net::RouteCounts& thread) -> const Counter& {
            return thread.probes[result];
          });
    }
    std::map<unsigned, std::uint64_t> answers;
    for (const net::RouteCounts& thread : route.tally->threads()) {
      thread.requests.for_each([&](std::size_t, unsigned status, std::uint64_t count) {
        answers[status] += count;
      });
    }
    json::object by_status;
    for (const auto& [status, count] : answers) by_status[std::to_string(status)] = count;
    routes.push_back(json::object{
        {"name", route.config->name},
        {"path", route.config->path},
        {"host", route.config->host},
        {"upstream", route.upstream->name},
        {"mode", config::mode_names[static_cast<std::size_t>(route.settings->mode)]},
        {"check", config::check_names[static_cast<std::size_t>(route.settings->check)]},
        {"guard", std::move(guarded)},
        {"requests", requests_of(route)},
        {"answers", std::move(by_status)},
        {"decisions", by_decision(view.site,
                                  [&](const net::Site&, std::size_t decision) {
                                    return decisions_of(route, decision);
                                  })},
        {"probes", std::move(probes)},
        {"out_of_band_changes",
         route.tally->sum(
             [](const net::RouteCounts& thread) -> const Counter& { return thread.out_of_band; })},
    });
  }
  return {{"routes", std::move(routes)}};
}

json::array places_of(const net::UpstreamSnapshot& upstream) {
  json::array places;
  for (const net::PlaceSnapshot& place : upstream.places) {
    places.push_back(json::object{{"url", place.url},
                                  {"state", net::name_of(place.standing)},
                                  {"idle", place.idle},
                                  {"active", place.active},
                                  {"connects", place.connects},
                                  {"failures", place.failures},
                                  {"failed_checks", place.failed_checks}});
  }
  return places;
}

std::string urls_of(const config::Upstream& upstream) {
  std::string urls;
  for (const config::Endpoint& place : upstream.urls) {
    urls += (urls.empty() ? "" : ", ") + place.url;
  }
  return urls;
}

json::object upstreams_page(const View& view) {
  json::array upstreams;
  for (std::size_t index = 0; index < view.site.config.upstreams.size(); ++index) {
    const config::Upstream& upstream = view.site.config.upstreams[index];
    const net::UpstreamTally& tally = *view.site.upstream_tallies[index];
    const auto sum = [&](Counter net::UpstreamCounts::*member) {
      return tally.sum(
          [&](const net::UpstreamCounts& thread) -> const Counter& { return thread.*member; });
    };
    std::uint64_t answers = 0;
    double seconds = 0;
    for (const net::UpstreamCounts& thread : tally.threads()) {
      for (std::size_t bucket = 0; bucket <= net::Timing::bounds.size(); ++bucket) {
        answers += thread.answers.bucket(bucket);
      }
      seconds += thread.answers.sum_seconds();
    }
    upstreams.push_back(json::object{
        {"name", upstream.name},
        {"url", urls_of(upstream)},
        {"places", places_of(view.site.upstreams[index]->snapshot())},
        {"max_connections", upstream.max_connections},
        {"connections", {{"idle", sum(&net::UpstreamCounts::idle)},
                         {"active", sum(&net::UpstreamCounts::active)}}},
        {"waiting", sum(&net::UpstreamCounts::waiting)},
        {"answers", answers},
        {"mean_seconds", answers == 0 ? 0 : seconds / static_cast<double>(answers)},
    });
  }
  return {{"upstreams", std::move(upstreams)}};
}

json::object hot_page(const View& view) {
  json::array resources;
  for (const Contended& entry : view.meters.hottest()) {
    resources.push_back(json::object{{"resource", entry.resource},
                                     {"route", entry.route},
                                     {"events", entry.events},
                                     {"events_error_max", entry.error},
                                     {"waits", entry.waits},
                                     {"waited_seconds", seconds_of(entry.waited)},
                                     {"stale", entry.stale},
                                     {"busy", entry.busy}});
  }
  return {{"resources", std::move(resources)}};
}

json::object observe_page(const View& view) {
  return json::parse(net::observed_json(view.observatories)).as_object();
}

json::object decisions_page(const View& view, ThreadMeter::Which which) {
  json::array decisions;
  for (const Decided& decided : view.meters.decisions(which)) {
    decisions.push_back(json::object{{"time", to_text(decided.at)},
                                     {"route", decided.route},
                                     {"mode", decided.mode},
                                     {"method", decided.method},
                                     {"resource", decided.resource},
                                     {"decision", net::name_of(decided.decision)},
                                     {"status", decided.status},
                                     {"reason", reason_of(decided)},
                                     {"trace_id", decided.trace_id},
                                     {"from_record", decided.from_record},
                                     {"outcome_unknown", decided.outcome_unknown},
                                     {"seconds", seconds_of(decided.took)},
                                     {"gate_wait_seconds", seconds_of(decided.gate_wait)}});
  }
  return {{"decisions", std::move(decisions)}};
}

std::chrono::nanoseconds longest_silence(const net::Site& site) {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  std::chrono::nanoseconds longest{0};
  for (const net::ThreadCounts& thread : site.tallies.threads().threads()) {
    const std::chrono::nanoseconds beat{thread.beat.value()};
    if (beat.count() != 0) longest = std::max<std::chrono::nanoseconds>(longest, now - beat);
  }
  return longest;
}

Health liveness_of(const View& view) {
  Health health;
  add_beat(health, view);
  return health;
}

Health readiness_of(const View& view) {
  Health health;
  const bool serving = view.life.phase == net::Phase::serving;
  add_check(health, "phase", serving ? Health::State::good : Health::State::bad,
            net::name_of(view.life.phase));
  add_beat(health, view);
  // What an upstream does is no reason to restart this instance or to pass it by: another one has
  // the same upstream. It is told, and does not count.
  for (std::size_t index = 0; index < view.site.config.upstreams.size(); ++index) {
    const net::UpstreamTally& tally = *view.site.upstream_tallies[index];
    const auto sum = [&](Counter net::UpstreamCounts::*member) {
      return std::to_string(tally.sum(
          [&](const net::UpstreamCounts& thread) -> const Counter& { return thread.*member; }));
    };
    health.text += "[ ]upstream " + view.site.config.upstreams[index].name + ": " +
                   sum(&net::UpstreamCounts::active) + " connections active, " +
                   sum(&net::UpstreamCounts::idle) + " idle, " +
                   sum(&net::UpstreamCounts::waiting) + " requests waiting\n";
    for (const net::PlaceSnapshot& place : view.site.upstreams[index]->snapshot().places) {
      if (place.standing == net::Standing::good) continue;
      health.text += "[ ]upstream " + view.site.config.upstreams[index].name + ": " + place.url +
                     " is " + std::string(net::name_of(place.standing)) + "\n";
    }
  }
  return health;
}

}  // namespace ifmatch::admin
