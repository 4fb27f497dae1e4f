#include "tests/integration/torture/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/socket.hpp"

namespace ifmatch::torture {
namespace {

using support::SupportError;
using support::system_error;

void drop_broken_last_line(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto end = text.rfind('\n');
  const std::size_t whole = end == std::string::npos ? 0 : end + 1;
  if (whole != text.size()) std::filesystem::resize_file(path, whole);
}

AppliedWrite parse_applied(std::istringstream& fields, const Landscape& landscape) {
  AppliedWrite write;
  long long nanoseconds = 0;
  std::string method;
  std::string path;
  fields >> nanoseconds >> method >> path >> write.id >> write.base >> write.overwritten >>
      write.padding;
  const auto known_method = method_named(method);
  const auto known_path = landscape.find(path);
  if (!fields || !known_method || !known_path) {
    throw SupportError("a line of the journal that is none: " + fields.str());
  }
  write.at = Instant(std::chrono::nanoseconds(nanoseconds));
  write.method = *known_method;
  write.resource = *known_path;
  return write;
}

}  // namespace

JournalText read_journal(const std::string& path, const Landscape& landscape) {
  JournalText text;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string what;
    fields >> what;
    if (what == "applied") {
      text.applied.push_back(parse_applied(fields, landscape));
    } else if (what == "mishap") {
      std::string name;
      std::getline(fields >> std::ws, name);
      ++text.mishaps[name];
    } else {
      throw SupportError("a line of the journal that is none: " + line);
    }
  }
  return text;
}

Journal::Journal(const std::string& path, const Landscape& landscape) : landscape_(landscape) {
  drop_broken_last_line(path);
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file_ < 0) throw system_error("open the journal");
}

Journal::~Journal() {
  ::close(file_);
}

void Journal::add(const AppliedWrite& write) {
  const auto since_start = std::chrono::nanoseconds(write.at.time_since_epoch());
  append("applied " + std::to_string(since_start.count()) + " " +
         std::string(name_of(write.method)) + " " + landscape_[write.resource].path + " " +
         std::to_string(write.id) + " " + std::to_string(write.base) + " " +
         std::to_string(write.overwritten) + " " + std::to_string(write.padding) + "\n");
}

void Journal::add_mishap(std::string_view name) {
  append("mishap " + std::string(name) + "\n");
}

void Journal::append(const std::string& line) {
  const ssize_t written = ::write(file_, line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) throw system_error("write the journal");
}

}  // namespace ifmatch::torture
