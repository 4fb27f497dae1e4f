#include "proxy/net/upstream_pool.hpp"

#include <algorithm>
#include <utility>

#include "proxy/guard/assert.hpp"

namespace ifmatch::net {
namespace {

// "A moment ago": an idle connection that a write may use without having been probed on just now.
constexpr std::chrono::milliseconds moment{1'000};
// An upstream's promise of N seconds is kept by it on its own clock and from its own last octet.
constexpr std::chrono::milliseconds keep_alive_margin{1'000};

// Only the thread of the pool writes its tally: no need for an atomic addition.
void add(std::atomic<std::uint32_t>& tally, std::uint32_t step) noexcept {
  tally.store(tally.load(std::memory_order_relaxed) + step, std::memory_order_relaxed);
}

constexpr std::uint32_t minus_one = ~std::uint32_t{0};

// A name may lead elsewhere by now: then it is not to be gone on with for as long as it is in use.
bool leads_there(const Connection& connection) {
  return !connection.address->gone.load(std::memory_order_relaxed);
}

http::Fault all_in_use(std::string_view detail) {
  return {http::Origin::upstream, http::FaultKind::exhausted, http::Sent::nothing,
          std::string(detail)};
}

}  // namespace

// One request in the queue for a connection. It lives as long as somebody may still wake it.
class UpstreamPool::Waiting final : public ConnectionLimit::Waiter,
                                    public std::enable_shared_from_this<Waiting> {
 public:
  Waiting(UpstreamPool& pool, Instant deadline)
      : Waiter(&pool), timer(pool.io_.get_executor(), deadline), executor_(timer.get_executor()) {}

  void granted() noexcept override {
    asio::post(executor_, [self = shared_from_this()] { self->timer.cancel(); });
  }

  Timer timer;
  std::unique_ptr<Connection> connection;  // handed over along with the permit
  std::size_t place = 0;                   // of that

 private:
  Executor executor_;
};

// The stay of a coroutine in the queue. What was granted and not taken goes to the next one.
struct UpstreamPool::Stay {
  Stay(UpstreamPool& pool, Instant deadline)
      : of(pool), waiting(std::make_shared<Waiting>(pool, deadline)) {
    ++of.waiting_;
  }
  ~Stay() {
    if (left) return;
    --of.waiting_;
    waiting->connection.reset();
    if (of.state_.limit.leave(*waiting)) of.connection_gone();
  }
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;

  // True if there is a permit, which is the caller's now.
  [[nodiscard]] bool leave() {
    left = true;
    --of.waiting_;
    return of.state_.limit.leave(*waiting);
  }

  UpstreamPool& of;
  std::shared_ptr<Waiting> waiting;
  bool left = false;
};

// A permit for a connection that is being made, until it exists or has failed.
struct UpstreamPool::Opening {
  explicit Opening(UpstreamPool& pool) : of(pool) {}
  ~Opening() {
    if (place) of.end_use(*place);
    if (!succeeded) of.connection_gone();
  }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  void moves_to(std::size_t next) {
    if (place) of.end_use(*place);
    place = next;
    of.begin_use(next);
  }

  UpstreamPool& of;
  std::optional<std::size_t> place;  // where it is tried
  bool succeeded = false;
};

Lease::Lease(UpstreamPool& pool, std::size_t place, std::unique_ptr<Connection> connection,
             bool fresh)
    : pool_(&pool), connection_(std::move(connection)), place_(place), fresh_(fresh) {
  pool_->begin_use(place_);
}

Lease::Lease(Lease&& other) noexcept
    : pool_(other.pool_),
      connection_(std::move(other.connection_)),
      place_(other.place_),
      fresh_(other.fresh_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    reset();
    pool_ = other.pool_;
    connection_ = std::move(other.connection_);
    place_ = other.place_;
    fresh_ = other.fresh_;
  }
  return *this;
}

Lease::~Lease() { reset(); }

std::string_view Lease::place() const noexcept { return pool_->state_.place(place_).name; }

void Lease::reset() {
  if (connection_) connection_->reset();
  close();
}

void Lease::close() {
  if (!connection_) return;
  connection_->close();
  connection_.reset();
  pool_->end_use(place_);
  pool_->connection_gone();
}

void Lease::give_back(std::optional<std::chrono::seconds> keep_alive) {
  IFMATCH_ASSERT(connection_ != nullptr);
  pool_->end_use(place_);
  pool_->give_back(place_, std::move(connection_), keep_alive);
}

UpstreamPool::UpstreamPool(asio::io_context& io, Sweeper& sweeper,
                           std::shared_ptr<UpstreamState> state)
    : Swept(sweeper),
      Member(state->size()),
      io_(io),
      sweeper_(sweeper),
      shared_(std::move(state)),
      state_(*shared_),
      connector_(io, sweeper, state_),
      idle_(state_.size()),
      door_(std::make_shared<Door>(Door{this})) {
  state_.join(*this);
}

UpstreamPool::~UpstreamPool() {
  state_.leave(*this);
  door_->pool = nullptr;
}

void UpstreamPool::begin_use(std::size_t place) noexcept {
  add(tallies[place].active, 1);
  if (state_.counts_active()) {
    state_.place(place).active.fetch_add(1, std::memory_order_relaxed);
  }
}

void UpstreamPool::end_use(std::size_t place) noexcept {
  add(tallies[place].active, minus_one);
  if (state_.counts_active()) {
    state_.place(place).active.fetch_sub(1, std::memory_order_relaxed);
  }
}

void UpstreamPool::set_idle(std::size_t place) noexcept {
  tallies[place].idle.store(static_cast<std::uint32_t>(idle_[place].size()),
                            std::memory_order_relaxed);
}

void UpstreamPool::sweep(Instant now) {
  for (std::size_t place = 0; place < idle_.size(); ++place) {
    follow_name(place, now);
    std::deque<Idle>& idle = idle_[place];
    while (!idle.empty() && idle.front().until <= now) {
      idle.front().connection->close();
      idle.pop_front();
      set_idle(place);
      connection_gone();
    }
  }
  // Whoever began to wait while a connection was put back here may have been overlooked.
  make_room();
  // One at a time would be too slow for the last in a long queue: each thread gives its part.
  if (const std::size_t waiting = state_.limit.waiting(); crowded && waiting > 0) {
    const std::size_t threads = state_.members();
    crowded((waiting + threads - 1) / threads);
  }
}

// Where connections are kept nobody connects, and nobody else would ask where the name leads.
void UpstreamPool::follow_name(std::size_t place, Instant now) {
  AddressBook& addresses = state_.place(place).addresses;
  if (!addresses.takes_turns()) return;
  if (idle_[place].empty() && tallies[place].active.load(std::memory_order_relaxed) == 0) return;
  static_cast<void>(addresses.look(now));
  const std::size_t closed = std::erase_if(idle_[place], [](const Idle& idle) {
    if (leads_there(*idle.connection)) return false;
    idle.connection->close();
    return true;
  });
  if (closed == 0) return;
  set_idle(place);
  for (std::size_t count = 0; count < closed; ++count) connection_gone();
}

// On whatever thread it is called, it happens on ours.
void UpstreamPool::be_asked_for_room() noexcept {
  asio::post(io_, [door = door_] {
    if (door->pool != nullptr) door->pool->make_room();
  });
}

void UpstreamPool::make_room() {
  while (state_.limit.waiting() > 0 && close_oldest()) connection_gone();
}

void UpstreamPool::retire() {
  retired_ = true;
  while (close_oldest()) connection_gone();
}

PoolNumbers UpstreamPool::numbers() const noexcept {
  PoolNumbers seen{.waiting = waiting_};
  for (const PlaceTally& tally : tallies) {
    seen.idle += tally.idle.load(std::memory_order_relaxed);
    seen.active += tally.active.load(std::memory_order_relaxed);
  }
  return seen;
}

bool UpstreamPool::close_oldest() {
  std::optional<std::size_t> oldest;
  for (std::size_t place = 0; place < idle_.size(); ++place) {
    if (idle_[place].empty()) continue;
    if (!oldest || idle_[place].front().since < idle_[*oldest].front().since) oldest = place;
  }
  if (!oldest) return false;
  idle_[*oldest].front().connection->close();
  idle_[*oldest].pop_front();
  set_idle(*oldest);
  return true;
}

// The permit of a connection that does not exist any more goes to the first who waits.
void UpstreamPool::connection_gone() { state_.limit.give_back(); }

void UpstreamPool::give_back(std::size_t place, std::unique_ptr<Connection> connection,
                             std::optional<std::chrono::seconds> keep_alive) {
  const Instant now = sweeper_.now();
  std::chrono::milliseconds idle = state_.config().timeouts.idle;
  if (keep_alive) idle = std::min(idle, *keep_alive - keep_alive_margin);
  // Octets behind an answer mean that the two sides disagree about where it ended. A place that
  // others find bad is not to be asked again through a back door.
  const bool keep = !retired_ && idle.count() > 0 && !connection->holds_unread() &&
                    leads_there(*connection) &&
                    (idle_.size() == 1 || state_.place(place).standing(now) == Standing::good);
  if (keep && state_.limit.waiting() > 0) {
    if (ConnectionLimit::Waiter* const first = state_.limit.pass_to(this)) {
      auto& waiting = static_cast<Waiting&>(*first);
      waiting.connection = std::move(connection);
      waiting.place = place;
      waiting.timer.cancel();
      return;
    }
  }
  if (!keep || state_.limit.waiting() > 0) {
    connection->close();
    connection_gone();
    return;
  }
  idle_[place].push_back({std::move(connection), now, now + idle});
  set_idle(place);
}

std::unique_ptr<Connection> UpstreamPool::take_idle(std::size_t place, Reuse reuse) {
  std::deque<Idle>& idle = idle_[place];
  if (reuse == Reuse::fresh_only) return nullptr;
  const Instant now = sweeper_.now();
  while (!idle.empty()) {
    Idle& youngest = idle.back();
    if (reuse == Reuse::verified && now - youngest.since > moment) return nullptr;
    std::unique_ptr<Connection> connection = std::move(youngest.connection);
    // Octets that wait on an idle connection would be taken for the answer to come.
    const bool usable = now < youngest.until && connection->silent();
    idle.pop_back();
    set_idle(place);
    if (usable) return connection;
    connection.reset();
    connection_gone();
  }
  return nullptr;
}

std::optional<Lease> UpstreamPool::take_idle_elsewhere(Reuse reuse) {
  for (std::size_t place = 0; place < idle_.size(); ++place) {
    if (idle_[place].empty()) continue;
    if (state_.place(place).standing(sweeper_.now()) != Standing::good) continue;
    if (std::unique_ptr<Connection> idle = take_idle(place, reuse)) {
      return Lease(*this, place, std::move(idle), false);
    }
  }
  return std::nullopt;
}

Task<Result<Lease>> UpstreamPool::lease(Reuse reuse) {
  const std::size_t place = *state_.choose(sweeper_.now(), 0, turn_);
  // What failed a moment ago is tried with a new connection: an old one would tell nothing.
  const bool trial = idle_.size() > 1 && state_.place(place).rest.is_failing();
  if (std::unique_ptr<Connection> idle = trial ? nullptr : take_idle(place, reuse)) {
    return Result<Lease>(Lease(*this, place, std::move(idle), false));
  }
  return wait_or_connect(place, reuse);
}

Task<Result<Lease>> UpstreamPool::wait_or_connect(std::size_t place, Reuse reuse) {
  const Instant deadline = sweeper_.after(state_.config().timeouts.connect);
  if (state_.limit.take()) co_return co_await connect(place, deadline);
  if (idle_.size() > 1) {
    std::optional<Lease> elsewhere = take_idle_elsewhere(reuse);
    if (elsewhere) co_return std::move(*elsewhere);
  }
  // What is idle here is of no use to this caller: one of them makes room.
  if (close_oldest()) co_return co_await connect(place, deadline);
  co_return co_await wait_for_room(place, reuse, deadline);
}

Task<Result<Lease>> UpstreamPool::wait_for_room(std::size_t place, Reuse reuse, Instant deadline) {
  Stay stay(*this, deadline);
  switch (state_.limit.enter(*stay.waiting)) {
    case ConnectionLimit::Entry::full:
      co_return all_in_use("Too many requests wait for a connection to the upstream.");
    case ConnectionLimit::Entry::granted: break;
    case ConnectionLimit::Entry::queued:
      state_.ask_for_room();
      if (crowded) crowded(1);
      co_await stay.waiting->timer.async_wait(as_tuple);
  }
  if (!stay.leave()) co_return all_in_use("All connections to the upstream are in use.");
  if (std::unique_ptr<Connection> connection = std::move(stay.waiting->connection)) {
    const bool usable = reuse != Reuse::fresh_only && connection->silent();
    if (usable) co_return Lease(*this, stay.waiting->place, std::move(connection), false);
    connection.reset();
  }
  co_return co_await connect(place, deadline);
}

// REQUIRES: the caller has a permit, which it hands over.
Task<Result<Lease>> UpstreamPool::connect(std::size_t place, Instant deadline) {
  Opening opening(*this);
  const std::size_t count = idle_.size();
  std::optional<http::Fault> told;
  std::optional<std::size_t> slow;
  Places tried = 0;
  for (std::size_t attempt = 0; attempt < count; ++attempt) {
    opening.moves_to(place);
    const Instant until = fair_part(Clock::now(), deadline, count - attempt);
    auto connected = co_await connector_.connect(place, until);
    if (!connected.has_error()) {
      opening.succeeded = true;
      co_return Lease(*this, place, std::move(*connected), true);
    }
    if (connected.error().kind == http::FaultKind::timeout && !slow) slow = place;
    // That one keeps silent says more than that another refuses.
    if (!told || told->kind != http::FaultKind::timeout) told = connected.error();
    tried |= Places{1} << place;
    place = state_.choose(sweeper_.now(), tried, turn_).value_or(place);
  }
  if (count > 1 && slow && Clock::now() < deadline) {
    opening.moves_to(*slow);
    auto connected = co_await connector_.connect(*slow, deadline);
    if (!connected.has_error()) {
      opening.succeeded = true;
      co_return Lease(*this, *slow, std::move(*connected), true);
    }
  }
  co_return *told;
}

}  // namespace ifmatch::net
