#include "proxy/cli/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <vector>

namespace ifmatch::cli {
namespace {

struct Flag {
  std::vector<std::string> names;  // "-c", "--config"
  std::string description;
  std::vector<std::string> words;  // that its value is one of
  bool takes_value = false;
  bool takes_file = false;
};

struct Command {
  std::string path;  // "config show"; "" of the program itself
  std::string description;
  std::vector<std::string> children;
  std::vector<Flag> flags;
  std::vector<std::string> words;  // that its argument is one of
  bool takes_file = false;         // as its argument
};

// "{a,b}", as CLI11 describes a choice, perhaps as "value in {a->0,b->1} OR {0,1}".
std::vector<std::string> words_of(CLI::Option& option) {
  std::vector<std::string> words;
  for (std::size_t index = 0;; ++index) {
    const CLI::Validator* validator = nullptr;
    try {
      validator = option.get_validator(static_cast<int>(index));
    } catch (const CLI::OptionNotFound&) {
      return words;
    }
    const std::string text = validator->get_description();
    const std::size_t open = text.find('{');
    const std::size_t close = text.find('}', open);
    if (open == std::string::npos || close == std::string::npos) continue;
    std::string list = text.substr(open + 1, close - open - 1);
    for (std::size_t begin = 0; begin < list.size();) {
      const std::size_t end = std::min(list.find(',', begin), list.size());
      std::string word = list.substr(begin, end - begin);
      word = word.substr(0, word.find("->"));
      if (!word.empty()) words.push_back(std::move(word));
      begin = end + 1;
    }
  }
}

bool takes_file(const CLI::Option& option) {
  return option.get_type_name().find("FILE") != std::string::npos ||
         option.get_name().find("FILE") != std::string::npos;
}

Flag flag_of(CLI::Option& option) {
  Flag flag{.names = {},
            .description = option.get_description(),
            .words = words_of(option),
            .takes_value = option.get_items_expected_max() > 0,
            .takes_file = takes_file(option)};
  for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  return flag;
}

void collect(CLI::App& app, const std::string& path, std::vector<Command>& commands) {
  Command command{.path = path, .description = app.get_description()};
  for (CLI::Option* option : app.get_options()) {
    if (option->nonpositional()) {
      command.flags.push_back(flag_of(*option));
    } else {
      command.takes_file = command.takes_file || takes_file(*option);
      for (const std::string& word : words_of(*option)) command.words.push_back(word);
    }
  }
  const auto children = app.get_subcommands([](CLI::App*) { return true; });
  for (CLI::App* child : children) command.children.push_back(child->get_name());
  commands.push_back(std::move(command));
  for (CLI::App* child : children) {
    collect(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), commands);
  }
}

std::string joined(const std::vector<std::string>& words, std::string_view between = " ") {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

// Within single quotes of a shell.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char octet : text) {
    if (octet == '\'') {
      out += "'\\''";
    } else {
      out += octet;
    }
  }
  return out + "'";
}

std::vector<std::string> all_words(const Command& command) {
  std::vector<std::string> words = command.children;
  words.insert(words.end(), command.words.begin(), command.words.end());
  for (const Flag& flag : command.flags) {
    words.insert(words.end(), flag.names.begin(), flag.names.end());
  }
  return words;
}

// The words that go from one command to another, for a walk along the line: "config show".
std::string steps(const std::vector<Command>& commands) {
  std::string out;
  for (const Command& command : commands) {
    for (const std::string& child : command.children) {
      const std::string path = command.path.empty() ? child : command.path + " " + child;
      out += "      " + in_quotes(command.path + "/" + child) + ") command=" + in_quotes(path) + " ;;\n";
    }
  }
  return out;
}

// How a shell is told what fits. In `words`, the percent sign stands for the words.
struct Dialect {
  std::string_view words;
  std::string_view files;
};

std::string offer(const std::vector<std::string>& words, const Dialect& dialect) {
  std::string out(dialect.words);
  return out.replace(out.find('%'), 1, joined(words));
}

// Cases for the word before the one that is completed: a flag that takes a value.
std::string values_of_flags(const std::vector<Command>& commands, const Dialect& dialect) {
  std::string out;
  for (const Command& command : commands) {
    for (const Flag& flag : command.flags) {
      if (!flag.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : flag.names) {
        patterns.push_back(in_quotes(command.path + "/" + name));
      }
      out += "    " + joined(patterns, "|") + ") ";
      if (!flag.words.empty()) {
        out += offer(flag.words, dialect);
      } else {
        out += flag.takes_file ? dialect.files : ":";
      }
      out += "; return ;;\n";
    }
  }
  return out;
}

// Cases for the command that has been named so far.
std::string words_of_commands(const std::vector<Command>& commands, const Dialect& dialect) {
  std::string out;
  for (const Command& command : commands) {
    out += "    " + in_quotes(command.path) + ") " + offer(all_words(command), dialect);
    if (command.takes_file) out.append("; ").append(dialect.files);
    out += " ;;\n";
  }
  return out;
}

// What bash and zsh have in common: from the walk along the line, in which `word` is the present
// one, to the end of the function.
std::string rest_of_function(const std::vector<Command>& commands, const std::string& word,
                             const Dialect& dialect) {
  return "    case \"$command/" + word + "\" in\n" +
         steps(commands) +
         "    esac\n"
         "  done\n"
         "  case \"$command/$before\" in\n" +
         values_of_flags(commands, dialect) +
         "  esac\n"
         "  case \"$command\" in\n" +
         words_of_commands(commands, dialect) +
         "  esac\n"
         "}\n";
}

std::string bash_script(const std::vector<Command>& commands) {
  const Dialect dialect{"COMPREPLY=($(compgen -W '%' -- \"$word\"))",
                        "COMPREPLY+=($(compgen -f -- \"$word\"))"};
  return "# bash completion of ifmatch: source <(ifmatch completion bash)\n"
         "_ifmatch() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
         "  local command='' i\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n" +
         rest_of_function(commands, "${COMP_WORDS[i]}", dialect) +
         "complete -o filenames -F _ifmatch ifmatch\n";
}

std::string zsh_script(const std::vector<Command>& commands) {
  const Dialect dialect{"compadd -- %", "_files"};
  return "#compdef ifmatch\n"
         "# zsh completion of ifmatch: source <(ifmatch completion zsh), or a file _ifmatch in fpath\n"
         "_ifmatch() {\n"
         "  local command='' before=\"${words[CURRENT-1]}\" i\n"
         "  for ((i = 2; i < CURRENT; i++)); do\n" +
         rest_of_function(commands, "${words[i]}", dialect) +
         "if [[ \"${funcstack[1]}\" == _ifmatch ]]; then _ifmatch \"$@\"; else compdef _ifmatch "
         "ifmatch; fi\n";
}

std::string fish_script(const std::vector<Command>& commands) {
  std::string out =
      "# fish completion of ifmatch: ifmatch completion fish | source\n"
      "function __ifmatch_command\n"
      "  set -l command ''\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    switch \"$command/$word\"\n";
  for (const Command& command : commands) {
    for (const std::string& child : command.children) {
      const std::string path = command.path.empty() ? child : command.path + " " + child;
      out += "      case " + in_quotes(command.path + "/" + child) + "\n        set command " +
             in_quotes(path) + "\n";
    }
  }
  out +=
      "    end\n"
      "  end\n"
      "  echo $command\n"
      "end\n"
      "complete -c ifmatch -f\n";
  for (const Command& command : commands) {
    const std::string begin = "complete -c ifmatch -n " +
                              in_quotes("test (__ifmatch_command) = " + in_quotes(command.path)) + " ";
    std::vector<std::string> plain = command.children;
    plain.insert(plain.end(), command.words.begin(), command.words.end());
    if (!plain.empty()) out += begin + "-a " + in_quotes(joined(plain)) + "\n";
    if (command.takes_file) out += begin + "-F\n";
    for (const Flag& flag : command.flags) {
      out += begin;
      for (const std::string& name : flag.names) {
        out += name.starts_with("--") ? "-l " + name.substr(2) + " " : "-s " + name.substr(1) + " ";
      }
      if (flag.takes_value) out += flag.takes_file ? "-r -F " : "-x ";
      if (!flag.words.empty()) out += "-a " + in_quotes(joined(flag.words)) + " ";
      out += "-d " + in_quotes(flag.description) + "\n";
    }
  }
  return out;
}

}  // namespace

std::string completion_script(CLI::App& app, Shell shell) {
  std::vector<Command> commands;
  collect(app, "", commands);
  switch (shell) {
    case Shell::bash: return bash_script(commands);
    case Shell::zsh: return zsh_script(commands);
    case Shell::fish: break;
  }
  return fish_script(commands);
}

}  // namespace ifmatch::cli
