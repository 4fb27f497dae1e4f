#include "tests/support/world/world.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <map>
#include <tuple>

#include "config/loader.hpp"
#include "proxy/http/entity_tag.hpp"

namespace ifmatch::world {
namespace {

constexpr std::string_view configuration = R"(version: 1
listeners:
  - name: public
    address: "127.0.0.1:8080"
    timeouts: { header: 1s, body: 1s, idle: 3s, write: 1s }
upstreams:
  api:
    url: http://127.0.0.1:3000
    timeouts: { connect: 500ms, response: 2s, idle: 5s }
defaults:
  in_doubt: 3s
  gate: { wait: 4s, queue: 4 }
routes:
  - { name: confirm, match: { path: "/confirm/{id}" }, upstream: api }
  - { name: recorded, match: { path: "/recorded/{id}" }, upstream: api, check: recorded }
  - { name: wait, match: { path: "/wait/{id}" }, upstream: api, reads: wait }
  - { name: items, match: { path: "/items" }, upstream: api }
  - { name: item, match: { path: "/items/{id}" }, upstream: api }
  - { name: small, match: { path: "/small/{id}" }, upstream: api, max_body: 1KiB }
  - { name: free, match: { path: "/free/**" }, upstream: api, mode: bypass }
  - { name: watched, match: { path: "/watched/**" }, upstream: api, mode: observe }
)";

// More turns than this without time passing mean that something spins.
constexpr int turns_max = 200'000;

config::Config load_configuration(std::size_t upstream_connections_max) {
  config::LoadResult loaded = config::load(
      {.files = {{.path = "-", .text = std::string(configuration)}},
       .environment = {},
       .overrides = {}});
  if (!loaded.config) {
    for (const config::Diagnostic& diagnostic : loaded.diagnostics) {
      std::fprintf(stderr, "%s\n", diagnostic.message.c_str());
    }
    std::abort();
  }
  loaded.config->upstreams.front().max_connections = upstream_connections_max;
  return std::move(*loaded.config);
}

net::Task<void> serve(net::Worker& worker, const net::Door& door, net::Socket socket) {
  auto connection = std::make_unique<net::Connection>(std::move(socket), worker.sweeper);
  net::Session session(worker, door, std::move(connection),
                       http::peer_of(*http::Address::parse("192.0.2.1"), {}));
  co_await session.run();
}

}  // namespace

net::Site& site_with(std::size_t upstream_connections_max, const Secured& secured = {}) {
  static std::map<std::tuple<std::size_t, bool, bool>, std::unique_ptr<net::Site>> sites;
  std::unique_ptr<net::Site>& served = sites[{
      upstream_connections_max, secured.listener.has_value(), secured.upstream.has_value()}];
  if (!served) {
    config::Config configuration = load_configuration(upstream_connections_max);
    if (secured.listener) {
      configuration.listeners.front().tls.emplace().certificates.push_back(*secured.listener);
    }
    if (secured.upstream) {
      configuration.upstreams.front().urls.front().scheme = config::Scheme::https;
      configuration.upstreams.front().tls.ca = secured.upstream;
    }
    served = std::make_unique<net::Site>(std::move(configuration), plugins::builtin_plugins());
    served->prepare_tls();
  }
  return *served;
}

std::string tag_of(const Document& document) {
  const std::unique_ptr<plugins::VersionHasher> hasher =
      site_with(1).routes.front().version->make_hasher();
  hasher->begin(document.type, {});
  hasher->update(std::as_bytes(std::span(document.content)));
  return http::format_tag(hasher->finish().value());
}

World::World(std::size_t upstream_connections_max, const Secured& secured)
    : site(site_with(upstream_connections_max, secured)) {
  // That an API cannot be reached is told here thousands of times.
  spdlog::set_level(spdlog::level::off);
  constexpr net::DoorId only_door = 1;
  system.on_connected = [this](std::shared_ptr<shim::Stream> stream) {
    if (dress_api) stream->wear(dress_api());
    api.accept(std::move(stream));
  };
  observe_sends();
  desk_ = std::make_shared<net::GuardDesk>(
      site.origins().front().name(), guard::EngineLimits{.entries_max = 1000, .nodes_max = 1000});
  auto plan = std::make_shared<net::Plan>();
  plan->site = std::shared_ptr<const net::Site>(std::shared_ptr<void>(), &site);
  plan->desks = {desk_};
  plan->terms = {desk_->terms()};
  plan->doors = {only_door};
  published_.emplace(std::move(plan));
  worker_.emplace(*published_, 0);
  door_.id = only_door;
  worker_->add_door(door_);
  net::spawn(worker_->io,
             worker_->sweep_for_ever([this](net::Instant now) { desk_->tick(now); }));
}

World::~World() { end_worker(); }

void World::end_worker() {
  desk_->shut();
  door_.edition.reset();
  worker_.reset();
}

void World::observe_sends() {
  watch.on_send = [this](guard::RequestId id) { sends_.emplace_back().id = id; };
  // Between `send` and the first attempt to write nothing else runs on this thread.
  system.on_write = [this](shim::Stream& stream, std::string_view octets) {
    if (sends_.empty() || sends_.back().stream || stream.side() != shim::Side::upstream) return;
    Send& send = sends_.back();
    send.taken_before = stream.taken_total();
    send.begins = stream.heard_total();
    send.stream = system.share(stream);
    constexpr std::string_view name = "X-Ask: ";
    const std::size_t place = octets.find(name);
    if (place == std::string_view::npos) {
      // Where nobody can read it: of a client that is alone, it is what it asked last.
      const bool alone = clients_.size() == 1 && clients_.front()->asked() > 0;
      if (dress_api && alone) send.mark = clients_.front()->mark(clients_.front()->asked() - 1);
      return;
    }
    const std::size_t begin = place + name.size();
    send.mark = octets.substr(begin, octets.find('\r', begin) - begin);
  };
  watch.on_outcome = [this](guard::RequestId id, shim::Outcome outcome) {
    const auto send = std::ranges::find_if(
        sends_, [id](const Send& each) { return each.id == id && !each.outcome; });
    if (send == sends_.end()) return;
    send->outcome = outcome;
    send->reported_at = system.now();
    if (!send->stream) return;
    send->taken = send->stream->taken_total() - send->taken_before;
    send->was_reset = send->stream->was_reset();
    for (const std::unique_ptr<Arrival>& arrival : api.arrivals()) {
      if (arrival->stream != send->stream || arrival->begins != send->begins) continue;
      const std::size_t given = send->stream->said_and_given();
      const bool whole = arrival->answer_ends != 0 &&
                         (arrival->until_close
                              ? given >= arrival->head_ends && send->stream->end_was_read()
                              : given >= arrival->answer_ends);
      send->answer_was_whole = whole;
      send->status = arrival->status;
    }
  };
}

void World::start_session(int descriptor) {
  net::Socket socket(worker_->io.get_executor());
  socket.assign(net::tcp::v4(), descriptor);
  net::spawn(worker_->io,
                      serve(*worker_, door_, std::move(socket)),
                      [this](const std::exception_ptr& failure) {
                        if (!failure) return;
                        try {
                          std::rethrow_exception(failure);
                        } catch (const std::exception& error) {
                          violations_.push_back(std::string("a session threw: ") + error.what());
                        }
                      });
}

Client& World::add_client(std::string name, std::vector<Ask> script) {
  for (Ask& ask : script) {
    const std::size_t place = ask.fields.find("{current}");
    if (place == std::string::npos) continue;
    const Document* const document = api.find(ask.target);
    ask.fields.replace(place, 9, tag_of(document != nullptr ? *document : Document{}));
  }
  std::shared_ptr<shim::Stream> stream = system.accept_client();
  if (dress_client) stream->wear(dress_client());
  clients_.push_back(
      std::make_unique<Client>(std::move(name), std::move(script), stream, system.now()));
  start_session(stream->descriptor());
  return *clients_.back();
}

std::shared_ptr<shim::Stream> World::add_connection() {
  std::shared_ptr<shim::Stream> stream = system.accept_client();
  start_session(stream->descriptor());
  return stream;
}

void World::turn() {
  for (int turns = 0; turns < turns_max; ++turns) {
    worker_->io.restart();
    const std::size_t handlers = worker_->io.poll();
    bool acted = api.act(system.now());
    for (const std::unique_ptr<Client>& client : clients_) {
      acted = client->act(system.now()) || acted;
    }
    if (handlers == 0 && !acted && !system.has_news()) return;
  }
  violations_.push_back("it spins: something is always ready and nothing comes of it");
}

bool World::run(std::chrono::milliseconds limit) {
  const shim::Instant until = system.now() + limit;
  for (;;) {
    turn();
    const bool over = std::ranges::all_of(
        clients_, [](const std::unique_ptr<Client>& client) { return client->over(); });
    if (over && worker_->sessions.empty()) return true;
    if (system.now() >= until || !violations_.empty()) return false;
    system.advance(pace_);
  }
}

void World::pass(std::chrono::milliseconds duration) {
  const shim::Instant until = system.now() + duration;
  while (system.now() < until) {
    system.advance(pace_);
    turn();
  }
}

guard::EngineCounts World::counts() {
  return desk_->ask([](guard::Engine& engine) { return engine.counts(); });
}

}  // namespace ifmatch::world
