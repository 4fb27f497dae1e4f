// A folder of its own for a server's configuration and data, removed with all that is in it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ifmatch::support {

class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Writes a file and returns where it is.
  std::string write(std::string_view name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

}  // namespace ifmatch::support
