#include "proxy/net/worker.hpp"

namespace ifmatch::net {
namespace {

constexpr std::size_t kept_string_max = 64 * 1024;

}  // namespace

Worker::Worker(Site& served, std::vector<std::unique_ptr<GuardDesk>>& desks,
               const std::vector<std::size_t>& shares)
    : context_(std::in_place, 1),
      io(*context_),
      site(served),
      desks_(desks),
      hashers_(served.routes.size()) {
  for (std::size_t index = 0; index < site.config.upstreams.size(); ++index) {
    pools_.push_back(std::make_unique<UpstreamPool>(io, sweeper, site.config.upstreams[index],
                                                    shares[index]));
  }
  refresh_date();
}

Worker::~Worker() {
  for (const std::unique_ptr<UpstreamPool>& pool : pools_) pool->close_idle();
  context_.reset();
}

UpstreamPool& Worker::pool_of(const SiteRoute& route) { return *pools_[route.config->upstream]; }

Lent<plugins::VersionHasher> Worker::lend_hasher(const SiteRoute& route) {
  const auto index = static_cast<std::size_t>(&route - site.routes.data());
  return hashers_[index].lend([&route] { return route.version->make_hasher(); });
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

Task<void> Worker::sweep_for_ever(std::function<void(Instant)> also) {
  Timer timer(io.get_executor());
  for (;;) {
    timer.expires_after(sweep_interval);
    auto [stopped] = co_await timer.async_wait(as_tuple);
    if (stopped) co_return;
    const Instant now = Clock::now();
    refresh_date();
    sweeper.sweep(now);
    also(now);
  }
}

}  // namespace ifmatch::net
