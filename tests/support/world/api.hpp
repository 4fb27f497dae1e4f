// An API without versions at the far end of the proxy's upstream connections: documents in memory,
// last writer wins. It reads strictly, remembers everything that reached it, whole or in part, and
// where each answer ends, so that a test can say what the proxy could know.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/shim/strict_messages.hpp"
#include "tests/support/shim/system.hpp"

namespace ifmatch::world {

struct Document {
  std::string type;
  std::string content;
};

enum class Framing : std::uint8_t { length, chunked, until_close };

// How a request is answered; `after` counts from its arrival.
struct Manner {
  Framing framing = Framing::length;
  std::chrono::milliseconds after{0};
  bool interim = false;      // 103 first
  bool in_parts = false;     // the last octets come a moment after the others
  bool closing = false;      // "Connection: close", and does so
  int status = 0;            // instead of doing anything; 0: it does what was asked
  std::string octets;        // the answer itself, as it is; empty: a well-formed one
};

// A request as it arrived.
struct Arrival {
  std::shared_ptr<shim::Stream> stream;
  std::size_t begins = 0;  // at which octet of the stream
  shim::StrictMessage request;
  bool applied = false;    // it changed a document
  int status = 0;
  bool until_close = false;
  // At which octets of what was said on the stream the head of its answer ends, and all of it.
  std::size_t head_ends = 0;
  std::size_t answer_ends = 0;
  std::string answer;      // those octets
};

class Api {
 public:
  void put(const std::string& path, Document document) { documents_[path] = std::move(document); }
  [[nodiscard]] const Document* find(std::string_view target) const;

  // How the next requests are answered; in the ordinary way where it is unset.
  std::function<Manner(const shim::StrictMessage&)> manner;
  // Told of each unsafe request just before it is applied.
  std::function<void(const shim::StrictMessage&)> before_applying;

  void accept(std::shared_ptr<shim::Stream> stream);
  // Takes what has arrived and answers what is due. Whether there was anything to do.
  bool act(shim::Instant now);

  [[nodiscard]] const std::vector<std::unique_ptr<Arrival>>& arrivals() const noexcept {
    return arrivals_;
  }
  // All that was said on the stream of an arrival until now.
  [[nodiscard]] const std::string& said_on(const Arrival& arrival) const;
  // Octets that arrived and make no request: broken off, or malformed.
  [[nodiscard]] std::vector<std::string> leftovers() const;
  [[nodiscard]] const std::vector<std::string>& malformed() const noexcept { return malformed_; }

 private:
  struct Line {
    std::shared_ptr<shim::Stream> stream;
    std::string input;
    std::size_t consumed = 0;
    std::string said;
    bool broken = false;
  };
  struct Due {
    shim::Instant at;
    std::size_t line;
    Arrival* arrival;
    std::string octets;
    bool closes;
    bool last;  // part of the answer
  };

  void serve(std::size_t line, shim::StrictMessage request, shim::Instant now);
  [[nodiscard]] int apply(const shim::StrictMessage& request, Document& shown, Arrival& arrival);

  std::map<std::string, Document, std::less<>> documents_;
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<std::unique_ptr<Arrival>> arrivals_;
  std::deque<Due> due_;
  std::vector<std::string> malformed_;
  int created_ = 0;
};

[[nodiscard]] bool is_unsafe(std::string_view method);

}  // namespace ifmatch::world
