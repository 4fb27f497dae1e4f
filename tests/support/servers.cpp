#include "tests/support/servers.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "tests/support/socket.hpp"

namespace ifmatch::support {
namespace {

constexpr std::string_view nginx_config = R"(
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
{user}
events {}
http {
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types { application/json json; }
  default_type application/octet-stream;
  server {
    listen 127.0.0.1:{port};
    {lines}
  }
}
)";

constexpr std::string_view nginx_webdav_lines = R"(
    root {folder}/files;
    dav_methods PUT DELETE MKCOL COPY MOVE;
    create_full_put_path on;
)";

constexpr std::string_view nginx_before_lines = R"(
    {lines}
    location / {
      proxy_pass {upstream};
      proxy_http_version 1.1;
      {in_location}
    }
)";

constexpr std::string_view caddy_before_config = R"({
  admin off
  auto_https off
}
http://127.0.0.1:{port} {
  bind 127.0.0.1
  {lines}
}
)";

constexpr std::string_view apache_config = R"(
ServerName 127.0.0.1
ServerRoot {folder}
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex sem
ErrorLog /dev/stderr
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dav_module /usr/lib/apache2/modules/mod_dav.so
LoadModule dav_fs_module /usr/lib/apache2/modules/mod_dav_fs.so
{user}
ThreadsPerChild 32
DavLockDB {folder}/files.lock
DocumentRoot {folder}/files
<Directory {folder}/files>
  Dav On
  Require all granted
</Directory>
)";

bool accepts_connections(std::uint16_t port) {
  try {
    return Socket::connect(port).is_open();
  } catch (const SupportError&) {
    return false;
  }
}

std::filesystem::path json_server_program() {
  const char* const named = std::getenv("IFMATCH_JSON_SERVER");
  const std::filesystem::path folder = named == nullptr ? IFMATCH_JSON_SERVER_FOLDER : named;
  const auto program = folder / "node_modules/json-server/lib/cli/bin.js";
  if (!std::filesystem::exists(program)) {
    throw SupportError("json-server is not installed in " + folder.string() +
                       ": tests/run installs it");
  }
  return program;
}

}  // namespace

std::string replace_all(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

std::string fill_in(std::string_view config, const std::string& folder, std::uint16_t port,
                    std::string_view user) {
  std::string text = replace_all(std::string(config), "{folder}", folder);
  text = replace_all(std::move(text), "{port}", std::to_string(port));
  return replace_all(std::move(text), "{user}", user);
}

Server::Server() : folder_(std::make_unique<TemporaryFolder>()) {}

void Server::start(const ArgumentsForPort& arguments_for) {
  constexpr int attempts = 3;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    port_ = free_port();
    process_.reset(new Process(Process::start(arguments_for(port_))));
    const bool settled =
        eventually([this] { return !process_->running() || accepts_connections(port_); });
    if (settled && process_->running()) return;
  }
  throw SupportError("the server did not start; " + process_->transcript());
}

JsonServer::JsonServer(std::string_view database) {
  const std::string program = json_server_program().string();
  const std::string folder = folder_->path().string();
  const std::string data = folder_->write("db.json", database);
  start([&](std::uint16_t port) {
    return std::vector<std::string>{
        "node",        program, "--host",  "127.0.0.1", "--port", std::to_string(port),
        "--snapshots", folder,  "--quiet", data};
  });
}

void Nginx::serve(std::string_view lines) {
  const std::string folder = folder_->path().string();
  const std::string config = replace_all(std::string(nginx_config), "{lines}", lines);
  start([&](std::uint16_t port) {
    const std::string user = ::geteuid() == 0 ? "user root;" : "";
    const std::string file = folder_->write("nginx.conf", fill_in(config, folder, port, user));
    return std::vector<std::string>{"nginx", "-e", "stderr", "-p", folder, "-c", file};
  });
}

NginxWebdav::NginxWebdav() {
  std::filesystem::create_directory(folder_->path() / "files");
  serve(nginx_webdav_lines);
}

NginxBefore::NginxBefore(const std::string& upstream_url, std::string_view lines,
                         std::string_view in_location) {
  std::string config = replace_all(std::string(nginx_before_lines), "{upstream}", upstream_url);
  config = replace_all(std::move(config), "{lines}", lines);
  serve(replace_all(std::move(config), "{in_location}", in_location));
}

CaddyBefore::CaddyBefore(const std::string& upstream_url, std::string_view lines) {
  const std::string folder = folder_->path().string();
  const std::string config = replace_all(std::string(caddy_before_config), "{lines}", lines);
  start([&](std::uint16_t port) {
    const std::string file = folder_->write(
        "Caddyfile", replace_all(replace_all(config, "{upstream}", upstream_url), "{port}",
                                 std::to_string(port)));
    // It keeps what it was told, and would do so at home.
    return std::vector<std::string>{"env", "XDG_CONFIG_HOME=" + folder, "XDG_DATA_HOME=" + folder,
                                    "caddy", "run", "--config", file, "--adapter", "caddyfile"};
  });
}

ApacheWebdav::ApacheWebdav() {
  const std::string folder = folder_->path().string();
  const auto files = folder_->path() / "files";
  std::filesystem::create_directory(files);
  std::string user;
  // Apache refuses to serve as root, so its files belong to the user that it changes to.
  if (::geteuid() == 0) {
    const passwd* const web = ::getpwnam("www-data");
    if (web == nullptr) throw SupportError("there is no user www-data for Apache");
    user = "User www-data\nGroup www-data";
    using std::filesystem::perms;
    std::filesystem::permissions(folder_->path(), perms::owner_all | perms::group_all);
    for (const std::string& owned : {folder, files.string()}) {
      if (::chown(owned.c_str(), web->pw_uid, web->pw_gid) != 0) throw system_error("chown");
    }
  }
  start([&](std::uint16_t port) {
    const std::string file =
        folder_->write("apache.conf", fill_in(apache_config, folder, port, user));
    return std::vector<std::string>{"apache2", "-f", file, "-X"};
  });
}

}  // namespace ifmatch::support
