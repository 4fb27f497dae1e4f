// The inside of the engine: the tables it keeps, and the verbs that its three source files share.
// engine.cpp has the life of a request, decide.cpp what conditions, probes and the record decide,
// gating.cpp how requests move through their gates and wait.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/guard/engine.hpp"
#include "proxy/guard/nodes.hpp"
#include "proxy/guard/record.hpp"
#include "proxy/guard/request.hpp"

namespace ifmatch::guard {

// So many of what is over are kept for those to come. A sanitizer shall see what is used too late.
#ifdef IFMATCH_KEEPS_NO_MEMORY
inline constexpr std::size_t spare_max = 0;
#else
inline constexpr std::size_t spare_max = 64;
#endif

class Engine::Body {
 public:
  Body(const EngineLimits& limits, const Rules& rules, std::atomic<Epoch>& epoch);

  // Decisions without a gate: decide.cpp.
  bool learn(const Lesson& lesson, bool without_credentials);
  std::vector<Hint> hints(const Digest& target, std::span<const Version> sent) const;
  std::optional<Version> recorded(ResourceView resource, const View& view) const;
  Foreseen foresee(const Resource& resource, const View& view, const Condition& condition) const;
  bool handed_out(const Digest& target, std::span<const Version> versions) const;
  void probed(RequestId id, const Observation& seen, Epoch since, Candidates left, Instant now,
              Actions& out);

  // The life of a request: engine.cpp.
  void submit(RequestId id, const WriteRequest& request, Instant now, Actions& out);
  void submit_read(RequestId id, ReadRequest request, Instant now, Actions& out);
  void connected(RequestId id, Instant now, Actions& out);
  void unsent(RequestId id, Instant now, Actions& out);
  void settled(RequestId id, Instant now, Actions& out);
  void in_doubt(RequestId id, Instant now, Actions& out);
  void leave(RequestId id, Instant now, Actions& out);
  void tick(Instant now, Actions& out);
  std::optional<Instant> next_deadline() const;
  void quarantine_everything(Instant until);
  void reconfigured();
  std::uint64_t generation() const { return generation_; }
  bool has_older_than(std::uint64_t generation) const;
  EngineCounts counts() const;

 private:
  // What the record can say about a condition (rule 3.2.3).
  struct Consultation {
    enum class Says : std::uint8_t { nothing, matches, differs } says = Says::nothing;
    Epoch since = 0;                 // with matches: what the decision rests on
    std::optional<Version> current;  // with differs: what this viewer was shown
  };

  // Requests alive of one configuration, by what they exclude.
  struct Living {
    std::size_t exclusive = 0;
    std::size_t shared = 0;
    std::size_t unheld = 0;
    std::size_t reads = 0;
    [[nodiscard]] std::size_t all() const { return exclusive + shared + unheld + reads; }
    [[nodiscard]] std::size_t& of(const Request& request);
  };

  // engine.cpp
  Request& admit(RequestId id, Kind kind, const WriteRequest& request);
  void take_out_rules(Request& request) const;
  Request* find(RequestId id);
  Modes modes_of(const Request& request) const;
  Reach reach_of(const Request& request) const;
  Epoch draw_epoch();
  void begin_unheld(Request& request, Actions& out);
  void send(Request& request, Instant now, Actions& out);
  void settle(Request& request);
  void void_stamps(Request& request);
  void quarantine(Request& request, Instant now, Actions& out);
  void straggled();
  bool older_ones_live() const;
  void forget_living(const Request& request);
  void refuse(Request& request, Refusal why, Actions& out);
  void refuse_in_doubt(Request& request, Instant until, Instant now, Actions& out);
  void drop(Request& request);

  // decide.cpp
  Consultation consult(const Request& request) const;
  Consultation consult_for_match(const Request& request) const;
  Consultation consult_for_mismatch(const Request& request) const;
  bool entries_count() const;
  std::optional<Epoch> entries_valid_from(ResourceView resource) const;
  std::optional<Epoch> entries_valid_from(const Request& request) const;
  void refuse_from_record(Request& request, const Consultation& told, Actions& out);
  void probe(Request& request, State where, Actions& out);
  void next_probe(Request& request, Actions& out);
  void decide(Request& request, Instant now, Actions& out);
  void decide_again(Request& request, Instant now, Actions& out);
  void decided(Request& request, Epoch rests_on, Instant now, Actions& out);
  void refuse_shown(Request& request, Refusal why, Actions& out);

  // gating.cpp
  bool refused_for_doubt(Request& request, Instant now, Actions& out);
  bool gates_free(const Request& request) const;
  bool a_queue_is_full(const Request& request) const;
  void enter(Request& request, Instant now, Actions& out);
  void pin(Request& request);
  void advance(Request& request, Instant now, Actions& out);
  bool may_begin(const Request& request) const;
  void start_waiting(Request& request, State where, Instant now, Actions& out);
  void stop_waiting(Request& request, Instant now);
  void set_deadline(Request& request, Instant deadline);
  void clear_deadline(Request& request);
  void release_gates(Request& request);
  Gate& gate_of(Node& node);
  void close_if_idle(Node& node);
  void disturb(Node& node);
  void hand_over(Instant now, Actions& out);
  void expel_from_doubt(Request& holder, Instant now, Actions& out);
  void expel_all_waiting(Instant now, Actions& out);
  void let_in_held_back(Instant now, Actions& out);

  const EngineLimits limits_;
  const Rules rules_;
  std::atomic<Epoch>& epoch_;
  Nodes nodes_;
  Record record_;
  using Requests = std::unordered_map<RequestId, Request>;
  Requests requests_;
  // Requests and gates come and go with every write: what is over lends its memory to the next.
  std::vector<Requests::node_type> spare_requests_;
  std::vector<std::unique_ptr<Gate>> spare_gates_;
  std::set<std::pair<Instant, RequestId>> deadlines_;
  std::deque<Node*> disturbed_;  // gates whose queue must be looked at again; each is kept
  std::size_t gates_busy_ = 0;
  std::uint64_t out_of_band_ = 0;
  std::optional<Instant> everything_until_;  // an unclean start: all gates are in quarantine
  bool expel_at_next_tick_ = false;          // it began: whoever waits is to be told
  std::uint64_t generation_ = 0;             // counts reloads
  std::map<std::uint64_t, Living> living_;   // by the generation they belong to
  std::vector<RequestId> held_back_;         // in the order of their arrival
  bool older_one_gone_ = false;              // since they were looked at
};

}  // namespace ifmatch::guard
