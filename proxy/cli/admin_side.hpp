// What an operator may see of a server and have it do: the counters, the API and its socket, put
// together. Made before the server runs; without an address it is nothing and counts nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "proxy/admin/admin_server.hpp"
#include "proxy/admin/meters.hpp"

namespace ifmatch::cli {

// Must outlive the server, whose threads tell it of their requests.
class Counting {
 public:
  Counting(const config::Admin& admin, const net::Site& site);

  void listen_to(net::Server& server);
  [[nodiscard]] const admin::Meters* meters() const { return meters_ ? &*meters_ : nullptr; }

 private:
  std::shared_ptr<net::SiteMemory> memory_;  // has the tallies
  std::optional<admin::Meters> meters_;
};

// Must end before the server does.
class AdminSide {
 public:
  // Binds the address. Throws std::runtime_error where that fails and the operator chose it; logs
  // an error and is off where it is only the default.
  AdminSide(const config::Admin& admin, const net::Server& server, net::Control& control,
            const Counting& counting, const admin::LedgerTimings& ledger);

  // To add pages to, before start(); null where it is off.
  [[nodiscard]] admin::Api* api() { return server_ ? &*api_ : nullptr; }
  // Answers from here on, and says where. REQUIRES: the server has started.
  void start();

 private:
  std::optional<admin::Api> api_;
  std::optional<admin::AdminServer> server_;
};

}  // namespace ifmatch::cli
