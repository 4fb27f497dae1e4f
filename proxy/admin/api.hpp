// The admin API: which request gets which answer. No socket here; admin_server.hpp reads and writes.
//
//   GET  /livez                    the threads' loops come round (200), or one is stuck (503)
//   GET  /readyz[?verbose]         new work is welcome (200): not while starting or draining (503)
//   GET  /metrics                  Prometheus' text format
//   GET  /api/v1/status            what runs, since when, under which configuration, and the sums
//   GET  /api/v1/routes            each route, and what was decided on it
//   GET  /api/v1/upstreams         each upstream, and its connections
//   GET  /api/v1/hot               the resources that are fought over most
//   GET  /api/v1/observe           what mode observe found, by route and by client
//   GET  /api/v1/decisions         the latest 200; ?refused leaves out what passed
//   POST /api/v1/reload            reads the configuration again; answers when that is done
//   POST /api/v1/drain             as TERM; answers at once
//
// JSON is indented with ?pretty. Errors are problem details (RFC 9457).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/admin/access.hpp"
#include "proxy/admin/metrics.hpp"
#include "proxy/admin/pages.hpp"

namespace ifmatch::net {
class Server;
}

namespace ifmatch::admin {

struct Asked {
  const http::RequestHead& head;
  std::string_view host;   // with its port
  std::string_view path;
  std::string_view query;  // without the question mark
};

struct Reply {
  int status = 200;
  std::string_view media_type = "application/json";
  std::string content;
  std::vector<std::pair<std::string_view, std::string>> fields;  // further ones
};

// What the caller has to do about a request.
enum class Order : std::uint8_t {
  reply,
  reload,  // first Control::reload(); then reloaded() is the reply
};

struct Answer {
  Order order = Order::reply;
  Reply reply;
};

class Api {
 public:
  using Page = std::function<json::value()>;
  using AddFamilies = std::function<void(Families&)>;

  // All must outlive it.
  Api(const net::Server& server, net::Control& control, const Meters& meters,
      const LedgerTimings& ledger, AccessRules rules);

  // What others have to show. They are asked on the admin server's thread, which must not start
  // before. A page is a further path to GET; a section is one more member of the status.
  void add_page(std::string path, Page page);
  void add_section(std::string name, Page section);
  void add_metrics(AddFamilies more) { more_metrics_.push_back(std::move(more)); }

  // Any number of calls, by one thread at a time.
  [[nodiscard]] Answer answer(const Asked& asked) const;
  [[nodiscard]] static Reply reloaded(const net::ReloadOutcome& outcome, const Asked& asked);

 private:
  using Show = Reply (Api::*)(const Asked& asked) const;
  struct Path {
    std::string_view path;
    Exposure exposure;
    json::object (*page)(const View&) = nullptr;  // a plain page
    Show show = nullptr;                          // anything else; null for `reload`
  };
  static const std::vector<Path>& paths();

  void look(const std::function<void(const View&)>& use) const;
  [[nodiscard]] Reply show_liveness(const Asked& asked) const;
  [[nodiscard]] Reply show_readiness(const Asked& asked) const;
  [[nodiscard]] Reply show_metrics(const Asked& asked) const;
  [[nodiscard]] Reply show_status(const Asked& asked) const;
  [[nodiscard]] Reply show_decisions(const Asked& asked) const;
  [[nodiscard]] Reply drain(const Asked& asked) const;

  const net::Server& server_;
  net::Control& control_;
  const Meters& meters_;
  const LedgerTimings& ledger_;
  AccessRules rules_;
  std::vector<std::pair<std::string, Page>> pages_;
  std::vector<std::pair<std::string, Page>> sections_;
  std::vector<AddFamilies> more_metrics_;
};

// Whether the query has a parameter of this name, with or without a value.
[[nodiscard]] bool asks_for(std::string_view query, std::string_view name);

// "urn:ifmatch:problem:admin-NAME".
[[nodiscard]] Reply problem(int status, std::string_view name, std::string_view title,
                            std::string_view detail);

}  // namespace ifmatch::admin
