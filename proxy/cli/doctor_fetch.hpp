// The client of `ifmatch doctor`: one request at a time, each on a connection of its own, over http
// or https. It blocks, and every wait has an end.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/cli/doctor_exam.hpp"

namespace ifmatch::cli {

struct DoctorUrl {
  bool tls = false;
  std::string host;    // without brackets
  std::string port;    // "443"
  std::string authority;  // as it goes into Host
  std::string target;  // path and query, "/" at least
};

// The URL, or a sentence that says what is wrong with it.
[[nodiscard]] std::variant<DoctorUrl, std::string> parse_doctor_url(std::string_view text);

enum class Verification : std::uint8_t { required, none };

struct DoctorTls {
  std::string ca_file;  // "": what the system trusts
  Verification verification = Verification::required;
};

using DoctorFields = std::vector<std::pair<std::string, std::string>>;

struct DoctorRequest {
  std::string_view method;
  DoctorFields fields;
  std::string_view content;
};

class Doctor {
 public:
  // Throws std::runtime_error with a sentence when `tls.ca_file` cannot be used.
  Doctor(DoctorUrl url, const DoctorTls& tls, std::chrono::seconds patience);
  ~Doctor();
  Doctor(const Doctor&) = delete;
  Doctor& operator=(const Doctor&) = delete;

  // The final answer, or a sentence that says why there is none.
  [[nodiscard]] std::variant<Answered, std::string> ask(const DoctorRequest& request);

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace ifmatch::cli
