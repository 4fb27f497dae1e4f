#include "proxy/cli/admin_side.hpp"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <stdexcept>

#include "proxy/net/server.hpp"

namespace ifmatch::cli {
namespace {

bool is_on(const config::Admin& admin) { return admin.address != "none"; }

// "[::1]:9901" -> "::1".
std::string host_of(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

Counting::Counting(const config::Admin& admin, const net::Site& site) : memory_(site.memory) {
  if (is_on(admin)) meters_.emplace(site.tallies);
}

void Counting::listen_to(net::Server& server) {
  if (!meters_) return;
  for (std::size_t thread = 0; thread < meters_->threads(); ++thread) {
    server.add_sink(thread, meters_->of(thread));
  }
}

AdminSide::AdminSide(const config::Admin& admin, const net::Server& server, net::Control& control,
                     const Counting& counting, const admin::LedgerTimings& ledger) {
  if (!is_on(admin) || counting.meters() == nullptr) return;
  api_.emplace(server, control, *counting.meters(), ledger,
               admin::AccessRules{.host = host_of(admin.address), .token = admin.token});
  try {
    server_.emplace(admin.address, *api_, control);
  } catch (const std::runtime_error& error) {
    if (admin.chosen == config::Admin::Chosen::by_operator) throw;
    spdlog::error("{}; serving without it: choose another one with --admin HOST:PORT, or --admin "
                  "none",
                  error.what());
  }
}

void AdminSide::start() {
  if (!server_) return;
  std::fprintf(stderr, "admin: listening on %s\n", server_->address().c_str());
  server_->start();
}

}  // namespace ifmatch::cli
