// A ledger that measures another one: how long each operation takes, and which failed.
#pragma once

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <string_view>

#include "plugins/api/ledger.hpp"
#include "proxy/net/tally.hpp"

namespace ifmatch::admin {

inline constexpr std::array<std::string_view, 2> ledger_operations{"claim", "release"};

struct LedgerTimings {
  std::array<net::Timing, ledger_operations.size()> seconds;
  std::array<net::Counter, ledger_operations.size()> errors;
};

class MeasuredLedger final : public plugins::Ledger {
 public:
  explicit MeasuredLedger(std::unique_ptr<plugins::Ledger> measured)
      : measured_(std::move(measured)) {}

  [[nodiscard]] plugins::Claim claim(std::string_view origin) override {
    const Watch watch(timings_, 0);
    return measured_->claim(origin);
  }
  void release(std::string_view origin) override {
    const Watch watch(timings_, 1);
    measured_->release(origin);
  }

  [[nodiscard]] const LedgerTimings& timings() const noexcept { return timings_; }

 private:
  // Of one call. The server makes one at a time, so that the counters have one writer.
  class Watch {
   public:
    Watch(LedgerTimings& timings, std::size_t operation)
        : timings_(timings), operation_(operation) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      timings_.seconds[operation_].add(std::chrono::steady_clock::now() - since_);
      if (std::uncaught_exceptions() > exceptions_) timings_.errors[operation_].add();
    }

   private:
    LedgerTimings& timings_;
    std::size_t operation_;
    int exceptions_ = std::uncaught_exceptions();
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
  };

  std::unique_ptr<plugins::Ledger> measured_;
  LedgerTimings timings_;
};

}  // namespace ifmatch::admin
