#include "tests/support/temporary_folder.hpp"

#include <cstdlib>
#include <fstream>

#include "tests/support/socket.hpp"

namespace ifmatch::support {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "ifmatch-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw system_error("mkdtemp");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::write(std::string_view name, std::string_view content) const {
  const std::filesystem::path file = path_ / name;
  std::ofstream stream(file, std::ios::binary);
  stream << content;
  if (!stream.flush()) throw SupportError("cannot write " + file.string());
  return file.string();
}

}  // namespace ifmatch::support
