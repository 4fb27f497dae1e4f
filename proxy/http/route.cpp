#include "proxy/http/route.hpp"

#include <algorithm>
#include <utility>

#include "proxy/http/characters.hpp"
#include "proxy/http/target.hpp"

namespace ifmatch::http {

namespace {

// Takes the next segment off a path: "/a/b" gives "a" and leaves "/b". REQUIRES: begins with '/'.
std::string_view take_segment(std::string_view& path) noexcept {
  const std::size_t end = std::min(path.find('/', 1), path.size());
  const std::string_view segment = path.substr(1, end - 1);
  path.remove_prefix(end);
  return segment;
}

bool is_capture_name(std::string_view name) noexcept {
  return !name.empty() && std::ranges::all_of(name, [](char octet) {
    return is(octet, octet_class::unreserved) && octet != '.' && octet != '~';
  });
}

// "*" for any, "*.example.org" for what lies below it, else the host itself.
bool host_matches(std::string_view pattern, std::string_view host) noexcept {
  if (pattern == "*") return true;
  if (!pattern.starts_with("*.")) return equals_ignoring_case(pattern, host);
  const std::string_view suffix = pattern.substr(1);
  return host.size() > suffix.size() &&
         equals_ignoring_case(host.substr(host.size() - suffix.size()), suffix);
}

bool is_well_formed_host(std::string_view pattern) noexcept {
  if (pattern == "*") return true;
  if (pattern.starts_with("*.")) pattern.remove_prefix(2);
  return is_valid_host(pattern);
}

}  // namespace

std::optional<Pattern> Pattern::compile(std::string_view text, std::string& error) {
  Pattern pattern;
  const auto fail = [&error](std::string sentence) {
    error = std::move(sentence);
    return std::nullopt;
  };
  if (!text.starts_with('/')) return fail("a pattern begins with '/'");
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view segment = take_segment(rest);
    if (segment.empty()) {
      if (!rest.empty()) return fail("a pattern has no empty segments");
      pattern.trailing_slash_ = !pattern.segments_.empty();
      break;
    }
    if (segment == "**") {
      if (!rest.empty()) return fail("'**' is the rest of a path and stands at the end only");
      pattern.rest_ = true;
      break;
    }
    if (segment.starts_with('{') && segment.ends_with('}')) {
      const std::string_view name = segment.substr(1, segment.size() - 2);
      if (!is_capture_name(name)) {
        return fail("'" + std::string(segment) + "' is no capture: letters, digits, '-' and '_'");
      }
      if (std::ranges::find(pattern.names_, name) != pattern.names_.end()) {
        return fail("'" + std::string(segment) + "' occurs twice");
      }
      if (pattern.names_.size() == captures_max) return fail("a pattern has too many captures");
      pattern.names_.emplace_back(name);
      pattern.segments_.push_back({true, {}});
      continue;
    }
    if (segment.find_first_of("{}*") != std::string_view::npos) {
      return fail("'" + std::string(segment) +
                  "' mixes text and a wildcard: '{x}' is a whole segment, '**' the rest");
    }
    const Checked<std::string> literal = canonical_path("/" + std::string(segment));
    if (!literal) {
      return fail("'" + std::string(segment) + "' is no segment: " + literal.error().detail);
    }
    pattern.segments_.push_back({false, literal->substr(1)});
  }
  return pattern;
}

bool Pattern::matches(std::string_view path, Captures& captures) const noexcept {
  captures.size = 0;
  if (!path.starts_with('/')) return false;
  for (const Segment& segment : segments_) {
    if (path.empty()) return false;
    const std::string_view text = take_segment(path);
    if (text.empty()) return false;
    if (!segment.capture) {
      if (text != segment.literal) return false;
    } else {
      captures.values[captures.size++] = text;
    }
  }
  if (rest_) return true;
  // What is left is nothing, or the slash of the root or of a path that ends in one.
  return path.empty() ? !trailing_slash_ && !segments_.empty()
                      : path == "/" && (trailing_slash_ || segments_.empty());
}

Pattern Pattern::folded(std::string_view base_path) const {
  Pattern pattern;
  while (base_path.starts_with('/') && base_path.size() > 1) {
    const std::string_view segment = take_segment(base_path);
    if (!segment.empty()) pattern.segments_.push_back({false, folded_segment(segment)});
  }
  for (const Segment& segment : segments_) {
    pattern.segments_.push_back(
        {segment.capture, segment.capture ? std::string() : folded_segment(segment.literal)});
  }
  pattern.names_ = names_;
  pattern.rest_ = rest_;
  return pattern;
}

bool Pattern::overlaps(std::string_view folded_path) const noexcept {
  if (!folded_path.starts_with('/')) return false;
  // Above when the path ends first, below when the pattern does, at when both do.
  for (const Segment& segment : segments_) {
    if (folded_path.empty() || folded_path == "/") return true;
    const std::string_view text = take_segment(folded_path);
    if (!segment.capture && text != segment.literal) return false;
  }
  return true;
}

std::optional<std::string_view> Pattern::first_literal() const noexcept {
  if (segments_.empty() || segments_.front().capture) return std::nullopt;
  return segments_.front().literal;
}

std::optional<RouteTable> RouteTable::compile(std::span<const RouteSpec> specs,
                                              std::string& error) {
  RouteTable table;
  for (const RouteSpec& spec : specs) {
    std::optional<Pattern> pattern = Pattern::compile(spec.path, error);
    if (!pattern) return std::nullopt;
    if (!is_well_formed_host(spec.host)) {
      error = "'" + std::string(spec.host) + "' is no host: a name, '*.' and a name, or '*'";
      return std::nullopt;
    }
    Pattern folded = pattern->folded(spec.base_path);
    table.entries_.push_back({std::move(*pattern), std::move(folded), std::string(spec.host),
                              spec.origin, spec.guarded});
  }
  // Every list holds, in their order, all routes that a path with that first segment could take.
  for (const Entry& entry : table.entries_) {
    if (const auto literal = entry.pattern.first_literal()) table.by_first_[std::string(*literal)];
  }
  for (std::size_t route = 0; route < table.entries_.size(); ++route) {
    const auto literal = table.entries_[route].pattern.first_literal();
    if (!literal) table.elsewhere_.push_back(route);
    for (auto& [first, routes] : table.by_first_) {
      if (!literal || *literal == first) routes.push_back(route);
    }
  }
  return table;
}

const std::vector<std::size_t>& RouteTable::candidates(std::string_view path) const {
  if (!path.starts_with('/')) return elsewhere_;
  const auto found = by_first_.find(take_segment(path));
  return found != by_first_.end() ? found->second : elsewhere_;
}

std::optional<RouteMatch> RouteTable::match(std::string_view host, std::string_view path) const {
  RouteMatch match;
  for (const std::size_t route : candidates(path)) {
    const Entry& entry = entries_[route];
    if (entry.pattern.matches(path, match.captures) && host_matches(entry.host, host)) {
      match.route = route;
      return match;
    }
  }
  return std::nullopt;
}

bool RouteTable::overlaps_guarded(std::size_t origin, std::string_view folded) const noexcept {
  return std::ranges::any_of(entries_, [origin, folded](const Entry& entry) {
    return entry.guarded && entry.origin == origin && entry.folded.overlaps(folded);
  });
}

std::optional<std::size_t> RouteTable::read_as(std::size_t origin, std::string_view host,
                                               std::string_view folded) const {
  Captures captures;
  for (std::size_t route = 0; route < entries_.size(); ++route) {
    const Entry& entry = entries_[route];
    if (entry.origin == origin && entry.folded.matches(folded, captures) &&
        host_matches(entry.host, host)) {
      return route;
    }
  }
  return std::nullopt;
}

bool RouteTable::reaches_guarded(std::size_t origin, std::optional<std::string_view> host,
                                 std::string_view folded) const {
  if (host) {
    const std::optional<std::size_t> route = read_as(origin, *host, folded);
    return route && entries_[*route].guarded;
  }
  Captures captures;
  // Hosts, or patterns of hosts, for which an earlier route that is not guarded takes the path.
  std::vector<std::string_view> taken;
  for (const Entry& entry : entries_) {
    if (entry.origin != origin || !entry.folded.matches(folded, captures)) continue;
    const bool covered = std::ranges::any_of(taken, [&entry](std::string_view pattern) {
      return pattern == entry.host || host_matches(pattern, entry.host);
    });
    if (entry.guarded && !covered) return true;
    taken.push_back(entry.host);
  }
  return false;
}

}  // namespace ifmatch::http
