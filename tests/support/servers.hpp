// Real servers to put behind ifmatch, each as a child process in the foreground, with a temporary
// folder and a free port: json-server, nginx with WebDAV, Apache with mod_dav. Each is one process
// without children, so that ending it by its pid leaves nothing behind.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ifmatch::support {

// Every `what` becomes `with`.
[[nodiscard]] std::string replace_all(std::string text, std::string_view what,
                                      std::string_view with);
// Puts in {folder}, {port} and {user}.
[[nodiscard]] std::string fill_in(std::string_view config, const std::string& folder,
                                  std::uint16_t port, std::string_view user);

class Server {
 public:
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] Process& process() { return *process_; }

 protected:
  Server();

  using ArgumentsForPort = std::function<std::vector<std::string>(std::uint16_t port)>;
  // Starts what `arguments_for` gives for a free port, until one accepts connections: another
  // program may have taken the port in between. Throws with the transcript when none does.
  void start(const ArgumentsForPort& arguments_for);

  std::unique_ptr<TemporaryFolder> folder_;
  std::unique_ptr<Process> process_;
  std::uint16_t port_ = 0;
};

// json-server on the given database. It is looked for in the folder that the environment variable
// IFMATCH_JSON_SERVER names, else in build/sample.
class JsonServer : public Server {
 public:
  explicit JsonServer(std::string_view database);
};

class Nginx : public Server {
 protected:
  // `lines` stand in its only server block.
  void serve(std::string_view lines);
};

// Both serve files and take PUT, DELETE and MKCOL below /.
class NginxWebdav : public Nginx {
 public:
  NginxWebdav();
};

// Passes everything on to the upstream; `lines` stand in its server block, `in_location` where it
// forwards.
class NginxBefore : public Nginx {
 public:
  NginxBefore(const std::string& upstream_url, std::string_view lines,
              std::string_view in_location = {});
};

// The same, `lines` before reverse_proxy.
class CaddyBefore : public Server {
 public:
  CaddyBefore(const std::string& upstream_url, std::string_view lines);
};

class ApacheWebdav : public Server {
 public:
  ApacheWebdav();
};

}  // namespace ifmatch::support
