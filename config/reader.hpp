// Turns the tree of a configuration into values, against the table of keys, and remembers where
// each value came from. Everything that can be said about one value alone is checked here.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/document.hpp"
#include "config/keys.hpp"
#include "config/syntax.hpp"

namespace ifmatch::config {

// Where each key's value stands, by key path ("routes.order.mode"). A name's own path
// ("routes.order", "upstreams.api") leads to the name. Keys that nobody wrote are absent.
using Places = std::map<std::string, Place>;

// `partial` if a file could not be read at all: what is missing may well stand there.
enum class Completeness { whole, partial };

class Reader {
 public:
  Reader(Report& report, Completeness completeness)
      : report_(report), completeness_(completeness) {}

  // REQUIRES: `root` is a map without duplicate keys. A value at fault is left at its default, a
  // route's path at fault is left empty; the report then holds an error.
  [[nodiscard]] Config read(const Node& root);

  [[nodiscard]] const Places& places() const { return places_; }

 private:
  struct View {
    const Node* node = nullptr;
    std::string path;
    Section section = Section::root;
  };

  void read_listeners(const View& root, std::vector<Listener>& listeners);
  void read_listener(const View& view, Listener& listener);
  void read_trusted_proxies(const View& root, TrustedProxies& trusted);
  void read_upstreams(const View& root, std::vector<Upstream>& upstreams);
  void read_upstream(const View& view, Upstream& upstream);
  void read_listener_tls(const View& view, Listener& listener);
  void read_upstream_tls(const View& parent, Upstream& upstream);
  [[nodiscard]] std::optional<CertificateFiles> read_certificate(const View& view);
  void read_urls(const View& view, Upstream& upstream);
  void read_health_check(const View& view, Upstream& upstream);
  void read_url(const View& view, std::string_view key, const Node& node, Upstream& upstream);
  void read_limits(const View& root, Limits& limits);
  void read_store(const View& root, Store& store);
  void read_access_log(const View& root, AccessLog& log);
  void read_log_and_shutdown(const View& root, Config& config);
  void read_secret(const View& root, Config& config);
  // What a file holds, without one trailing line feed; `what` it is called in messages.
  [[nodiscard]] std::optional<std::string> read_secret_file(const Node& node,
                                                            const std::string& path,
                                                            std::string_view what);
  void read_admin(const View& root, Admin& admin);
  void read_token(const Node& node, const std::string& path, Admin& admin);
  void read_routes(const View& root, const RouteSettings& defaults, Config& config);
  void read_route(const View& view, Route& route, const std::vector<Upstream>& upstreams);
  [[nodiscard]] static Place place_of_route(const View& view);
  [[nodiscard]] std::optional<PathPattern> read_match(const View& view, Route& route);
  void read_target(const View& view, Route& route, const std::vector<Upstream>& upstreams);
  void read_resources(const View& view, Route& route, const std::optional<PathPattern>& pattern);
  void read_upgrade(const View& view, Route& route);
  void read_settings(const View& view, RouteSettings& settings);
  void read_methods(const View& view, std::string_view key, std::vector<std::string>& methods);
  void check_methods(const View& view, const RouteSettings& settings);
  void read_vary(const View& view, RouteSettings& settings);
  void read_probe(const View& view, RouteSettings& settings);
  void read_observe(const View& view, ObserveSettings& settings);

  void check_keys(const View& view);
  [[nodiscard]] std::optional<View> open(const View& parent, std::string_view key);
  [[nodiscard]] const Node* value_of(const View& view, std::string_view key);
  [[nodiscard]] const Node* scalar(const View& view, std::string_view key);
  [[nodiscard]] const Node* nullable_scalar(const View& view, std::string_view key);
  // The name of a file, which may be null but not empty.
  [[nodiscard]] const Node* file_name(const View& view, std::string_view key);
  [[nodiscard]] std::vector<const Node*> list(const View& view, std::string_view key,
                                              std::size_t items_max);
  [[nodiscard]] std::optional<std::uint64_t> number(const View& view, std::string_view key);
  [[nodiscard]] std::optional<std::size_t> choice(const View& view, std::string_view key);
  void read_number(const View& view, std::string_view key, std::size_t& out);
  void read_statuses(const View& view, std::string_view key, StatusRange within,
                     std::vector<StatusRange>& out);
  void read_duration(const View& view, std::string_view key, Milliseconds& out);
  void read_boolean(const View& view, std::string_view key, bool& out);
  // The names of a choice stand in the order of its enumeration (keys.hpp).
  template <class Enum>
  void read_choice(const View& view, std::string_view key, Enum& out) {
    if (const std::optional<std::size_t> index = choice(view, key)) out = static_cast<Enum>(*index);
  }
  void refuse(const Problem& problem, const Node& node, const std::string& path);

  Report& report_;
  Completeness completeness_;
  Places places_;
};

[[nodiscard]] std::string join_path(std::string_view path, std::string_view key);

// "did you mean 'x'? allowed here: x, y, z", the first half only where a candidate is near.
[[nodiscard]] std::string help_for(std::string_view word,
                                   const std::vector<std::string_view>& candidates,
                                   std::string_view introduction);

// The step that an item of a list adds to a key path: its name, else its index in brackets.
[[nodiscard]] std::string item_path(std::string_view path, const Node& item, std::size_t index);

}  // namespace ifmatch::config
