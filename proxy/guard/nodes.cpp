#include "proxy/guard/nodes.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/guard/assert.hpp"

namespace ifmatch::guard {

namespace {
// Strangers choose the paths: beside the number of nodes the octets of their names are bounded.
constexpr std::size_t key_octets_max = std::size_t{64} * 1024 * 1024;
}  // namespace

Epoch Node::last_stamp() const {
  return std::max({self_any, self_exclusive, below_any});
}

std::size_t Nodes::Hash::operator()(std::string_view key) const noexcept {
  // Eight octets at a time through a multiplication, both halves folded. The seed is secret and
  // enters every step.
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15U;
  constexpr unsigned half = 32;
  std::uint64_t state = seed ^ (key.size() * odd);
  const auto mix = [&](std::uint64_t word) {
    state = (state ^ word) * odd + seed;
    state ^= state >> half;
    state *= odd;
    state ^= state >> (half - 3);
  };
  while (key.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, key.data(), sizeof word);
    mix(word);
    key.remove_prefix(sizeof word);
  }
  std::uint64_t rest = 0;
  if (!key.empty()) std::memcpy(&rest, key.data(), key.size());
  mix(rest);
  return static_cast<std::size_t>(state);
}

Nodes::Nodes(std::size_t nodes_max, std::uint64_t hash_seed, Forgotten forgotten)
    : nodes_max_(nodes_max), forgotten_(forgotten), table_(0, Hash{hash_seed}) {}

Node* Nodes::find(std::string_view key) const {
  const auto found = table_.find(key);
  // The table is const here, its nodes belong to whoever may change the engine.
  return found == table_.end() ? nullptr : const_cast<Node*>(&found->second);
}

void Nodes::look_up(Footprint& steps) const {
  for (Step& step : steps) step.node = find(step.key);
}

bool Nodes::pin(Footprint& steps) {
  std::size_t missing = 0;
  for (Step& step : steps) {
    if (step.node != nullptr) keep(*step.node);
    if (step.node == nullptr) ++missing;
  }
  if (!make_room(missing)) {
    unpin(steps);
    return false;
  }
  for (Step& step : steps) {
    if (step.node != nullptr) continue;
    const auto [made, inserted] = table_.try_emplace(std::string(step.key));
    IFMATCH_ASSERT(inserted);
    step.node = &made->second;
    step.node->key = &made->first;
    step.node->uses = 1;
    key_octets_ += step.key.size();
  }
  return true;
}

void Nodes::unpin(Footprint& steps) {
  for (Step& step : steps) {
    if (step.node != nullptr) let_go(*step.node);
    step.node = nullptr;
  }
}

void Nodes::keep(Node& node) {
  if (node.uses++ == 0) leave_idle(node);
}

void Nodes::let_go(Node& node) {
  IFMATCH_ASSERT(node.uses != 0);
  if (--node.uses != 0) return;
  IFMATCH_ASSERT(node.gate == nullptr);
  IFMATCH_ASSERT(node.unsettled_any == 0 && node.unsettled_below == 0);
  if (node.last_stamp() <= floor_) {
    // It says nothing that the floor does not say.
    key_octets_ -= node.key->size();
    table_.erase(table_.find(*node.key));
  } else {
    join_idle(node);
  }
}

std::optional<Epoch> Nodes::valid_from(ResourceView resource) const {
  if (unsettled_everywhere_ != 0) return std::nullopt;
  Epoch newest = floor_;
  for (const std::string& path : resource.paths) {
    if (!settled_path(path, newest)) return std::nullopt;
  }
  for (const std::string& name : resource.names) {
    const Node* node = find(name);
    if (node == nullptr) continue;
    if (node->unsettled_any != 0) return std::nullopt;
    newest = std::max(newest, node->self_any);
  }
  return newest;
}

std::optional<Epoch> Nodes::valid_from(const Footprint& steps) const {
  if (unsettled_everywhere_ != 0) return std::nullopt;
  Epoch newest = floor_;
  for (const Step& step : steps) {
    if (step.node == nullptr) continue;
    const Node& node = *step.node;
    if (step.own) {
      if (node.unsettled_any != 0 || node.unsettled_below != 0) return std::nullopt;
      newest = std::max({newest, node.self_any, node.below_any});
    }
    if (step.enclosing) {
      if (node.unsettled_exclusive != 0) return std::nullopt;
      newest = std::max(newest, node.self_exclusive);
    }
  }
  return newest;
}

bool Nodes::settled_path(std::string_view path, Epoch& newest) const {
  if (const Node* own = find(path)) {
    if (own->unsettled_any != 0 || own->unsettled_below != 0) return false;
    newest = std::max({newest, own->self_any, own->below_any});
  }
  bool settled_above = true;
  for_each_enclosing(path, [&](std::string_view enclosing) {
    const Node* node = find(enclosing);
    if (node == nullptr) return;
    if (node->unsettled_exclusive != 0) settled_above = false;
    newest = std::max(newest, node->self_exclusive);
  });
  return settled_above;
}

void Nodes::stamp(const Footprint& steps, Reach reach, Epoch epoch) {
  for (const Step& step : steps) {
    if (step.own) step.node->self_any = epoch;
    if (step.own && reach == Reach::above_and_below) step.node->self_exclusive = epoch;
    if (step.enclosing && reach != Reach::own_only) step.node->below_any = epoch;
  }
}

void Nodes::count_unsettled(const Footprint& steps, Reach reach) {
  for (const Step& step : steps) {
    if (step.own) ++step.node->unsettled_any;
    if (step.own && reach == Reach::above_and_below) ++step.node->unsettled_exclusive;
    if (step.enclosing && reach != Reach::own_only) ++step.node->unsettled_below;
  }
}

void Nodes::uncount_unsettled(const Footprint& steps, Reach reach) {
  const auto down = [](std::uint32_t& count) {
    IFMATCH_ASSERT(count != 0);
    --count;
  };
  for (const Step& step : steps) {
    if (step.own) down(step.node->unsettled_any);
    if (step.own && reach == Reach::above_and_below) down(step.node->unsettled_exclusive);
    if (step.enclosing && reach != Reach::own_only) down(step.node->unsettled_below);
  }
}

void Nodes::uncount_unsettled_everywhere() {
  IFMATCH_ASSERT(unsettled_everywhere_ != 0);
  --unsettled_everywhere_;
}

void Nodes::raise_floor(Epoch epoch) {
  floor_ = std::max(floor_, epoch);
}

bool Nodes::make_room(std::size_t wanted) {
  if (wanted > nodes_max_) return false;
  while (table_.size() + wanted > nodes_max_) {
    if (oldest_ == nullptr) return false;
    forget(*oldest_);
  }
  // Those in use are bounded by the requests that use them.
  while (key_octets_ > key_octets_max && oldest_ != nullptr) forget(*oldest_);
  return true;
}

void Nodes::forget(Node& node) {
  leave_idle(node);
  if (forgotten_ == Forgotten::raise_floor) raise_floor(node.last_stamp());
  key_octets_ -= node.key->size();
  table_.erase(table_.find(*node.key));
}

void Nodes::join_idle(Node& node) {
  node.older = newest_;
  node.newer = nullptr;
  (newest_ != nullptr ? newest_->newer : oldest_) = &node;
  newest_ = &node;
}

void Nodes::leave_idle(Node& node) {
  (node.older != nullptr ? node.older->newer : oldest_) = node.newer;
  (node.newer != nullptr ? node.newer->older : newest_) = node.older;
  node.older = nullptr;
  node.newer = nullptr;
}

}  // namespace ifmatch::guard
