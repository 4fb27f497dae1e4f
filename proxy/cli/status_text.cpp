#include "proxy/cli/status_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>
#include <vector>

#include "proxy/admin/json.hpp"
#include "proxy/cli/terminal.hpp"

namespace ifmatch::cli {
namespace {

namespace json = boost::json;

// A member as a person reads it; "" where it is missing.
std::string text_of(const json::object& object, std::string_view member) {
  const json::value* const value = object.if_contains(member);
  if (value == nullptr || value->is_null()) return "";
  std::string text =
      value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
  make_printable(text);
  return text;
}

const json::object& object_in(const json::object& object, std::string_view member) {
  static const json::object none;
  const json::value* const value = object.if_contains(member);
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

const json::array& array_in(const json::object& object, std::string_view member) {
  static const json::array none;
  const json::value* const value = object.if_contains(member);
  return value != nullptr && value->is_array() ? value->get_array() : none;
}

std::string duration_text(const std::string& seconds) {
  const long total = std::strtol(seconds.c_str(), nullptr, 10);
  if (total < 60) return std::to_string(total) + " s";
  if (total < 3600) return std::to_string(total / 60) + " min";
  if (total < 86'400) {
    return std::to_string(total / 3600) + " h " + std::to_string(total / 60 % 60) + " min";
  }
  return std::to_string(total / 86'400) + " d " + std::to_string(total / 3600 % 24) + " h";
}

class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  // The first columns are names, to the left; numbers are to the right.
  void write(std::string& out, std::size_t names) const {
    for (const std::vector<std::string>& row : rows_) {
      std::string line;
      for (std::size_t column = 0; column < row.size(); ++column) {
        const std::string blanks(width(column) - row[column].size(), ' ');
        if (column > 0) line += "  ";
        line += column < names ? row[column] + blanks : blanks + row[column];
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
  }

 private:
  std::size_t width(std::size_t column) const {
    std::size_t widest = 0;
    for (const std::vector<std::string>& row : rows_) widest = std::max(widest, row[column].size());
    return widest;
  }

  std::vector<std::vector<std::string>> rows_;
};

void write_head(std::string& out, const json::object& status) {
  out += "ifmatch " + text_of(status, "version") + " (" + text_of(status, "commit") + "), pid " +
         text_of(status, "pid") + ", " + text_of(status, "phase") + " for " +
         duration_text(text_of(status, "uptime_seconds")) + ", " +
         (text_of(status, "ready") == "true" ? "ready" : "not ready") + "\n";
  const json::value* const listeners = status.if_contains("listeners");
  if (listeners != nullptr && listeners->is_array()) {
    for (const json::value& address : listeners->get_array()) {
      out += "listening on " + text_of({{"address", address}}, "address") + "\n";
    }
  }
  const json::object& configuration = object_in(status, "configuration");
  out += "configuration of " + text_of(configuration, "loaded_at") + ", reloaded " +
         text_of(configuration, "reloads_applied") + " times, refused " +
         text_of(configuration, "reloads_refused") + " times\n";
  const json::object& reload = object_in(configuration, "last_reload");
  if (text_of(reload, "applied") == "false") {
    out += "THE LAST RELOAD WAS REFUSED at " + text_of(reload, "at") +
           "; the configuration before it is in force\n";
  }
  out += text_of(status, "client_connections") + " connections, " + text_of(status, "requests") +
         " requests, " + text_of(status, "records") + " records, " +
         text_of(status, "gates_busy") + " busy gates, " + text_of(status, "body_bytes_held") +
         " octets of content held\n";
}

// Decisions that were never made are left out of the head: most never are.
void write_routes(std::string& out, const json::object& status, const json::array& routes) {
  std::vector<std::string> decisions;
  for (const auto& [name, count] : object_in(status, "decisions")) {
    const bool common = name == "pass" || name == "stale" || name == "missing";
    const bool made = !count.is_uint64() && !count.is_int64() ? false : count != 0;
    if (common || made) decisions.emplace_back(name);
  }
  std::vector<std::string> head{"ROUTE", "MODE", "REQUESTS"};
  for (const std::string& name : decisions) {
    std::string upper = name;
    for (char& octet : upper) {
      if (octet >= 'a' && octet <= 'z') octet = static_cast<char>(octet - 'a' + 'A');
    }
    head.push_back(std::move(upper));
  }
  Table table(std::move(head));
  for (const json::value& each : routes) {
    if (!each.is_object()) continue;
    const json::object& route = each.get_object();
    std::vector<std::string> row{text_of(route, "name"), text_of(route, "mode"),
                                 text_of(route, "requests")};
    for (const std::string& name : decisions) {
      row.push_back(text_of(object_in(route, "decisions"), name));
    }
    table.add(std::move(row));
  }
  table.write(out, 2);
}

void write_upstreams(std::string& out, const json::array& upstreams) {
  Table table({"UPSTREAM", "URL", "ACTIVE", "IDLE", "WAITING", "ANSWERS", "MEAN"});
  for (const json::value& each : upstreams) {
    if (!each.is_object()) continue;
    const json::object& upstream = each.get_object();
    const json::object& connections = object_in(upstream, "connections");
    const double mean = std::strtod(text_of(upstream, "mean_seconds").c_str(), nullptr);
    char milliseconds[32];
    std::snprintf(milliseconds, sizeof milliseconds, "%.1f ms", mean * 1000);
    table.add({text_of(upstream, "name"), text_of(upstream, "url"),
               text_of(connections, "active"), text_of(connections, "idle"),
               text_of(upstream, "waiting"), text_of(upstream, "answers"), milliseconds});
  }
  table.write(out, 2);
}

// What mode observe found, for those who have asked for it.
void write_observed(std::string& out, const json::object& observed) {
  const auto write = [&](const char* list, const char* kind, const char* title) {
    const json::array& entries = array_in(observed, list);
    if (entries.empty()) return;
    Table table({title, "WRITES", "WITH CONDITION", "WOULD BE REFUSED", "LOST UPDATES"});
    for (const json::value& each : entries) {
      if (!each.is_object()) continue;
      const json::object& entry = each.get_object();
      table.add({text_of(entry, kind), text_of(entry, "writes"), text_of(entry, "with_condition"),
                 text_of(object_in(entry, "would_be_refused"), "total"), text_of(entry, "lost")});
    }
    out += "\n";
    table.write(out, 1);
  };
  write("routes", "route", "OBSERVED ROUTE");
  write("clients", "client", "OBSERVED CLIENT");
}

// The page's object; unset where it is none.
std::optional<json::object> parse(std::string_view page) {
  boost::system::error_code broken;
  json::value value = json::parse(page, broken);
  if (broken || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

struct Parsed {
  json::object status;
  json::object routes;
  json::object upstreams;
  json::object observe;
};

std::optional<Parsed> parse(const StatusPages& pages) {
  std::optional<json::object> status = parse(pages.status);
  std::optional<json::object> routes = parse(pages.routes);
  std::optional<json::object> upstreams = parse(pages.upstreams);
  std::optional<json::object> observe = parse(pages.observe);
  const bool all = status && routes && upstreams && observe;
  if (!all || !status->contains("version")) return std::nullopt;
  return Parsed{std::move(*status), std::move(*routes), std::move(*upstreams),
                std::move(*observe)};
}

}  // namespace

std::optional<std::string> status_text(const StatusPages& pages) {
  const std::optional<Parsed> parsed = parse(pages);
  if (!parsed) return std::nullopt;
  std::string out;
  write_head(out, parsed->status);
  out += "\n";
  write_routes(out, parsed->status, array_in(parsed->routes, "routes"));
  out += "\n";
  write_upstreams(out, array_in(parsed->upstreams, "upstreams"));
  write_observed(out, parsed->observe);
  return out;
}

std::optional<std::string> status_json(const StatusPages& pages) {
  std::optional<Parsed> parsed = parse(pages);
  if (!parsed) return std::nullopt;
  json::object all = std::move(parsed->status);
  all["routes"] = array_in(parsed->routes, "routes");
  all["upstreams"] = array_in(parsed->upstreams, "upstreams");
  all["observe"] = std::move(parsed->observe);
  return admin::to_text(all, admin::Layout::indented);
}

}  // namespace ifmatch::cli
