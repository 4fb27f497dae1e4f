#include "proxy/net/tls_failure.hpp"

namespace ifmatch::net {
namespace {

constexpr std::uint32_t lines_per_second = 10;

}  // namespace

bool TlsFailures::may_log(Instant now, std::uint64_t& unsaid) noexcept {
  using std::chrono::duration_cast;
  const std::int64_t second = duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::int64_t known = second_.load(std::memory_order_relaxed);
  if (known != second && second_.compare_exchange_strong(known, second)) said_.store(0);
  if (said_.fetch_add(1, std::memory_order_relaxed) < lines_per_second) {
    unsaid = unsaid_.exchange(0, std::memory_order_relaxed);
    return true;
  }
  unsaid_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

std::string remark_on_unsaid(std::uint64_t unsaid) {
  return unsaid == 0 ? "" : " (" + std::to_string(unsaid) + " more were not logged)";
}

}  // namespace ifmatch::net
