// What `ifmatch doctor` makes of the answers that it got: who weakens, strips or renames tags, who
// drops If-Match, and what helps. No socket here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "proxy/http/message.hpp"

namespace ifmatch::cli {

struct Answered {
  http::ResponseHead head;
  std::string content;     // as much of it as is kept
  std::uint64_t size = 0;  // octets of it, as they came
  bool whole = true;       // false: no more of it was read, because there is so much
};

// What was asked and what came. Unset: it was not asked for.
struct Examined {
  std::optional<Answered> plain;              // GET, Accept-Encoding: identity
  std::optional<Answered> again;              // the same once more
  std::optional<Answered> coded;              // GET, Accept-Encoding: gzip
  std::optional<Answered> plain_conditional;  // as the first, with its own tag as If-None-Match
  std::optional<Answered> coded_conditional;  // as the third, with its own tag
  std::optional<Answered> write;              // with an If-Match that cannot match
  std::string write_method;
  std::string write_tag;  // that it carried
};

// What the configuration says of the URL, where one was given.
struct Expected {
  std::string route;  // "" when there is none for it
  config::Mode mode = config::Mode::enforce;
  std::size_t max_body = 0;
  bool accepts_rewritten = false;
  std::string tag;  // of the content of `plain`; "" where none can be derived
};

enum class Level : std::uint8_t { good, note, problem };

struct Finding {
  Level level = Level::good;
  std::string_view code;  // stable, for scripts
  std::string text;
  std::string remedy;     // "" where nothing is to be done
};

// Whether ifmatch has shown itself: only then a write is tried.
[[nodiscard]] bool shows_ifmatch(const Answered& answer);

[[nodiscard]] std::vector<Finding> examine(const Examined& seen,
                                           const std::optional<Expected>& expected);

enum class Health : std::uint8_t { healthy, ill };
[[nodiscard]] Health health_of(const std::vector<Finding>& findings);

// One line for each finding.
[[nodiscard]] std::string as_text(const std::vector<Finding>& findings);
[[nodiscard]] std::string as_json(std::string_view url, const std::vector<Finding>& findings);

}  // namespace ifmatch::cli
