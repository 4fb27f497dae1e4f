// One worker of the proxy, a whole one, between scripted clients and a model of an API, all in this
// thread and in virtual time. Sessions, exchanges, pool and engine are the product's own; what they
// ask of the kernel goes to the shim.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/net/session.hpp"
#include "tests/support/shim/engine_watch.hpp"
#include "tests/support/world/api.hpp"
#include "tests/support/world/client.hpp"

namespace ifmatch::world {

inline constexpr std::chrono::milliseconds response_timeout{2'000};
inline constexpr std::chrono::milliseconds in_doubt{3'000};

// The tag that the proxy gives to a document.
[[nodiscard]] std::string tag_of(const Document& document);

// One forwarding of a write, as seen between engine and kernel.
struct Send {
  guard::RequestId id = 0;
  std::shared_ptr<shim::Stream> stream;  // unset until the first attempt to write
  std::string mark;                      // of the client's request
  std::size_t taken_before = 0;
  std::size_t begins = 0;  // at which octet of what the API hears
  // When the outcome was reported:
  std::optional<shim::Outcome> outcome;
  shim::Instant reported_at{};
  std::size_t taken = 0;        // octets of it that the kernel had taken
  bool answer_was_whole = false;  // the proxy had been given all of its answer
  int status = 0;                 // of that
  bool was_reset = false;         // its connection had been closed, with a reset
};

// Where TLS is spoken.
struct Secured {
  std::optional<config::CertificateFiles> listener;  // what is shown to clients
  std::optional<std::string> upstream;               // the authority that vouches for the API
};

class World {
 public:
  explicit World(std::size_t upstream_connections_max, const Secured& secured = {});
  ~World();

  // What clients that are added from here on wear, and the API on new connections.
  std::function<std::unique_ptr<shim::Layer>()> dress_client;
  std::function<std::unique_ptr<shim::Layer>()> dress_api;

  // Connects a client and starts its session.
  Client& add_client(std::string name, std::vector<Ask> script);
  // Starts a session on a connection that the caller plays himself.
  std::shared_ptr<shim::Stream> add_connection();
  void drop_clients() { clients_.clear(); }
  // Is told of every request from here on, and must outlive the worker.
  void add_sink(net::AccountSink& sink) { worker_->add_sink(sink); }

  // Lets happen what can happen without time passing.
  void turn();
  // ... and lets time pass, until every client is done and every session over, or for `limit`.
  // Whether all came to its end.
  [[nodiscard]] bool run(std::chrono::milliseconds limit);
  void pass(std::chrono::milliseconds duration);
  // How far time jumps when nothing else can happen. Deadlines are then as much later.
  void set_pace(std::chrono::milliseconds step) { pace_ = step; }

  [[nodiscard]] guard::EngineCounts counts();
  [[nodiscard]] std::size_t sessions() const { return worker_->sessions.size(); }
  [[nodiscard]] const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  [[nodiscard]] const std::vector<Send>& sends() const { return sends_; }
  // Sessions that ended by an exception, turns that never came to rest.
  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  // Ends the worker as the program does, with whatever is under way.
  void end_worker();

  // The routes are /confirm/{id}, /recorded/{id}, /wait/{id} (reads: wait), /items and /items/{id},
  // all enforced, and /free/** (bypass). Time-outs are short, but their order is that of the
  // defaults. Worlds with as many upstream connections and the same files share it.
  net::Site& site;
  shim::System system;
  shim::EngineWatch watch;
  Api api;

 private:
  void observe_sends();
  void start_session(int descriptor);

  std::chrono::milliseconds pace_ = net::sweep_interval;
  std::shared_ptr<net::GuardDesk> desk_;
  std::optional<net::Published> published_;
  net::Door door_;
  std::optional<net::Worker> worker_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Send> sends_;
  std::vector<std::string> violations_;
};

}  // namespace ifmatch::world
