// The part of the reader that reads upstreams.
#include <algorithm>

#include "config/reader.hpp"

namespace ifmatch::config {
namespace {

constexpr std::size_t upstreams_max = 1024;
constexpr std::size_t urls_max = 64;  // of one upstream; the pool keeps sets of them in one word

}  // namespace

void Reader::read_upstreams(const View& root, std::vector<Upstream>& upstreams) {
  const Node* node = value_of(root, "upstreams");
  if (node != nullptr && node->kind != Node::Kind::map && node->kind != Node::Kind::null) {
    report_.error("E201", node->place, "upstreams", "'upstreams' must map names to upstreams",
                  "write a name with a colon, and below it, indented, url: http://...");
    return;
  }
  if (node == nullptr || node->entries.empty()) {
    if (completeness_ == Completeness::partial) return;
    const Place place = node != nullptr ? node->place : Place{root.node->place.source, 0, 0, 0};
    report_.error("E103", place, "upstreams", "there is no upstream",
                  "add 'upstreams', or say --upstream http://127.0.0.1:3000");
    return;
  }
  if (node->entries.size() > upstreams_max) {
    report_.error("E204", node->place, "upstreams", "more than 1024 upstreams", "");
    return;
  }
  for (const Entry& entry : node->entries) {
    Upstream upstream;
    upstream.name = entry.key.text;
    const View view{&entry.value, join_path("upstreams", upstream.name), Section::upstream};
    places_[view.path] = entry.key.place;
    if (const Refusal refusal = check_name(upstream.name)) refuse(*refusal, entry.key, view.path);
    if (entry.value.kind == Node::Kind::map) {
      read_upstream(view, upstream);
    } else if (entry.value.kind != Node::Kind::invalid) {
      report_.error("E201", entry.value.place, view.path, "an upstream must have keys of its own",
                    "write url: http://... below its name");
    }
    upstreams.push_back(std::move(upstream));
  }
}

void Reader::read_upstream(const View& view, Upstream& upstream) {
  check_keys(view);
  read_urls(view, upstream);
  read_choice(view, "balance", upstream.balance);
  read_number(view, "max_connections", upstream.max_connections);
  read_number(view, "max_waiting", upstream.max_waiting);
  if (const std::optional<View> timeouts = open(view, "timeouts")) {
    check_keys(*timeouts);
    read_duration(*timeouts, "connect", upstream.timeouts.connect);
    read_duration(*timeouts, "response", upstream.timeouts.response);
    read_duration(*timeouts, "idle", upstream.timeouts.idle);
  }
  if (const std::optional<View> check = open(view, "health_check")) {
    read_health_check(*check, upstream);
  }
  read_upstream_tls(view, upstream);
}

void Reader::read_health_check(const View& view, Upstream& upstream) {
  check_keys(view);
  HealthCheck check;
  if (const Node* node = scalar(view, "path")) {
    if (const Refusal refusal = check_origin_form(node->text)) {
      refuse(*refusal, *node, join_path(view.path, "path"));
    }
    check.path = node->text;
  } else if (view.node->find("path") == nullptr) {
    report_.error("E103", view.node->place, join_path(view.path, "path"),
                  "'health_check' has no 'path'", "add path: /health");
  }
  read_duration(view, "interval", check.interval);
  read_duration(view, "timeout", check.timeout);
  read_number(view, "unhealthy_after", check.unhealthy_after);
  read_number(view, "healthy_after", check.healthy_after);
  read_statuses(view, "status", {200, 599}, check.status);
  const Node* status = view.node->find("status");
  if (status != nullptr && status->kind == Node::Kind::sequence && status->items.empty()) {
    report_.error("E204", status->place, join_path(view.path, "status"),
                  "no status passes, so every place is unhealthy", "write status: [\"200-399\"]");
  }
  upstream.health_check = std::move(check);
}

void Reader::read_urls(const View& view, Upstream& upstream) {
  const Node* one = view.node->find("url");
  const Node* several = view.node->find("urls");
  if (one != nullptr && several != nullptr) {
    report_.error("E312", several->place, join_path(view.path, "urls"),
                  "the upstream " + in_quotes(upstream.name) + " has both 'url' and 'urls'",
                  "keep one of them; 'url' is at " + describe(one->place));
    return;
  }
  if (one == nullptr && several == nullptr) {
    report_.error("E103", places_[view.path], join_path(view.path, "url"),
                  "the upstream " + in_quotes(upstream.name) + " has no 'url'",
                  "add url: http://127.0.0.1:3000");
    return;
  }
  if (const Node* node = scalar(view, "url")) read_url(view, "url", *node, upstream);
  if (several == nullptr) return;
  for (const Node* item : list(view, "urls", urls_max)) {
    if (item->kind != Node::Kind::invalid) read_url(view, "urls", *item, upstream);
  }
  if (several->kind == Node::Kind::sequence && several->items.empty()) {
    report_.error("E103", several->place, join_path(view.path, "urls"),
                  "the upstream " + in_quotes(upstream.name) + " has no url",
                  "write urls: [\"http://127.0.0.1:3000\"]");
  }
  // `config show` writes a single one so.
  if (upstream.urls.size() == 1) places_[join_path(view.path, "url")] = several->place;
}

void Reader::read_url(const View& view, std::string_view key, const Node& node,
                      Upstream& upstream) {
  const std::string path = join_path(view.path, key);
  Parsed<UpstreamUrl> parsed = parse_upstream_url(node.text);
  if (const auto* problem = std::get_if<Problem>(&parsed)) return refuse(*problem, node, path);
  auto& url = std::get<UpstreamUrl>(parsed);
  const bool known = std::ranges::any_of(upstream.urls, [&url](const Endpoint& other) {
    return other.host == url.host && other.port == url.port && other.socket == url.socket;
  });
  if (known) {
    report_.error("E302", node.place, path, in_quotes(node.text) + " is given twice",
                  "name each place once");
    return;
  }
  if (upstream.urls.empty()) upstream.base_path = url.base_path;
  // The base path is part of a resource's name: with two of them a write through one url would not
  // hold what a write through the other holds.
  if (upstream.base_path != url.base_path) {
    report_.error("E313", node.place, path,
                  in_quotes(node.text) + " has another base path than " +
                      in_quotes(upstream.urls.front().url),
                  "all urls of an upstream serve the same; make it two upstreams otherwise");
    return;
  }
  upstream.urls.push_back({.url = node.text,
                           .scheme = url.scheme,
                           .host = std::move(url.host),
                           .port = url.port,
                           .socket = std::move(url.socket)});
}

}  // namespace ifmatch::config
