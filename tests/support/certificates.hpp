// Certificates that a test makes for itself, as PEM files in a temporary folder.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/temporary_folder.hpp"

namespace ifmatch::support {

struct Certificate {
  std::string certificate;  // path
  std::string key;          // path
};

enum class Validity { now, expired, later };
enum class KeyType { ec, rsa };

// Signs what it is asked to sign.
class Authority {
 public:
  explicit Authority(std::string_view name = "ifmatch test authority");
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  // What those have to trust who shall trust it.
  [[nodiscard]] const std::string& file() const { return file_; }

  struct Wish {
    std::string name;                // of the subject, and of the files
    std::vector<std::string> names;  // "DNS:a.example", "IP:127.0.0.1"
    Validity validity = Validity::now;
    KeyType key = KeyType::ec;
  };
  [[nodiscard]] Certificate issue(const Wish& wish) const;
  // One for localhost and 127.0.0.1.
  [[nodiscard]] Certificate issue() const {
    return issue({"server", {"DNS:localhost", "IP:127.0.0.1"}});
  }

  // The key of an earlier one, in a file of its own, under a passphrase.
  [[nodiscard]] std::string encrypted_key(const Certificate& certificate) const;
  [[nodiscard]] const TemporaryFolder& folder() const { return folder_; }

 private:
  struct Signer;
  TemporaryFolder folder_;
  std::unique_ptr<Signer> signer_;
  std::string file_;
};

}  // namespace ifmatch::support
