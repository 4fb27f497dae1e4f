// What one thread owns: its io_context, its sweep, its upstream pools, its sessions. Only io and
// the counters that say so may be touched by other threads.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/account.hpp"
#include "proxy/net/arrival.hpp"
#include "proxy/net/edition.hpp"
#include "proxy/net/held_content.hpp"
#include "proxy/net/stalls.hpp"

namespace ifmatch::net {

struct Door;

// A session that may be told to end while it waits for its next request.
class Interruptible {
 public:
  virtual void interrupt_if_idle() = 0;
  // The listener through which its client came.
  [[nodiscard]] virtual const Door& door() const noexcept = 0;

 protected:
  ~Interruptible() = default;
};

// One listener as one thread sees it. Whoever uses `listener` across a suspension keeps `edition`.
struct Door {
  DoorId id = 0;
  EditionPtr edition;
  const config::Listener* listener = nullptr;
  bool closed = false;  // a reload removed it: its connections end with the request under way
};

class Worker {
 public:
  // `published` must outlive it. `thread` is its number, from 0 on.
  Worker(const Published& published, std::size_t thread);
  ~Worker();

  // What a request that begins now is served with.
  [[nodiscard]] const EditionPtr& edition() const noexcept { return edition_; }
  // Takes the plan that is in force, if it is not the present one's, for all that begins from here
  // on. Called after a reload, on this thread.
  void renew();
  // `door` is kept up to date until remove_door().
  void add_door(Door& door);
  void remove_door(Door& door) { std::erase(doors_, &door); }

  // It is asked whether it listens now and at each renewal. It must outlive the worker. REQUIRES:
  // called before the worker serves.
  void add_sink(AccountSink& sink);

  // Empty, with the memory of an earlier use.
  [[nodiscard]] Lent<std::string> lend_string();
  [[nodiscard]] Lent<std::vector<asio::const_buffer>> lend_buffers();
  [[nodiscard]] Lent<http::ResponseHead> lend_head() { return heads_.lend(); }
  [[nodiscard]] Lent<http::RequestHead> lend_request_head() { return request_heads_.lend(); }

  // Sweeps deadlines until the io_context stops. `also` is called with each sweep.
  [[nodiscard]] Task<void> sweep_for_ever(std::function<void(Instant)> also);

  // The HTTP-date of now, made once a second.
  [[nodiscard]] std::string_view date() const noexcept { return date_; }

 private:
  // Goes first when the worker ends, while all that its coroutines still refer to is there.
  std::optional<asio::io_context> context_;

 public:
  asio::io_context& io;
  Sweeper sweeper;
  ContentMemory contents{sweeper};
  Stalls stalls;
  std::vector<Interruptible*> sessions;
  // Who is told of every request: of all that were added those who listen.
  AccountSinks sinks;
  bool draining = false;
  // How often it has swept, for those who want to know whether this thread still turns.
  std::atomic<std::uint64_t> sweeps{0};
  ArrivalCounts arrivals;

 private:
  void refresh_date();
  void begin_checks();
  void choose_sinks();
  // What others may want to see of this thread.
  void show(Instant now);

  const Published& published_;
  std::size_t thread_;
  EditionPtr edition_;
  std::vector<Door*> doors_;
  AccountSinks audience_;  // whether they listen or not
  Shelf<std::string> strings_;
  Shelf<std::vector<asio::const_buffer>> buffers_;
  Shelf<http::ResponseHead> heads_;
  Shelf<http::RequestHead> request_heads_;
  std::string date_;
  std::time_t date_second_ = 0;
};

}  // namespace ifmatch::net
