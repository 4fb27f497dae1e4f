// One of the many clients: reads, changes what it read, writes it back under the tag it was given,
// and behaves badly now and then. It keeps a record of every read and write for the checker.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/integration/torture/checker.hpp"
#include "tests/support/raw_client.hpp"

namespace ifmatch::torture {

// Shared by all clients of a run.
struct Arena {
  const Landscape& landscape;
  std::atomic<std::uint16_t> port = 0;  // changes when the proxy is started again
  std::atomic<bool> over = false;
};

struct ClientCounts {
  std::map<std::string, std::uint64_t> answers;  // to writes: the status, and the problem's type
  std::uint64_t reads = 0;                       // answered 200, 304 or 404
  std::uint64_t not_modified = 0;
  std::uint64_t cut_requests = 0;    // reset in the middle of a request of its own
  std::uint64_t left_early = 0;      // reset when the request had been sent
  std::uint64_t broken_answers = 0;  // connections that ended without a whole answer
  std::uint64_t unanswered = 0;      // nothing within the patience of the tests: must not happen
};

class Client {
 public:
  // `number` is unique in the run and not 0.
  Client(std::uint32_t number, std::uint64_t seed, Arena& arena)
      : number_(number), chance_(seed), arena_(arena) {}

  // Until the arena is over.
  void run();
  // Tries once to change this resource, without bad behaviour. True when it was answered with
  // success, and when there is nothing that a client could write.
  [[nodiscard]] bool change(std::size_t resource);

  [[nodiscard]] const std::vector<Attempt>& attempts() const { return attempts_; }
  [[nodiscard]] const std::vector<Sighting>& sightings() const { return sightings_; }
  [[nodiscard]] const ClientCounts& counts() const { return counts_; }

 private:
  // What a read has shown, or an answer to a write with a tag.
  struct Seen {
    WriteId id = no_write;
    bool exists = false;
    std::string tag;
  };
  struct Write {
    Method method = Method::put;
    std::size_t resource = 0;
    WriteId id = no_write;
    WriteId base = no_write;
    support::Fields fields;
    std::string content;
  };
  enum class Manners { good, any };

  void step();
  [[nodiscard]] bool may_write(std::size_t resource, const Seen& seen) const;
  [[nodiscard]] std::size_t pick_resource();
  [[nodiscard]] std::optional<Seen> read(std::size_t resource);
  [[nodiscard]] Method pick_method(std::size_t resource, const Seen& seen);
  [[nodiscard]] Write compose(Method method, std::size_t resource, const Seen& seen);
  [[nodiscard]] Verdict send(const Write& write, Manners manners);
  [[nodiscard]] Verdict transmit(const Write& write, Manners manners);
  [[nodiscard]] Verdict conclude(const Write& write, const support::Response& answer);
  [[nodiscard]] support::RawClient& connection();
  void hang_up();
  [[nodiscard]] bool chance(double likelihood);
  [[nodiscard]] int between(int least, int most);

  const std::uint32_t number_;
  std::mt19937_64 chance_;
  Arena& arena_;
  std::unique_ptr<support::RawClient> connection_;
  std::map<std::size_t, Seen> remembered_;
  std::uint32_t written_ = 0;

  std::vector<Attempt> attempts_;
  std::vector<Sighting> sightings_;
  ClientCounts counts_;
};

}  // namespace ifmatch::torture
