// The engine: what a read teaches, and a write from its submission to its outcome, with ten and
// with a million versions on record.
#include "proxy/guard/engine.hpp"

#include <memory>
#include <random>
#include <stdexcept>

#include "tests/bench/micro/allocations.hpp"
#include "tests/bench/micro/samples.hpp"

namespace ifmatch::bench {
namespace {

using guard::Do;

struct Order {
  guard::Resource resource;
  guard::View view;
  guard::Version before{};  // it had this version once
  guard::Version version{};
};

Order order_of(std::uint64_t number) {
  Order order;
  order.resource.paths.push_back("/v1/orders/" + std::to_string(10'000'000 + number));
  order.view = {octets_of<guard::Digest>(3 * number), octets_of<guard::Digest>(1),
                octets_of<guard::Digest>(3 * number + 2)};
  order.before = octets_of<guard::Version>(2 * number);
  order.version = octets_of<guard::Version>(2 * number + 1);
  return order;
}

// An engine with so many versions on record, two of each order, and the orders that are asked for,
// in random order: more than fit into a cache where there are as many.
class Shop {
 public:
  explicit Shop(std::size_t records) : engine(limits()) {
    const std::size_t count = records / 2;
    for (std::size_t i = 0; i < count; ++i) {
      const Order order = order_of(i);
      learn(order, order.before);
      learn(order, order.version);
    }
    if (engine.counts().entries != records) throw std::logic_error("not all are on record");
    std::mt19937_64 random(20261125);
    for (std::size_t i = 0; i < asked_for; ++i) orders_.push_back(order_of(random() % count));
  }

  // Made once, because filling it takes seconds.
  static Shop& with(std::int64_t records) {
    static std::unique_ptr<Shop> shop;
    static std::int64_t of = 0;
    if (of != records) {
      shop.reset();
      shop = std::make_unique<Shop>(static_cast<std::size_t>(records));
      of = records;
    }
    return *shop;
  }

  const Order& next() {
    next_ = next_ + 1 == orders_.size() ? 0 : next_ + 1;
    return orders_[next_];
  }

  void learn(const Order& order, const guard::Version& version) {
    engine.learn({order.resource, order.view, version, 1, engine.epoch()}, false);
  }

  // As if nobody had written anything of late.
  void learn_all() {
    for (const Order& order : orders_) learn(order, order.version);
  }

  void submit(const Order& order, guard::Check check, const guard::Version& sent) {
    guard::WriteRequest request;
    request.resource = order.resource;
    request.condition.emplace().if_match.emplace().versions.push_back(sent);
    request.check = check;
    request.view = order.view;
    request.absent_is_answer = false;
    request.gate_wait = std::chrono::seconds(10);
    request.in_doubt = std::chrono::seconds(30);
    actions.clear();
    engine.submit(++id, std::move(request), now, actions);
  }

  // The only action of the last event.
  [[nodiscard]] Do told() const {
    if (actions.size() != 1) throw std::logic_error("not one action");
    return actions.front().what;
  }

  void connect_and_settle() {
    if (told() != Do::connect) throw std::logic_error("no connect");
    actions.clear();
    engine.connected(id, now, actions);
    if (told() != Do::send) throw std::logic_error("no send");
    actions.clear();
    engine.settled(id, now, actions);
  }

  guard::Engine engine;
  guard::Actions actions;
  guard::RequestId id = 0;
  guard::Instant now{};

 private:
  static constexpr std::size_t asked_for = 1 << 16;

  static guard::EngineLimits limits() {
    guard::EngineLimits limits;
    limits.nodes_max = 1'100'000;  // with those that enclose the orders
    limits.hash_seed = 1;
    return limits;
  }

  std::vector<Order> orders_;
  std::size_t next_ = 0;
};

// What every enforced GET does.
void learn(benchmark::State& state) {
  Shop& shop = Shop::with(state.range(0));
  const AllocationCount count(state);
  for (auto _ : state) {
    const Order& order = shop.next();
    shop.learn(order, order.version);
  }
}

// A PUT with the version before: 412 from the record, nothing changes.
void refuse_stale(benchmark::State& state) {
  Shop& shop = Shop::with(state.range(0));
  shop.learn_all();
  const AllocationCount count(state);
  for (auto _ : state) {
    const Order& order = shop.next();
    shop.submit(order, guard::Check::recorded, order.before);
    if (shop.told() != Do::refuse) throw std::logic_error("not refused");
  }
}

// A GET that teaches the version, then the PUT that the record decides and that voids it.
void learn_and_write_recorded(benchmark::State& state) {
  Shop& shop = Shop::with(state.range(0));
  const AllocationCount count(state);
  for (auto _ : state) {
    const Order& order = shop.next();
    shop.learn(order, order.version);
    shop.submit(order, guard::Check::recorded, order.version);
    shop.connect_and_settle();
  }
}

// A PUT that a probe in the gate confirms.
void write_confirmed(benchmark::State& state) {
  Shop& shop = Shop::with(state.range(0));
  const AllocationCount count(state);
  for (auto _ : state) {
    const Order& order = shop.next();
    shop.submit(order, guard::Check::confirm, order.version);
    if (shop.told() != Do::probe) throw std::logic_error("no probe");
    shop.actions.clear();
    shop.engine.probed(shop.id, {guard::Sight::version, order.version}, shop.engine.epoch(),
                       guard::Engine::Candidates::exhausted, shop.now, shop.actions);
    shop.connect_and_settle();
  }
}

// All of one size after another: each size is filled once.
const bool registered = [] {
  for (const std::int64_t records : {10, 1'000'000}) {
    benchmark::RegisterBenchmark("learn", learn)->Arg(records);
    benchmark::RegisterBenchmark("refuse_stale", refuse_stale)->Arg(records);
    benchmark::RegisterBenchmark("learn_and_write_recorded", learn_and_write_recorded)
        ->Arg(records);
    benchmark::RegisterBenchmark("write_confirmed", write_confirmed)->Arg(records);
  }
  return true;
}();

}  // namespace
}  // namespace ifmatch::bench
