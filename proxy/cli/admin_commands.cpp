#include "proxy/cli/admin_commands.hpp"

#include <unistd.h>

#include <boost/json/parse.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "config/config.hpp"
#include "proxy/admin/client.hpp"
#include "proxy/cli/cli.hpp"
#include "proxy/cli/status_text.hpp"
#include "proxy/cli/terminal.hpp"

namespace ifmatch::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds patience{5'000};
// Longer than the server waits for its own reload.
constexpr milliseconds reload_patience{65'000};
constexpr milliseconds watch_interval{2'000};

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

void complain(std::string text) {
  make_printable(text);
  std::fprintf(stderr, "ifmatch: %s\n", text.c_str());
}

// Whom to ask; unset when that cannot be known, which was said then.
std::optional<admin::Instance> instance_of(const AdminOptions& options) {
  admin::Instance instance;
  instance.address = options.address.value_or(
      variable("IFMATCH_ADMIN").value_or(config::Admin{}.address));
  if (instance.address == "none") {
    complain("the admin server is off (none): say --admin HOST:PORT");
    return std::nullopt;
  }
  const std::optional<std::string> file =
      options.token_file ? options.token_file : variable("IFMATCH_ADMIN_TOKEN_FILE");
  if (!file) return instance;
  std::ifstream stream(*file, std::ios::binary);
  std::string token;
  if (!stream || !std::getline(stream, token) || token.empty()) {
    complain("the token file '" + *file + "' cannot be read or is empty");
    return std::nullopt;
  }
  instance.token = std::move(token);
  return instance;
}

// What a problem answer says, in one line.
std::string problem_in(const admin::Called& called) {
  boost::system::error_code broken;
  const boost::json::value told = boost::json::parse(called.content, broken);
  const boost::json::object* const object = broken ? nullptr : told.if_object();
  std::string text = std::to_string(called.status);
  if (object == nullptr) return text;
  for (const char* const member : {"title", "detail"}) {
    const boost::json::value* const value = object->if_contains(member);
    if (value != nullptr && value->is_string()) text += ": " + std::string(value->get_string());
  }
  return text;
}

std::string nobody(const admin::Instance& instance, const admin::Called& called) {
  return "no instance answers at " + instance.address + ": " + called.failure;
}

// The content of a page; unset when it was not to be had, which was said then. A page that was
// added after others is empty where an older instance answers.
enum class Since : std::uint8_t { ever, lately };
std::optional<std::string> fetch(const admin::Instance& instance, std::string_view target,
                                 Since since = Since::ever) {
  const admin::Called called = admin::call(instance, "GET", target, patience);
  if (called.status == 200) return called.content;
  if (called.status == 404 && since == Since::lately) return "{}";
  complain(called.status == 0 ? nobody(instance, called)
                              : instance.address + " answers " + problem_in(called));
  return std::nullopt;
}

int show_once(const admin::Instance& instance, Output output) {
  const std::optional<std::string> status_page = fetch(instance, "/api/v1/status");
  if (!status_page) return exit_failed;
  const std::optional<std::string> routes = fetch(instance, "/api/v1/routes");
  if (!routes) return exit_failed;
  const std::optional<std::string> upstreams = fetch(instance, "/api/v1/upstreams");
  if (!upstreams) return exit_failed;
  const std::optional<std::string> observed = fetch(instance, "/api/v1/observe", Since::lately);
  if (!observed) return exit_failed;
  const StatusPages pages{.status = *status_page,
                          .routes = *routes,
                          .upstreams = *upstreams,
                          .observe = *observed};
  const std::optional<std::string> text =
      output == Output::json ? status_json(pages) : status_text(pages);
  if (!text) {
    complain("what answers at " + instance.address + " is not ifmatch");
    return exit_failed;
  }
  std::fputs(text->c_str(), stdout);
  return exit_ok;
}

}  // namespace

int status(const AdminOptions& options, Output output, Repeat repeat) {
  const std::optional<admin::Instance> instance = instance_of(options);
  if (!instance) return exit_usage;
  const bool clears = repeat == Repeat::watch && ::isatty(STDOUT_FILENO) != 0;
  for (bool seen = false;;) {
    if (clears) std::fputs("\x1b[H\x1b[2J", stdout);
    const int result = show_once(*instance, output);
    std::fflush(stdout);
    // A watch goes on through a restart of what it watches, but must have seen it once.
    seen = seen || result == exit_ok;
    if (repeat == Repeat::once || !seen) return result;
    if (std::ferror(stdout) != 0) return exit_failed;
    std::this_thread::sleep_for(watch_interval);
  }
}

int reload(const AdminOptions& options) {
  const std::optional<admin::Instance> instance = instance_of(options);
  if (!instance) return exit_usage;
  const admin::Called called =
      admin::call(*instance, "POST", "/api/v1/reload", reload_patience);
  boost::system::error_code broken;
  const boost::json::value told = boost::json::parse(called.content, broken);
  const boost::json::object* const object = broken ? nullptr : told.if_object();
  const auto text_in = [&](const char* member) {
    const boost::json::value* const value =
        object == nullptr ? nullptr : object->if_contains(member);
    const bool is_text = value != nullptr && value->is_string();
    return is_text ? std::string(value->get_string()) : std::string();
  };
  if (called.status == 200) {
    std::printf("reloaded\n");
    // Warnings of a configuration that was applied.
    std::fputs(text_in("text").c_str(), stderr);
    return exit_ok;
  }
  if (called.status == 422) {
    std::string findings = text_in("detail");
    if (!findings.ends_with('\n')) findings += '\n';
    std::fputs(findings.c_str(), stderr);
    complain("the configuration was refused; the old one stays in force");
    return exit_failed;
  }
  complain(called.status == 0 ? nobody(*instance, called)
                              : instance->address + " answers " + problem_in(called));
  return exit_failed;
}

int drain(const AdminOptions& options) {
  const std::optional<admin::Instance> instance = instance_of(options);
  if (!instance) return exit_usage;
  const admin::Called called = admin::call(*instance, "POST", "/api/v1/drain", patience);
  if (called.status == 202) {
    std::printf("draining\n");
    return exit_ok;
  }
  complain(called.status == 0 ? nobody(*instance, called)
                              : instance->address + " answers " + problem_in(called));
  return exit_failed;
}

int healthcheck(const AdminOptions& options, Question question) {
  const std::optional<admin::Instance> instance = instance_of(options);
  if (!instance) return exit_usage;
  const std::string_view target = question == Question::live ? "/livez" : "/readyz";
  const admin::Called called = admin::call(*instance, "GET", target, patience);
  if (called.status == 0) {
    complain(nobody(*instance, called));
    return exit_failed;
  }
  std::fputs(called.content.c_str(), stdout);
  return called.status == 200 ? exit_ok : exit_failed;
}

}  // namespace ifmatch::cli
