// The listening socket of the admin API, and a thread of its own: a scrape never delays traffic, and
// traffic never delays a look at what goes wrong.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/admin/api.hpp"

namespace ifmatch::admin {

class AdminServer {
 public:
  // Binds "HOST:PORT", numeric; port 0 picks a free one. Throws std::runtime_error with a sentence
  // that names the address when that fails. Both must outlive it.
  AdminServer(const std::string& address, const Api& api, net::Control& control);
  // Ends at once, with whatever is being answered.
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // With the real port.
  [[nodiscard]] const std::string& address() const;

  // Begins to answer, on the thread that this starts.
  void start();

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace ifmatch::admin
