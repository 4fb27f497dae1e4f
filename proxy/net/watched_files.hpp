// Files whose content matters, and what they held when they were looked at.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ifmatch::net {

struct Files {
  std::vector<std::string> names;
  std::vector<std::optional<std::string>> contents;  // of each; unset where it could not be read

  // Looks at them now.
  [[nodiscard]] static Files look_at(std::vector<std::string> names);

  // Looks at them again. True if one holds something else than when it could last be read. Between
  // two links, or between two writes of an editor, there may be no file: that is no change, and
  // must not hide those of the others.
  [[nodiscard]] bool have_changed();
};

}  // namespace ifmatch::net
