// How a running ifmatch is told to end, to look at its files, and by whom it is looked after:
// signals, --watch, systemd.
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

namespace fs = std::filesystem;

ProxyConfig in_front_of(const ScriptedUpstream& upstream) {
  ProxyConfig config;
  config.upstream_url = upstream.url();
  return config;
}

class Lifecycle : public ::testing::Test {
 protected:
  Lifecycle() { store.put("/a", "1"); }

  // One that was told to end and waits for long before it does.
  [[nodiscard]] ProxyProcess told_to_end() const {
    ProxyProcess proxy = ProxyProcess::start(delaying());
    proxy.process().signal(SIGTERM);
    if (!proxy.process().wait_for_line("SIGTERM")) throw SupportError("it did not hear SIGTERM");
    return proxy;
  }
  [[nodiscard]] ProxyConfig delaying() const {
    ProxyConfig config = in_front_of(upstream);
    config.more = "shutdown: { pre_stop_delay: 1h }\n";
    return config;
  }

  DocumentStore store;
  ScriptedUpstream upstream{store.behaviour()};
};

// --- The end ------------------------------------------------------------------------------------

TEST_F(Lifecycle, ServesOnForTheDelayBeforeItStops) {
  ProxyConfig config = in_front_of(upstream);
  constexpr Milliseconds delay{700};
  config.more = "shutdown: { pre_stop_delay: 700ms, drain_timeout: 5s }\n";
  ProxyProcess proxy = ProxyProcess::start(config);
  RawClient before = RawClient::connect(proxy.port());
  EXPECT_EQ(before.request("GET", "/a").status, 200);
  const auto told = Clock::now();
  proxy.process().signal(SIGTERM);
  ASSERT_TRUE(proxy.process().wait_for_line("SIGTERM"));
  EXPECT_EQ(request_once(proxy.port(), "GET", "/a").status, 200) << "new connections, too";
  const Response answer = before.request("GET", "/a");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.field("Connection"), "close") << "nobody is sent away yet";
  EXPECT_TRUE(before.expect_closed());
  EXPECT_EQ(proxy.process().wait(), (ExitStatus{0, 0}));
  EXPECT_GE(Clock::now() - told, delay);
}

TEST_F(Lifecycle, EndsAtOnceWhenToldTwiceDuringTheDelay) {
  ProxyProcess proxy = told_to_end();
  proxy.process().signal(SIGINT);
  EXPECT_EQ(proxy.process().wait(), (ExitStatus{1, 0}));
}

TEST_F(Lifecycle, EndsAtOnceWhenToldTwiceWhileARequestIsUnderWay) {
  const auto hold = std::make_shared<Hold>();
  upstream.behave([hold](const Request&) { return Reply{.hold = hold}; });
  ProxyProcess proxy = ProxyProcess::start(in_front_of(upstream));
  RawClient client = RawClient::connect(proxy.port());
  client.send(client.compose("GET", "/a"));
  ASSERT_TRUE(upstream.wait_for("GET", 1));
  proxy.process().signal(SIGTERM);
  ASSERT_TRUE(proxy.process().wait_for_line("SIGTERM"));
  proxy.process().signal(SIGTERM);
  EXPECT_EQ(proxy.process().wait(), (ExitStatus{1, 0}));
  hold->release();
}

// However well it ends: the next one must not take for settled what nobody has accounted for.
TEST_F(Lifecycle, LeavesItsMarkWhereAWriteIsInDoubtAtItsEnd) {
  const TemporaryFolder marks;
  upstream.behave([inner = store.behaviour()](const Request& request) {
    return request.method == "PUT" ? Reply{.mishap = Mishap::close_unanswered} : inner(request);
  });
  ProxyConfig config = in_front_of(upstream);
  config.state_dir = marks.path();
  config.defaults = "in_doubt: 1h";
  {
    ProxyProcess proxy = ProxyProcess::start(config);
    expect_problem(request_once(proxy.port(), "PUT", "/a", {{"If-Match", "*"}}, "2"), 502,
                   "outcome-unknown");
    EXPECT_EQ(proxy.stop(), (ExitStatus{0, 0}));
    EXPECT_NE(proxy.process().errors().find("in doubt at the end"), std::string::npos);
  }
  ProxyProcess next = ProxyProcess::start(config);
  expect_problem(request_once(next.port(), "PUT", "/a", {{"If-Match", "*"}}, "3"), 503,
                 "outcome-unknown");
  EXPECT_EQ(upstream.count("PUT"), 1U);
}

TEST_F(Lifecycle, LeavesItsMarkWhereItCutsAWriteOff) {
  const TemporaryFolder marks;
  const auto hold = std::make_shared<Hold>();
  upstream.behave([inner = store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (request.method == "PUT") reply.hold = hold;
    return reply;
  });
  ProxyConfig config = in_front_of(upstream);
  config.state_dir = marks.path();
  config.defaults = "in_doubt: 1h";
  config.more = "shutdown: { drain_timeout: 300ms }\n";
  ProxyProcess proxy = ProxyProcess::start(config);
  RawClient client = RawClient::connect(proxy.port());
  client.send(client.compose("PUT", "/a", {{"If-Match", "*"}}, "2"));
  ASSERT_TRUE(upstream.wait_for("PUT", 1));
  EXPECT_EQ(proxy.stop(), (ExitStatus{1, 0}));
  hold->release();
  ProxyProcess next = ProxyProcess::start(config);
  expect_problem(request_once(next.port(), "PUT", "/a", {{"If-Match", "*"}}, "3"), 503,
                 "outcome-unknown");
  EXPECT_EQ(upstream.count("PUT"), 1U);
}

TEST_F(Lifecycle, RefusesToReloadOnceItEnds) {
  ProxyProcess proxy = told_to_end();
  EXPECT_FALSE(proxy.reload(delaying()));
  EXPECT_TRUE(proxy.process().wait_for_line("about to end"));
}

// --- HUP at a terminal --------------------------------------------------------------------------

// Whoever closes a terminal hangs up; that asks for nothing.
TEST_F(Lifecycle, IgnoresHupWhereATerminalIsAttached) {
  const TemporaryFolder folder;
  const std::string file = folder.write("ifmatch.yaml", in_front_of(upstream).yaml());
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) GTEST_SKIP() << "there are no pseudo-terminals here";
  ASSERT_EQ(::grantpt(terminal), 0);
  ASSERT_EQ(::unlockpt(terminal), 0);
  const std::string binary = ifmatch_binary();
  // Standard error is the terminal; what is written there comes out of `terminal`.
  Process process = Process::start({"/bin/sh", "-c", "exec \"$1\" run -c \"$2\" 2> \"$3\"", "sh",
                                    binary, file, std::string(::ptsname(terminal))});
  std::string printed;
  const auto wait_for = [&](std::string_view part) {
    const Deadline deadline;
    while (printed.find(part) == std::string::npos) {
      Socket reader(::dup(terminal));
      char octets[512];
      pollfd ready{terminal, POLLIN, 0};
      if (::poll(&ready, 1, 100) > 0) {
        const ssize_t got = ::read(terminal, octets, sizeof octets);
        if (got > 0) printed.append(octets, static_cast<std::size_t>(got));
      }
      if (Clock::now() > deadline.at()) return false;
    }
    return true;
  };
  ASSERT_TRUE(wait_for("ready: listening on")) << printed;
  process.signal(SIGHUP);
  EXPECT_TRUE(wait_for("SIGHUP is ignored")) << printed;
  process.signal(SIGTERM);
  EXPECT_EQ(process.wait(), (ExitStatus{0, 0}));
  EXPECT_EQ(printed.find("in force"), std::string::npos);
  ::close(terminal);
}

// --- --watch ------------------------------------------------------------------------------------

class Watched : public Lifecycle {
 protected:
  [[nodiscard]] std::string text(const std::string& defaults) const {
    ProxyConfig config = in_front_of(upstream);
    config.defaults = defaults;
    return config.yaml();
  }
  void start(const fs::path& file) {
    proxy = std::make_unique<ProxyProcess>(
        ProxyProcess::start_with({"run", "--watch", "-c", file.string()}));
  }
  [[nodiscard]] bool wait_for_reload() {
    return proxy->process()
        .wait_for_line("the new configuration is in force", Deadline{}, reloads_++)
        .has_value();
  }
  [[nodiscard]] int status_without_condition() const {
    return request_once(proxy->port(), "PUT", "/a", {}, "2").status;
  }

  TemporaryFolder folder;
  std::unique_ptr<ProxyProcess> proxy;
  std::size_t reloads_ = 0;
};

TEST_F(Watched, AFileIsReadAgainWhenItIsWritten) {
  const std::string file = folder.write("ifmatch.yaml", text("on_missing: 428"));
  start(file);
  EXPECT_EQ(status_without_condition(), 428);
  static_cast<void>(folder.write("ifmatch.yaml", text("on_missing: 409")));
  ASSERT_TRUE(wait_for_reload());
  EXPECT_EQ(status_without_condition(), 409);
}

TEST_F(Watched, AFileIsReadAgainWhenAnotherTakesItsPlace) {
  const std::string file = folder.write("ifmatch.yaml", text("on_missing: 428"));
  start(file);
  fs::rename(folder.write("new", text("on_missing: 403")), file);
  ASSERT_TRUE(wait_for_reload());
  EXPECT_EQ(status_without_condition(), 403);
}

// As the kubelet does: the file is a link through `..data`, which is a link to a folder with a time
// in its name. A new folder is made, the link `..data` is exchanged, the old folder is removed.
TEST_F(Watched, AConfigMapIsReadAgainWhenItsLinkIsExchanged) {
  const auto make = [&](const std::string& name, const std::string& content) {
    fs::create_directory(folder.path() / name);
    static_cast<void>(folder.write(name + "/ifmatch.yaml", content));
    fs::create_directory_symlink(name, folder.path() / "..data_tmp");
    fs::rename(folder.path() / "..data_tmp", folder.path() / "..data");
  };
  make("..2026_01", text("on_missing: 428"));
  const fs::path file = folder.path() / "ifmatch.yaml";
  fs::create_symlink("..data/ifmatch.yaml", file);
  start(file);
  EXPECT_EQ(status_without_condition(), 428);
  // Twice: the second time the folder that was there at the start is gone.
  make("..2026_02", text("on_missing: 409"));
  fs::remove_all(folder.path() / "..2026_01");
  ASSERT_TRUE(wait_for_reload());
  EXPECT_EQ(status_without_condition(), 409);
  make("..2026_03", text("on_missing: 403"));
  fs::remove_all(folder.path() / "..2026_02");
  ASSERT_TRUE(wait_for_reload());
  EXPECT_EQ(status_without_condition(), 403);
}

TEST_F(Watched, ABrokenFileIsRefusedOnceAndTheNextIsTaken) {
  const std::string file = folder.write("ifmatch.yaml", text("on_missing: 428"));
  start(file);
  static_cast<void>(folder.write("ifmatch.yaml", text("on_mising: 409")));
  ASSERT_TRUE(proxy->process().wait_for_line("the new configuration was refused"));
  EXPECT_EQ(status_without_condition(), 428);
  static_cast<void>(folder.write("ifmatch.yaml", text("on_missing: 409")));
  ASSERT_TRUE(wait_for_reload());
  EXPECT_EQ(status_without_condition(), 409);
  const std::string errors = proxy->process().errors();
  const auto first = errors.find("was refused");
  EXPECT_EQ(errors.find("was refused", first + 1), std::string::npos) << errors;
}

TEST_F(Watched, AFileThatSaysTheSameIsLeftAlone) {
  const std::string file = folder.write("ifmatch.yaml", text("on_missing: 428"));
  start(file);
  static_cast<void>(folder.write("ifmatch.yaml", text("on_missing: 428")));
  EXPECT_FALSE(proxy->process().wait_for_line("in force", Deadline(Milliseconds(600))));
  static_cast<void>(folder.write("ifmatch.yaml", text("on_missing: 409")));
  ASSERT_TRUE(wait_for_reload());
  const std::string errors = proxy->process().errors();
  const auto first = errors.find("in force");
  EXPECT_EQ(errors.find("in force", first + 1), std::string::npos) << errors;
}

TEST_F(Watched, TheSecretIsWatchedWithIt) {
  const std::string secret = folder.write("secret", "0123456789abcdef0123");
  ProxyConfig config = in_front_of(upstream);
  config.more = "etag_secret_file: " + secret + "\n";
  const std::string file = folder.write("ifmatch.yaml", config.yaml());
  start(file);
  const std::string tag = request_once(proxy->port(), "GET", "/a").tag();
  static_cast<void>(folder.write("secret", "another secret that is long"));
  ASSERT_TRUE(wait_for_reload());
  EXPECT_NE(request_once(proxy->port(), "GET", "/a").tag(), tag);
}

TEST_F(Watched, AFileIsReadAgainAlthoughAnotherOneIsGone) {
  const auto with_secret = [&](const std::string& file) {
    return text("on_missing: 428") + "etag_secret_file: " + file + "\n";
  };
  const std::string old_name = folder.write("secret", "0123456789abcdef0123");
  start(folder.write("ifmatch.yaml", with_secret(old_name)));
  const std::string tag = request_once(proxy->port(), "GET", "/a").tag();
  const std::string new_name = folder.write("secrets", "another secret that is long");
  fs::remove(old_name);
  static_cast<void>(folder.write("ifmatch.yaml", with_secret(new_name)));
  ASSERT_TRUE(wait_for_reload());
  EXPECT_NE(request_once(proxy->port(), "GET", "/a").tag(), tag);
}

// Kubernetes brings a ConfigMap and a Secret one after the other, in any order.
TEST_F(Watched, WhatWasRefusedIsReadAgainWhenTheFileThatItNamesHasCome) {
  const std::string file = folder.write("ifmatch.yaml", text("on_missing: 428"));
  start(file);
  const std::string secret = (folder.path() / "secret").string();
  static_cast<void>(folder.write(
      "ifmatch.yaml", text("on_missing: 409") + "etag_secret_file: " + secret + "\n"));
  ASSERT_TRUE(proxy->process().wait_for_line("the new configuration was refused"));
  EXPECT_EQ(status_without_condition(), 428);
  static_cast<void>(folder.write("secret", "0123456789abcdef0123"));
  ASSERT_TRUE(wait_for_reload());
  EXPECT_EQ(status_without_condition(), 409);
}

// Whether the kernel tells the process what happens in a folder.
bool watches(pid_t process, const fs::path& folder) {
  struct stat found {};
  if (::stat(folder.c_str(), &found) != 0) return false;
  const fs::path all = "/proc/" + std::to_string(process) + "/fdinfo";
  for (const fs::directory_entry& one : fs::directory_iterator(all)) {
    std::ifstream lines(one.path());
    for (std::string line; std::getline(lines, line);) {
      const auto at = line.find(" ino:");
      if (!line.starts_with("inotify ") || at == std::string::npos) continue;
      if (std::stoull(line.substr(at + 5), nullptr, 16) == found.st_ino) return true;
    }
  }
  return false;
}

// That it looks by itself now and then must not be all.
TEST_F(Watched, TheFolderOfTheNameAndThatOfTheFileAreWatched) {
  fs::create_directory(folder.path() / "names");
  fs::create_directory(folder.path() / "files");
  const std::string behind = folder.write("files/ifmatch.yaml", text("on_missing: 428"));
  const fs::path name = folder.path() / "names" / "ifmatch.yaml";
  fs::create_symlink(behind, name);
  start(name);
  EXPECT_TRUE(watches(proxy->process().pid(), folder.path() / "names"));
  EXPECT_TRUE(watches(proxy->process().pid(), folder.path() / "files"));
  EXPECT_FALSE(watches(proxy->process().pid(), folder.path()));
}

// --- systemd ------------------------------------------------------------------------------------

// Where a service says how it is (sd_notify(3)).
class NotifySocket {
 public:
  NotifySocket() : path_((folder_.path() / "notify").string()) {
    descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    if (::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      throw system_error("bind");
    }
  }
  NotifySocket(const NotifySocket&) = delete;
  ~NotifySocket() { ::close(descriptor_); }

  [[nodiscard]] const std::string& path() const { return path_; }
  // The next message other than a sign of life; "" when none comes.
  [[nodiscard]] std::string next() {
    for (std::string message = any(Deadline{}); !message.empty(); message = any(Deadline{})) {
      if (message != "WATCHDOG=1") return message;
    }
    return {};
  }
  [[nodiscard]] bool beats_within(Milliseconds wait) {
    return any(Deadline(wait)) == "WATCHDOG=1";
  }
  void forget() {
    while (!any(Deadline(Milliseconds(0))).empty()) continue;
  }

 private:
  [[nodiscard]] std::string any(Deadline deadline) const {
    char octets[4096];
    for (;;) {
      const auto left = std::chrono::ceil<Milliseconds>(deadline.at() - Clock::now());
      pollfd ready{descriptor_, POLLIN, 0};
      const int wait = static_cast<int>(std::max<Milliseconds::rep>(left.count(), 0));
      if (::poll(&ready, 1, wait) <= 0) return {};
      const ssize_t got = ::recv(descriptor_, octets, sizeof octets, MSG_DONTWAIT);
      if (got > 0) return {octets, static_cast<std::size_t>(got)};
    }
  }

  TemporaryFolder folder_;
  std::string path_;
  int descriptor_ = -1;
};

TEST_F(Lifecycle, TellsSystemdWhereItIsInItsLife) {
  NotifySocket systemd;
  const TemporaryFolder folder;
  const std::string file = folder.write("ifmatch.yaml", in_front_of(upstream).yaml());
  ProxyProcess proxy = ProxyProcess::start_with({"run", "-c", file},
                                                {{"NOTIFY_SOCKET", systemd.path()}});
  const std::string ready = systemd.next();
  EXPECT_TRUE(ready.starts_with("READY=1\n")) << ready;
  EXPECT_NE(ready.find("STATUS=listening on 127.0.0.1:" + std::to_string(proxy.port())),
            std::string::npos) << ready;
  proxy.process().signal(SIGHUP);
  const std::string reloading = systemd.next();
  EXPECT_TRUE(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << reloading;
  EXPECT_TRUE(systemd.next().starts_with("READY=1\n"));
  static_cast<void>(folder.write("ifmatch.yaml", "version: 2\n"));
  proxy.process().signal(SIGHUP);
  EXPECT_TRUE(systemd.next().starts_with("RELOADING=1\n"));
  const std::string refused = systemd.next();
  EXPECT_TRUE(refused.starts_with("READY=1\n")) << "or systemd would wait for ever";
  EXPECT_NE(refused.find("refused"), std::string::npos) << refused;
  proxy.process().signal(SIGTERM);
  EXPECT_TRUE(systemd.next().starts_with("STOPPING=1\n"));
  EXPECT_EQ(proxy.process().wait(), (ExitStatus{0, 0}));
}

TEST_F(Lifecycle, BeatsForTheWatchdogOnlyWhileEveryThreadTurns) {
  NotifySocket systemd;
  const TemporaryFolder folder;
  const std::string file = folder.write("ifmatch.yaml", in_front_of(upstream).yaml());
  ProxyProcess proxy = ProxyProcess::start_with(
      {"run", "--threads", "2", "-c", file},
      {{"NOTIFY_SOCKET", systemd.path()}, {"WATCHDOG_USEC", "600000"}});
  EXPECT_TRUE(systemd.next().starts_with("READY=1\n"));
  EXPECT_TRUE(systemd.beats_within(Milliseconds(600)));
  EXPECT_TRUE(systemd.beats_within(Milliseconds(600)));
  // One of its threads stops, as in an endless loop; the others go on.
  const pid_t thread = proxy.process().pid();
  ASSERT_EQ(::ptrace(PTRACE_SEIZE, thread, nullptr, nullptr), 0) << std::strerror(errno);
  ASSERT_EQ(::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(thread, &status, __WALL), thread);
  systemd.forget();
  // A beat that was earned before may still come.
  static_cast<void>(systemd.beats_within(Milliseconds(400)));
  EXPECT_FALSE(systemd.beats_within(Milliseconds(1000)));
  ASSERT_EQ(::ptrace(PTRACE_DETACH, thread, nullptr, nullptr), 0);
  EXPECT_TRUE(systemd.beats_within(Milliseconds(1000)));
  EXPECT_EQ(proxy.stop(), (ExitStatus{0, 0}));
}

}  // namespace
}  // namespace ifmatch::support
