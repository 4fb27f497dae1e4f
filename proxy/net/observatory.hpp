// What mode observe has seen of one upstream origin: the reads and writes that tell which updates
// are lost, and the counts by route and by client. Everything behind one short mutex; enforced and
// bypassed requests never come here.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/guard/lost_updates.hpp"
#include "proxy/guard/observed.hpp"

namespace ifmatch::net {

// One request as it is observed.
struct Observed {
  std::string_view route;   // its name
  std::string_view client;  // as it is counted: the value of the configured field, shortened
  guard::Digest instance{}; // one running program, which knows what it read
};

class Observatory {
 public:
  // Under how many names clients are counted apart. What operators look at fits on a page or two.
  static constexpr std::size_t clients_max = 256;
  static constexpr std::size_t routes_max = 4096;  // as many as a configuration may have
  static constexpr std::size_t client_octets_max = 128;
  static constexpr std::string_view no_client = "(none)";  // the field is absent
  static constexpr std::string_view other_clients = "(others)";

  Observatory() = default;
  explicit Observatory(const guard::LostUpdates::Limits& limits) : updates_(limits) {}

  [[nodiscard]] guard::Moment read_begins();
  void read_ends(const Observed& who, const guard::Digest& path, guard::Moment began,
                 const std::optional<guard::Version>& version);

  // A guarded write came, and this is what enforce would have said.
  enum class Carries : std::uint8_t { condition, nothing };
  void foreseen(const Observed& who, Carries carries, guard::Foresight foresight);
  [[nodiscard]] bool is_overtaken(const Observed& who, const guard::Digest& path,
                                  std::span<const guard::Version> versions);

  [[nodiscard]] guard::LostUpdates::Write write_begins(const Observed& who,
                                                       std::span<const guard::Digest> paths,
                                                       guard::LostUpdates::Kind kind);
  guard::LostUpdates::Loss write_ends(const Observed& who, const guard::LostUpdates::Write& write,
                                      std::span<const guard::Digest> paths,
                                      guard::LostUpdates::Effect effect);

  // Whether a finding may be logged now: so many a second, and how many were left out before it.
  struct MayLog {
    bool now = false;
    std::uint64_t left_out = 0;
  };
  [[nodiscard]] MayLog may_log(std::chrono::steady_clock::time_point now);

  // Adds what was counted here.
  void add_to(guard::ObservedNames& routes, guard::ObservedNames& clients) const;

 private:
  mutable std::mutex mutex_;
  guard::LostUpdates updates_;
  guard::ObservedNames routes_{routes_max};
  guard::ObservedNames clients_{clients_max};
  std::chrono::steady_clock::time_point second_{};  // that the lines below were logged in
  std::uint64_t lines_ = 0;
  std::uint64_t left_out_ = 0;
};

// The value of a client's field as it is counted.
[[nodiscard]] std::string_view client_name(std::string_view value) noexcept;

// {"routes":[{"route":...}],"clients":[{"client":...}]}, over the observatories of all origins.
[[nodiscard]] std::string observed_json(std::span<const Observatory* const> observatories);

// The same by route, a line for each, for the log.
[[nodiscard]] std::vector<std::string> observed_lines(
    std::span<const Observatory* const> observatories);

}  // namespace ifmatch::net
