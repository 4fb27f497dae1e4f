// What the tests of the guard share: an engine under a clock of their own, requests made in one
// line, and the actions that each event brought.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/guard/engine.hpp"

namespace ifmatch::guard::testing {

using namespace std::chrono_literals;

template <typename Octets>
Octets octets(std::uint64_t number) {
  Octets made{};
  // Spread over the whole width, as digests are.
  std::uint64_t state = number * 0x9e3779b97f4a7c15U + 0x632be59bd9b4e019U;
  for (auto& octet : made) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    octet = static_cast<std::uint8_t>(state >> 56U);
  }
  return made;
}

inline Version version(std::uint64_t number) {
  return octets<Version>(number);
}

// A view of a target: `viewer` tells who looks, `accept` under which variant.
inline View view(std::uint64_t target, std::uint64_t viewer = 0, std::uint64_t accept = 0) {
  return {octets<Digest>(1000 + target), octets<Digest>(2000 + viewer),
          octets<Digest>(3'000'000 + target * 10'000 + viewer * 100 + accept)};
}

inline Condition if_match(std::vector<Version> versions) {
  Condition condition;
  condition.if_match = IfMatch{false, std::move(versions)};
  return condition;
}
inline Condition if_match_any() {
  Condition condition;
  condition.if_match = IfMatch{true, {}};
  return condition;
}
inline Condition create_only() {
  Condition condition;
  condition.if_none_match = IfNoneMatch{true, {}};
  return condition;
}
inline Condition if_none_match(std::vector<Version> versions) {
  Condition condition;
  condition.if_none_match = IfNoneMatch{false, std::move(versions)};
  return condition;
}

inline Observation sees(const Version& shown) {
  return {Sight::version, shown};
}
inline Observation sees(Sight sight) {
  return {sight, {}};
}

inline Resource at(std::string path, std::vector<std::string> names = {}) {
  return {{std::move(path)}, std::move(names)};
}

// A guarded write of `resource` that says `condition`, looking at target 0.
inline WriteRequest guarded(Resource resource, std::optional<Condition> condition) {
  WriteRequest request;
  request.resource = std::move(resource);
  request.condition = std::move(condition);
  request.view = view(0);
  request.absent_is_answer = false;
  request.gate_wait = 10s;
  request.in_doubt = 30s;
  return request;
}
inline WriteRequest put(const std::string& path, const Version& sent) {
  return guarded(at(path), if_match({sent}));
}
// Takes the gate exclusively, with nothing to decide: the shortest way to hold it.
inline WriteRequest serialised(const std::string& path) {
  return guarded(at(path), std::nullopt);
}
inline WriteRequest post(const std::string& path) {
  WriteRequest request = guarded(at(path), std::nullopt);
  request.hold = Hold::shared;
  return request;
}
inline WriteRequest observed(const std::string& path) {
  WriteRequest request = guarded(at(path), std::nullopt);
  request.hold = Hold::none;
  return request;
}

class Guard : public ::testing::Test {
 protected:
  explicit Guard(EngineLimits limits = small(), Rules rules = {}) : engine(limits, rules) {}

  static EngineLimits small() {
    EngineLimits limits;
    limits.entries_max = 1000;
    limits.nodes_max = 1000;
    return limits;
  }

  // Each event empties the list of actions first, so that `actions` is what it brought.
  void submit(RequestId id, WriteRequest request) {
    actions.clear();
    engine.submit(id, std::move(request), now, actions);
  }
  void submit_read(RequestId id, Resource resource, Duration wait = 10s) {
    actions.clear();
    engine.submit_read(id, {std::move(resource), wait, 64}, now, actions);
  }
  void probed(RequestId id, const Observation& seen,
              Engine::Candidates left = Engine::Candidates::exhausted) {
    probed_since(id, seen, engine.epoch(), left);
  }
  void probed_since(RequestId id, const Observation& seen, Epoch since,
                    Engine::Candidates left = Engine::Candidates::exhausted) {
    actions.clear();
    engine.probed(id, seen, since, left, now, actions);
  }
  using Verb = void (Engine::*)(RequestId, Instant, Actions&);
  void event(Verb verb, RequestId id) {
    actions.clear();
    (engine.*verb)(id, now, actions);
  }
  void connected(RequestId id) { event(&Engine::connected, id); }
  void unsent(RequestId id) { event(&Engine::unsent, id); }
  void settled(RequestId id) { event(&Engine::settled, id); }
  void in_doubt(RequestId id) { event(&Engine::in_doubt, id); }
  void leave(RequestId id) { event(&Engine::leave, id); }
  void tick_after(Duration passed) {
    now += passed;
    actions.clear();
    engine.tick(now, actions);
  }

  // Takes the request through to its send; it must not have to wait.
  void send_now(RequestId id, WriteRequest request) {
    submit(id, std::move(request));
    ASSERT_EQ(does(id), Do::connect);
    connected(id);
    ASSERT_EQ(does(id), Do::send);
  }

  void learn(const Resource& resource, const View& who, const Version& shown, Epoch since,
             Selection selection = 1, bool anonymous = false) {
    engine.learn({resource, who, shown, selection, since}, anonymous);
  }
  void learn_now(const Resource& resource, const View& who, const Version& shown) {
    learn(resource, who, shown, engine.epoch());
  }

  // The only action for this id, if there was one.
  std::optional<Action> act(RequestId id) const {
    std::optional<Action> found;
    for (const Action& action : actions) {
      if (action.request != id) continue;
      EXPECT_FALSE(found.has_value()) << "two actions for request " << id;
      found = action;
    }
    return found;
  }
  std::optional<Do> does(RequestId id) const {
    const auto action = act(id);
    return action ? std::optional(action->what) : std::nullopt;
  }
  std::optional<Refusal> refused(RequestId id) const {
    const auto action = act(id);
    return action && action->what == Do::refuse ? std::optional(action->refusal) : std::nullopt;
  }
  bool probes(RequestId id, bool gated) const {
    const auto action = act(id);
    return action && action->what == Do::probe && action->gated == gated;
  }

  Engine engine;
  Actions actions;
  Instant now{};
};

}  // namespace ifmatch::guard::testing
