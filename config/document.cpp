#include "config/document.hpp"

#include <algorithm>
#include <istream>
#include <map>
#include <streambuf>
#include <tuple>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace ifmatch::config {
namespace {

constexpr std::size_t diagnostics_max = 500;  // more than anybody reads
constexpr std::size_t items_max = 10'000;     // of one list or section: lookups are linear
constexpr std::size_t shown_line_max = 400;   // octets; a longer line is not repeated
constexpr std::size_t tab_reports_max = 20;   // a file indented with tabs has one in every line

// Thrown through yaml-cpp out of an event, where going on would be of no use.
struct StopParsing {};

// Lets yaml-cpp read a string that we hold, without a copy.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string& text) {
    setg(text.data(), text.data(), text.data() + text.size());
  }
};

bool is_null_word(std::string_view text) {
  return text.starts_with("~") || text.starts_with("null") || text.starts_with("Null") ||
         text.starts_with("NULL");
}

// Receives yaml-cpp's events and builds the tree. Finds what the library would let through: a
// second document, anchors and aliases, tags, and nesting beyond our bound.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const Source& source, Report& report) : source_(source), report_(report) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    report_.error("E007", second_document_place(mark), "", "a second document is not allowed",
                  "remove '---'; several files may be named with -c instead");
    throw StopParsing{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(place_of(mark), anchor);
    Node node;
    node.place = place_of(mark);
    const std::string_view rest = rest_of_line(node.place);
    if (is_null_word(rest)) {
      node.place.length = rest.starts_with("~") ? 1 : 4;
    } else {
      // An absent value stands nowhere; its key tells where it is missing.
      if (!stack_.empty() && stack_.back().key) node.place = stack_.back().key->place;
    }
    attach(std::move(node));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Node node;
    node.kind = Node::Kind::invalid;
    node.place = place_of(mark);
    node.place.length = word_length(node.place);
    report_.error("E009", node.place, "", "aliases are not allowed",
                  "write the value out, or put it under 'defaults'");
    attach(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node;
    node.kind = Node::Kind::scalar;
    node.place = place_of(mark);
    node.text = value;
    node.quoted = tag == "!";
    node.place.length = scalar_length(node);
    refuse_anchor(node.place, anchor);
    refuse_tag(node.place, tag);
    check_quote(node.place);
    attach(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    push(Node::Kind::sequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { pop(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    push(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { pop(); }

  [[nodiscard]] std::optional<Node> take_root() { return std::move(root_); }

 private:
  struct Frame {
    Node node;
    std::optional<Node> key;
  };

  void push(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    Node node;
    node.kind = kind;
    node.place = place_of(mark);
    refuse_anchor(node.place, anchor);
    refuse_tag(node.place, tag);
    if (stack_.size() >= nesting_max) {
      report_.error("E008", node.place, "", "nested too deeply",
                    "no key lies deeper than eight levels; is a bracket missing?");
      throw StopParsing{};
    }
    stack_.push_back({std::move(node), std::nullopt});
  }

  void pop() {
    Node node = std::move(stack_.back().node);
    stack_.pop_back();
    attach(std::move(node));
  }

  void attach(Node node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.entries.size() + frame.node.items.size() >= items_max) {
      report_.error("E011", node.place, "", "more than 10000 entries in one list or section",
                    "is this a configuration?");
      throw StopParsing{};
    }
    if (frame.node.kind == Node::Kind::sequence) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key) {
      frame.key = std::move(node);
    } else {
      frame.node.entries.push_back({std::move(*frame.key), std::move(node)});
      frame.key.reset();
    }
  }

  void refuse_anchor(const Place& place, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    report_.error("E009", place, "", "anchors are not allowed",
                  "what several routes share belongs under 'defaults'");
  }

  void refuse_tag(const Place& place, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    report_.error("E009", place, "", "tags such as " + in_quotes(tag) + " are not allowed",
                  "remove the tag; every key has a fixed type");
  }

  [[nodiscard]] Place place_of(const YAML::Mark& mark) const {
    Place place;
    place.source = &source_;
    place.line = static_cast<std::size_t>(std::max(mark.line, 0)) + 1;
    place.column = static_cast<std::size_t>(std::max(mark.column, 0)) + 1;
    place.length = 1;
    return place;
  }

  // yaml-cpp reports where the content begins; the reader looks for the separator.
  [[nodiscard]] Place second_document_place(const YAML::Mark& mark) const {
    Place place = place_of(mark);
    for (std::size_t line = place.line; line > 0; --line) {
      if (!source_.line(line).starts_with("---")) continue;
      place.line = line;
      place.column = 1;
      place.length = 3;
      break;
    }
    return place;
  }

  [[nodiscard]] std::string_view rest_of_line(const Place& place) const {
    const std::string_view line = source_.line(place.line);
    return place.column <= line.size() ? line.substr(place.column - 1) : std::string_view();
  }

  [[nodiscard]] std::size_t word_length(const Place& place) const {
    const std::size_t end = rest_of_line(place).find_first_of(" ,]}");
    return end == std::string_view::npos ? rest_of_line(place).size()
                                         : std::max<std::size_t>(end, 1);
  }

  // yaml-cpp takes the end of the file for the closing quote, and with it all keys in between.
  void check_quote(const Place& place) {
    const std::string_view rest = rest_of_line(place);
    if (rest.empty() || (rest.front() != '"' && rest.front() != '\'')) return;
    const char quote = rest.front();
    const std::size_t begin = source_.line_starts[place.line - 1] + place.column;
    for (std::size_t i = begin; i < source_.text.size(); ++i) {
      if (quote == '"' && source_.text[i] == '\\') {
        ++i;
      } else if (source_.text[i] == quote) {
        return;
      }
    }
    report_.error("E006", place, "", "not valid YAML: the quote is never closed",
                  "close it at the end of the value");
    throw StopParsing{};
  }

  [[nodiscard]] std::size_t scalar_length(const Node& node) const {
    const std::string_view rest = rest_of_line(node.place);
    if (rest.empty()) return 1;
    const char first = rest.front();
    if (first == '"' || first == '\'') {
      for (std::size_t i = 1; i < rest.size(); ++i) {
        if (first == '"' && rest[i] == '\\') {
          ++i;
        } else if (rest[i] == first) {
          return i + 1;
        }
      }
      return rest.size();
    }
    return rest.starts_with(node.text) ? std::max<std::size_t>(node.text.size(), 1) : 1;
  }

  const Source& source_;
  Report& report_;
  std::vector<Frame> stack_;
  std::optional<Node> root_;
  int documents_ = 0;
};

// The length in octets of the well-formed UTF-8 character at the beginning, 0 if there is none.
std::size_t character_length(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = octet(0);
  if (first < 0x80U) return 1;
  const std::size_t length = first >= 0xF0U ? 4 : first >= 0xE0U ? 3 : 2;
  if (first < 0xC2U || first > 0xF4U || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xC0U) != 0x80U) return 0;
  }
  const unsigned second = octet(1);
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((first == 0xE0U && second < 0xA0U) || (first == 0xEDU && second > 0x9FU) ||
      (first == 0xF0U && second < 0x90U) || (first == 0xF4U && second > 0x8FU)) {
    return 0;
  }
  return length;
}

// Octets that no configuration needs: what is not UTF-8, and control characters, which could hide
// text from whoever reviews the file. False if the parser must not see this text.
bool check_octets(const Source& source, Report& report) {
  std::size_t tabs = 0;
  for (std::size_t line = 1; line <= source.line_starts.size(); ++line) {
    const std::string_view text = source.line(line);
    bool tab_seen = false;
    for (std::size_t i = 0; i < text.size();) {
      const Place place{&source, line, i + 1, 1};
      const auto octet = static_cast<unsigned char>(text[i]);
      if (octet == '\t') {
        if (!tab_seen && tabs++ < tab_reports_max) {
          report.error("E005", place, "", "a tab is not allowed", "indent with spaces");
        }
        tab_seen = true;
        ++i;
        continue;
      }
      if (octet < 0x20U || octet == 0x7FU) {
        report.error("E003", place, "", octet == 0 ? "a NUL octet" : "a control character",
                     "the file must be UTF-8 text");
        return false;
      }
      const std::size_t length = character_length(text.substr(i));
      if (length == 0) {
        report.error("E003", place, "", "not valid UTF-8", "save the file as UTF-8");
        return false;
      }
      i += length;
    }
  }
  return true;
}

std::string syntax_help(std::string_view message) {
  const auto says = [message](std::string_view part) {
    return message.find(part) != std::string_view::npos;
  };
  if (says("anchor")) return "aliases ('*name') are not allowed; write the value out";
  if (says("illegal map value")) return "put a value that contains ': ' in quotes";
  if (says("end of map") || says("end of sequence") || says("flow")) {
    return "is a bracket or a comma missing? between { } and [ ], a value with ${...} needs quotes";
  }
  if (says("scalar")) return "put the value in quotes, and close them";
  return "indent all keys of a section alike, and put a space after ':' and '-'";
}

struct Parse {
  enum class Outcome { failed, done };
  Outcome outcome = Outcome::failed;  // failed: the report says why
  std::optional<Node> root;           // absent where the text holds nothing but comments
};

Parse run_parser(const Source& source, std::string text, Report& report) {
  std::replace(text.begin(), text.end(), '\t', ' ');  // reported already; keeps columns as they are
  ViewBuffer buffer(text);
  std::istream stream(&buffer);
  TreeBuilder builder(source, report);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const StopParsing&) {
    return {};
  } catch (const YAML::Exception& exception) {
    // yaml-cpp's "null mark" is minus one; a place beyond the text is moved to its last line.
    Place place{&source, 1, 1, 1};
    if (exception.mark.line >= 0) {
      place.line = static_cast<std::size_t>(exception.mark.line) + 1;
      place.column = static_cast<std::size_t>(std::max(exception.mark.column, 0)) + 1;
    }
    place.line = std::min(place.line, std::max<std::size_t>(source.line_starts.size(), 1));
    place.column = std::min(place.column, source.line(place.line).size() + 1);
    report.error("E006", place, "", "not valid YAML: " + exception.msg, syntax_help(exception.msg));
    return {};
  }
  return {Parse::Outcome::done, builder.take_root()};
}

// yaml-cpp recurses once per bracket that is open. The builder stops it at our bound; this look
// at the text alone stops it before the scanner has queued a token for each of a million brackets.
bool check_brackets(const Source& source, Report& report) {
  for (std::size_t line = 1; line <= source.line_starts.size(); ++line) {
    std::size_t run = 0;
    const std::string_view text = source.line(line);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '[' || text[i] == '{') {
        if (++run <= nesting_max) continue;
        report.error("E008", {&source, line, i + 1, 1}, "", "nested too deeply",
                     "no key lies deeper than eight levels; is a bracket missing?");
        return false;
      }
      if (text[i] != ' ') run = 0;
    }
  }
  return true;
}

}  // namespace

void Source::index_lines() {
  line_starts.clear();
  if (text.empty()) return;
  line_starts.push_back(0);
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\n') line_starts.push_back(i + 1);
  }
}

std::string_view Source::line(std::size_t number) const {
  if (number == 0 || number > line_starts.size()) return {};
  const std::size_t begin = line_starts[number - 1];
  std::size_t end = text.find('\n', begin);
  if (end == std::string::npos) end = text.size();
  std::string_view line = std::string_view(text).substr(begin, end - begin);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key.text == key) return &entry.value;
  }
  return nullptr;
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(std::as_const(*this).find(key));  // *this is not const here
}

void Report::error(std::string_view code, const Place& place, std::string key, std::string message,
                   std::string help) {
  ++errors_;
  add(Severity::error, code, place, std::move(key), std::move(message), std::move(help));
}

void Report::warning(std::string_view code, const Place& place, std::string key,
                     std::string message, std::string help) {
  add(Severity::warning, code, place, std::move(key), std::move(message), std::move(help));
}

void Report::add(Severity severity, std::string_view code, const Place& place, std::string key,
                 std::string message, std::string help) {
  if (diagnostics_.size() >= diagnostics_max) {
    ++dropped_;
    return;
  }
  Diagnostic diagnostic;
  diagnostic.severity = severity;
  diagnostic.code = code;
  diagnostic.key = std::move(key);
  diagnostic.message = std::move(message);
  diagnostic.help = std::move(help);
  if (place.source != nullptr) {
    diagnostic.file = place.source->name;
    const std::string_view line = place.source->line(place.line);
    if (place.line > 0) {
      const std::size_t before = std::min(place.column - 1, line.size());
      const std::size_t length = std::min(place.length, line.size() - before);
      diagnostic.line = place.line;
      diagnostic.column = characters(line.substr(0, before)) + 1;
      diagnostic.length = std::max<std::size_t>(characters(line.substr(before, length)), 1);
      if (line.size() <= shown_line_max) diagnostic.source_line = line;
    }
  }
  diagnostics_.push_back(std::move(diagnostic));
}

std::vector<Diagnostic> Report::take() {
  std::map<std::string, std::size_t> order;
  for (const Diagnostic& one : diagnostics_) order.emplace(one.file, order.size());
  std::stable_sort(diagnostics_.begin(), diagnostics_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) {
                     const auto rank = [&](const Diagnostic& one) {
                       return std::tuple(order.at(one.file), one.line, one.column);
                     };
                     return rank(a) < rank(b);
                   });
  if (dropped_ > 0) {
    Diagnostic last;
    last.code = "E099";
    last.file = diagnostics_.back().file;
    last.message = std::to_string(dropped_) + " further findings are not shown";
    diagnostics_.push_back(std::move(last));
    dropped_ = 0;
  }
  return std::move(diagnostics_);
}

std::string describe(const Place& place) {
  if (place.source == nullptr) return "default";
  if (place.source->kind == Source::Kind::environment) return "environment " + place.source->name;
  if (place.source->kind == Source::Kind::flag) return "flag " + place.source->name;
  return place.source->name + ":" + std::to_string(place.line);
}

std::optional<Node> parse_document(const Source& source, Report& report) {
  const Place whole{&source, 0, 0, 0};
  if (source.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    report.error("E004", whole, "", "the file is empty", "begin it with 'version: 1'");
    return std::nullopt;
  }
  if (!check_octets(source, report) || !check_brackets(source, report)) return std::nullopt;
  Parse parse = run_parser(source, source.text, report);
  if (parse.outcome == Parse::Outcome::failed) return std::nullopt;
  std::optional<Node>& root = parse.root;
  if (!root || root->kind == Node::Kind::null) {
    report.error("E004", whole, "", "the file says nothing", "begin it with 'version: 1'");
    return std::nullopt;
  }
  if (root->kind != Node::Kind::map) {
    if (root->kind != Node::Kind::invalid) {
      report.error("E010", root->place, "", "the file must consist of 'key: value' lines",
                   "begin it with 'version: 1'");
    }
    return std::nullopt;
  }
  return root;
}

std::optional<Node> parse_value(const Source& source, std::size_t offset, Report& report) {
  if (!check_octets(source, report) || !check_brackets(source, report)) return std::nullopt;
  // Blanks in place of the key leave every column as it is in the source.
  std::string text = std::string(offset, ' ') + source.text.substr(offset);
  Parse parse = run_parser(source, std::move(text), report);
  if (parse.outcome == Parse::Outcome::failed || parse.root) return std::move(parse.root);
  Node null;
  null.place = {&source, 1, offset + 1, 1};
  return null;
}

}  // namespace ifmatch::config
