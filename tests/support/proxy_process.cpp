#include "tests/support/proxy_process.hpp"

#include <signal.h>

#include <cstdlib>

#include "tests/support/socket.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view reload_line = "the new configuration ";
constexpr std::string_view ready_line = "ready: listening on ";
constexpr std::string_view admin_line = "admin: listening on ";

std::uint16_t port_of(const std::string& line) {
  const auto colon = line.rfind(':');
  return static_cast<std::uint16_t>(std::stoul(line.substr(colon + 1)));
}

std::string comma_before(const std::string& piece) {
  return piece.empty() ? "" : ", " + piece;
}

}  // namespace

std::string ProxyConfig::yaml() const {
  std::string text = "version: 1\nlisteners:\n";
  text += "  - { name: public, address: \"127.0.0.1:0\"" + comma_before(listener) + " }\n";
  text += "upstreams:\n";
  text += "  api: { url: \"" + upstream_url + "\"" + comma_before(upstream) + " }\n";
  if (!defaults.empty()) text += "defaults: { " + defaults + " }\n";
  text += "routes:\n" + routes;
  text += "state_dir: " + state_dir + "\n";
  return text + more;
}

std::string ifmatch_binary() {
  const char* const another = std::getenv("IFMATCH_TEST_BINARY");
  return another != nullptr ? another : IFMATCH_BINARY;
}

ProxyProcess ProxyProcess::start(std::string_view yaml, const std::vector<std::string>& arguments) {
  ProxyProcess proxy;
  proxy.folder_ = std::make_unique<TemporaryFolder>();
  std::vector<std::string> all = {ifmatch_binary(), "run", "-c",
                                  proxy.folder_->write("ifmatch.yaml", yaml)};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Process::Options options;
  const bool says_admin = yaml.find("\nadmin:") != std::string_view::npos;
  if (!says_admin) options.environment["IFMATCH_ADMIN"] = "none";
  proxy.process_.reset(new Process(Process::start(std::move(all), std::move(options))));
  proxy.wait_until_ready(1);
  return proxy;
}

ProxyProcess ProxyProcess::start_in_front_of(const std::string& upstream_url) {
  ProxyConfig config;
  config.upstream_url = upstream_url;
  return start(config);
}

ProxyProcess ProxyProcess::start_with(const std::vector<std::string>& arguments,
                                      std::map<std::string, std::string> environment,
                                      std::size_t listeners) {
  ProxyProcess proxy;
  std::vector<std::string> all = {ifmatch_binary()};
  all.insert(all.end(), arguments.begin(), arguments.end());
  Process::Options options;
  options.environment = std::move(environment);
  options.environment.try_emplace("IFMATCH_ADMIN", "none");
  proxy.process_.reset(new Process(Process::start(std::move(all), std::move(options))));
  proxy.wait_until_ready(listeners);
  return proxy;
}

void ProxyProcess::wait_until_ready(std::size_t listeners) {
  if (listeners == ready_without_port && !process_->wait_for_line(ready_line)) {
    throw SupportError("ifmatch did not get ready; " + process_->transcript());
  }
  for (std::size_t listener = 0; listener < listeners; ++listener) {
    const auto line = process_->wait_for_line(ready_line, Deadline{}, listener);
    if (!line) throw SupportError("ifmatch did not get ready; " + process_->transcript());
    ports_.push_back(port_of(*line));
  }
}

bool ProxyProcess::reload(std::string_view yaml) {
  static_cast<void>(folder_->write("ifmatch.yaml", yaml));
  process_->signal(SIGHUP);
  const auto line = process_->wait_for_line(reload_line, Deadline{}, reloads_++);
  if (!line) throw SupportError("ifmatch did not reload; " + process_->transcript());
  return line->find("is in force") != std::string::npos;
}

std::uint16_t ProxyProcess::admin_port() {
  const auto line = process_->wait_for_line(admin_line);
  if (!line) throw SupportError("ifmatch has no admin server; " + process_->transcript());
  return port_of(*line);
}

ExitStatus ProxyProcess::stop(Deadline deadline) {
  process_->signal(SIGTERM);
  const auto status = process_->wait(deadline);
  if (!status) throw SupportError("ifmatch did not end; " + process_->transcript());
  return *status;
}

}  // namespace ifmatch::support
