// The guards of all origins: claimed when they come into use, kept over reloads, and released when
// no configuration uses them and nothing of them is unsettled any more.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "plugins/api/ledger.hpp"
#include "proxy/net/edition.hpp"

namespace ifmatch::net {

class Desks {
 public:
  // `ledger` must outlive it.
  Desks(plugins::Ledger& ledger, std::size_t entries_max)
      : ledger_(ledger), entries_max_(entries_max) {}

  // The guard of every origin of the site; new places are claimed. An origin keeps the guard of any
  // of its places. Throws std::runtime_error with a sentence when another instance guards one, and
  // when two guards would have to become one: what they hold cannot be merged. What was claimed
  // before that is released in time.
  [[nodiscard]] std::vector<std::shared_ptr<GuardDesk>> of(const Site& site);

  // Begins new terms wherever `next` binds otherwise than `before`, and returns the terms of each
  // of `desks`, which are those of `next`. Guarded writes of an origin then also wait for what went
  // to another origin that changed: a route may have moved, and both may lead to one API.
  // REQUIRES: nothing can be submitted under the new terms before it returns.
  [[nodiscard]] std::vector<Terms> turn(const Site& before, const Site& next,
                                        const std::vector<std::shared_ptr<GuardDesk>>& desks);

  // Ends waits and quarantines that are over.
  void tick(Instant now);
  // Releases what nobody uses and has nothing unsettled. Not on a thread that serves: it writes to
  // the disk.
  void release_unused();
  // From here on nobody is told anything: the threads are ending.
  void shut();
  // What was observed at all of them, to the log.
  void tell_observed();
  // The end. REQUIRES: every thread has ended.
  void release_all();

 private:
  // A guard that waits for what is older at another one.
  struct Waiting {
    std::shared_ptr<GuardDesk> desk;
    guard::RequestId stand_in = 0;
    std::shared_ptr<GuardDesk> other;
    std::uint64_t generation = 0;  // of the other: what is older is waited for
  };

  // A guard and the places that are claimed for it: one mark each, so that an instance which shares
  // only one of them is found. They stay claimed as long as the guard is in use.
  struct Guarded {
    std::shared_ptr<GuardDesk> desk;
    std::vector<std::string> places;

    [[nodiscard]] bool has(const std::string& place) const;
  };

  [[nodiscard]] std::shared_ptr<GuardDesk> find(const std::string& place) const;
  // The guard that has a place of the origin; null if none has.
  [[nodiscard]] std::shared_ptr<GuardDesk> find(const Origin& origin) const;
  // Adds the place to those of the guard.
  void claim(const Site& site, std::size_t origin, const std::string& place,
             const std::shared_ptr<GuardDesk>& desk);
  [[nodiscard]] std::shared_ptr<GuardDesk> add_desk(const std::string& origin);
  void release(const Guarded& guarded);

  plugins::Ledger& ledger_;
  std::size_t entries_max_;
  std::mutex mutex_;  // before those of the desks
  std::vector<Guarded> desks_;
  std::vector<Waiting> waiting_;
};

}  // namespace ifmatch::net
