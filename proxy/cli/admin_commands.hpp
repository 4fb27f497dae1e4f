// Commands that speak to a running instance, over its admin address.
#pragma once

#include <optional>
#include <string>

namespace ifmatch::cli {

struct AdminOptions {
  std::optional<std::string> address;     // else $IFMATCH_ADMIN, else 127.0.0.1:9901
  std::optional<std::string> token_file;  // else $IFMATCH_ADMIN_TOKEN_FILE, else none
};

enum class Output { text, json };
enum class Repeat { once, watch };

[[nodiscard]] int status(const AdminOptions& options, Output output, Repeat repeat);
[[nodiscard]] int reload(const AdminOptions& options);
[[nodiscard]] int drain(const AdminOptions& options);

// What a container's HEALTHCHECK calls: whether it is ready, or at least alive.
enum class Question { ready, live };
[[nodiscard]] int healthcheck(const AdminOptions& options, Question question);

}  // namespace ifmatch::cli
