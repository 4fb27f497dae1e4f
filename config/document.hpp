// A configuration text as a tree in which every value knows where it stands. yaml-cpp reads the
// text through its event interface; its own tree is not used, because it forgets positions of
// keys, keeps only one of two equal keys and expands aliases.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.hpp"

namespace ifmatch::config {

inline constexpr std::size_t file_octets_max = 1024 * 1024;  // a configuration is written by people
inline constexpr std::size_t nesting_max =
    32;  // the deepest key has eight levels; bounds recursion

// Where a text came from. Whoever holds a Place or a Node must keep its Source alive and unmoved.
struct Source {
  enum class Kind { file, environment, flag };

  Kind kind = Kind::file;
  std::string name;  // path, "IFMATCH_MODE", "--mode"
  std::string text;
  std::vector<std::size_t> line_starts;  // filled by index_lines

  void index_lines();
  // Without the line end; empty where there is no such line. Lines count from 1.
  [[nodiscard]] std::string_view line(std::size_t number) const;
};

// A stretch of a source. Line 0 means the source as a whole.
struct Place {
  const Source* source = nullptr;
  std::size_t line = 0;
  std::size_t column = 0;  // from 1, in octets
  std::size_t length = 0;  // in octets
};

struct Entry;

struct Node {
  // `invalid` stands for a value whose fault has been reported; readers pass over it in silence.
  enum class Kind { null, scalar, sequence, map, invalid };

  Kind kind = Kind::null;
  Place place;
  std::string text;            // of a scalar
  bool quoted = false;         // a scalar in quotes is never null
  bool overridden = false;     // checked like any other, but a flag or variable replaces it
  std::vector<Node> items;     // of a sequence
  std::vector<Entry> entries;  // of a map, in the order of the text

  [[nodiscard]] const Node* find(std::string_view key) const;
  [[nodiscard]] Node* find(std::string_view key);
};

struct Entry {
  Node key;
  Node value;
};

// Collects findings. Bounded, so that a hostile file cannot make us print for hours.
class Report {
 public:
  void error(std::string_view code, const Place& place, std::string key, std::string message,
             std::string help = "");
  void warning(std::string_view code, const Place& place, std::string key, std::string message,
               std::string help = "");

  [[nodiscard]] bool has_errors() const { return errors_ > 0; }
  [[nodiscard]] std::size_t errors() const { return errors_; }
  // Sorted by source in the order of first mention, then by line and column.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  void add(Severity severity, std::string_view code, const Place& place, std::string key,
           std::string message, std::string help);

  std::vector<Diagnostic> diagnostics_;
  std::size_t errors_ = 0;
  std::size_t dropped_ = 0;
};

// "ifmatch.yaml:12" for messages that name a second place.
[[nodiscard]] std::string describe(const Place& place);

// Reads one file's text. Reports whatever is wrong with it as YAML, or with its octets, and returns
// the tree unless nothing can be made of the text. REQUIRES: source.index_lines() was called.
[[nodiscard]] std::optional<Node> parse_document(const Source& source, Report& report);

// Reads a value of `--set`: the part of source.text from `offset` on, as YAML on one line.
[[nodiscard]] std::optional<Node> parse_value(const Source& source, std::size_t offset,
                                              Report& report);

}  // namespace ifmatch::config
