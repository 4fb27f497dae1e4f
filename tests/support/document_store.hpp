// An API without versions, as a behaviour for ScriptedUpstream: documents in memory, each request
// atomic, last writer wins. It records every write that it applied, in order, which is what lost
// updates are looked for in, and breaks down on purpose with a seeded generator.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/scripted_upstream.hpp"

namespace ifmatch::support {

struct AppliedWrite {
  std::string method;
  std::string path;
  std::string body;
};

class DocumentStore {
 public:
  struct Options {
    Milliseconds work_time_max{0};    // each request is applied after up to so long, by chance
    double drop_before_applying = 0;  // share of writes that end the connection and change nothing
    double apply_then_drop = 0;       // share of writes that are applied and never answered
    std::uint64_t seed = 1;
    Fields fields = {};  // sent with every answer to a GET, PUT, PATCH or POST
  };

  DocumentStore() : DocumentStore(Options{}) {}
  explicit DocumentStore(Options options) : options_(std::move(options)), chance_(options_.seed) {}

  // GET and HEAD read, PUT and PATCH replace, DELETE removes, POST adds a member to a collection.
  // A query is no part of the path. The store must outlive the server that uses this.
  [[nodiscard]] ScriptedUpstream::Behaviour behaviour();

  void put(std::string_view path, std::string_view body);
  [[nodiscard]] std::optional<std::string> get(std::string_view path) const;
  // All applied writes, or those to one path, in the order in which they were applied.
  [[nodiscard]] std::vector<AppliedWrite> applied() const;
  [[nodiscard]] std::vector<AppliedWrite> applied(std::string_view path) const;

 private:
  [[nodiscard]] Reply apply(const Request& request);
  [[nodiscard]] Reply apply_write(const Request& request, const std::string& path);

  const Options options_;
  mutable std::mutex mutex_;
  std::mt19937_64 chance_;
  std::map<std::string, std::string, std::less<>> documents_;
  std::vector<AppliedWrite> applied_;
  int created_ = 0;
};

}  // namespace ifmatch::support
