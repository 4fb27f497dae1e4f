#include "proxy/net/upstream_pool.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "proxy/guard/assert.hpp"
#include "proxy/http/fields.hpp"

namespace ifmatch::net {
namespace {

// "A moment ago": an idle connection that a write may use without having been probed on just now.
constexpr std::chrono::milliseconds moment{1'000};
// An upstream's promise of N seconds is kept by it on its own clock and from its own last octet.
constexpr std::chrono::milliseconds keep_alive_margin{1'000};
// Names are resolved again as they age.
constexpr std::chrono::seconds addresses_age_max{10};

http::Fault fault(http::FaultKind kind, std::string_view detail) {
  return {http::Origin::upstream, kind, http::Sent::nothing, std::string(detail)};
}

}  // namespace

// Stands in the queue for a connection while it lives, unless it was woken.
struct UpstreamPool::Waiting {
  Waiting(UpstreamPool& pool, Instant deadline)
      : of(pool), timer(pool.io_.get_executor(), deadline) {
    of.waiting_.push_back(&timer);
  }
  ~Waiting() { std::erase(of.waiting_, &timer); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  UpstreamPool& of;
  Timer timer;
};

// Counts a connection that is being made, until it exists or has failed.
struct UpstreamPool::Opening {
  explicit Opening(UpstreamPool& pool) : of(pool) { ++of.open_; }
  ~Opening() {
    if (!succeeded) of.connection_gone();
  }
  Opening(const Opening&) = delete;
  Opening& operator=(const Opening&) = delete;

  UpstreamPool& of;
  bool succeeded = false;
};

Lease::Lease(UpstreamPool& pool, std::unique_ptr<Connection> connection, bool fresh)
    : pool_(&pool), connection_(std::move(connection)), fresh_(fresh) {}

Lease::Lease(Lease&& other) noexcept
    : pool_(other.pool_), connection_(std::move(other.connection_)), fresh_(other.fresh_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    reset();
    pool_ = other.pool_;
    connection_ = std::move(other.connection_);
    fresh_ = other.fresh_;
  }
  return *this;
}

Lease::~Lease() { reset(); }

void Lease::reset() {
  if (connection_) connection_->reset();
  close();
}

void Lease::close() {
  if (!connection_) return;
  connection_->close();
  connection_.reset();
  pool_->connection_gone();
}

void Lease::give_back(std::optional<std::chrono::seconds> keep_alive) {
  IFMATCH_ASSERT(connection_ != nullptr);
  pool_->give_back(std::move(connection_), keep_alive);
}

UpstreamPool::UpstreamPool(asio::io_context& io, Sweeper& sweeper,
                           const config::Upstream& upstream, std::size_t share,
                           std::shared_ptr<const TlsClient> tls)
    : Swept(sweeper),
      io_(io),
      sweeper_(sweeper),
      upstream_(upstream),
      share_(share),
      tls_(std::move(tls)) {}

UpstreamPool::~UpstreamPool() = default;

void UpstreamPool::sweep(Instant now) {
  while (!idle_.empty() && idle_.front().until <= now) {
    idle_.front().connection->close();
    idle_.pop_front();
    connection_gone();
  }
}

void UpstreamPool::retire() {
  retired_ = true;
  while (!idle_.empty()) {
    idle_.front().connection->close();
    idle_.pop_front();
    connection_gone();
  }
}

void UpstreamPool::connection_gone() {
  IFMATCH_ASSERT(open_ > 0);
  --open_;
  wake_one();
}

void UpstreamPool::give_back(std::unique_ptr<Connection> connection,
                             std::optional<std::chrono::seconds> keep_alive) {
  const Instant now = sweeper_.now();
  std::chrono::milliseconds idle = upstream_.timeouts.idle;
  if (keep_alive) idle = std::min(idle, *keep_alive - keep_alive_margin);
  // Octets behind an answer mean that the two sides disagree about where it ended.
  if (retired_ || idle.count() <= 0 || connection->holds_unread()) {
    connection->close();
    connection_gone();
    return;
  }
  idle_.push_back({std::move(connection), now, now + idle});
  wake_one();
}

std::unique_ptr<Connection> UpstreamPool::take_idle(Reuse reuse) {
  if (reuse == Reuse::fresh_only) return nullptr;
  const Instant now = sweeper_.now();
  while (!idle_.empty()) {
    Idle& youngest = idle_.back();
    if (reuse == Reuse::verified && now - youngest.since > moment) return nullptr;
    std::unique_ptr<Connection> connection = std::move(youngest.connection);
    // Octets that wait on an idle connection would be taken for the answer to come.
    const bool usable = now < youngest.until && connection->silent();
    idle_.pop_back();
    if (usable) return connection;
    connection.reset();
    connection_gone();
  }
  return nullptr;
}

void UpstreamPool::wake_one() {
  if (waiting_.empty()) return;
  Timer* const woken = waiting_.front();
  waiting_.pop_front();
  woken->cancel();
}

Task<Result<void>> UpstreamPool::wait_for_room(Instant deadline) {
  Waiting waiting(*this, deadline);
  co_await waiting.timer.async_wait(as_tuple);
  // Whoever was woken is no longer in the list; whoever still is waited in vain.
  if (std::ranges::find(waiting_, &waiting.timer) != waiting_.end()) {
    co_return fault(http::FaultKind::exhausted, "All connections to the upstream are in use.");
  }
  co_return Result<void>{};
}

Task<Result<Lease>> UpstreamPool::lease(Reuse reuse) {
  if (std::unique_ptr<Connection> idle = take_idle(reuse)) {
    return Result<Lease>(Lease(*this, std::move(idle), false));
  }
  return wait_or_connect(reuse);
}

Task<Result<Lease>> UpstreamPool::wait_or_connect(Reuse reuse) {
  const Instant deadline = sweeper_.after(upstream_.timeouts.connect);
  while (open_ >= share_) {
    if (!idle_.empty()) {  // only ones that this caller cannot use: one of them makes room
      idle_.pop_front();
      connection_gone();
      break;
    }
    const Result<void> room = co_await wait_for_room(deadline);
    if (room.has_error()) co_return room.error();
    if (std::unique_ptr<Connection> idle = take_idle(reuse)) {
      co_return Lease(*this, std::move(idle), false);
    }
  }
  Opening opening(*this);
  Result<std::unique_ptr<Connection>> connected = co_await connect(deadline);
  if (connected.has_error()) co_return connected.error();
  opening.succeeded = true;
  co_return Lease(*this, std::move(*connected), true);
}

Task<Result<void>> UpstreamPool::resolve(Instant deadline) {
  if (!endpoints_.empty() && sweeper_.now() < endpoints_until_) co_return Result<void>{};
  if (http::equals_ignoring_case(upstream_.host, "localhost")) {
    // Always this machine, whatever a resolver says (RFC 6761 section 6.3), also where there is none.
    endpoints_ = {tcp::endpoint(asio::ip::address_v4::loopback(), upstream_.port),
                  tcp::endpoint(asio::ip::address_v6::loopback(), upstream_.port)};
    endpoints_until_ = never;
    co_return Result<void>{};
  }
  error_code not_numeric;
  const asio::ip::address address = asio::ip::make_address(upstream_.host, not_numeric);
  if (!not_numeric) {
    endpoints_ = {tcp::endpoint(address, upstream_.port)};
    endpoints_until_ = never;
    co_return Result<void>{};
  }
  Resolver resolver(io_.get_executor());
  const Deadline limit(sweeper_, deadline, [&resolver] { resolver.cancel(); });
  auto [failure, found] =
      co_await resolver.async_resolve(upstream_.host, std::to_string(upstream_.port), as_tuple);
  if (failure && endpoints_.empty()) {
    co_return fault(http::FaultKind::refused, "The name of the upstream could not be resolved.");
  }
  if (!failure) {
    endpoints_.clear();
    for (const auto& entry : found) endpoints_.push_back(entry.endpoint());
  }
  endpoints_until_ = sweeper_.now() + addresses_age_max;
  co_return Result<void>{};
}

Task<Result<std::unique_ptr<Connection>>> UpstreamPool::connect(Instant deadline) {
  const Result<void> resolved = co_await resolve(deadline);
  if (resolved.has_error()) co_return resolved.error();
  const std::vector<tcp::endpoint> endpoints = endpoints_;
  for (const tcp::endpoint& endpoint : endpoints) {
    Socket socket(io_.get_executor());
    bool expired = false;
    const Deadline limit(sweeper_, deadline, [&socket, &expired] {
      error_code ignored;
      expired = true;
      socket.cancel(ignored);
    });
    auto [failure] = co_await socket.async_connect(endpoint, as_tuple);
    if (!failure) {
      auto connection = std::make_unique<Connection>(std::move(socket), sweeper_);
      if (tls_ == nullptr) co_return connection;
      // Whoever answers there is the upstream or is not: another address would be no better.
      co_return co_await secure(std::move(connection), deadline);
    }
    if (expired) {
      co_return fault(http::FaultKind::timeout,
                      "The upstream did not accept a connection in time.");
    }
  }
  co_return fault(http::FaultKind::refused,
                  "The upstream did not accept a connection.");
}

Task<Result<std::unique_ptr<Connection>>> UpstreamPool::secure(
    std::unique_ptr<Connection> connection, Instant deadline) {
  connection->encrypt(
      TlsClient::open(tls_, upstream_.tls.server_name.value_or(upstream_.host), tls_session_));
  const error_code failure = co_await connection->handshake(deadline);
  if (!failure) co_return connection;
  if (failure == asio::error::timed_out) {
    co_return fault(http::FaultKind::timeout,
                    "The upstream did not finish the TLS handshake in time.");
  }
  const TlsStream::Why& why = connection->tls()->why();
  std::uint64_t unsaid = 0;
  tls_->failures().count(why.kind);
  if (tls_->failures().may_log(sweeper_.now(), unsaid)) {
    spdlog::warn("upstream {}: no TLS: {}{}", upstream_.name, why.text, remark_on_unsaid(unsaid));
  }
  co_return fault(http::FaultKind::refused,
                  (why.verification ? "TLS verification of the upstream failed: "
                                    : "TLS with the upstream failed: ") +
                      why.text + ".");
}

}  // namespace ifmatch::net
