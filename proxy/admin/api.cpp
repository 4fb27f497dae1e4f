#include "proxy/admin/api.hpp"

#include <algorithm>
#include <boost/json/object.hpp>

#include "proxy/net/guard_desk.hpp"
#include "proxy/net/server.hpp"

namespace ifmatch::admin {
namespace {

Layout layout_of(const Asked& asked) {
  return asks_for(asked.query, "pretty") ? Layout::indented : Layout::compact;
}

Reply as_json(const json::value& value, const Asked& asked) {
  return {.content = to_text(value, layout_of(asked)), .fields = {}};
}

Reply as_health(const Health& health, bool verbose) {
  const bool good = health.state == Health::State::good;
  Reply reply{.status = good ? 200 : 503, .media_type = "text/plain; charset=utf-8",
              .content = {}, .fields = {}};
  // What it is that is wrong may need the token.
  if (verbose) reply.content = health.text;
  reply.content += good ? "ok\n" : "not ok\n";
  return reply;
}

Reply not_found() {
  return problem(404, "not-found", "There is nothing here",
                 "The paths are /livez, /readyz, /metrics and those below /api/v1/: status, "
                 "routes, upstreams, hot, observe, decisions; reload and drain take POST.");
}

Reply not_allowed(std::string_view allowed) {
  Reply reply = problem(405, "method-not-allowed", "This path takes another method",
                        "Looking takes GET; whatever changes something takes POST.");
  reply.fields.emplace_back("Allow", std::string(allowed));
  return reply;
}

Reply denied(Access access) {
  if (access == Access::unauthorized) {
    Reply reply = problem(401, "unauthorized", "A token is needed",
                          "Send the token of admin.token_file: Authorization: Bearer TOKEN.");
    reply.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"ifmatch admin\"");
    return reply;
  }
  if (access == Access::cross_site) {
    return problem(403, "cross-site", "Another site's page asks",
                   "Nothing is changed on behalf of another site.");
  }
  return problem(403, "wrong-host", "The Host is not this server's",
                 "Without a token only localhost and the configured address are answered.");
}

}  // namespace

bool asks_for(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), parameter.size() + 1));
    if (parameter.substr(0, parameter.find('=')) == name) return true;
  }
  return false;
}

Reply problem(int status, std::string_view name, std::string_view title,
              std::string_view detail) {
  const json::object told{{"type", "urn:ifmatch:problem:admin-" + std::string(name)},
                          {"title", title},
                          {"status", status},
                          {"detail", detail}};
  return {.status = status,
          .media_type = "application/problem+json",
          .content = to_text(told, Layout::compact),
          .fields = {}};
}

Api::Api(const net::Server& server, net::Control& control, const Meters& meters,
         const LedgerTimings& ledger, AccessRules rules)
    : server_(server),
      control_(control),
      meters_(meters),
      ledger_(ledger),
      rules_(std::move(rules)) {}

void Api::add_page(std::string path, Page page) {
  pages_.emplace_back(std::move(path), std::move(page));
}

void Api::add_section(std::string name, Page section) {
  sections_.emplace_back(std::move(name), std::move(section));
}

const std::vector<Api::Path>& Api::paths() {
  static const std::vector<Path> all{
      {.path = "/livez", .exposure = Exposure::probe, .show = &Api::show_liveness},
      {.path = "/readyz", .exposure = Exposure::probe, .show = &Api::show_readiness},
      {.path = "/metrics", .exposure = Exposure::look, .show = &Api::show_metrics},
      {.path = "/api/v1/status", .exposure = Exposure::look, .show = &Api::show_status},
      {.path = "/api/v1/routes", .exposure = Exposure::look, .page = &routes_page},
      {.path = "/api/v1/upstreams", .exposure = Exposure::look, .page = &upstreams_page},
      {.path = "/api/v1/hot", .exposure = Exposure::look, .page = &hot_page},
      {.path = "/api/v1/observe", .exposure = Exposure::look, .page = &observe_page},
      {.path = "/api/v1/decisions", .exposure = Exposure::look, .show = &Api::show_decisions},
      {.path = "/api/v1/reload", .exposure = Exposure::change},
      {.path = "/api/v1/drain", .exposure = Exposure::change, .show = &Api::drain},
  };
  return all;
}

Answer Api::answer(const Asked& asked) const {
  const auto known = std::ranges::find(paths(), asked.path, &Path::path);
  const auto added = std::ranges::find_if(
      pages_, [&](const auto& page) { return page.first == asked.path; });
  const bool is_known = known != paths().end();
  // A path that is none is refused like one that is: who may not ask learns nothing.
  Exposure exposure = is_known ? known->exposure : Exposure::look;
  if (exposure == Exposure::probe && asks_for(asked.query, "verbose")) exposure = Exposure::look;
  const Access access = check_access(rules_, asked.head, asked.host, exposure);
  if (access != Access::granted) return {.reply = denied(access)};
  if (!is_known && added == pages_.end()) return {.reply = not_found()};

  const std::string& method = asked.head.method;
  const bool looks = method == "GET" || method == "HEAD";
  if (exposure == Exposure::change) {
    if (method != "POST") return {.reply = not_allowed("POST")};
    if (known->show == nullptr) return {.order = Order::reload, .reply = {}};
  } else if (!looks) {
    return {.reply = not_allowed("GET, HEAD")};
  }
  if (!is_known) return {.reply = as_json(added->second(), asked)};
  if (known->show != nullptr) return {.reply = (this->*known->show)(asked)};
  json::object page;
  look([&](const View& view) { page = known->page(view); });
  return {.reply = as_json(page, asked)};
}

void Api::look(const std::function<void(const View&)>& use) const {
  const net::LifeState life = control_.state();
  const std::vector<std::string> listeners = server_.addresses();
  server_.look([&](const net::Site& site, std::span<const std::shared_ptr<net::GuardDesk>> desks) {
    std::vector<guard::EngineCounts> engines;
    std::vector<const net::Observatory*> observatories;
    for (const std::shared_ptr<net::GuardDesk>& desk : desks) {
      engines.push_back(desk->ask([](guard::Engine& engine) { return engine.counts(); }));
      observatories.push_back(&desk->observatory());
    }
    use({.site = site,
         .engines = engines,
         .observatories = observatories,
         .life = life,
         .listeners = listeners,
         .meters = meters_});
  });
}

Reply Api::show_liveness(const Asked& asked) const {
  Reply reply;
  look([&](const View& view) {
    reply = as_health(liveness_of(view), asks_for(asked.query, "verbose"));
  });
  return reply;
}

Reply Api::show_readiness(const Asked& asked) const {
  Reply reply;
  look([&](const View& view) {
    reply = as_health(readiness_of(view), asks_for(asked.query, "verbose"));
  });
  return reply;
}

Reply Api::show_metrics(const Asked&) const {
  Reply reply{.media_type = metrics_media_type, .content = {}, .fields = {}};
  look([&](const View& view) {
    Families families = collect(
        view.site, {.engine = sum_of(view.engines), .life = view.life}, ledger_);
    for (const AddFamilies& add : more_metrics_) add(families);
    reply.content = render(families);
  });
  return reply;
}

Reply Api::show_status(const Asked& asked) const {
  json::object status;
  look([&](const View& view) { status = status_page(view); });
  for (const auto& [name, section] : sections_) status[name] = section();
  return as_json(status, asked);
}

Reply Api::show_decisions(const Asked& asked) const {
  using Which = ThreadMeter::Which;
  const Which which = asks_for(asked.query, "refused") ? Which::refused : Which::all;
  json::object page;
  look([&](const View& view) { page = decisions_page(view, which); });
  return as_json(page, asked);
}

Reply Api::drain(const Asked& asked) const {
  control_.drain();
  Reply reply = as_json(json::object{{"draining", true}}, asked);
  reply.status = 202;
  return reply;
}

Reply Api::reloaded(const net::ReloadOutcome& outcome, const Asked& asked) {
  const bool applied = outcome.applied == net::Applied::yes;
  if (applied) {
    return as_json(json::object{{"applied", true}, {"text", outcome.text}}, asked);
  }
  Reply refused = problem(422, "reload-refused", "The configuration was refused", outcome.text);
  return refused;
}

}  // namespace ifmatch::admin
