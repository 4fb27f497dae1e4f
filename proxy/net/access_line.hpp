// One line of the access log from the account of one request. What comes from outside is bounded
// and escaped: no client can begin a line of its own, and no secret is written (no Authorization,
// no Cookie; of the fields only Host, User-Agent and Referer).
#pragma once

#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "proxy/net/account.hpp"

namespace ifmatch::net {

// Octets of a value that are written; what is cut off is shown as "...".
inline constexpr std::size_t logged_target_octets_max = 2048;
inline constexpr std::size_t logged_value_octets_max = 256;

// No line is longer: the bounds above, six times where every octet must be escaped, and the rest.
inline constexpr std::size_t access_line_octets_max = 24 * 1024;

// Writes lines, and remembers of the date what does not change within a second. One per thread.
class AccessLineWriter {
 public:
  // Appends the line with its line feed. `time` is when the request began.
  void append(std::string& out, config::LogFormat format, const Account& account,
              std::chrono::system_clock::time_point time);

 private:
  // Both return a line that lies in room_.
  [[nodiscard]] std::string_view json(const Account& account, unsigned milliseconds);
  [[nodiscard]] std::string_view text(const Account& account);
  void tell_second(std::time_t second);

  std::vector<char> room_ = std::vector<char>(access_line_octets_max);
  std::time_t second_ = -1;
  std::string iso_;       // "2026-11-25T07:24:43"
  std::string combined_;  // "25/Nov/2026:07:24:43"
};

}  // namespace ifmatch::net
