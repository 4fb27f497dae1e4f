// Where gates and epochs live, seen from the program that starts and ends. A ledger is claimed for
// an upstream origin before the first request is served and released after the last one is
// accounted for; the claim tells whether the predecessor could account for its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ifmatch::plugins {

enum class Predecessor : std::uint8_t {
  clean,     // none, or it settled everything before it ended
  unclean,   // it ended with writes that nobody accounted for: begin in quarantine
  unknown,   // nothing can be proved about it (no place to keep a mark): a warning
  alive,     // another instance holds the claim: refuse to start
};

struct Claim {
  Predecessor predecessor = Predecessor::unknown;
  std::string detail;  // a sentence for the log; "" where there is nothing to say
};

class Ledger {
 public:
  virtual ~Ledger() = default;

  // REQUIRES: called once per origin ("http://127.0.0.1:3000"), before its first request.
  [[nodiscard]] virtual Claim claim(std::string_view origin) = 0;

  // REQUIRES: everything that was forwarded to the origin is settled. Without this call the claim
  // stays behind as the mark of an unclean end.
  virtual void release(std::string_view origin) = 0;
};

}  // namespace ifmatch::plugins
