// What is wrong with a configuration and where: one value per finding, and the three ways to print
// a run's findings (for a person, for a program, for a pull request).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ifmatch::config {

enum class Severity { error, warning };

struct Diagnostic {
  std::string file;        // the file's path, "-" for standard input, else the flag or the variable
  std::size_t line = 0;    // from 1; 0 where the finding is about the file as a whole
  std::size_t column = 0;  // from 1, in characters; 0 together with line 0
  std::size_t length = 1;  // characters to underline
  Severity severity = Severity::error;
  std::string code;         // "E101"; stable, so that scripts may look for it. "W..." for warnings
  std::string key;          // "routes.order.on_mising"; empty where no key is concerned
  std::string message;      // one line, begins in lower case, no full stop
  std::string source_line;  // without its line feed; empty where it would be too long to help
  std::string help;         // what to do; empty where nothing can be said
};

enum class Format { text, json, github };

// Renders all findings, in their order. Text ends with a count line ("2 errors, 1 warning") if
// there is anything to count; json is one object; github is one workflow command per finding.
[[nodiscard]] std::string render(const std::vector<Diagnostic>& diagnostics, Format format);

[[nodiscard]] std::size_t count(const std::vector<Diagnostic>& diagnostics, Severity severity);

// The text in single quotes, shortened, with control characters made visible: a value from a file
// must not be able to steer the terminal on which its error is shown.
[[nodiscard]] std::string in_quotes(std::string_view text);

// Number of characters in UTF-8 text; octets that continue a character do not count.
[[nodiscard]] std::size_t characters(std::string_view text);

}  // namespace ifmatch::config
