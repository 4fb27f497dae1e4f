#include "proxy/net/site.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "proxy/guard/assert.hpp"
#include "proxy/http/fields.hpp"

namespace ifmatch::net {
namespace {

// The budget is asked for so much at once, so that small pieces cost little.
constexpr std::size_t hold_step = 16 * config::kib;

bool contains(const std::vector<std::string>& list, std::string_view method) noexcept {
  return std::ranges::find(list, method) != list.end();
}

http::ExposeEtag expose_of(config::ExposeEtag choice) {
  switch (choice) {
    case config::ExposeEtag::automatic: return http::ExposeEtag::automatic;
    case config::ExposeEtag::always: return http::ExposeEtag::always;
    case config::ExposeEtag::never: break;
  }
  return http::ExposeEtag::never;
}

}  // namespace

bool SiteRoute::guards(std::string_view method) const noexcept {
  return contains(settings->guard, method);
}

bool SiteRoute::serializes(std::string_view method) const noexcept {
  return contains(settings->serialize, method);
}

bool SiteRoute::doubts(int status) const noexcept {
  return std::ranges::any_of(settings->doubtful, [status](const config::StatusRange& range) {
    return status >= range.first && status <= range.last;
  });
}

bool SiteRoute::binds_like(const SiteRoute& other) const {
  const config::RouteSettings& theirs = *other.settings;
  return config->resources == other.config->resources && in_doubt == other.in_doubt &&
         settings->mode == theirs.mode && settings->check == theirs.check &&
         settings->guard == theirs.guard && settings->serialize == theirs.serialize &&
         settings->on_missing == theirs.on_missing && settings->wildcard == theirs.wildcard &&
         settings->vary == theirs.vary && settings->doubtful == theirs.doubtful;
}

bool BodyBudget::take(std::size_t count) noexcept {
  std::size_t used = used_.load(std::memory_order_relaxed);
  const std::size_t most = limit();
  do {
    if (count > most || used > most - count) return false;
  } while (!used_.compare_exchange_weak(used, used + count, std::memory_order_relaxed));
  return true;
}

bool BodyHold::take(std::size_t count) noexcept {
  if (!reserve(count)) return false;
  used_ += count;
  return true;
}

bool BodyHold::reserve(std::size_t count) noexcept {
  if (used_ + count <= reserved_) return true;
  const std::size_t missing = used_ + count - reserved_;
  const std::size_t steps = (missing + hold_step - 1) / hold_step;
  if (!budget_.take(steps * hold_step)) {
    exhausted_ = true;
    return false;
  }
  reserved_ += steps * hold_step;
  return true;
}

SiteMemory::SiteMemory() : bodies(config::Limits().buffered_bodies) {}

std::size_t thread_count(const config::Config& config) {
  if (config.threads != 0) return config.threads;
  return std::max(1U, std::thread::hardware_concurrency());
}

namespace {

// A reload leaves the connections to an upstream alone, and all that is known of its places, unless
// something is said otherwise about it; the files of an https one may say so under the same names.
std::shared_ptr<UpstreamState> state_in(SiteMemory& memory, const config::Upstream& upstream) {
  std::erase_if(memory.upstreams, [](const auto& known) { return known.expired(); });
  for (const std::weak_ptr<UpstreamState>& known : memory.upstreams) {
    std::shared_ptr<UpstreamState> state = known.lock();
    if (state && state->config() == upstream && !upstream.has_tls()) return state;
  }
  auto made = std::make_shared<UpstreamState>(upstream);
  memory.upstreams.push_back(made);
  return made;
}

// The threads of the first configuration are those of all.
TallyBook& tallies_in(SiteMemory& memory, const config::Config& config) {
  if (!memory.tallies) memory.tallies.emplace(thread_count(config));
  return *memory.tallies;
}

}  // namespace

Site::Site(config::Config given, const plugins::Registry& plugins,
           std::shared_ptr<SiteMemory> remembered)
    : config(std::move(given)),
      memory(std::move(remembered)),
      keyring(memory->keyring),
      selections(memory->selections),
      bodies(memory->bodies),
      tallies(tallies_in(*memory, config)),
      origins_(origins_of(config.upstreams)) {
  for (const config::Network& network : config.trusted_proxies.networks) {
    trusted_proxies.push_back({.base = http::Address(network.octets), .prefix = network.prefix});
  }
  for (const config::Upstream& upstream : config.upstreams) {
    upstreams.push_back(state_in(*memory, upstream));
    upstream_tallies.push_back(tallies.upstream(upstream.name));
  }

  std::vector<http::RouteSpec> specs;
  for (const config::Route& route : config.routes) {
    specs.push_back({.path = route.path,
                     .host = route.host,
                     .origin = origin_of(route.upstream),
                     .base_path = config.upstreams[route.upstream].base_path,
                     .guarded = route.settings.mode == config::Mode::enforce});
  }
  std::string error;
  table = http::RouteTable::compile(specs, error);
  if (!table) throw std::runtime_error(error);

  for (std::size_t index = 0; index < config.routes.size(); ++index) {
    const config::Route& route = config.routes[index];
    SiteRoute& compiled = routes.emplace_back();
    compiled.config = &route;
    compiled.settings = &route.settings;
    compiled.tally = tallies.route(route.name);
    compiled.upstream_tally = upstream_tallies[route.upstream];
    compiled.upstream = &config.upstreams[route.upstream];
    compiled.origin = origin_of(route.upstream);
    compiled.authority = authority_of(compiled.upstream->urls.front());
    compiled.in_doubt =
        route.settings.in_doubt.value_or(compiled.upstream->timeouts.response);
    compiled.conditions = {
        .accept_rewritten = route.settings.accept_rewritten_tags,
        .wildcard_refused = route.settings.wildcard == config::Wildcard::refuse};
    compiled.expose_etag = expose_of(route.settings.expose_etag);
    // Of what is observed nothing is changed that nobody asked for.
    if (route.settings.mode == config::Mode::observe &&
        compiled.expose_etag == http::ExposeEtag::automatic) {
      compiled.expose_etag = http::ExposeEtag::never;
    }
    for (const std::string& text : route.resources) {
      auto compiled_template =
          http::ResourceTemplate::compile(text, table->pattern(index), error);
      if (!compiled_template)
        throw std::runtime_error("routes." + route.name + ".resource: " + error);
      compiled.resources.push_back(std::move(*compiled_template));
    }
    compiled.version = plugins.make_version_source("body", {.secret = config.etag_secret});
    if (!compiled.version) throw std::runtime_error("the version source 'body' is not built in");
  }
}

Site::~Site() = default;

void Site::prepare_tls() {
  std::vector<config::Finding> findings;
  for (const config::Listener& listener : config.listeners) {
    std::shared_ptr<const TlsServer> server;
    if (listener.tls) {
      std::shared_ptr<TlsFailures>& failures = memory->tls_failures[listener.name];
      if (!failures) failures = std::make_shared<TlsFailures>();
      server = TlsServer::build(listener, findings, failures);
    }
    listener_tls_.push_back(std::move(server));
  }
  for (const std::shared_ptr<UpstreamState>& upstream : upstreams) {
    if (!upstream->config().has_tls()) continue;
    std::shared_ptr<TlsFailures>& failures =
        memory->upstream_tls_failures[upstream->config().name];
    if (!failures) failures = std::make_shared<TlsFailures>();
    upstream->use_tls(TlsClient::build(upstream->config(), findings, failures));
  }
  for (const config::Finding& finding : findings) {
    if (finding.severity != config::Severity::error) continue;
    throw std::runtime_error(finding.key + ": " + finding.message);
  }
}

std::shared_ptr<const TlsServer> Site::tls_of(const config::Listener& listener) const {
  if (!listener.tls) return nullptr;
  const auto index = static_cast<std::size_t>(&listener - config.listeners.data());
  IFMATCH_ASSERT(index < listener_tls_.size() && listener_tls_[index] != nullptr);
  return listener_tls_[index];
}

std::chrono::milliseconds Site::longest_in_doubt(std::size_t origin) const {
  std::chrono::milliseconds longest{0};
  for (const SiteRoute& route : routes) {
    if (route.origin == origin) longest = std::max(longest, route.in_doubt);
  }
  return longest;
}

}  // namespace ifmatch::net
