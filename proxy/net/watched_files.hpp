// Files whose content matters, and what they held when they were looked at.
#pragma once

#include <string>
#include <vector>

namespace ifmatch::net {

struct Files {
  std::vector<std::string> names;
  std::string fingerprint;  // of the content of all of them; "" while one cannot be read

  // Looks at them now.
  [[nodiscard]] static Files look_at(std::vector<std::string> names);
};

}  // namespace ifmatch::net
