// Listens between net/ and the engine: every event that is reported to any engine and every action
// that comes back goes by here (bound by the linker, see CMakeLists.txt). It checks the contract at
// the head of proxy/guard/engine.hpp from the outside: what the engine asks for is answered exactly
// once, and nothing is said of an id that its caller has ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "proxy/guard/engine.hpp"

namespace ifmatch::shim {

enum class Outcome : std::uint8_t { unsent, settled, in_doubt };
[[nodiscard]] std::string_view name_of(Outcome outcome) noexcept;

class EngineWatch {
 public:
  EngineWatch();
  ~EngineWatch();
  EngineWatch(const EngineWatch&) = delete;
  EngineWatch& operator=(const EngineWatch&) = delete;

  [[nodiscard]] static EngineWatch* current() noexcept;

  // Told when the engine says `send`, and when the outcome of that is reported.
  std::function<void(guard::RequestId)> on_send;
  std::function<void(guard::RequestId, Outcome)> on_outcome;

  [[nodiscard]] const std::vector<std::string>& violations() const noexcept { return violations_; }
  // What is still owed, a sentence each; empty when every obligation was met.
  [[nodiscard]] std::vector<std::string> owed() const;

  // The events, as the linker brings them here; `actions` begins with those of this call.
  void submitted(guard::RequestId id);
  void probed(guard::RequestId id);
  void connected(guard::RequestId id);
  void reported(guard::RequestId id, Outcome outcome);
  void left(guard::RequestId id);
  void acted(const guard::Actions& actions, std::size_t from);

 private:
  enum class Owes : std::uint8_t { nothing, probe, connection, outcome };
  struct Duty {
    Owes owes = Owes::nothing;
    bool refused = false;  // the engine has ended it, which its caller may not have heard yet
  };
  void complain(guard::RequestId id, std::string_view what);
  Duty* find(guard::RequestId id, std::string_view event);

  EngineWatch* previous_;
  std::map<guard::RequestId, Duty> duties_;
  std::vector<std::string> violations_;
};

}  // namespace ifmatch::shim
