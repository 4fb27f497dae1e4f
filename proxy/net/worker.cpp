#include "proxy/net/worker.hpp"

#include "proxy/net/health_check.hpp"

namespace ifmatch::net {
namespace {

constexpr std::size_t kept_string_max = 64 * 1024;

}  // namespace

Worker::Worker(const Published& published, std::size_t thread)
    : context_(std::in_place, 1),
      io(*context_),
      published_(published),
      thread_(thread),
      edition_(new Edition(io, sweeper, stalls, published.plan(), nullptr)) {
  refresh_date();
  begin_checks();
}

Worker::~Worker() {
  edition_->retire(nullptr);
  context_.reset();
}

void Worker::renew() {
  std::shared_ptr<const Plan> plan = published_.plan();
  if (plan == edition_->plan()) return;
  const EditionPtr former = std::move(edition_);
  edition_ = new Edition(io, sweeper, stalls, std::move(plan), former.get());
  former->retire(edition_.get());
  begin_checks();
  choose_sinks();
  bool some_closed = false;
  for (Door* door : doors_) {
    const config::Listener* listener = edition_->listener(door->id);
    if (listener == nullptr) {
      some_closed = true;
      door->closed = true;
    } else {
      door->listener = listener;
      door->edition = edition_;
    }
  }
  if (!some_closed) return;
  // A copy: a session that ends takes itself off the list.
  for (Interruptible* session : std::vector<Interruptible*>(sessions)) {
    if (session->door().closed) session->interrupt_if_idle();
  }
}

void Worker::add_sink(AccountSink& sink) {
  audience_.push_back(&sink);
  choose_sinks();
}

void Worker::choose_sinks() {
  sinks.clear();
  for (AccountSink* const sink : audience_) {
    if (sink->listens()) sinks.push_back(sink);
  }
}

// Places are checked by one thread for all.
void Worker::begin_checks() {
  if (thread_ != 0) return;
  for (const std::shared_ptr<UpstreamState>& upstream : edition_->site().upstreams) {
    begin_health_checks(io, sweeper, upstream);
  }
}

void Worker::add_door(Door& door) {
  door.edition = edition_;
  door.listener = edition_->listener(door.id);
  // A further reload has removed it already.
  door.closed = door.listener == nullptr;
  doors_.push_back(&door);
}

Lent<std::string> Worker::lend_string() {
  Lent<std::string> text = strings_.lend();
  // One huge head must not be paid for in memory for ever.
  if (text->capacity() > kept_string_max) *text = std::string();
  text->clear();
  return text;
}

Lent<std::vector<asio::const_buffer>> Worker::lend_buffers() {
  Lent<std::vector<asio::const_buffer>> buffers = buffers_.lend();
  buffers->clear();
  return buffers;
}

void Worker::refresh_date() {
  const auto now = std::chrono::system_clock::now();
  const std::time_t second = std::chrono::system_clock::to_time_t(now);
  if (second == date_second_) return;
  date_second_ = second;
  date_ = http::http_date(now);
}

void Worker::show(Instant now) {
  ThreadCounts& counts = edition_->site().tallies.thread(thread_);
  counts.clients.set(sessions.size());
  counts.proxy_headers_refused[0].set(arrivals.untrusted.load(std::memory_order_relaxed));
  counts.proxy_headers_refused[1].set(arrivals.broken.load(std::memory_order_relaxed));
  counts.proxy_headers_refused[2].set(arrivals.late.load(std::memory_order_relaxed));
  counts.beat.set(static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::nanoseconds(1)));
  edition_->show_pools(thread_);
}

Task<void> Worker::sweep_for_ever(std::function<void(Instant)> also) {
  Timer timer(io.get_executor());
  for (;;) {
    timer.expires_after(sweep_interval);
    auto [stopped] = co_await timer.async_wait(as_tuple);
    if (stopped) co_return;
    const Instant now = Clock::now();
    refresh_date();
    sweeper.sweep(now);
    sweeps.store(sweeps.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    show(now);
    also(now);
  }
}

}  // namespace ifmatch::net
