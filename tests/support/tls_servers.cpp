#include "tests/support/tls_servers.hpp"

#include <unistd.h>

#include <vector>

namespace ifmatch::support {
namespace {

// {server} is what differs.
constexpr std::string_view nginx_config = R"(
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
{user}
events {}
http {
  access_log off;
  client_max_body_size 64m;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  upstream behind { server 127.0.0.1:{target}; keepalive 4; }
{server}
}
)";

constexpr std::string_view caddy_config = R"(
{
  admin off
  auto_https off
  storage file_system {folder}
  log {
    output stderr
    level ERROR
  }
}
{server}
)";

std::string nginx_front(const TlsFiles& files) {
  std::string text = "  server {\n    listen 127.0.0.1:{port} ssl;\n    ssl_certificate " +
                     files.certificate->certificate + ";\n    ssl_certificate_key " +
                     files.certificate->key + ";\n";
  if (!files.trusts.empty()) {
    text += "    ssl_verify_client on;\n    ssl_client_certificate " + files.trusts + ";\n";
  }
  return text + "    location / { proxy_pass http://behind; }\n  }\n";
}

std::string nginx_forwarding(const TlsFiles& files) {
  std::string text =
      "  server {\n    listen 127.0.0.1:{port};\n    proxy_ssl_verify on;\n"
      "    proxy_ssl_trusted_certificate " +
      files.trusts + ";\n    proxy_ssl_name localhost;\n    proxy_ssl_server_name on;\n";
  if (files.certificate) {
    text += "    proxy_ssl_certificate " + files.certificate->certificate +
            ";\n    proxy_ssl_certificate_key " + files.certificate->key + ";\n";
  }
  return text + "    location / { proxy_pass https://behind; }\n  }\n";
}

std::string caddy_front(const TlsFiles& files) {
  std::string text = "https://localhost:{port} {\n  bind 127.0.0.1\n  tls " +
                     files.certificate->certificate + " " + files.certificate->key;
  if (!files.trusts.empty()) {
    text += " {\n    client_auth {\n      mode require_and_verify\n      trusted_ca_cert_file " +
            files.trusts + "\n    }\n  }";
  }
  return text + "\n  reverse_proxy 127.0.0.1:{target}\n}\n";
}

std::string caddy_forwarding(const TlsFiles& files) {
  std::string text =
      "http://:{port} {\n  bind 127.0.0.1\n  reverse_proxy https://127.0.0.1:{target} {\n"
      "    transport http {\n      tls_trusted_ca_certs " +
      files.trusts + "\n      tls_server_name localhost\n";
  if (files.certificate) {
    text += "      tls_client_auth " + files.certificate->certificate + " " +
            files.certificate->key + "\n";
  }
  return text + "    }\n  }\n}\n";
}

}  // namespace

ProductServer::ProductServer(Product product, std::string_view server, std::uint16_t target) {
  const std::string folder = folder_->path().string();
  start([&](std::uint16_t port) {
    const bool nginx = product == Product::nginx;
    std::string text = replace_all(std::string(nginx ? nginx_config : caddy_config), "{server}",
                                   std::string(server));
    text = replace_all(std::move(text), "{target}", std::to_string(target));
    const std::string user = ::geteuid() == 0 ? "user root;" : "";
    const std::string file =
        folder_->write(nginx ? "nginx.conf" : "Caddyfile", fill_in(text, folder, port, user));
    if (!nginx) {
      return std::vector<std::string>{"caddy", "run", "--adapter", "caddyfile", "--config", file};
    }
    return std::vector<std::string>{"nginx", "-e", "stderr", "-p", folder, "-c", file};
  });
}

TlsFrontServer::TlsFrontServer(Product product, std::uint16_t target, const TlsFiles& files)
    : ProductServer(product,
                    product == Product::nginx ? nginx_front(files) : caddy_front(files), target) {}

TlsForwardingServer::TlsForwardingServer(Product product, std::uint16_t target,
                                         const TlsFiles& files)
    : ProductServer(product,
                    product == Product::nginx ? nginx_forwarding(files) : caddy_forwarding(files),
                    target) {}

}  // namespace ifmatch::support
