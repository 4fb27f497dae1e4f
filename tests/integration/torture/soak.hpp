// Memory and descriptors of the proxy over a long run: one sample a second, and the judgement
// whether they grow.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <thread>
#include <vector>

namespace ifmatch::torture {

struct Sample {
  std::chrono::seconds at{0};  // since the beginning
  std::uint64_t resident_kibibytes = 0;
  std::uint64_t descriptors = 0;
};

// Looks once a second while it lives.
class Sampler {
 public:
  // `progress` is told about each minute; null: nobody is.
  Sampler(pid_t pid, std::ostream* progress);
  [[nodiscard]] std::vector<Sample> stop();

 private:
  void look_for_ever(const std::stop_token& ended, pid_t pid, std::ostream* progress);

  std::vector<Sample> samples_;
  std::jthread thread_;
};

// The median of each number over a quarter of the samples.
[[nodiscard]] Sample second_quarter(const std::vector<Sample>& samples);
[[nodiscard]] Sample last_quarter(const std::vector<Sample>& samples);

// Compares the second and the last quarter; in the first one pools and tables
// fill. Tolerated: a tenth and 4 MiB more memory, and 16 more descriptors. Empty: nothing grows.
[[nodiscard]] std::vector<std::string> growth(const std::vector<Sample>& samples);

// "second,resident_kibibytes,descriptors".
void write_samples(const std::string& path, const std::vector<Sample>& samples);

}  // namespace ifmatch::torture
