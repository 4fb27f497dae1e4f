#include "config/show.hpp"

#include <algorithm>
#include <array>

#include "config/keys.hpp"
#include "config/reader.hpp"
#include "config/scalars.hpp"
#include "config/syntax.hpp"

namespace ifmatch::config {
namespace {

// In double quotes whatever it holds, so that nothing depends on what YAML takes for a number, and
// with "${" written so that it is not taken for a variable.
std::string yaml_string(std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (text.substr(i).starts_with("${")) out += '$';
    if (text[i] == '"' || text[i] == '\\') {
      out += '\\';
      out += text[i];
    } else if (octet < 0x20U || octet == 0x7FU) {
      out += "\\x";
      out += hex[octet >> 4U];
      out += hex[octet & 0xFU];
    } else {
      out += text[i];
    }
  }
  return out + "\"";
}

std::string yaml_duration(Milliseconds value) {
  return format_duration(static_cast<std::uint64_t>(value.count()));
}

std::string yaml_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ", ";
    out += yaml_string(item);
  }
  return out + "]";
}

std::string yaml_ranges(const std::vector<StatusRange>& ranges) {
  std::string out = "[";
  for (const StatusRange& range : ranges) {
    if (out.size() > 1) out += ", ";
    out += range.first == range.last
               ? std::to_string(range.first)
               : "\"" + std::to_string(range.first) + "-" + std::to_string(range.last) + "\"";
  }
  return out + "]";
}

template <class Names, class Enum>
std::string name_in(const Names& names, Enum value) {
  return std::string(names[static_cast<std::size_t>(value)]);
}

// Writes lines with their indentation and knows the key path at which it stands.
class Writer {
 public:
  explicit Writer(const Origins* origins) : origins_(origins) {}

  void key(std::string_view name, const std::string& value, std::string_view remark = "") {
    std::string line = lead() + std::string(name) + ": " + value;
    std::string comment(remark);
    if (origins_ != nullptr) comment = origin_of(name) + (remark.empty() ? "" : "; ") + comment;
    if (!comment.empty()) line += "  # " + comment;
    out_ += line + "\n";
  }

  // `name` is the text of the key, `step` what it adds to the key path.
  void open(std::string_view name, std::string_view step) {
    out_ += lead() + std::string(name) + ":\n";
    enter(step);
  }
  void open(std::string_view name) { open(name, name); }

  // An item of a list: the next line gets the dash.
  void open_item(std::string_view step) {
    enter(step);
    dash_ = true;
  }

  void close() {
    path_.pop_back();
    --depth_;
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void enter(std::string_view step) {
    path_.emplace_back(step);
    ++depth_;
  }

  std::string lead() {
    std::string out(2 * depth_, ' ');
    if (dash_) out.replace(out.size() - 2, 2, "- ");
    dash_ = false;
    return out;
  }

  [[nodiscard]] std::string origin_of(std::string_view name) const {
    std::string own;
    std::string inherited = "defaults";
    for (std::size_t i = 0; i < path_.size(); ++i) {
      own = join_path(own, path_[i]);
      if (i >= 2) inherited = join_path(inherited, path_[i]);
    }
    if (const auto found = origins_->find(join_path(own, name)); found != origins_->end()) {
      return one_line(found->second);
    }
    if (path_.size() >= 2 && path_.front() == "routes") {
      const auto found = origins_->find(join_path(inherited, name));
      if (found != origins_->end()) return one_line(found->second);
    }
    return "default";
  }

  // A file's name may hold anything; a comment must not end early.
  static std::string one_line(std::string text) {
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < 0x20U) c = '?';
    }
    return text;
  }

  const Origins* origins_;
  std::string out_;
  std::vector<std::string> path_;
  std::size_t depth_ = 0;
  bool dash_ = false;
};

std::string yaml_text_or_null(const std::optional<std::string>& text) {
  return text ? yaml_string(*text) : "null";
}

void write_listener_tls(Writer& writer, const std::optional<ListenerTls>& tls) {
  if (!tls) return writer.key("tls", "null");
  writer.open("tls");
  writer.key("certificate", yaml_string(tls->certificates.front().certificate));
  writer.key("key", yaml_string(tls->certificates.front().key));
  std::string further = "[";
  for (std::size_t i = 1; i < tls->certificates.size(); ++i) {
    const CertificateFiles& files = tls->certificates[i];
    if (i > 1) further += ", ";
    further += "{ certificate: " + yaml_string(files.certificate) +
               ", key: " + yaml_string(files.key) + " }";
  }
  writer.key("certificates", further + "]");
  writer.key("client_ca", yaml_text_or_null(tls->client_ca));
  if (tls->client_ca) writer.key("client_auth", name_in(client_auth_names, tls->client_auth));
  writer.key("min_version", yaml_string(name_in(tls_version_names, tls->min_version)));
  writer.close();
}

void write_upstream_tls(Writer& writer, const Upstream& upstream) {
  if (!upstream.has_tls()) return writer.key("tls", "null");
  const UpstreamTls& tls = upstream.tls;
  writer.open("tls");
  writer.key("verify", tls.verify ? "true" : "false");
  writer.key("ca", yaml_text_or_null(tls.ca));
  writer.key("server_name", yaml_text_or_null(tls.server_name));
  const bool shown = tls.certificate.has_value();
  writer.key("certificate", shown ? yaml_string(tls.certificate->certificate) : "null");
  writer.key("key", shown ? yaml_string(tls.certificate->key) : "null");
  writer.close();
}

void write_listeners(Writer& writer, const Config& config) {
  writer.open("listeners");
  for (const Listener& listener : config.listeners) {
    writer.open_item(listener.name);
    writer.key("name", yaml_string(listener.name));
    writer.key("address", yaml_string(listener.address));
    writer.key("proxy_protocol", name_in(proxy_protocol_names, listener.proxy_protocol));
    writer.key("max_connections", std::to_string(listener.max_connections));
    writer.open("timeouts");
    writer.key("header", yaml_duration(listener.timeouts.header));
    writer.key("body", yaml_duration(listener.timeouts.body));
    writer.key("idle", yaml_duration(listener.timeouts.idle));
    writer.key("write", yaml_duration(listener.timeouts.write));
    writer.key("handshake", yaml_duration(listener.timeouts.handshake));
    writer.key("tunnel", yaml_duration(listener.timeouts.tunnel));
    writer.close();
    writer.open("limits");
    writer.key("header_bytes", format_size(listener.limits.header_bytes));
    writer.key("header_fields", std::to_string(listener.limits.header_fields));
    writer.key("target_bytes", format_size(listener.limits.target_bytes));
    writer.close();
    write_listener_tls(writer, listener.tls);
    writer.close();
  }
  writer.close();
}

void write_urls(Writer& writer, const Upstream& upstream) {
  if (upstream.urls.size() == 1) {
    writer.key("url", yaml_string(upstream.urls.front().url));
    return;
  }
  std::vector<std::string> urls;
  for (const Endpoint& endpoint : upstream.urls) urls.push_back(endpoint.url);
  writer.key("urls", yaml_list(urls));
}

void write_health_check(Writer& writer, const std::optional<HealthCheck>& check) {
  if (!check) return writer.key("health_check", "null");
  writer.open("health_check");
  writer.key("path", yaml_string(check->path));
  writer.key("interval", yaml_duration(check->interval));
  writer.key("timeout", yaml_duration(check->timeout));
  writer.key("unhealthy_after", std::to_string(check->unhealthy_after));
  writer.key("healthy_after", std::to_string(check->healthy_after));
  writer.key("status", yaml_ranges(check->status));
  writer.close();
}

void write_upstreams(Writer& writer, const Config& config) {
  writer.open("upstreams");
  for (const Upstream& upstream : config.upstreams) {
    writer.open(yaml_string(upstream.name), upstream.name);
    write_urls(writer, upstream);
    writer.key("balance", name_in(balance_names, upstream.balance));
    writer.key("max_connections", std::to_string(upstream.max_connections));
    writer.key("max_waiting", std::to_string(upstream.max_waiting));
    writer.open("timeouts");
    writer.key("connect", yaml_duration(upstream.timeouts.connect));
    writer.key("response", yaml_duration(upstream.timeouts.response));
    writer.key("idle", yaml_duration(upstream.timeouts.idle));
    writer.close();
    write_upstream_tls(writer, upstream);
    write_health_check(writer, upstream.health_check);
    writer.close();
  }
  writer.close();
}

void write_settings(Writer& writer, const RouteSettings& settings) {
  writer.key("mode", name_in(mode_names, settings.mode));
  writer.key("check", name_in(check_names, settings.check));
  writer.key("guard", yaml_list(settings.guard));
  writer.key("serialize", yaml_list(settings.serialize));
  writer.key("on_missing", name_in(on_missing_names, settings.on_missing));
  writer.key("on_stale", name_in(on_stale_names, settings.on_stale));
  writer.key("wildcard", name_in(wildcard_names, settings.wildcard));
  writer.open("version");
  writer.key("source", name_in(version_source_names, settings.version));
  writer.close();
  writer.key("vary", yaml_list(settings.vary));
  writer.key("max_body", format_size(settings.max_body));
  writer.open("gate");
  writer.key("wait", yaml_duration(settings.gate.wait));
  writer.key("queue", std::to_string(settings.gate.queue));
  writer.close();
  writer.key("in_doubt", settings.in_doubt ? yaml_duration(*settings.in_doubt) : "null");
  writer.key("doubtful", yaml_ranges(settings.doubtful));
  writer.open("probe");
  if (settings.probe_headers.empty()) {
    writer.key("headers", "{}");
  } else {
    writer.open("headers");
    for (const auto& [name, value] : settings.probe_headers) {
      // The value stays out of the output even where it is short: a length tells something, too.
      writer.key(yaml_string(name), looks_secret(name) ? "(hidden)" : yaml_string(value));
    }
    writer.close();
  }
  writer.close();
  writer.key("reads", name_in(reads_names, settings.reads));
  writer.key("write_tag", name_in(write_tag_names, settings.write_tag));
  writer.key("accept_rewritten_tags", settings.accept_rewritten_tags ? "true" : "false");
  writer.open("cors");
  writer.key("expose_etag", name_in(expose_etag_names, settings.expose_etag));
  writer.close();
  writer.open("observe");
  writer.key("client_field", yaml_string(settings.observe.client_field));
  writer.close();
}

void write_routes(Writer& writer, const Config& config) {
  writer.open("routes");
  for (const Route& route : config.routes) {
    writer.open_item(route.name);
    writer.key("name", yaml_string(route.name));
    writer.open("match");
    writer.key("path", yaml_string(route.path));
    writer.key("host", yaml_string(route.host));
    writer.close();
    writer.key("upstream", yaml_string(config.upstreams.at(route.upstream).name));
    writer.key("resource", yaml_list(route.resources));
    writer.key("upgrade", yaml_list(route.upgrade));
    write_settings(writer, route.settings);
    writer.close();
  }
  writer.close();
}

std::string show_with(const Config& config, const Origins* origins) {
  Writer writer(origins);
  writer.key("version", "1");
  write_listeners(writer, config);
  writer.key("trusted_proxies", yaml_list(config.trusted_proxies.written));
  writer.open("admin");
  writer.key("address", yaml_string(config.admin.address));
  const bool has_token = config.admin.token_file.has_value();
  writer.key("token_file", has_token ? yaml_string(*config.admin.token_file) : "null",
             has_token ? "token: (hidden)" : "");
  writer.close();
  write_upstreams(writer, config);
  writer.open("limits");
  writer.key("buffered_bodies", format_size(config.limits.buffered_bodies));
  writer.close();
  writer.open("store");
  writer.key("type", "memory");
  writer.key("max_resources", std::to_string(config.store.max_resources));
  writer.close();
  write_routes(writer, config);
  const bool has_secret = config.etag_secret_file.has_value();
  writer.key("etag_secret_file", has_secret ? yaml_string(*config.etag_secret_file) : "null",
             has_secret ? "etag_secret: (hidden)" : "");
  writer.open("log");
  writer.key("level", name_in(log_level_names, config.log.level));
  writer.key("format", name_in(log_format_names, config.log.format));
  writer.close();
  writer.open("access_log");
  writer.key("path", yaml_string(config.access_log.path));
  writer.key("format", name_in(log_format_names, config.access_log.format));
  writer.close();
  writer.key("trace", name_in(trace_names, config.trace));
  writer.open("shutdown");
  writer.key("pre_stop_delay", yaml_duration(config.shutdown.pre_stop_delay));
  writer.key("drain_timeout", yaml_duration(config.shutdown.drain_timeout));
  writer.close();
  writer.key("state_dir", config.state_dir ? yaml_string(*config.state_dir) : "null");
  writer.key("threads", std::to_string(config.threads));
  return writer.take();
}

}  // namespace

std::string show(const Config& config) { return show_with(config, nullptr); }

std::string show(const Config& config, const Origins& origins) {
  return show_with(config, &origins);
}

}  // namespace ifmatch::config
