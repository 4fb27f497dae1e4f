// What the admin API shows, as JSON: plain looks at the running server.
#pragma once

#include <span>
#include <vector>

#include "proxy/admin/json.hpp"
#include "proxy/admin/meters.hpp"
#include "proxy/guard/engine.hpp"
#include "proxy/net/control.hpp"
#include "proxy/net/observatory.hpp"
#include "proxy/net/site.hpp"

namespace ifmatch::admin {

// Everything that a page may look at. Valid during the call that it is handed to.
struct View {
  const net::Site& site;
  std::span<const guard::EngineCounts> engines;  // by origin
  std::span<const net::Observatory* const> observatories;  // by origin
  const net::LifeState& life;
  const std::vector<std::string>& listeners;     // addresses, with their real ports
  const Meters& meters;
};

[[nodiscard]] json::object status_page(const View& view);
[[nodiscard]] json::object routes_page(const View& view);
[[nodiscard]] json::object upstreams_page(const View& view);
[[nodiscard]] json::object hot_page(const View& view);
[[nodiscard]] json::object observe_page(const View& view);
[[nodiscard]] json::object decisions_page(const View& view, ThreadMeter::Which which);

// A thread whose loop did not come round for so long is stuck.
inline constexpr std::chrono::seconds beat_max{10};
// How long ago the loop of the thread that is longest silent came round; zero before the first time.
[[nodiscard]] std::chrono::nanoseconds longest_silence(const net::Site& site);

// The checks of readiness and liveness, a line each: "[+]loops ok", "[-]phase draining".
struct Health {
  enum class State : std::uint8_t { good, bad };
  State state = State::good;
  std::string text;
};
[[nodiscard]] Health liveness_of(const View& view);
[[nodiscard]] Health readiness_of(const View& view);

}  // namespace ifmatch::admin
