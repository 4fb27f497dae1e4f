// Broken input gives findings, never a crash, an exception or a configuration by accident.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "config/show.hpp"
#include "tests/unit/config/support.hpp"

namespace ifmatch::config {
namespace {

constexpr unsigned seed = 20240;
constexpr int mutations_per_example = 400;

std::string read(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// One to four changes: an octet replaced, a stretch cut out, doubled, or a spoiler put in.
std::string mutated(std::string text, std::mt19937& random) {
  static const std::vector<std::string> spoilers{"[",
                                                 "]",
                                                 "{",
                                                 "}",
                                                 ": ",
                                                 "- ",
                                                 "&a ",
                                                 "*a",
                                                 "<<: ",
                                                 "!!map ",
                                                 "|",
                                                 ">",
                                                 "\"",
                                                 "'",
                                                 "\n---\n",
                                                 "\t",
                                                 "? ",
                                                 "#",
                                                 "%",
                                                 "${",
                                                 "}",
                                                 "\n",
                                                 "0",
                                                 "-1",
                                                 "null",
                                                 std::string(1, '\0'),
                                                 "\xFF",
                                                 "\r",
                                                 "99999999999999999999",
                                                 "\\",
                                                 ",",
                                                 "...\n",
                                                 "~",
                                                 "**",
                                                 "x-"};
  const auto below = [&random](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound)(random);
  };
  const std::size_t changes = 1 + below(3);
  for (std::size_t i = 0; i < changes && !text.empty(); ++i) {
    const std::size_t at = below(text.size() - 1);
    const std::size_t length = below(std::min<std::size_t>(text.size() - at, 40));
    switch (below(3)) {
      case 0: text[at] = static_cast<char>(below(255)); break;
      case 1: text.erase(at, length); break;
      case 2: text.insert(at, text.substr(at, length)); break;
      default: text.insert(at, spoilers[below(spoilers.size() - 1)]);
    }
  }
  return text;
}

void expect_sound(const LoadResult& result, const std::string& text) {
  const bool failed = count(result.diagnostics, Severity::error) > 0;
  EXPECT_EQ(result.config.has_value(), !failed) << text;
  for (const Format format : {Format::text, Format::json, Format::github}) {
    EXPECT_LT(render(result.diagnostics, format).size(), 1U << 20U);
  }
  for (const Diagnostic& one : result.diagnostics) {
    EXPECT_FALSE(one.code.empty() || one.message.empty());
    EXPECT_EQ(one.message.find('\n'), std::string::npos) << one.message;
    if (!one.source_line.empty()) {
      EXPECT_LE(one.column + one.length, characters(one.source_line) + 2) << one.message << text;
    }
  }
  if (result.config) {
    const LoadResult again = load_text(show(*result.config));
    EXPECT_TRUE(again.config) << told(again) << text;
  }
}

TEST(Robustness, MutatedFilesNeverCrash) {
  std::mt19937 random(seed);
  for (const auto& entry : std::filesystem::directory_iterator(IFMATCH_EXAMPLES)) {
    const std::string original = read(entry.path());
    for (int i = 0; i < mutations_per_example; ++i) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", mutation " + std::to_string(i));
      const std::string text = mutated(original, random);
      expect_sound(load_text(text, {{"API_URL", "http://api:3000"}}), text);
      if (HasFailure()) return;
    }
  }
}

TEST(Robustness, EveryBeginningOfAFileIsSound) {
  const std::string original = read(std::string(IFMATCH_EXAMPLES) + "/strict.yaml");
  for (std::size_t length = 0; length < original.size(); length += 3) {
    expect_sound(load_text(original.substr(0, length)), original.substr(0, length));
  }
}

TEST(Robustness, HostileTextsAreRefusedQuickly) {
  const auto repeated = [](const std::string& part, int times) {
    std::string out = "version: 1\na: ";
    for (int i = 0; i < times; ++i) out += part;
    return out;
  };
  std::string stairs = "version: 1\n";
  for (std::size_t i = 0; i < 1000; ++i) stairs += std::string(i, ' ') + "a:\n";
  std::string bomb = "version: 1\nx-0: &a0 [x, x]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "x-" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + ", " + before +
            "]\n";
  }
  std::string keys = "version: 1\n";
  for (int i = 0; i < 80'000; ++i) keys += "k" + std::to_string(i) + ":\n";
  for (const std::string& text :
       {repeated("[", 100'000), repeated("{a: ", 100'000), repeated("[a,", 100'000),
        repeated("\n- ", 100'000), repeated("- ", 100'000), repeated("? ", 100'000),
        repeated("[\n", 100'000), repeated("\"", 100'001), repeated("a: ", 100'000),
        repeated("\nkey: 1", 50'000), repeated("!", 100'000), repeated("${", 100'000), stairs, bomb,
        keys}) {
    const LoadResult result = load_text(text);
    EXPECT_FALSE(result.config);
    EXPECT_FALSE(result.diagnostics.empty());
    EXPECT_LE(result.diagnostics.size(), 501U);
  }
}

TEST(Robustness, FlagsMayHoldAnything) {
  std::mt19937 random(seed);
  for (int i = 0; i < 500; ++i) {
    Overrides overrides;
    overrides.set = {mutated("routes.order.gate.wait=1s", random),
                     mutated("listeners.default.limits.header_bytes=1KiB", random)};
    overrides.listen = mutated("127.0.0.1:8080", random);
    overrides.upstream = mutated("http://127.0.0.1:3000/base", random);
    overrides.mode = mutated("bypass", random);
    overrides.threads = mutated("12", random);
    const LoadResult result = load_text(with_route(""), {}, overrides);
    EXPECT_EQ(result.config.has_value(), count(result.diagnostics, Severity::error) == 0);
    (void)render(result.diagnostics, Format::text);
  }
}

}  // namespace
}  // namespace ifmatch::config
