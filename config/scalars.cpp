#include "config/scalars.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <vector>

#include "config/diagnostic.hpp"

namespace ifmatch::config {
namespace {

constexpr int substitution_depth_max = 8;              // defaults within defaults
constexpr std::size_t substituted_octets_max = 65536;  // of one value, variables included
constexpr std::size_t word_octets_max = 64;  // beyond it nobody mistypes, and distance costs

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 4> duration_units{
    {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
constexpr std::array<Unit, 4> size_units{
    {{"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_name(std::string_view text) {
  const auto fits = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && !is_digit(text.front()) && std::all_of(text.begin(), text.end(), fits);
}

template <std::size_t N>
Parsed<std::uint64_t> parse_with_unit(std::string_view text, const std::array<Unit, N>& units,
                                      std::string_view what, std::string_view examples) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  const std::string_view unit = text.substr(digits.size());
  if (digits.empty()) {
    return Problem{"E203", in_quotes(text) + " is not a " + std::string(what),
                   "write " + std::string(examples)};
  }
  if (unit.empty()) {
    std::string help = "write one of";
    for (const Unit& one : units) help += " " + std::string(digits) + std::string(one.name);
    return Problem{"E203", "the unit is missing after " + in_quotes(text), help};
  }
  const Parsed<std::uint64_t> number = parse_integer(digits);
  if (const auto* problem = std::get_if<Problem>(&number)) return *problem;
  for (const Unit& one : units) {
    if (unit != one.name) continue;
    const std::uint64_t value = std::get<std::uint64_t>(number);
    if (value > std::numeric_limits<std::int64_t>::max() / one.factor) {
      return Problem{"E204", in_quotes(text) + " is too large", ""};
    }
    return value * one.factor;
  }
  if (unit.front() == '.' || unit.front() == ',') {
    return Problem{"E203", "a fraction is not allowed in " + in_quotes(text),
                   "use a smaller unit, for example 1500ms for 1.5s"};
  }
  return Problem{"E203", "unknown unit " + in_quotes(unit) + " in " + in_quotes(text),
                 "write " + std::string(examples)};
}

template <std::size_t N>
std::string format_with_unit(std::uint64_t value, const std::array<Unit, N>& units,
                             std::string_view unit_of_zero) {
  if (value == 0) return "0" + std::string(unit_of_zero);
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    if (value % unit->factor == 0) {
      return std::to_string(value / unit->factor) + std::string(unit->name);
    }
  }
  return std::to_string(value) + std::string(units.front().name);
}

class Substitution {
 public:
  explicit Substitution(const Environment& environment) : environment_(environment) {}

  // Appends `text` with its variables replaced. False: problem() says why.
  bool append(std::string_view text, std::string& out, int depth) {
    if (depth > substitution_depth_max) {
      return fail("E221", "defaults of variables are nested too deeply", "");
    }
    while (!text.empty()) {
      if (text.starts_with("$${")) {
        out += "${";
        text.remove_prefix(3);
      } else if (text.starts_with("${")) {
        const std::size_t end = closing_brace(text);
        if (end == std::string_view::npos) {
          return fail("E221", "'${' without '}' in " + in_quotes(text),
                      "write ${NAME}, or $${ for a literal '${'");
        }
        if (!append_variable(text.substr(2, end - 2), out, depth)) return false;
        text.remove_prefix(end + 1);
      } else {
        out += text.front();
        text.remove_prefix(1);
      }
      if (out.size() > substituted_octets_max) {
        return fail("E221", "the value is too long once its variables are replaced", "");
      }
    }
    return true;
  }

  [[nodiscard]] Problem problem() const { return problem_; }

 private:
  // Braces within a default pair up, so that "${PATH_OF:-/v1/{id}}" means what it looks like.
  static std::size_t closing_brace(std::string_view text) {
    std::size_t open = 0;
    for (std::size_t i = 1; i < text.size(); ++i) {
      if (text[i] == '{') ++open;
      if (text[i] == '}' && --open == 0) return i;
    }
    return std::string_view::npos;
  }

  bool append_variable(std::string_view body, std::string& out, int depth) {
    const std::size_t colon = body.find(':');
    const std::string name(body.substr(0, colon));
    const std::string_view tail =
        colon == std::string_view::npos ? std::string_view() : body.substr(colon);
    const bool has_default = tail.starts_with(":-");
    const bool has_message = tail.starts_with(":?");
    if (!is_name(name) || (!tail.empty() && !has_default && !has_message)) {
      return fail("E221", in_quotes("${" + std::string(body) + "}") + " is not a variable",
                  "write ${NAME}, ${NAME:-default} or ${NAME:?message}; $${ is a literal '${'");
    }
    const std::optional<std::string> value =
        environment_ ? environment_(name) : std::optional<std::string>();
    const bool usable = value && (!value->empty() || tail.empty());
    if (usable) {
      out += *value;
      return true;
    }
    if (has_default) return append(tail.substr(2), out, depth + 1);
    if (has_message) {
      return fail("E220", name + ": " + std::string(tail.substr(2)), "set the variable " + name);
    }
    return fail("E220", "the variable " + name + " is not set",
                "set it, or give a default: ${" + name + ":-value}");
  }

  bool fail(std::string code, std::string message, std::string help) {
    problem_ = {std::move(code), std::move(message), std::move(help)};
    return false;
  }

  const Environment& environment_;
  Problem problem_;
};

}  // namespace

Parsed<std::uint64_t> parse_integer(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) {
    const std::string help =
        text.find('_') != std::string_view::npos         ? "write the digits without underscores"
        : text.starts_with('+') || text.starts_with('-') ? "write the digits without a sign"
                                                         : "write decimal digits, for example 100";
    return Problem{"E202", in_quotes(text) + " is not a whole number", help};
  }
  if (text.size() > 1 && text.front() == '0') {
    return Problem{"E202", "leading zeros are not allowed in " + in_quotes(text),
                   "write it without them; YAML readers disagree on what they mean"};
  }
  std::uint64_t value = 0;
  for (const char digit : text) {
    const auto next = static_cast<std::uint64_t>(digit - '0');
    if (value > (std::numeric_limits<std::uint64_t>::max() - next) / 10) {
      return Problem{"E204", in_quotes(text) + " is too large", ""};
    }
    value = value * 10 + next;
  }
  return value;
}

Parsed<std::uint64_t> parse_duration(std::string_view text) {
  return parse_with_unit(text, duration_units, "duration", "for example 250ms, 10s, 5m or 1h");
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  return parse_with_unit(text, size_units, "size", "for example 512B, 32KiB, 8MiB or 1GiB");
}

std::string format_duration(std::uint64_t milliseconds) {
  return format_with_unit(milliseconds, duration_units, "s");
}

std::string format_size(std::uint64_t octets) { return format_with_unit(octets, size_units, "B"); }

Parsed<std::string> substitute(std::string_view text, const Environment& environment) {
  Substitution substitution(environment);
  std::string out;
  if (!substitution.append(text, out, 0)) return substitution.problem();
  return out;
}

// Optimal string alignment: insertion, deletion, change, and two neighbours exchanged.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  if (a.size() > word_octets_max || b.size() > word_octets_max) return word_octets_max;
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

bool is_near(std::string_view word, std::string_view candidate, std::size_t distance) {
  constexpr std::size_t same_beginning = 4;
  if (word.empty() || candidate.empty()) return false;
  if (distance <= std::max<std::size_t>(std::min(word.size(), candidate.size()) / 3, 1) &&
      distance < std::max(word.size(), candidate.size())) {
    return true;
  }
  return word.size() >= same_beginning &&
         (candidate.starts_with(word) || word.starts_with(candidate));
}

}  // namespace ifmatch::config
