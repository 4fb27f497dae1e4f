// `ifmatch run`: configuration, log, claims, sockets, and then the server.
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <stdexcept>

#include "proxy/admin/metrics.hpp"
#include "proxy/cli/admin_side.hpp"
#include "proxy/cli/cli.hpp"
#include "proxy/cli/commands.hpp"
#include "proxy/net/access_log.hpp"
#include "proxy/net/server.hpp"
#include "proxy/net/site.hpp"

namespace ifmatch::cli {
namespace {

spdlog::level::level_enum level_of(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::trace: return spdlog::level::trace;
    case config::LogLevel::debug: return spdlog::level::debug;
    case config::LogLevel::info: return spdlog::level::info;
    case config::LogLevel::warning: return spdlog::level::warn;
    case config::LogLevel::error: return spdlog::level::err;
    case config::LogLevel::off: break;
  }
  return spdlog::level::off;
}

// Writes a message as a JSON string, so that a text from outside cannot break the line.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    prefix_.format(message, out);
    std::string text;
    http::append_json_string(text,
                             std::string_view(message.payload.data(), message.payload.size()));
    text += "}\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }

 private:
  spdlog::pattern_formatter prefix_{R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":)",
                                    spdlog::pattern_time_type::local, ""};
};

void apply_log(const config::Log& log) {
  spdlog::set_level(level_of(log.level));
  if (log.format == config::LogFormat::json) {
    spdlog::set_formatter(std::make_unique<JsonFormatter>());
  } else {
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  }
}

void start_log(const config::Log& log) {
  auto logger = spdlog::stderr_logger_mt("ifmatch");
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  apply_log(log);
}

// Every connection is a descriptor, and so is every one to an upstream.
void raise_descriptor_limit(const config::Config& config) {
  constexpr rlim_t spare = 64;
  rlim_t wanted = spare;
  for (const config::Listener& listener : config.listeners) wanted += listener.max_connections;
  for (const config::Upstream& upstream : config.upstreams) wanted += upstream.max_connections;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted) {
    spdlog::warn("only {} of the {} descriptors that max_connections allows for are to be had",
                 limit.rlim_cur, wanted);
  }
}

// The files whose content makes the configuration what it is.
std::vector<std::string> files_of(const config::Inputs& inputs, const config::Config& config) {
  std::vector<std::string> files;
  for (const config::InputFile& input : inputs.files) {
    if (!input.text) files.push_back(input.path);
  }
  if (config.etag_secret_file) files.push_back(*config.etag_secret_file);
  const auto add = [&files](const config::CertificateFiles& pair) {
    files.push_back(pair.certificate);
    files.push_back(pair.key);
  };
  for (const config::Listener& listener : config.listeners) {
    if (!listener.tls) continue;
    for (const config::CertificateFiles& pair : listener.tls->certificates) add(pair);
    if (listener.tls->client_ca) files.push_back(*listener.tls->client_ca);
  }
  for (const config::Upstream& upstream : config.upstreams) {
    if (upstream.tls.ca) files.push_back(*upstream.tls.ca);
    if (upstream.tls.certificate) add(*upstream.tls.certificate);
  }
  return files;
}

// Whoever does not watch must not read them twice: what was given may be a pipe.
net::Files look_at(std::vector<std::string> files, Watching watching) {
  if (watching == Watching::yes) return net::Files::look_at(std::move(files));
  return {.names = std::move(files), .contents = {}};
}

// Reads again what was read at the start. Standard input is read once in a process.
net::Loader loader_of(config::Inputs read_before, std::vector<std::string> files,
                      Watching watching, const plugins::Registry& plugins,
                      net::AccessLog& access_log) {
  return [inputs = std::move(read_before), files = std::move(files), watching, &plugins,
          &access_log](const std::shared_ptr<net::SiteMemory>& memory) mutable {
    // Looked at before they are read: what is changed meanwhile is noticed, perhaps twice.
    net::Loaded loaded{.files = look_at(files, watching)};
    config::LoadResult result = config::load(inputs);
    loaded.text = config::render(result.diagnostics, config::Format::text);
    // Also of what is refused: a certificate may come later than the file that names it.
    const config::Config& seen = result.config ? *result.config : result.refused;
    if (files_of(inputs, seen) != files) {
      files = files_of(inputs, seen);
      loaded.files = look_at(files, watching);
    }
    if (!result.config) return loaded;
    net::AccessLog::PlacePtr place;
    try {
      auto made = std::make_shared<net::Site>(std::move(*result.config), plugins, memory);
      made->prepare_tls();
      const config::AccessLog& asked = made->config.access_log;
      if (asked != access_log.asked()) place = net::AccessLog::open(asked);
      loaded.site = std::move(made);
    } catch (const std::runtime_error& error) {
      loaded.text += std::string("error: ") + error.what() + "\n";
      return loaded;
    }
    loaded.applied = [site = loaded.site, place, &access_log] {
      apply_log(site->config.log);
      raise_descriptor_limit(site->config);
      if (place) access_log.move_to(place);
    };
    return loaded;
  };
}

void listen_to(net::AccessLog& log, net::Server& server) {
  for (std::size_t thread = 0; net::AccountSink* const sink = log.sink(thread); ++thread) {
    server.add_sink(thread, *sink);
  }
  server.control().on_reopen_logs([&log] { log.reopen(); });
}

void show(const net::AccessLog& log, admin::Api& api) {
  api.add_metrics([&log](admin::Families& families) {
    prometheus::MetricFamily lost = admin::make_family(
        "ifmatch_access_log_dropped_total",
        "Lines of the access log that were lost because they could not be written in time",
        prometheus::MetricType::Counter);
    admin::add_value(lost, {}, static_cast<double>(log.dropped()));
    families.push_back(std::move(lost));
  });
}

}  // namespace

int run(const ConfigOptions& options, Watching watching, const plugins::Registry& plugins) {
  config::Inputs inputs = inputs_of(options);
  // Looked at before they are read: what is changed meanwhile is noticed.
  net::Files files = look_at(files_of(inputs, {}), watching);
  std::optional<config::Config> config = load_or_report(inputs);
  if (!config) return exit_config;
  if (files_of(inputs, *config) != files.names) {
    files = look_at(files_of(inputs, *config), watching);
  }
  start_log(config->log);
  raise_descriptor_limit(*config);
  // A peer that closes while we write is an ordinary error of that write.
  std::signal(SIGPIPE, SIG_IGN);
  // So is a file that has grown as far as it may.
  std::signal(SIGXFSZ, SIG_IGN);

  // Before there are threads.
  const net::Supervisor supervisor;
  std::shared_ptr<const net::Site> site;
  std::optional<admin::MeasuredLedger> ledger;
  const config::Admin admin = config->admin;
  try {
    ledger.emplace(plugins.make_ledger("memory", {.state_dir = config->state_dir}));
    auto made = std::make_shared<net::Site>(std::move(*config), plugins);
    made->prepare_tls();
    site = std::move(made);
  } catch (const std::runtime_error& error) {
    spdlog::error("{}", error.what());
    return exit_config;
  }
  std::unique_ptr<net::AccessLog> access_log;
  try {
    access_log = std::make_unique<net::AccessLog>(site->config.access_log,
                                                  net::thread_count(site->config));
  } catch (const std::runtime_error& error) {
    spdlog::error("{}", error.what());
    return exit_failed;
  }
  Counting counting(admin, *site);
  net::Server server(std::move(site), *ledger, supervisor,
                     loader_of(std::move(inputs), files.names, watching, plugins, *access_log));
  listen_to(*access_log, server);
  counting.listen_to(server);
  std::optional<AdminSide> admin_side;
  try {
    admin_side.emplace(admin, server, server.control(), counting, ledger->timings());
    server.start();
    if (watching == Watching::yes) server.watch(std::move(files));
  } catch (const std::runtime_error& error) {
    spdlog::error("{}", error.what());
    return exit_failed;
  }
  if (admin::Api* const api = admin_side->api()) show(*access_log, *api);
  admin_side->start();
  for (const std::string& address : server.addresses()) {
    std::fprintf(stderr, "ready: listening on %s\n", address.c_str());
  }
  std::fflush(stderr);
  switch (server.run()) {
    case net::Ended::drained: return exit_ok;
    case net::Ended::cut_short:
    case net::Ended::failed: break;
  }
  return exit_failed;
}

}  // namespace ifmatch::cli
