// An API without versions that fails in every way that ifmatch must survive, but never applies a
// write later than the quarantine covers: that is the one promise that ifmatch asks of it.
//
// The promise is kept without knowing when a peer really left. Each connection remembers when its
// peer was last seen there; a write whose peer is gone is applied only while that is less than
// `latest` ago. However late this process gets the processor, it errs on the side of dropping.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/integration/torture/journal.hpp"
#include "tests/integration/torture/landscape.hpp"
#include "tests/support/message_reader.hpp"
#include "tests/support/socket.hpp"

namespace ifmatch::torture {

// What goes wrong with a write or with its answer, in turn.
enum class Mishap {
  none,
  reset_in_request,    // the connection is reset when half of the content was read
  dropped_unapplied,   // closed without an answer, nothing applied
  dropped_applied,     // applied, then closed without an answer
  dropped_then_late,   // reset without an answer first, applied afterwards
  applied_late,        // applied when the response time-out is over
  answered_late,       // applied at once, answered when the response time-out is over
  doubtful_applied,    // applied, and 503 all the same
  doubtful_then_late,  // 503 or 202 first, applied afterwards
  error_applied,       // applied, and 500 all the same
  reset_in_answer,     // applied, the connection reset in the middle of the answer
};

// Those that a run must have seen, by the names under which they stand in the journal.
[[nodiscard]] std::vector<std::string> expected_mishaps();

class FaultyUpstream {
 public:
  struct Options {
    std::uint16_t port = 0;
    std::string journal;
    std::uint64_t seed = 0;
    std::chrono::milliseconds latest{0};  // see above; less than the quarantine
  };

  explicit FaultyUpstream(const Options& options);

  [[nodiscard]] std::uint16_t port() const { return listener_.local_port(); }
  // Serves until the process ends.
  [[noreturn]] void serve();
  // Obeys the signals of control.hpp, which every thread must have blocked.
  [[noreturn]] void obey_signals();

 private:
  class Connection;
  struct Request;
  struct Reply;

  void serve_connection(support::Socket socket, Instant alive);
  [[nodiscard]] bool serve_request(Connection& connection);
  [[nodiscard]] bool serve_read(Connection& connection, const Request& request);
  [[nodiscard]] bool serve_write(Connection& connection, Request& request, Mishap mishap);
  [[nodiscard]] bool wait(Connection& connection, std::chrono::milliseconds time);
  [[nodiscard]] std::chrono::milliseconds between(int least, int most);

  [[nodiscard]] Mishap next_write_mishap();
  [[nodiscard]] Mishap next_read_mishap();
  void note(std::string_view mishap);

  [[nodiscard]] Reply show(const Request& request);
  // Nothing when it was too late to apply it: the peer was last seen, or left alone by us, before
  // `latest`.
  [[nodiscard]] std::optional<Reply> apply(Connection& connection, const Request& request,
                                           std::optional<Instant> left_alone);
  [[nodiscard]] Reply change(const Request& request);

  const Options options_;
  const Landscape landscape_;
  support::Socket listener_;
  std::atomic<Instant> stalled_until_{};
  std::atomic<Instant> lingers_until_{};
  std::atomic<bool> calm_ = false;

  std::mutex chance_mutex_;
  std::mt19937_64 chance_;
  unsigned write_mishaps_ = 0;
  unsigned read_mishaps_ = 0;

  // Whoever holds it is applying a write.
  std::mutex mutex_;
  Journal journal_;
  State state_;
  std::vector<AppliedWrite> made_by_;  // the write that made each resource
};

}  // namespace ifmatch::torture
