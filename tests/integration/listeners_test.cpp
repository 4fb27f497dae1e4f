// Listeners that are no TCP port of our own: Unix sockets, and sockets that systemd hands over.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {
namespace {

namespace fs = std::filesystem;

class Listener : public ::testing::Test {
 protected:
  Listener() { store.put("/a", "1"); }

  [[nodiscard]] std::string yaml(const std::string& addresses) const {
    return "version: 1\nlisteners:\n" + addresses + "upstreams:\n  api: { url: \"" +
           upstream.url() + "\" }\nroutes:\n" + ProxyConfig{}.routes + "state_dir: none\n";
  }
  [[nodiscard]] std::string on(const std::string& address) const {
    return yaml("  - { name: public, address: \"" + address + "\" }\n");
  }

  TemporaryFolder folder;
  DocumentStore store;
  ScriptedUpstream upstream{store.behaviour()};
};

class UnixListener : public Listener {
 protected:
  [[nodiscard]] ProxyProcess start() {
    return ProxyProcess::start_with({"run", "-c", folder.write("ifmatch.yaml", on(address))}, {},
                                    ProxyProcess::ready_without_port);
  }
  [[nodiscard]] RawClient connect() const { return RawClient::over(Socket::connect_unix(path)); }

  const std::string path = (folder.path() / "ifmatch.sock").string();
  const std::string address = "unix:" + path;
};

TEST_F(UnixListener, ServesAndRemovesItsFile) {
  ProxyProcess proxy = start();
  EXPECT_TRUE(proxy.process().wait_for_line("ready: listening on " + address));
  struct stat file {};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0660U);
  RawClient client = connect();
  const Response read = client.request("GET", "/a");
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(client.request("PUT", "/a", {{"If-Match", read.tag()}}, "2").status, 200);
  EXPECT_EQ(client.request("PUT", "/a", {{"If-Match", read.tag()}}, "3").status, 412);
  EXPECT_EQ(proxy.stop(), (ExitStatus{0, 0}));
  EXPECT_FALSE(fs::exists(path));
}

// There is no address to tell, and whoever can open the file is not believed about others.
TEST_F(UnixListener, TellsTheApiThatTheClientHasNoAddress) {
  ProxyProcess proxy = start();
  RawClient client = connect();
  EXPECT_EQ(client.request("GET", "/a", {{"X-Forwarded-For", "192.0.2.7"}}).status, 200);
  const Request seen = upstream.requests("GET").back();
  EXPECT_EQ(seen.field("X-Forwarded-For"), "unix:");
}

TEST_F(UnixListener, TakesThePlaceOfAFileThatWasLeftBehind) {
  {
    ProxyProcess killed = start();
    killed.process().signal(SIGKILL);
    ASSERT_TRUE(killed.process().wait());
  }
  ASSERT_TRUE(fs::exists(path));
  ProxyProcess proxy = start();
  RawClient client = connect();
  EXPECT_EQ(client.request("GET", "/a").status, 200);
}

TEST_F(UnixListener, NeverTakesThePlaceOfOneThatIsInUse) {
  ProxyProcess first = start();
  const Finished second =
      run_to_end({ifmatch_binary(), "run", "-c", (folder.path() / "ifmatch.yaml").string()});
  EXPECT_EQ(second.status, (ExitStatus{1, 0}));
  EXPECT_NE(second.errors.find("another process listens there"), std::string::npos)
      << second.errors;
  RawClient client = connect();
  EXPECT_EQ(client.request("GET", "/a").status, 200);
}

TEST_F(UnixListener, NeverRemovesAFileThatIsNoSocket) {
  static_cast<void>(folder.write("ifmatch.sock", "precious"));
  const Finished refused =
      run_to_end({ifmatch_binary(), "run", "-c", folder.write("ifmatch.yaml", on(address))});
  EXPECT_EQ(refused.status, (ExitStatus{1, 0}));
  EXPECT_NE(refused.errors.find("no socket"), std::string::npos) << refused.errors;
  EXPECT_TRUE(fs::is_regular_file(path));
}

TEST_F(UnixListener, ComesAndGoesWithAReload) {
  const std::string tcp = "  - { name: public, address: \"127.0.0.1:0\" }\n";
  ProxyProcess proxy = ProxyProcess::start(yaml(tcp));
  ASSERT_TRUE(proxy.reload(yaml(tcp + "  - { name: local, address: \"" + address + "\" }\n")));
  RawClient client = connect();
  EXPECT_EQ(client.request("GET", "/a").status, 200);
  ASSERT_TRUE(proxy.reload(yaml(tcp)));
  EXPECT_TRUE(client.expect_closed());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(request_once(proxy.port(), "GET", "/a").status, 200);
}

class HandedOver : public Listener {
 protected:
  // Starts ifmatch as systemd would: with the sockets as descriptors from 3 on, and their names.
  [[nodiscard]] std::unique_ptr<Process> start(const Socket& socket, const std::string& names,
                                               const std::string& config) {
    const int handed = ::fcntl(socket.descriptor(), F_DUPFD, 10);  // without FD_CLOEXEC
    auto process = std::unique_ptr<Process>(new Process(Process::start(
        {"/bin/bash", "-c",
         "exec 3<&\"$1\"; export LISTEN_FDS=1 LISTEN_FDNAMES=\"$2\" LISTEN_PID=$$; "
         "exec \"$3\" run -c \"$4\"",
         "bash", std::to_string(handed), names, ifmatch_binary(), config})));
    ::close(handed);
    return process;
  }
};

TEST_F(HandedOver, ASocketIsServedByItsName) {
  const Socket socket = Socket::listen();
  const auto process = start(socket, "public", folder.write("ifmatch.yaml", on("fd:public")));
  ASSERT_TRUE(process->wait_for_line("ready: listening on 127.0.0.1:" +
                                     std::to_string(socket.local_port())))
      << process->transcript();
  EXPECT_EQ(request_once(socket.local_port(), "GET", "/a").status, 200);
  process->signal(SIGHUP);
  ASSERT_TRUE(process->wait_for_line("is in force"));
  EXPECT_EQ(request_once(socket.local_port(), "GET", "/a").status, 200);
  process->signal(SIGTERM);
  EXPECT_EQ(process->wait(), (ExitStatus{0, 0}));
}

TEST_F(HandedOver, ASocketSurvivesBeingLeftOutForAWhile) {
  const Socket socket = Socket::listen();
  const std::string tcp = "  - { name: other, address: \"127.0.0.1:0\" }\n";
  const std::string both = yaml("  - { name: public, address: \"fd:public\" }\n" + tcp);
  const auto process = start(socket, "public", folder.write("ifmatch.yaml", both));
  ASSERT_TRUE(process->wait_for_line("ready: listening on", Deadline{}, 1));
  static_cast<void>(folder.write("ifmatch.yaml", yaml(tcp)));
  process->signal(SIGHUP);
  ASSERT_TRUE(process->wait_for_line("is in force"));
  // It waits in the queue of systemd's socket.
  RawClient client = RawClient::connect(socket.local_port());
  client.send(client.compose("GET", "/a"));
  EXPECT_TRUE(client.stays_silent(Milliseconds(200)));
  static_cast<void>(folder.write("ifmatch.yaml", both));
  process->signal(SIGHUP);
  EXPECT_EQ(client.read_response().status, 200);
  process->signal(SIGTERM);
  EXPECT_EQ(process->wait(), (ExitStatus{0, 0}));
}

TEST_F(HandedOver, ANameThatWasNotGivenIsNamed) {
  const Socket socket = Socket::listen();
  const auto process = start(socket, "web", folder.write("ifmatch.yaml", on("fd:public")));
  EXPECT_EQ(process->wait(), (ExitStatus{1, 0}));
  EXPECT_NE(process->errors().find("there are: web"), std::string::npos) << process->errors();
}

TEST_F(HandedOver, WithoutSystemdThereIsNone) {
  const Finished refused =
      run_to_end({ifmatch_binary(), "run", "-c", folder.write("ifmatch.yaml", on("fd:public"))});
  EXPECT_EQ(refused.status, (ExitStatus{1, 0}));
  EXPECT_NE(refused.errors.find("is a socket unit active?"), std::string::npos) << refused.errors;
}

// The unit files as they are, but for the place of the program.
TEST(UnitFiles, AreAcceptedAndExposeLittle) {
  const TemporaryFolder folder;
  for (const char* const name : {"ifmatch.service", "ifmatch.socket"}) {
    std::ifstream in(std::string(IFMATCH_SOURCE_FOLDER "/deploy/systemd/") + name);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    constexpr std::string_view installed = "/usr/bin/ifmatch";
    for (auto at = text.find(installed); at != std::string::npos; at = text.find(installed, at)) {
      text.replace(at, installed.size(), ifmatch_binary());
      at += ifmatch_binary().size();
    }
    static_cast<void>(folder.write(name, text));
  }
  const std::string service = (folder.path() / "ifmatch.service").string();
  const std::string socket = (folder.path() / "ifmatch.socket").string();
  const Finished verified = run_to_end({"systemd-analyze", "verify", service, socket});
  EXPECT_EQ(verified.status, (ExitStatus{0, 0})) << verified.errors;
  EXPECT_EQ(verified.errors, "");
  // In tenths: 0 is safe, 10 is unsafe; up to 2.0 it says OK.
  const Finished judged = run_to_end(
      {"systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", service});
  EXPECT_EQ(judged.status, (ExitStatus{0, 0})) << judged.output;
}

}  // namespace
}  // namespace ifmatch::support
