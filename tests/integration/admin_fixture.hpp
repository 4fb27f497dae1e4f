// A guarded store whose proxy has an admin server, and how tests ask it.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {

inline ProxyConfig with_admin(ProxyConfig config = {},
                              const std::string& inside = "address: \"127.0.0.1:0\"") {
  config.more += "admin: { " + inside + " }\n";
  return config;
}

class AdminStore : public GuardedStore {
 public:
  explicit AdminStore(ProxyConfig config = {})
      : GuardedStore(with_admin(std::move(config))), admin_port_(proxy.admin_port()) {}

  [[nodiscard]] std::uint16_t admin_port() const { return admin_port_; }
  [[nodiscard]] std::string admin_address() const {
    return "127.0.0.1:" + std::to_string(admin_port_);
  }
  Response admin(std::string_view method, std::string_view target,
                 const Fields& fields = {}) const {
    return request_once(admin_port_, method, target, fields);
  }

  // The value of the series with exactly that name and those labels; -1 where there is none.
  double metric(const std::string& series) const {
    return value_in(admin("GET", "/metrics").body, series);
  }
  static double value_in(const std::string& text, const std::string& series) {
    const std::string wanted = "\n" + series + " ";
    const std::string all = "\n" + text;
    const std::size_t at = all.find(wanted);
    if (at == std::string::npos) return -1;
    return std::strtod(all.c_str() + at + wanted.size(), nullptr);
  }
  // A request is counted a moment after it was answered.
  bool comes_to(const std::string& series, double value) const {
    return eventually([&] { return metric(series) == value; });
  }

 private:
  std::uint16_t admin_port_;
};

// A proxy whose admin server has a token.
class TokenProxy {
 public:
  static constexpr std::string_view token = "0123456789abcdef0123";

  // `host` is what it listens on.
  explicit TokenProxy(const std::string& host) : proxy(ProxyProcess::start(yaml(host))) {}

  [[nodiscard]] const std::string& token_file() const { return token_file_; }

 private:
  std::string yaml(const std::string& host) const {
    ProxyConfig config;
    config.upstream_url = upstream_.url();
    return with_admin(config, "address: \"" + host + ":0\", token_file: \"" + token_file_ + "\"")
        .yaml();
  }

  TemporaryFolder folder_;
  std::string token_file_ = folder_.write("token", std::string(token) + "\n");
  DocumentStore store_;
  ScriptedUpstream upstream_{store_.behaviour()};

 public:
  ProxyProcess proxy;
};

}  // namespace ifmatch::support
