// One reload after another: reads the configuration, prepares what can fail, puts it into force on
// every thread, and says what became of it. Runs on the control's thread.
#pragma once

#include "proxy/net/control.hpp"
#include "proxy/net/desks.hpp"
#include "proxy/net/doors.hpp"
#include "proxy/net/server.hpp"
#include "proxy/net/watch.hpp"

namespace ifmatch::net {

class Reloading {
 public:
  // What it works on, which must outlive it.
  struct Parts {
    asio::io_context& io;  // of the control's thread
    Control& control;
    const Supervisor& supervisor;
    Published& published;
    Desks& desks;
    Doors& doors;
    std::vector<std::unique_ptr<Worker>>& workers;
  };

  Reloading(const Parts& parts, Loader loader)
      : parts_(parts),
        loader_(std::move(loader)),
        started_with_(parts.published.plan()->site->config) {}
  ~Reloading();
  Reloading(const Reloading&) = delete;
  Reloading& operator=(const Reloading&) = delete;

  // One that is asked for while another is under way comes after it, once for all who asked.
  void ask(Control::Reloaded done);
  // Asks whenever the files have changed. `files` are those of the configuration in force.
  void watch(Files files);

 private:
  void next();
  [[nodiscard]] std::shared_ptr<Plan> prepare(const Plan& before, std::shared_ptr<const Site> site,
                                              std::vector<DoorId>& added);
  void put_into_force(const Plan& before, std::shared_ptr<Plan> plan, std::vector<DoorId> added,
                      Loaded loaded);
  void tell(const ReloadOutcome& outcome);

  Parts parts_;
  Loader loader_;
  const config::Config started_with_;      // what of it takes effect at a start only still is
  std::vector<Control::Reloaded> asking_;  // of the reload under way
  std::vector<Control::Reloaded> asked_;   // since it began
  std::optional<Watch> watch_;
};

// "listening on A, B", of the listeners of the plan in force.
[[nodiscard]] std::string status_of(const Plan& plan, const Doors& doors);

}  // namespace ifmatch::net
