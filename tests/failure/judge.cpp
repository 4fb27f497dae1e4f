#include "tests/failure/judge.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "tests/failure/tls_layer.hpp"

namespace ifmatch::failure {
namespace {

using shim::Effect;
using shim::Operation;
using shim::Side;
using std::chrono::milliseconds;
using world::Ask;
using world::Client;
using world::Send;

// Far beyond every time-out of the configuration together.
constexpr milliseconds history_max{60'000};
constexpr milliseconds quarantine_slack{150};
constexpr std::size_t bodies_budget = std::size_t{1024} * 1024 * 1024;

// Calls may always do this; the answers must be the same.
bool is_harmless(const shim::Fault& fault) {
  switch (fault.effect) {
    case Effect::none:
    case Effect::interrupted:
    case Effect::not_ready:
    case Effect::one_octet:
    case Effect::later: return true;
    default: return false;
  }
}

std::string problem_of(const shim::StrictMessage& answer) {
  if (answer.field("content-type") != "application/problem+json") return {};
  constexpr std::string_view prefix = "urn:ifmatch:problem:";
  const std::size_t place = answer.content.find(prefix);
  if (place == std::string::npos) return answer.content.empty() ? "without content" : "of no type";
  const std::size_t begin = place + prefix.size();
  return answer.content.substr(begin, answer.content.find('"', begin) - begin);
}

world::Secured secured(const Scenario& scenario) {
  world::Secured made;
  if (scenario.under_tls == Scenario::UnderTls::clients) made.listener = tls_files().shown;
  if (scenario.under_tls == Scenario::UnderTls::upstream) made.upstream = tls_files().authority;
  return made;
}

// Of the others a write goes on whatever happened before.
bool is_enforced(std::string_view target) {
  return !target.starts_with("/free/") && !target.starts_with("/watched/");
}

std::string field_in(std::string_view lines, std::string_view name) {
  const std::size_t place = lines.find(name);
  if (place == std::string_view::npos) return {};
  const std::size_t begin = place + name.size();
  return std::string(lines.substr(begin, lines.find('\r', begin) - begin));
}

// Counts how often each marked request was told, and with which status.
class Ledger final : public net::AccountSink {
 public:
  void told(const net::Account& account) noexcept override {
    const std::string mark(account.head->fields.first("X-Ask"));
    if (!mark.empty()) statuses[mark].push_back(account.status);
  }

  std::map<std::string, std::vector<int>> statuses;
};

class Judgement {
 public:
  Judgement(const Scenario& scenario, const shim::Fault& fault, Pieces pieces)
      : scenario_(scenario),
        fault_(fault),
        world_(scenario.upstream_connections, secured(scenario)) {
    using UnderTls = Scenario::UnderTls;
    if (scenario.under_tls == UnderTls::clients) world_.dress_client = make_tls_client;
    if (scenario.under_tls == UnderTls::upstream) world_.dress_api = make_tls_server;
    for (const auto& [path, document] : documents()) world_.api.put(path, document);
    if (pieces == Pieces::octets) world_.system.dribble(1);
    if (scenario.room > 0) {
      auto accept = world_.system.on_connected;
      world_.system.on_connected = [accept, room = scenario.room](
                                       std::shared_ptr<shim::Stream> stream) {
        stream->bound_room(room);
        accept(std::move(stream));
      };
    }
    world_.api.before_applying = [this](const shim::StrictMessage& request) { landing(request); };
  }

  Verdict pass() {
    warm_up();
    history();
    clients();
    sends();
    aftermath();
    end();
    return std::move(verdict_);
  }

 private:
  void complain(std::string what) { verdict_.complaints.push_back(std::move(what)); }

  void warm_up() {
    if (scenario_.warmed_by.empty()) return;
    const Client& reader =
        world_.add_client("w", {{.method = "GET", .target = scenario_.warmed_by}});
    if (!world_.run(history_max) || !reader.answered_all()) complain("the read beforehand failed");
    world_.drop_clients();
  }

  void history() {
    world_.add_sink(ledger_);
    world_.api.manner = scenario_.manner;
    world_.system.arm(fault_);
    for (const Party& party : scenario_.parties) {
      const Client& client = world_.add_client(party.name, party.script);
      if (scenario_.room > 0) {
        world_.system.share(client.stream())->bound_room(scenario_.room);
      }
      // Their tags are those of the beginning.
      scripts_.push_back(client.script());
    }
    if (!world_.run(history_max)) complain("it hangs");
    verdict_.fired = world_.system.fired();
    for (std::size_t side = 0; side < shim::side_count; ++side) {
      for (std::size_t operation = 0; operation < shim::operation_count; ++operation) {
        verdict_.counts[side][operation] =
            world_.system.count(static_cast<Side>(side), static_cast<Operation>(operation));
      }
    }
    world_.system.disarm();
    for (const std::string& owed : world_.watch.owed()) complain("afterwards " + owed);
    for (const auto& [mark, statuses] : ledger_.statuses) {
      if (statuses.size() != 1) complain(mark + " was told more than once");
    }
  }

  // At the moment when a write takes effect its condition must hold.
  void landing(const shim::StrictMessage& request) {
    const std::string mark(request.field("x-ask"));
    const Ask* const ask = find(mark);
    if (ask == nullptr) return;
    if (ask->content != request.content) complain(mark + " arrived with other content");
    const world::Document* const document = world_.api.find(request.target());
    const std::string wanted = field_in(ask->fields, "If-Match: ");
    if (wanted == "*") {
      if (document == nullptr) complain(mark + " landed where nothing was");
    } else if (!wanted.empty() && wanted != "{seen}") {
      if (document == nullptr || world::tag_of(*document) != wanted) {
        complain(mark + " landed on another version than it named: an update is lost");
      }
    }
    if (!field_in(ask->fields, "If-None-Match: *").empty() && document != nullptr) {
      complain(mark + " landed although something was there");
    }
    for (const std::string_view name :
         {"if-match", "if-none-match", "if-unmodified-since", "if-modified-since", "expect"}) {
      if (is_enforced(request.target()) && request.count(name) > 0) {
        complain(mark + " went on with the field " + std::string(name));
      }
    }
  }

  const Ask* find(std::string_view mark) const {
    for (std::size_t party = 0; party < scripts_.size(); ++party) {
      const std::string& name = scenario_.parties[party].name;
      if (!mark.starts_with(name)) continue;
      const std::size_t index = std::stoul(std::string(mark.substr(name.size())));
      if (index < scripts_[party].size()) return &scripts_[party][index];
    }
    return nullptr;
  }

  void clients() {
    const bool undisturbed = !verdict_.fired || is_harmless(fault_);
    for (std::size_t party = 0; party < world_.clients().size(); ++party) {
      const Client& client = *world_.clients()[party];
      if (!client.complaint().empty()) complain(client.name() + " got " + client.complaint());
      if (undisturbed && !client.answered_all()) complain(client.name() + " was not answered");
      for (std::size_t index = 0; index < client.answers().size(); ++index) {
        const world::Answered& answered = client.answers()[index];
        if (!answered.answer) continue;
        const std::string mark = client.mark(index);
        const int status = answered.answer->status();
        if (undisturbed && status != scenario_.parties[party].expected[index]) {
          complain(mark + " got " + std::to_string(status));
        }
        answer(mark, client.script()[index], *answered.answer);
        if (ledger_.statuses[mark] != std::vector<int>{status}) {
          complain(mark + " got an answer that the account does not tell, or not once");
        }
      }
    }
  }

  void answer(const std::string& mark, const Ask& ask, const shim::StrictMessage& answer) {
    const int status = answer.status();
    const bool enforced = is_enforced(ask.target);
    const bool tagged = answer.count("etag") > 0;
    if (ask.method == "GET" && status == 200 && tagged) {
      const world::Document shown{std::string(answer.field("content-type")), answer.content};
      if (answer.field("etag") != world::tag_of(shown)) {
        complain(mark + " got a tag that is not that of its octets");
      }
    }
    if (!world::is_unsafe(ask.method)) return;
    const auto arrived = static_cast<std::size_t>(
        std::ranges::count_if(world_.api.arrivals(), [&](const auto& arrival) {
          return arrival->request.field("x-ask") == mark &&
                 world::is_unsafe(arrival->request.method());
        }));
    const bool left = arrived > 0 || std::ranges::any_of(world_.sends(), [&](const Send& send) {
      return send.mark == mark && send.taken > 0;
    });
    const std::string problem = problem_of(answer);
    if (status >= 200 && status < 300 && arrived != 1) complain(mark + " got a false success");
    if (!problem.empty() && left && enforced && problem != "outcome-unknown") {
      complain(mark + " was told " + problem + " although octets of it had left");
    }
    if ((status == 412 || status == 428) && arrived > 0 && enforced) {
      complain(mark + " was refused and forwarded");
    }
  }

  void sends() {
    std::set<std::string> left;
    for (const Send& send : world_.sends()) {
      const std::string what = send.mark.empty() ? "a write" : send.mark;
      if (!send.outcome) {
        complain(what + " has no outcome");
        continue;
      }
      switch (*send.outcome) {
        case shim::Outcome::unsent: ++verdict_.unsent; break;
        case shim::Outcome::settled: ++verdict_.settled; break;
        case shim::Outcome::in_doubt: ++verdict_.in_doubt; break;
      }
      shim::Outcome lawful = shim::Outcome::in_doubt;
      if (send.taken == 0) {
        lawful = shim::Outcome::unsent;
      } else if (send.answer_was_whole && send.status != 503) {
        lawful = shim::Outcome::settled;
      }
      if (*send.outcome != lawful) {
        complain(what + " was reported " + std::string(name_of(*send.outcome)) + " after " +
                 std::to_string(send.taken) + " octets with " +
                 (send.answer_was_whole ? "a whole" : "no whole") + " answer");
      }
      // Its quarantine is counted from here on: nothing unsent may leave later (rule 3.4).
      if (*send.outcome == shim::Outcome::in_doubt && !send.answer_was_whole && !send.was_reset) {
        complain(what + " was in doubt before its connection was reset");
      }
      if (send.taken > 0 && !send.mark.empty() && !left.insert(send.mark).second) {
        complain(what + " was sent twice");
      }
      // What befalls the client is no reason to lose sight of its write, where it holds a gate.
      const Ask* const ask = find(send.mark);
      const bool observed = ask != nullptr && !is_enforced(ask->target);
      if (!observed && fault_.side == Side::client && scenario_.manner == nullptr &&
          *send.outcome != shim::Outcome::settled) {
        complain(what + " was given up with its client");
      }
    }
    std::set<std::string> arrived;
    for (const auto& arrival : world_.api.arrivals()) {
      if (!world::is_unsafe(arrival->request.method())) continue;
      const std::string mark(arrival->request.field("x-ask"));
      if (!arrived.insert(mark).second) complain(mark + " arrived twice");
    }
    for (const std::string& octets : world_.api.malformed()) {
      complain("the API got what is no request: " + octets);
    }
  }

  // Another writer comes: refused while the outcome is unknown, let in when nothing is in doubt and
  // when the quarantine is over.
  void aftermath() {
    std::set<std::string> targets;
    for (const std::vector<Ask>& script : scripts_) {
      for (const Ask& ask : script) {
        if (world::is_unsafe(ask.method) && is_enforced(ask.target)) targets.insert(ask.target);
      }
    }
    world_.api.manner = {};
    world_.drop_clients();
    for (const std::string& target : targets) write_again(target, "p");
    world_.pass(world::in_doubt + quarantine_slack);
    for (const std::string& target : targets) write_again(target, "q");
    use_all_connections();
  }

  void write_again(const std::string& target, const std::string& name) {
    const shim::Instant now = world_.system.now();
    bool doubted = false;
    for (const Send& send : world_.sends()) {
      const Ask* const ask = find(send.mark);
      const bool conflicts = send.outcome == shim::Outcome::in_doubt && ask != nullptr &&
                             excludes(*ask, target);
      const shim::Instant over = send.reported_at + world::in_doubt;
      if (!conflicts || now > over + quarantine_slack) continue;
      if (now > over - quarantine_slack) return;  // too close to call
      doubted = true;
    }
    const bool exists = world_.api.find(target) != nullptr;
    const Client& writer = world_.add_client(
        name, {{.method = "PUT",
                .target = target,
                .fields = exists ? "If-Match: {current}\r\n" : "If-None-Match: *\r\n",
                .content = "later"}});
    const bool over = world_.run(history_max);
    const std::optional<shim::StrictMessage>& answer = writer.answers().front().answer;
    if (!over || !answer) {
      complain("a later write to " + target + " got no answer");
    } else if (doubted && problem_of(*answer) != "outcome-unknown") {
      complain("a later write to " + target + " got " + std::to_string(answer->status()) +
               " while an outcome was unknown");
    } else if (!doubted && answer->status() / 100 != 2) {
      complain("a later write to " + target + " got " + std::to_string(answer->status()) + " " +
               problem_of(*answer) + " although nothing was in doubt");
    }
    world_.drop_clients();
  }

  // Whether the gates of a request leave no room for a replacement of `target`: an exclusive one
  // holds its own path against everything and those above it against exclusive ones; a shared one
  // holds all of them against exclusive ones.
  static bool excludes(const Ask& ask, const std::string& target) {
    const bool same_or_above = ask.target == target || ask.target.starts_with(target + "/");
    const bool exclusive = ask.method != "POST";
    return same_or_above || (exclusive && target.starts_with(ask.target + "/"));
  }

  // None of the pool was lost: it can have as many at once as it may.
  void use_all_connections() {
    world_.api.manner = [](const shim::StrictMessage&) {
      return world::Manner{.after = milliseconds(200)};
    };
    for (std::size_t index = 0; index < scenario_.upstream_connections; ++index) {
      world_.add_client("f" + std::to_string(index),
                        {{.method = "GET", .target = "/free/1"}});
    }
    if (!world_.run(milliseconds(5'000))) complain("connections of the pool are lost");
    for (const auto& client : world_.clients()) {
      const auto& answer = client->answers().front().answer;
      if (!answer || answer->status() != 200) complain("a connection of the pool is lost");
    }
    world_.drop_clients();
  }

  void end() {
    // Idle connections are closed in time.
    world_.pass(milliseconds(6'000));
    if (world_.sessions() != 0) complain("a session is left");
    if (world_.system.descriptors_open(Side::client) != 0) complain("a client's socket is left");
    if (world_.system.descriptors_open(Side::upstream) != 0) complain("a pooled socket is left");
    const guard::EngineCounts counts = world_.counts();
    if (counts.requests != 0) complain("the engine still knows a request");
    if (counts.gates_busy != 0) complain("a gate is still busy");
    net::BodyBudget& bodies = world_.site.bodies;
    if (bodies.take(bodies_budget)) {
      bodies.give_back(bodies_budget);
    } else {
      complain("memory for content is still taken");
    }
    world_.end_worker();
    if (world_.site.upstreams.front()->limit.open() != 0) complain("a permit is left");
    if (world_.system.descriptors_open() != 0) complain("a socket outlives its worker");
    for (const auto* list : {&world_.violations(), &world_.system.violations(),
                             &world_.watch.violations()}) {
      for (const std::string& violation : *list) complain(violation);
    }
  }

  const Scenario& scenario_;
  shim::Fault fault_;
  Ledger ledger_;
  world::World world_;
  std::vector<std::vector<Ask>> scripts_;
  Verdict verdict_;
};

}  // namespace

Verdict judge(const Scenario& scenario, const shim::Fault& fault, Pieces pieces) {
  return Judgement(scenario, fault, pieces).pass();
}

std::vector<Effect> effects_of(Side side, Operation operation) {
  switch (operation) {
    case Operation::open: return {Effect::no_descriptors, Effect::no_memory};
    case Operation::connect:
      return {Effect::refused, Effect::refused_later, Effect::later, Effect::timed_out,
              Effect::stall};
    case Operation::peek: return {Effect::reset, Effect::end, Effect::interrupted};
    case Operation::read:
      return {Effect::reset,     Effect::timed_out,   Effect::end,       Effect::stall,
              Effect::no_memory, Effect::interrupted, Effect::not_ready, Effect::one_octet};
    case Operation::write: break;
  }
  std::vector<Effect> effects{
      Effect::reset,          Effect::broken_pipe,     Effect::timed_out,
      Effect::stall,          Effect::no_memory,       Effect::interrupted,
      Effect::not_ready,      Effect::one_octet,       Effect::one_then_reset,
      Effect::half_then_reset, Effect::half_then_stall, Effect::all_then_reset};
  if (side == Side::upstream) effects.push_back(Effect::swallowed);
  return effects;
}

}  // namespace ifmatch::failure
