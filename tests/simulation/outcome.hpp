// What is counted in a history: what must never happen, and what must have happened, because a
// simulation in which nothing happens proves nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ifmatch::simulation {

enum class Wrong : std::uint8_t {
  lost_updates,    // a write landed on content that its condition did not name
  untrue_records,  // a valid entry that is not what the upstream has
  false_refusals,  // 412 though the condition held all the time
  dirty_reads,     // a write landed under a read that waited for the gate
  unanswered,      // requests not answered exactly once
  shut_gates,      // what is left after everything has ended, and waits in vain
};
inline constexpr std::array<const char*, 6> wrong_names{
    "lost_updates", "untrue_records", "false_refusals", "dirty_reads", "unanswered", "shut_gates"};

enum class Seen : std::uint8_t {
  requests,
  landed,             // writes that the API applied, whoever sent them
  landed_as_claimed,  // of those, conditional ones whose condition held at that instant
  // What clients did.
  nested_puts,  // of a resource with others below it
  deletes,
  recreations,  // `If-None-Match: *` landed where something had been deleted
  posts_to_member,
  posts_to_collection,
  posts_below,        // at a path below the resource that they change
  conditional_posts,  // landed
  serialised_puts,
  other_spellings,  // guarded writes, not spelled as the plain path
  other_names,      // guarded writes under the second name of a resource
  other_variants,   // tags sent by a request that would select another variant
  other_views,      // tags sent by another user
  retries,
  left_waiting,
  left_probing,
  left_connecting,
  left_after_send,
  left_reading,
  equal_again,       // landed: the content had changed and was again what the tag names
  around,            // writes around the proxy
  slipped_around,    // overwrote one of those, between probe and write
  slipped_observed,  // overwrote a write of mode observe that was sent later
  // What the guard did.
  recorded_sends,  // `check: recorded`, sent on the word of an entry
  stale,
  from_record,
  busy,
  refused_in_doubt,
  unverifiable,
  quarantines,
  full_records,  // histories in which entries were forgotten
  full_tables,   // and paths
  // What befell a forwarded write, or a probe.
  slow,
  rejected,
  lost_before_applied,
  lost_after_applied,
  lost_applied_late,
  refused_connections,
  timed_out,
  gateway_errors,
  accepted_202,
  half_applied,
  unreadable_probes,
  aged_answers,  // reads that a cache answered
  // What befell the proxy.
  crashes,
  clean_stops,
  turned_away,  // while it was down
  reloads,
};
// One name a line would be all that this file is about.
// clang-format off
inline constexpr std::array<const char*, 50> seen_names{
    "requests", "landed", "landed_as_claimed", "nested_puts", "deletes", "recreations",
    "posts_to_member", "posts_to_collection", "posts_below", "conditional_posts", "serialised_puts",
    "other_spellings", "other_names", "other_variants", "other_views", "retries", "left_waiting",
    "left_probing", "left_connecting", "left_after_send", "left_reading", "equal_again", "around",
    "slipped_around", "slipped_observed", "recorded_sends", "stale", "from_record", "busy",
    "refused_in_doubt", "unverifiable", "quarantines", "full_records", "full_tables", "slow",
    "rejected", "lost_before_applied", "lost_after_applied", "lost_applied_late",
    "refused_connections", "timed_out", "gateway_errors", "accepted_202", "half_applied",
    "unreadable_probes", "aged_answers", "crashes", "clean_stops", "turned_away", "reloads"};
// clang-format on
static_assert(static_cast<std::size_t>(Seen::reloads) + 1 == seen_names.size());

class Outcome {
 public:
  unsigned& operator[](Wrong what) { return wrong_[static_cast<std::size_t>(what)]; }
  unsigned& operator[](Seen what) { return seen_[static_cast<std::size_t>(what)]; }
  unsigned operator[](Wrong what) const { return wrong_[static_cast<std::size_t>(what)]; }
  unsigned operator[](Seen what) const { return seen_[static_cast<std::size_t>(what)]; }

  [[nodiscard]] bool clean() const {
    for (unsigned count : wrong_) {
      if (count != 0) return false;
    }
    return true;
  }

  void add(const Outcome& other);
  [[nodiscard]] std::string wrongs_told() const;
  [[nodiscard]] std::string told() const;

  std::string trace;  // every event of the history, if it was asked for

 private:
  std::array<unsigned, wrong_names.size()> wrong_{};
  std::array<unsigned, seen_names.size()> seen_{};
};

}  // namespace ifmatch::simulation
