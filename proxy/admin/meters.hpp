// Counts what the threads tell of their requests: into the tallies that /metrics adds up, and into
// what an operator may look at, the latest decisions and the resources that are fought over.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "proxy/admin/contention.hpp"
#include "proxy/admin/decisions.hpp"
#include "proxy/net/account.hpp"
#include "proxy/net/tally.hpp"

namespace ifmatch::admin {

// Of one thread. The counters are its own; the mutex is taken only for what was decided or waited
// for, and is free unless somebody looks at that very moment.
class ThreadMeter final : public net::AccountSink {
 public:
  // `counts` must outlive it.
  ThreadMeter(std::size_t thread, net::ThreadCounts& counts);

  void told(const net::Account& account) noexcept override;

  enum class Which : std::uint8_t { all, refused };
  void copy_decisions(Which which, std::vector<Decided>& out) const;
  void copy_contention(std::vector<Contended>& out) const;

 private:
  void keep(const net::Account& account);
  void note_contention(const net::Account& account);

  std::size_t thread_;
  net::ThreadCounts& counts_;
  mutable std::mutex mutex_;
  DecisionRing decisions_;
  // Kept apart, so that what passes does not push out what was refused.
  DecisionRing refusals_;
  Contention contention_;
};

class Meters {
 public:
  // `tallies` must outlive it.
  explicit Meters(net::TallyBook& tallies);

  [[nodiscard]] std::size_t threads() const noexcept { return threads_.size(); }
  [[nodiscard]] ThreadMeter& of(std::size_t thread) { return *threads_[thread]; }
  [[nodiscard]] std::vector<Decided> decisions(ThreadMeter::Which which) const;
  [[nodiscard]] std::vector<Contended> hottest() const;

 private:
  std::vector<std::unique_ptr<ThreadMeter>> threads_;
};

}  // namespace ifmatch::admin
