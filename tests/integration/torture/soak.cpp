#include "tests/integration/torture/soak.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <system_error>

#include "tests/support/deadline.hpp"

namespace ifmatch::torture {
namespace {

constexpr std::size_t samples_min = 60;
constexpr std::uint64_t memory_tolerated_kibibytes = 4 * 1024;
constexpr std::uint64_t memory_tolerated_divisor = 10;
constexpr std::uint64_t descriptors_tolerated = 16;

std::uint64_t resident_kibibytes(const std::string& folder) {
  std::ifstream file(folder + "/statm");
  std::uint64_t whole = 0;
  std::uint64_t resident = 0;
  file >> whole >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024;
}

std::uint64_t descriptors(const std::string& folder) {
  std::error_code gone;
  std::uint64_t count = 0;
  for (std::filesystem::directory_iterator entry(folder + "/fd", gone), end; !gone && entry != end;
       entry.increment(gone)) {
    ++count;
  }
  return count;
}

Sample median(std::vector<Sample> samples) {
  if (samples.empty()) return {};
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  Sample result = *middle;
  std::ranges::nth_element(samples, middle, {}, &Sample::resident_kibibytes);
  result.resident_kibibytes = middle->resident_kibibytes;
  std::ranges::nth_element(samples, middle, {}, &Sample::descriptors);
  result.descriptors = middle->descriptors;
  return result;
}

}  // namespace

Sampler::Sampler(pid_t pid, std::ostream* progress)
    : thread_([this, pid, progress](const std::stop_token& ended) {
        look_for_ever(ended, pid, progress);
      }) {}

void Sampler::look_for_ever(const std::stop_token& ended, pid_t pid, std::ostream* progress) {
  const std::string folder = "/proc/" + std::to_string(pid);
  const auto begin = support::Clock::now();
  for (std::chrono::seconds at{0}; !ended.stop_requested(); ++at) {
    samples_.push_back({at, resident_kibibytes(folder), descriptors(folder)});
    constexpr std::size_t minute = 60;
    if (progress != nullptr && samples_.size() % minute == 0) {
      const Sample middle = median({samples_.end() - minute, samples_.end()});
      *progress << "minute " << samples_.size() / minute << ": resident "
                << middle.resident_kibibytes << " KiB, descriptors " << middle.descriptors
                << " (medians)" << std::endl;
    }
    const support::Deadline next(std::chrono::ceil<support::Milliseconds>(
        begin + at + std::chrono::seconds(1) - support::Clock::now()));
    static_cast<void>(support::eventually([&ended] { return ended.stop_requested(); }, next));
  }
}

std::vector<Sample> Sampler::stop() {
  thread_.request_stop();
  thread_.join();
  return samples_;
}

Sample second_quarter(const std::vector<Sample>& samples) {
  const auto quarter = static_cast<std::ptrdiff_t>(samples.size() / 4);
  return median({samples.begin() + quarter, samples.begin() + 2 * quarter});
}

Sample last_quarter(const std::vector<Sample>& samples) {
  const auto quarter = static_cast<std::ptrdiff_t>(samples.size() / 4);
  return median({samples.end() - quarter, samples.end()});
}

std::vector<std::string> growth(const std::vector<Sample>& samples) {
  if (samples.size() < samples_min) return {"too few samples to tell whether anything grows"};
  const Sample early = second_quarter(samples);
  const Sample late = last_quarter(samples);
  std::vector<std::string> grown;
  if (late.resident_kibibytes > early.resident_kibibytes +
                                    early.resident_kibibytes / memory_tolerated_divisor +
                                    memory_tolerated_kibibytes) {
    grown.push_back("memory grew from " + std::to_string(early.resident_kibibytes) + " to " +
                    std::to_string(late.resident_kibibytes) + " KiB");
  }
  if (late.descriptors > early.descriptors + descriptors_tolerated) {
    grown.push_back("descriptors grew from " + std::to_string(early.descriptors) + " to " +
                    std::to_string(late.descriptors));
  }
  return grown;
}

void write_samples(const std::string& path, const std::vector<Sample>& samples) {
  std::ofstream file(path);
  file << "second,resident_kibibytes,descriptors\n";
  for (const Sample& sample : samples) {
    file << sample.at.count() << "," << sample.resident_kibibytes << "," << sample.descriptors
         << "\n";
  }
  file.flush();
  if (!file) throw std::system_error(errno, std::generic_category(), "write " + path);
}

}  // namespace ifmatch::torture
