// The words that the guard shares with its callers: epochs, versions, resources, conditions.
// Plain values; nothing here touches a socket, a clock or a thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::guard {

// Time is a parameter: the guard never asks a clock. Only differences count.
using Instant = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

// A number from one counter, drawn by every write when it is sent and when it is settled.
using Epoch = std::uint64_t;

// Names one request for as long as the guard knows it; never used twice in one process.
using RequestId = std::uint64_t;

// 192 bits of the digest of a representation (see plugins/api/version_source.hpp).
using Version = std::array<std::uint8_t, 24>;

// A keyed 128-bit digest of something that only has to be compared. Made by the caller.
using Digest = std::array<std::uint8_t, 16>;

// Names the pair of Accept and Accept-Language with which a representation was asked for: an index
// into a table of the caller's. It is a hint for probes and decides nothing. 0 is "not known".
using Selection = std::uint32_t;
inline constexpr Selection selection_unknown = 0;

// What two requests must share to conflict: the folded paths that a request holds as its own (its
// own path first, then those of `resource:`; each begins with '/', has no trailing slash, the root
// is "/") and plain names (which never begin with '/').
struct ResourceView {
  std::span<const std::string> paths;
  std::span<const std::string> names;
};

struct Resource {
  std::vector<std::string> paths;
  std::vector<std::string> names;
  operator ResourceView() const { return {paths, names}; }  // NOLINT: a view of itself
};

// Who looks at which target. `target` digests the exact target with its query (and the Host),
// `viewer` the credentials and the configured `vary` fields, `variant` everything that selected
// the representation, those two included.
struct View {
  Digest target{};
  Digest viewer{};
  Digest variant{};
};

// The precondition of a request, reduced to versions. Tags that can never match by strong
// comparison (weak ones, foreign ones) are left out of `if_match`, so an empty list fails.
struct IfMatch {
  bool any = false;               // "*"
  std::vector<Version> versions;  // compared strongly
};
struct IfNoneMatch {
  bool any = false;               // "*"
  std::vector<Version> versions;  // compared weakly
};
struct Condition {
  std::optional<IfMatch> if_match;
  std::optional<IfNoneMatch> if_none_match;
};

// What a probe showed.
enum class Sight : std::uint8_t {
  version,      // a full 200, hashed
  absent,       // 404 or 410
  relay,        // 401, 403, 429 or a redirect: handed on to the client, nothing is written
  undecidable,  // anything else, or no answer
};
struct Observation {
  Sight sight = Sight::undecidable;
  Version version{};  // with Sight::version
};

enum class Check : std::uint8_t { confirm, recorded };

}  // namespace ifmatch::guard
