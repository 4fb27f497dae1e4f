#include "proxy/net/worker.hpp"

namespace ifmatch::net {
namespace {

constexpr std::size_t kept_string_max = 64 * 1024;

}  // namespace

Worker::Worker(const Published& published, Share share)
    : context_(std::in_place, 1),
      io(*context_),
      published_(published),
      share_(share),
      edition_(new Edition(io, sweeper, published.plan(), share, nullptr)) {
  refresh_date();
}

Worker::~Worker() {
  edition_->retire(nullptr);
  context_.reset();
}

void Worker::renew() {
  std::shared_ptr<const Plan> plan = published_.plan();
  if (plan == edition_->plan()) return;
  const EditionPtr former = std::move(edition_);
  edition_ = new Edition(io, sweeper, std::move(plan), share_, former.get());
  former->retire(edition_.get());
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

void Worker::add_door(Door& door) {
  door.edition = edition_;
  door.listener = edition_->listener(door.id);
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
  ThreadCounts& counts = edition_->site().tallies.thread(share_.index);
  counts.clients.set(sessions.size());
  counts.proxy_headers_refused[0].set(arrivals.untrusted.load(std::memory_order_relaxed));
  counts.proxy_headers_refused[1].set(arrivals.broken.load(std::memory_order_relaxed));
  counts.proxy_headers_refused[2].set(arrivals.late.load(std::memory_order_relaxed));
  counts.beat.set(static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::nanoseconds(1)));
  edition_->show_pools(share_.index);
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
