// Counts the updates that are lost where nobody stops them: who read what, who wrote it since, and
// who wrote over it without having seen that. Events in, findings out; no clock, no socket, no
// thread. Mode observe asks it, nothing that is decided rests on it.
//
// What is counted. A client is one instance of a program: an address with its credentials. It
// *knows* a path as of the end of its last GET that was answered 200, 304, 404 or 410, or as of the
// end of its own last write. A guarded write of it that was answered 2xx has *lost an update* if
// another client's write to the same path was answered 2xx before it and had been sent after what
// this client knew when it wrote. If it knew nothing the write is *blind*, which is counted apart.
// Only what is certain counts: where a read and a write overlap in time the read is taken to have
// seen the write, a write of unknown outcome is taken to have changed nothing, and what somebody
// was shown again since, the very version that this client read, was not changed either.
//
// Bounded: what is longest out of use is forgotten. A forgotten read makes a write blind, and a
// forgotten write hides a loss; neither invents one.
#pragma once

#include <optional>
#include <span>

#include "proxy/guard/recent_table.hpp"
#include "proxy/guard/types.hpp"

namespace ifmatch::guard {

// The order of events, drawn from one counter.
using Moment = std::uint64_t;

class LostUpdates {
 public:
  struct Limits {
    std::size_t readings_max = 65'536;  // pairs of a client and a path, about 110 octets each
    std::size_t paths_max = 65'536;     // that were written, about 150 octets each
  };

  enum class Kind : std::uint8_t {
    judged,  // a guarded method: a change of what is there
    other,   // any other unsafe request: it changes, and overwrites nothing that a client knows
  };
  enum class Effect : std::uint8_t { changed, nothing, unknown };
  enum class Loss : std::uint8_t { none, lost, blind };

  // A write between its two events.
  struct Write {
    Digest client{};
    Kind kind = Kind::other;
    Moment sent = 0;
    std::optional<Moment> knew;
  };

  LostUpdates() : LostUpdates(Limits{}) {}
  explicit LostUpdates(const Limits& limits)
      : readings_(limits.readings_max), paths_(limits.paths_max) {}

  // A read begins.
  [[nodiscard]] Moment read_begins() noexcept { return ++clock_; }
  // It was answered. `version` where one could be derived.
  void read_ends(const Digest& client, const Digest& path, Moment began,
                 const std::optional<Version>& version);

  // A write is about to be sent. `paths` are all that it changes, its own first. REQUIRES: there is
  // one, and write_ends() is called with the same paths.
  [[nodiscard]] Write write_begins(const Digest& client, std::span<const Digest> paths, Kind kind);
  [[nodiscard]] Loss write_ends(const Write& write, std::span<const Digest> paths, Effect effect);

  // Whether one of these versions is what the client read last, and the path was written since, by
  // whomever: then the version is, as far as we know, no longer the current one.
  [[nodiscard]] bool is_overtaken(const Digest& client, const Digest& path,
                                  std::span<const Version> versions);

  [[nodiscard]] std::size_t readings() const noexcept { return readings_.size(); }
  [[nodiscard]] std::size_t paths() const noexcept { return paths_.size(); }

 private:
  struct Reading {
    Moment knows = 0;  // as of when
    Moment read = 0;   // when it last read; less than `knows` where it has written since
    std::optional<Version> version;  // that it read then
  };
  struct Writer {
    std::uint64_t client = 0;
    Moment sent = 0;  // its last write here; 0: there is none
  };
  // Two writers are enough to tell anybody what the last write of somebody else was.
  struct Path {
    Writer latest;
    Writer second;  // the latest of another client than `latest`
    Moment settled = 0;           // when the last write ended
    std::uint32_t unsettled = 0;  // writes under way
    Moment shown_at = 0;          // a read after everything that was written; 0: there is none
    Version shown{};              // what it showed
  };

  static std::uint64_t half(const Digest& digest) noexcept;
  static RecentKey key_of(const Digest& path) noexcept;
  static RecentKey key_of(const Digest& client, const Digest& path) noexcept;
  static void note_writer(Path& path, const Writer& writer) noexcept;

  RecentTable<Reading> readings_;
  RecentTable<Path> paths_;
  Moment clock_ = 0;
};

}  // namespace ifmatch::guard
