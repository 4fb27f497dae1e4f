// Completion in the shells themselves: what each of them offers on a line that is not finished.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

using Words = std::vector<std::string>;

constexpr ExitStatus success{0, 0};

Words sorted_lines(const std::string& text) {
  Words lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    // fish tells what a word is for, behind a tab.
    line = line.substr(0, line.find('\t'));
    if (!line.empty()) lines.push_back(line);
  }
  std::ranges::sort(lines);
  return lines;
}

std::string quoted_line(const Words& line) {
  std::string out;
  for (const std::string& word : line) out += (out.empty() ? "'" : " '") + word + "'";
  return out;
}

class Completion : public ::testing::TestWithParam<const char*> {
 protected:
  Completion() {
    const Finished printed = run_to_end({ifmatch_binary(), "completion", GetParam()});
    EXPECT_EQ(printed.status, success) << printed.errors;
    script = folder.write("completion", printed.output);
  }

  // What is offered for the last word of the line.
  Words offered(const Words& line) const {
    const std::string shell = GetParam();
    std::string program;
    if (shell == "bash") {
      program = "source " + script + "; COMP_WORDS=(" + quoted_line(line) + "); COMP_CWORD=" +
                std::to_string(line.size() - 1) +
                "; _ifmatch; printf '%s\\n' \"${COMPREPLY[@]}\"";
    } else if (shell == "zsh") {
      // The functions that zsh has while it completes; words that do not fit are left out by it.
      program = "compdef() { }; _files() { print -l -- \"${words[CURRENT]}\"*(N) }\n"
                "compadd() { shift; local word; for word in \"$@\"; do "
                "[[ $word == \"${words[CURRENT]}\"* ]] && print -- $word; done; true }\n"
                "source " + script + "\nwords=(" + quoted_line(line) + "); CURRENT=" +
                std::to_string(line.size()) + "; _ifmatch";
    } else {
      std::string text;
      for (const std::string& word : line) text += (text.empty() ? "" : " ") + word;
      program = "source " + script + "; complete -C '" + text + "'";
    }
    const Finished finished = run_to_end({shell, "-c", program},
                                         {.environment = {{"HOME", folder.path().string()}}});
    EXPECT_EQ(finished.errors, "");
    return sorted_lines(finished.output);
  }

  TemporaryFolder folder;
  std::string script;
};

TEST_P(Completion, IsAScriptWithoutMistakes) {
  const Finished read = run_to_end({GetParam(), "-n", script});
  EXPECT_EQ(read.status, success) << read.errors;
}

TEST_P(Completion, KnowsCommands) {
  EXPECT_EQ(offered({"ifmatch", "va"}), (Words{"validate"}));
  const Words all = offered({"ifmatch", ""});
  for (const char* const command : {"run", "validate", "config", "explain", "etag", "version",
                                    "schema", "completion"}) {
    EXPECT_NE(std::ranges::find(all, command), all.end()) << command;
  }
  const Words within = offered({"ifmatch", "config", ""});
  EXPECT_NE(std::ranges::find(within, "show"), within.end());
  EXPECT_EQ(std::ranges::find(within, "validate"), within.end());
}

TEST_P(Completion, KnowsTheFlagsOfEachCommand) {
  EXPECT_EQ(offered({"ifmatch", "run", "--mo"}), (Words{"--mode"}));
  EXPECT_EQ(offered({"ifmatch", "validate", "-c", "a.yaml", "--stri"}), (Words{"--strict"}));
  EXPECT_EQ(offered({"ifmatch", "config", "show", "--ori"}), (Words{"--origin"}));
  EXPECT_EQ(offered({"ifmatch", "run", "--stri"}), Words{});
}

TEST_P(Completion, KnowsTheWordsThatAFlagChoosesFrom) {
  const Words modes = offered({"ifmatch", "run", "--mode", ""});
  EXPECT_EQ(modes, (Words{"bypass", "enforce", "observe"}));
  EXPECT_EQ(offered({"ifmatch", "validate", "--format", "js"}), (Words{"json"}));
  EXPECT_EQ(offered({"ifmatch", "completion", "fi"}), (Words{"fish"}));
}

TEST_P(Completion, KnowsWhereAFileBelongs) {
  const std::string file = folder.write("ifmatch.yaml", "");
  const std::string begin = folder.path().string() + "/ifm";
  const Words files = offered({"ifmatch", "run", "-c", begin});
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files.front(), file);
}

INSTANTIATE_TEST_SUITE_P(InEachShell, Completion, ::testing::Values("bash", "zsh", "fish"),
                         [](const auto& shell) { return std::string(shell.param); });

TEST(CompletionOfAnotherShell, IsWrongUsage) {
  EXPECT_EQ(run_to_end({ifmatch_binary(), "completion", "tcsh"}).status.code, 2);
  EXPECT_EQ(run_to_end({ifmatch_binary(), "completion"}).status.code, 2);
}

}  // namespace
}  // namespace ifmatch::support
