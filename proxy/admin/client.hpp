// Asks the admin server of a running instance: what the commands status, reload, drain and
// healthcheck do.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ifmatch::admin {

struct Instance {
  std::string address;               // "127.0.0.1:9901", "localhost:9901"
  std::optional<std::string> token;  // of its admin.token_file
};

struct Called {
  int status = 0;       // 0: there was no answer, and `failure` says why
  std::string content;
  std::string failure;  // a sentence without a full stop
};

// One request, on a connection of its own. Blocks for `patience` at most.
[[nodiscard]] Called call(const Instance& instance, std::string_view method,
                          std::string_view target, std::chrono::milliseconds patience);

}  // namespace ifmatch::admin
