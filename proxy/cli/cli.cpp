#include "proxy/cli/cli.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "config/schema.hpp"
#include "proxy/admin/build_info.hpp"
#include "proxy/cli/admin_commands.hpp"
#include "proxy/cli/commands.hpp"
#include "proxy/cli/completion.hpp"

namespace ifmatch::cli {
namespace {

void add_files(CLI::App& command, ConfigOptions& options) {
  command.add_option("-c,--config", options.files, "Configuration file, or - for standard input")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

void add_overrides(CLI::App& command, ConfigOptions& options) {
  config::Overrides& overrides = options.overrides;
  command.add_option("--listen", overrides.listen, "Address to listen on")->type_name("ADDR");
  command.add_option("--upstream", overrides.upstream, "URL of the API")->type_name("URL");
  command.add_option("--admin", overrides.admin, "Address of the admin server, or none")
      ->type_name("ADDR");
  command.add_option("--mode", overrides.mode, "What routes do that name no mode")
      ->type_name("MODE")
      ->check(CLI::IsMember({"enforce", "observe", "bypass"}));
  command.add_option("--threads", overrides.threads, "Threads; one per core if not given")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command.add_option("--log-level", overrides.log_level, "trace, debug, info, warning, error, off")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}));
  command.add_option("--set", overrides.set, "One key, such as routes.order.mode=bypass")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
}

int print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return exit_ok;
}

CLI::App* add_doctor(CLI::App& app, ConfigOptions& options, DoctorQuestion& question) {
  CLI::App* const command = app.add_subcommand(
      "doctor", "Ask a public URL who weakens, strips or renames tags, or drops If-Match");
  add_files(*command, options);
  command->add_option("URL", question.url)->required();
  command->add_option("-H,--header", question.fields, "A field of each request")
      ->type_name("'Field: value'")
      ->allow_extra_args(false);
  command->add_option("--ca", question.ca_file, "Who is trusted instead of the system's store")
      ->type_name("FILE");
  command->add_flag_callback(
      "--insecure", [&question] { question.verification = Verification::none; },
      "Believe any certificate");
  command->add_flag_callback(
      "--write", [&question] { question.write = DoctorWrite::puts; },
      "Send a PUT of what was read, not a method that nobody knows");
  command->add_flag("--json", question.as_json, "As JSON");
  return command;
}

int print_version(bool as_json) {
  const std::string version(admin::build_version);
  const std::string commit(admin::build_commit());
  if (as_json) {
    std::printf("{\"version\":\"%s\",\"commit\":\"%s\"}\n", version.c_str(), commit.c_str());
  } else {
    std::printf("ifmatch %s (%s)\n", version.c_str(), commit.c_str());
  }
  return exit_ok;
}

}  // namespace

int run_command_line(int count, char** arguments, const plugins::Registry& plugins) {
  CLI::App app{"Stops lost updates in front of HTTP APIs that have no versions."};
  app.name("ifmatch");
  app.require_subcommand(1);
  ConfigOptions options;
  std::function<int()> chosen;

  CLI::App* run_command = app.add_subcommand("run", "Serve until TERM or INT");
  add_files(*run_command, options);
  add_overrides(*run_command, options);
  bool watch = false;
  run_command->add_flag("--watch", watch, "Reload whenever the configuration files have changed");
  run_command->callback([&] {
    chosen = [&] { return run(options, watch ? Watching::yes : Watching::no, plugins); };
  });

  CLI::App* validate_command = app.add_subcommand("validate", "Check a configuration");
  bool strict = false;
  config::Format format = config::Format::text;
  add_files(*validate_command, options);
  add_overrides(*validate_command, options);
  validate_command->add_flag("--strict", strict, "Warnings fail, too");
  bool connect = false;
  validate_command->add_flag("--connect", connect, "Connect to every upstream, too");
  validate_command->add_option("--format", format, "text, json or github")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, config::Format>{{"text", config::Format::text},
                                                {"json", config::Format::json},
                                                {"github", config::Format::github}}));
  validate_command->callback([&] {
    chosen = [&] {
      return validate(options, strict ? Strictness::strict : Strictness::lenient, format,
                      connect ? Connecting::yes : Connecting::no);
    };
  });

  CLI::App* config_command = app.add_subcommand("config", "Look at the configuration");
  config_command->require_subcommand(1);
  CLI::App* show_command =
      config_command->add_subcommand("show", "Print it with everything resolved");
  bool with_origin = false;
  add_files(*show_command, options);
  add_overrides(*show_command, options);
  show_command->add_flag("--origin", with_origin, "Tell where each value comes from");
  show_command->callback([&] {
    chosen = [&] {
      return show_config(options, with_origin ? ShowOrigin::yes : ShowOrigin::no);
    };
  });

  CLI::App* explain_command =
      app.add_subcommand("explain", "Tell what would be decided about a request, and why");
  std::string method;
  std::string url;
  std::vector<std::string> fields;
  add_files(*explain_command, options);
  add_overrides(*explain_command, options);
  explain_command->add_option("METHOD", method)->required();
  explain_command->add_option("URL", url, "A URL, or a path")->required();
  explain_command->add_option("-H,--header", fields, "A field of the request")
      ->type_name("'Field: value'")
      ->allow_extra_args(false);
  explain_command->callback(
      [&] { chosen = [&] { return explain(options, method, url, fields, plugins); }; });

  CLI::App* etag_command = app.add_subcommand("etag", "Print the tag of a representation");
  EtagQuestion question;
  add_files(*etag_command, options);
  add_overrides(*etag_command, options);
  etag_command->add_option("--route", question.route, "Name of the route")->type_name("NAME");
  etag_command->add_option("--type", question.media_type, "Its Content-Type")
      ->capture_default_str();
  etag_command->add_option("--coding", question.content_coding, "Its Content-Encoding");
  etag_command->add_option("FILE", question.file, "The content, or - for standard input")
      ->required();
  etag_command->callback([&] { chosen = [&] { return etag(options, question, plugins); }; });

  AdminOptions admin_options;
  const auto add_admin_command = [&](const char* name, const char* what) {
    CLI::App* const command = app.add_subcommand(name, what);
    command->add_option("--admin", admin_options.address, "Admin address of the instance")
        ->type_name("ADDR");
    command->add_option("--token-file", admin_options.token_file, "File with its token")
        ->type_name("FILE");
    return command;
  };
  CLI::App* status_command = add_admin_command("status", "Show a running instance");
  bool status_as_json = false;
  bool watches = false;
  status_command->add_flag("--json", status_as_json, "As JSON");
  status_command->add_flag("--watch", watches, "Again every two seconds");
  status_command->callback([&] {
    chosen = [&] {
      return status(admin_options, status_as_json ? Output::json : Output::text,
                    watches ? Repeat::watch : Repeat::once);
    };
  });
  add_admin_command("reload", "Have a running instance read its configuration again")
      ->callback([&] { chosen = [&] { return reload(admin_options); }; });
  add_admin_command("drain", "Have a running instance finish and end, as TERM does")
      ->callback([&] { chosen = [&] { return drain(admin_options); }; });
  CLI::App* health_command =
      add_admin_command("healthcheck", "Ask a running instance whether it is ready");
  bool live = false;
  health_command->add_flag("--live", live, "Ask only whether it is alive");
  health_command->callback([&] {
    chosen = [&] { return healthcheck(admin_options, live ? Question::live : Question::ready); };
  });

  CLI::App* schema_command =
      app.add_subcommand("schema", "Print the JSON Schema of configurations, for editors");
  schema_command->callback([&] { chosen = [] { return print(config::json_schema()); }; });

  CLI::App* completion_command = app.add_subcommand("completion", "Print completion for a shell");
  Shell shell = Shell::bash;
  completion_command->add_option("SHELL", shell, "bash, zsh or fish")
      ->required()
      ->transform(CLI::CheckedTransformer(std::map<std::string, Shell>{
          {"bash", Shell::bash}, {"zsh", Shell::zsh}, {"fish", Shell::fish}}));
  completion_command->callback(
      [&] { chosen = [&] { return print(completion_script(app, shell)); }; });

  DoctorQuestion ailing;
  add_doctor(app, options, ailing)->callback([&] {
    chosen = [&] { return doctor(options, ailing, plugins); };
  });

  CLI::App* version_command = app.add_subcommand("version", "Print the version");
  bool as_json = false;
  version_command->add_flag("--json", as_json, "As JSON");
  version_command->callback([&] { chosen = [&] { return print_version(as_json); }; });

  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return chosen();
}

}  // namespace ifmatch::cli
