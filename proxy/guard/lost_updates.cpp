#include "proxy/guard/lost_updates.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/guard/condition.hpp"

namespace ifmatch::guard {

std::uint64_t LostUpdates::half(const Digest& digest) noexcept {
  std::uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return number;
}

RecentKey LostUpdates::key_of(const Digest& path) noexcept {
  RecentKey key{};
  static_assert(sizeof key == sizeof path);
  std::memcpy(key.data(), path.data(), sizeof key);
  return key;
}

RecentKey LostUpdates::key_of(const Digest& client, const Digest& path) noexcept {
  return {half(client), half(path)};
}

void LostUpdates::note_writer(Path& path, const Writer& writer) noexcept {
  if (path.latest.client == writer.client) {
    path.latest.sent = std::max(path.latest.sent, writer.sent);
  } else if (writer.sent > path.latest.sent) {
    path.second = path.latest;
    path.latest = writer;
  } else if (writer.sent > path.second.sent) {
    path.second = writer;
  }
}

void LostUpdates::read_ends(const Digest& client, const Digest& path, Moment began,
                            const std::optional<Version>& version) {
  const Moment now = ++clock_;
  readings_.get(key_of(client, path)) = {.knows = now, .read = now, .version = version};
  Path* written = paths_.find(key_of(path));
  if (written == nullptr || !version || written->unsettled > 0 || written->settled >= began) return;
  written->shown_at = now;
  written->shown = *version;
}

LostUpdates::Write LostUpdates::write_begins(const Digest& client, std::span<const Digest> paths,
                                             Kind kind) {
  IFMATCH_ASSERT(!paths.empty());
  Write write{.client = client, .kind = kind, .sent = ++clock_, .knew = std::nullopt};
  if (Reading* reading = readings_.find(key_of(client, paths.front()))) {
    const Path* written = paths_.find(key_of(paths.front()));
    const bool as_read = reading->read == reading->knows && reading->version;
    if (as_read && written != nullptr && written->shown_at > reading->read &&
        written->shown == *reading->version) {
      reading->knows = reading->read = written->shown_at;
    }
    write.knew = reading->knows;
  }
  for (const Digest& path : paths) {
    Path& written = paths_.get(key_of(path));
    ++written.unsettled;
    written.shown_at = 0;
  }
  return write;
}

LostUpdates::Loss LostUpdates::write_ends(const Write& write, std::span<const Digest> paths,
                                          Effect effect) {
  const Moment now = ++clock_;
  Loss loss = Loss::none;
  for (std::size_t at = 0; at < paths.size(); ++at) {
    Path& written = paths_.get(key_of(paths[at]));
    // Where it was forgotten meanwhile it begins anew.
    if (written.unsettled > 0) --written.unsettled;
    written.settled = now;
    if (effect != Effect::changed) continue;
    if (at == 0 && write.kind == Kind::judged) {
      const Writer& other =
          written.latest.client == half(write.client) ? written.second : written.latest;
      if (!write.knew) {
        loss = Loss::blind;
      } else if (other.sent > *write.knew) {
        loss = Loss::lost;
      }
    }
    note_writer(written, {.client = half(write.client), .sent = write.sent});
  }
  if (effect == Effect::changed && write.kind == Kind::judged) {
    readings_.get(key_of(write.client, paths.front())).knows = now;
  }
  return loss;
}

bool LostUpdates::is_overtaken(const Digest& client, const Digest& path,
                               std::span<const Version> versions) {
  const Reading* reading = readings_.find(key_of(client, path));
  if (reading == nullptr || !reading->version || !names(versions, *reading->version)) return false;
  const Path* written = paths_.find(key_of(path));
  return written != nullptr && written->latest.sent > reading->read &&
         !(written->shown_at > reading->read && written->shown == *reading->version);
}

}  // namespace ifmatch::guard
