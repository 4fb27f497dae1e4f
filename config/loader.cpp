#include "config/loader.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unordered_map>
#include <utility>

#include "config/checks.hpp"
#include "config/document.hpp"
#include "config/overrides.hpp"
#include "config/reader.hpp"

namespace ifmatch::config {
namespace {

constexpr const char* system_file = "/etc/ifmatch/ifmatch.yaml";

// Goes over a file's tree once: takes out what must not be there (duplicate keys, merge keys) and
// replaces variables, so that whoever reads the tree later sees unique keys and final values.
class Tidier {
 public:
  Tidier(const Environment& environment, Report& report)
      : environment_(environment), report_(report) {}

  void tidy(Node& node, const std::string& path) {
    if (node.kind == Node::Kind::map) return tidy_map(node, path);
    if (node.kind == Node::Kind::scalar) return replace_variables(node, path);
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      tidy(node.items[i], item_path(path, node.items[i], i));
    }
  }

 private:
  void tidy_map(Node& node, const std::string& path) {
    std::unordered_map<std::string, Place> seen;
    std::vector<Entry> kept;
    kept.reserve(node.entries.size());
    for (Entry& entry : node.entries) {
      if (!accept(entry, path, seen)) continue;
      // An ignored key may hold anything, save where the key is a name that the operator chose.
      const bool free_names = path == "upstreams" || path.ends_with("probe.headers");
      if (free_names || !entry.key.text.starts_with("x-")) {
        tidy(entry.value, join_path(path, entry.key.text));
      }
      kept.push_back(std::move(entry));
    }
    node.entries = std::move(kept);
  }

  bool accept(const Entry& entry, const std::string& path,
              std::unordered_map<std::string, Place>& seen) {
    const std::string key_path = join_path(path, entry.key.text);
    if (entry.key.kind == Node::Kind::invalid) return false;
    if (entry.key.kind != Node::Kind::scalar) {
      report_.error("E201", entry.key.place, path, "a key must be a single word",
                    "a value that begins with '{', or holds ${...} within { }, needs quotes");
      return false;
    }
    if (entry.key.text == "<<" && !entry.key.quoted) {
      report_.error("E105", entry.key.place, key_path, "merge keys ('<<') are not supported",
                    "write the keys out; what routes share belongs under 'defaults'");
      return false;
    }
    const auto [first, fresh] = seen.emplace(entry.key.text, entry.key.place);
    if (fresh) return true;
    report_.error("E102", entry.key.place, key_path,
                  "the key " + in_quotes(entry.key.text) + " is given twice" +
                      (path.empty() ? "" : " in " + path),
                  "the first is at " + describe(first->second));
    return false;
  }

  void replace_variables(Node& node, const std::string& path) {
    if (node.text.find("${") == std::string::npos) return;
    Parsed<std::string> replaced = substitute(node.text, environment_);
    if (const auto* problem = std::get_if<Problem>(&replaced)) {
      report_.error(problem->code, node.place, path, problem->message, problem->help);
      node.kind = Node::Kind::invalid;
      return;
    }
    node.text = std::move(std::get<std::string>(replaced));
    // "${SECRET_FILE:-}" without quotes says null where the variable is empty.
    if (!node.quoted && (node.text.empty() || node.text == "null" || node.text == "~")) {
      node.kind = Node::Kind::null;
    }
  }

  const Environment& environment_;
  Report& report_;
};

// Fills source.text. False: the report says why not.
bool read_text(const InputFile& file, Source& source, Report& report) {
  const Place whole{&source, 0, 0, 0};
  const auto fail = [&](const std::string& why, const std::string& help) {
    report.error("E001", whole, "", why, help);
    return false;
  };
  if (file.text) {
    source.text = *file.text;
  } else if (file.path == "-") {
    return fail("nothing was read from standard input", "");
  } else {
    std::error_code ignored;
    if (std::filesystem::is_directory(file.path, ignored)) {
      return fail("is a directory", "name a file in it");
    }
    errno = 0;
    std::ifstream stream(file.path, std::ios::binary);
    if (!stream) {
      const int reason = errno;
      return fail("cannot be read: " + std::string(std::strerror(reason)),
                  reason == ENOENT ? "check the path given with -c or in IFMATCH_CONFIG" : "");
    }
    source.text.resize(file_octets_max + 4);  // one octet and a byte order mark beyond the bound
    stream.read(source.text.data(), static_cast<std::streamsize>(source.text.size()));
    source.text.resize(static_cast<std::size_t>(stream.gcount()));
    if (stream.bad()) return fail("cannot be read to its end", "");
  }
  if (source.text.starts_with("\xEF\xBB\xBF")) source.text.erase(0, 3);
  if (source.text.size() > file_octets_max) {
    source.text.clear();
    report.error("E002", whole, "", "the file is larger than 1 MiB",
                 "split it; -c may be repeated");
    return false;
  }
  source.index_lines();
  return true;
}

void check_version(const Node& file, const Source& source, Report& report) {
  const Node* version = file.find("version");
  if (version == nullptr) {
    report.error("E103", {&source, 0, 0, 0}, "version", "'version' is missing",
                 "begin the file with 'version: 1'");
    return;
  }
  if (version->kind == Node::Kind::invalid) return;
  if (version->kind == Node::Kind::scalar && version->text == "1") return;
  report.error("E106", version->place, "version",
               version->kind == Node::Kind::scalar
                   ? "the version " + in_quotes(version->text) + " is not known"
                   : "'version' must be a number",
               "this build reads version 1: write 'version: 1'");
}

// Adds one file's top level to what earlier files said. Only routes and upstreams come together
// from several files; that two routes have one name is for the reader to find.
class Merger {
 public:
  explicit Merger(Report& report) : report_(report) {}

  void merge(Node& root, Node file) {
    for (Entry& entry : file.entries) {
      Node* existing = root.find(entry.key.text);
      if (existing == nullptr) {
        root.entries.push_back(std::move(entry));
        continue;
      }
      if (entry.key.text == "version" || entry.key.text.starts_with("x-")) continue;
      if (entry.key.text == "routes" && merge_routes(*existing, entry.value)) continue;
      if (entry.key.text == "upstreams" && merge_upstreams(*existing, entry.value)) continue;
      report_.error("E107", entry.key.place, entry.key.text,
                    in_quotes(entry.key.text) + " is given in two files",
                    "the first is at " + describe(first_place(root, entry.key.text)) +
                        "; only routes and upstreams may come from several files");
    }
  }

 private:
  static Place first_place(const Node& root, std::string_view key) {
    for (const Entry& entry : root.entries) {
      if (entry.key.text == key) return entry.key.place;
    }
    return {};
  }

  static bool is_nothing(const Node& node) {
    return node.kind == Node::Kind::null || node.kind == Node::Kind::invalid;
  }

  static bool merge_routes(Node& routes, Node& more) {
    if (is_nothing(more)) return true;
    if (is_nothing(routes)) {
      routes = std::move(more);
      return true;
    }
    if (routes.kind != Node::Kind::sequence || more.kind != Node::Kind::sequence) return false;
    std::move(more.items.begin(), more.items.end(), std::back_inserter(routes.items));
    return true;
  }

  bool merge_upstreams(Node& upstreams, Node& more) {
    if (is_nothing(more)) return true;
    if (is_nothing(upstreams)) {
      upstreams = std::move(more);
      return true;
    }
    if (upstreams.kind != Node::Kind::map || more.kind != Node::Kind::map) return false;
    for (Entry& entry : more.entries) {
      if (upstreams.find(entry.key.text) == nullptr) {
        upstreams.entries.push_back(std::move(entry));
        continue;
      }
      report_.error("E302", entry.key.place, "upstreams." + entry.key.text,
                    "the upstream " + in_quotes(entry.key.text) + " is given twice",
                    "the first is at " + describe(first_place(upstreams, entry.key.text)));
    }
    return true;
  }

  Report& report_;
};

void add_nothing_to_do(Report& report) {
  report.error("E307", {}, "", "no configuration file and no upstream",
               "say --upstream http://127.0.0.1:3000, or name a file with -c, or write " +
                   std::string(system_file));
}

void add_findings(const std::vector<Finding>& findings, const Places& places, Report& report) {
  for (const Finding& finding : findings) {
    const auto found = places.find(finding.key);
    const Place place = found != places.end() ? found->second : Place{};
    if (finding.severity == Severity::error) {
      report.error(finding.code, place, finding.key, finding.message, finding.help);
    } else {
      report.warning(finding.code, place, finding.key, finding.message, finding.help);
    }
  }
}

}  // namespace

LoadResult load(const Inputs& inputs) {
  Report report;
  LoadResult result;
  Sources sources;
  Node root;
  root.kind = Node::Kind::map;
  auto completeness = Completeness::whole;
  Merger merger(report);
  for (const InputFile& file : inputs.files) {
    Source& source = sources.emplace_back();
    source.name = file.path;
    if (root.place.source == nullptr) root.place = {&source, 0, 0, 0};
    std::optional<Node> tree;
    if (read_text(file, source, report)) tree = parse_document(source, report);
    if (!tree) {
      completeness = Completeness::partial;
      continue;
    }
    Tidier(inputs.environment, report).tidy(*tree, "");
    check_version(*tree, source, report);
    merger.merge(root, std::move(*tree));
  }
  if (inputs.files.empty() && !names_upstream(inputs)) {
    add_nothing_to_do(report);
    completeness = Completeness::partial;  // "there is no route" would say nothing new
  }
  apply_overrides(inputs, completeness, sources, root, report);
  Reader reader(report, completeness);
  Config config = reader.read(root);
  check_together(config, reader.places(), completeness, report);
  if (inputs.inspect && !report.has_errors() && completeness == Completeness::whole) {
    add_findings(inputs.inspect(config), reader.places(), report);
  }
  if (!report.has_errors() && completeness == Completeness::whole) {
    result.config = std::move(config);
  } else {
    result.refused = std::move(config);
  }
  result.diagnostics = report.take();
  for (const auto& [path, place] : reader.places()) result.origins[path] = describe(place);
  return result;
}

std::optional<std::string> default_file(const Environment& environment) {
  if (environment) {
    const std::optional<std::string> named = environment("IFMATCH_CONFIG");
    if (named && !named->empty()) return named;
  }
  std::error_code ignored;
  if (std::filesystem::exists(system_file, ignored)) return std::string(system_file);
  return std::nullopt;
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  };
}

}  // namespace ifmatch::config
