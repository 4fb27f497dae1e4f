#include "tests/integration/torture/stage.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/integration/torture/control.hpp"

namespace ifmatch::torture {
namespace {

using support::Deadline;
using support::ExitStatus;
using support::Process;
using support::ProxyConfig;
using support::ProxyProcess;
using support::Socket;
using support::SupportError;
using support::loopback;
using support::system_error;
using Milliseconds = Stage::Milliseconds;

constexpr std::size_t proxy_threads = 2;
constexpr rlim_t proxy_descriptors = 256;
// What ifmatch is told (in_doubt) and what the upstream keeps to, less room for a busy machine.
constexpr Milliseconds quarantine{1'000};
constexpr Milliseconds latest{800};

// Bound and never listening: nobody else gets the port, neither to listen on nor to connect from.
Socket reserve_port() {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(0);
  if (::bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw system_error("bind");
  return socket;
}

// A number under a name of /proc/net/netstat, which has lines of names above lines of numbers.
std::uint64_t network_count(const std::string& wanted) {
  std::ifstream file("/proc/net/netstat");
  std::string names;
  std::string numbers;
  while (std::getline(file, names) && std::getline(file, numbers)) {
    std::istringstream name_list(names);
    std::istringstream number_list(numbers);
    std::string number;
    for (std::string name; name_list >> name && number_list >> number;) {
      if (name == wanted) return std::stoull(number);
    }
  }
  return 0;
}

// How many connections were turned away by full accept queues, on this machine.
std::uint64_t turned_away() {
  return network_count("ListenOverflows");
}

std::size_t accept_queue_max() {
  std::ifstream file("/proc/sys/net/core/somaxconn");
  std::size_t limit = 0;
  file >> limit;
  return limit;
}

std::size_t own_descriptors_max() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

void kill_and_wait(Process& process) {
  process.signal(SIGKILL);
  const auto status = process.wait();
  if (!status || status->signal != SIGKILL) {
    throw SupportError("a process did not end by being killed; " + process.transcript());
  }
}

}  // namespace

Stage::Stage(Front front, std::uint64_t seed, Arena& arena)
    : front_(front),
      seed_(seed),
      arena_(arena),
      journal_((folder_.path() / "journal").string()),
      reserved_(reserve_port()),
      upstream_port_(reserved_.local_port()) {
  start_upstream();
  if (front == Front::ifmatch) {
    start_proxy();
  } else {
    arena_.port = upstream_port_;
  }
}

std::vector<std::string> Stage::expected_faults(Front front) {
  std::vector<std::string> expected{"upstream killed", "upstream frozen",
                                    "upstream's accept queue full"};
  if (front == Front::ifmatch) {
    expected.insert(expected.end(), {"proxy stopped", "proxy's accept queues flooded",
                                     "proxy without descriptors"});
  }
  return expected;
}

void Stage::start_upstream() {
  upstream_.reset(new Process(
      Process::start({IFMATCH_TORTURE_UPSTREAM, std::to_string(upstream_port_), journal_,
                      std::to_string(seed_ + static_cast<std::uint64_t>(++starts_)),
                      std::to_string(latest.count())})));
  if (!upstream_->wait_for_line("listening on ")) {
    throw SupportError("the upstream did not start; " + upstream_->transcript());
  }
}

void Stage::start_proxy() {
  ProxyConfig config;
  config.upstream_url = "http://127.0.0.1:" + std::to_string(upstream_port_);
  config.upstream = "timeouts: { connect: 500ms, response: 500ms }";
  config.defaults =
      "in_doubt: " + std::to_string(quarantine.count()) + "ms, gate: { wait: 1s, queue: 16 }";
  config.routes =
      "  - { name: confirm, match: { path: \"/confirm/**\" }, upstream: api, check: confirm }\n"
      "  - { name: recorded, match: { path: \"/recorded/**\" }, upstream: api, check: recorded }\n"
      "  - { name: waiting, match: { path: \"/waiting/**\" }, upstream: api, reads: wait,\n"
      "      serialize: [POST] }\n";
  config.state_dir = (folder_.path() / "state").string();
  std::filesystem::create_directories(config.state_dir);
  proxy_.emplace(ProxyProcess::start(config.yaml(), {"--threads", std::to_string(proxy_threads)}));
  const rlimit limit{proxy_descriptors, proxy_descriptors};
  if (::prlimit(proxy().pid(), RLIMIT_NOFILE, &limit, nullptr) != 0) throw system_error("prlimit");
  arena_.port = proxy_->port();
}

void Stage::kill_proxy() {
  tell_upstream(linger_signal(), Milliseconds{150});
  pass(Milliseconds{100});
  kill_and_wait(proxy());
  start_proxy();
  ++faults_["proxy killed"];
  pass(quarantine);
}

void Stage::kill_proxy_beside_frozen_upstream() {
  tell_upstream(freeze_signal, Milliseconds{0});
  if (!wait_until_stopped(*upstream_)) throw SupportError("the upstream did not stop");
  pass(Milliseconds{150});
  kill_and_wait(proxy());
  start_proxy();
  pass(Milliseconds{200});
  upstream_->signal(SIGCONT);
  ++faults_["proxy killed"];
  ++faults_["upstream frozen"];
  pass(quarantine);
}

void Stage::stop_proxy(Milliseconds time) {
  proxy().signal(SIGSTOP);
  if (!wait_until_stopped(proxy())) throw SupportError("the proxy did not stop");
  const std::uint64_t before = turned_away();
  // One more than fits, and some, as the kernel spreads them over the queues by chance.
  constexpr std::size_t some = 400;
  const std::vector<Socket> waiting =
      flood(proxy_->port(), proxy_threads * (accept_queue_max() + 1) + some);
  pass(time);
  proxy().signal(SIGCONT);
  ++faults_["proxy stopped"];
  ++faults_["proxy's accept queues flooded"];
  faults_["connections made to the stopped proxy"] += waiting.size();
  faults_["connections turned away by its full queues"] += turned_away() - before;
  pass(Milliseconds{200});
}

void Stage::stop_proxy_and_kill_upstream() {
  proxy().signal(SIGSTOP);
  if (!wait_until_stopped(proxy())) throw SupportError("the proxy did not stop");
  pass(Milliseconds{700});
  kill_and_wait(*upstream_);
  start_upstream();
  pass(Milliseconds{300});
  proxy().signal(SIGCONT);
  ++faults_["proxy stopped"];
  ++faults_["upstream killed"];
}

void Stage::exhaust_descriptors(Milliseconds time) {
  constexpr std::size_t more_than_it_has = 2 * proxy_descriptors;
  const std::vector<Socket> held = flood(proxy_->port(), more_than_it_has);
  const Deadline deadline(time);
  if (support::eventually([this] { return proxy().open_descriptors() >= proxy_descriptors; },
                          deadline)) {
    ++faults_["proxy without descriptors"];
  }
  pass(time);
}

void Stage::kill_upstream() {
  kill_and_wait(*upstream_);
  pass(Milliseconds{200});
  start_upstream();
  ++faults_["upstream killed"];
}

void Stage::freeze_upstream(Milliseconds time) {
  tell_upstream(freeze_signal, Milliseconds{0});
  if (!wait_until_stopped(*upstream_)) throw SupportError("the upstream did not stop");
  pass(time);
  upstream_->signal(SIGCONT);
  ++faults_["upstream frozen"];
}

void Stage::fill_accept_queue_of_upstream() {
  constexpr Milliseconds time{700};
  tell_upstream(stall_signal(), time);
  pass(Milliseconds{50});
  const std::uint64_t before = turned_away();
  {
    constexpr std::size_t more_than_fits = 8;
    const std::vector<Socket> waiting = flood(upstream_port_, more_than_fits);
    pass(time);
  }
  if (turned_away() > before) ++faults_["upstream's accept queue full"];
  // What a full queue turned away is sent again by the kernel for a while, also for a process that
  // was killed meanwhile: such a straggler could be later than any quarantine.
  pass(Milliseconds{2'000});
}

void Stage::calm() {
  tell_upstream(calm_signal, Milliseconds{0});
}

void Stage::end() {
  if (front_ == Front::nothing) return;
  const ExitStatus status = proxy_->stop();
  if (status != ExitStatus{}) {
    throw SupportError("ifmatch did not end with success; " + proxy().transcript());
  }
}

void Stage::expect_running() {
  if (!upstream_->running()) throw SupportError("the upstream died; " + upstream_->transcript());
  if (front_ == Front::ifmatch && !proxy().running()) {
    throw SupportError("ifmatch died; " + proxy().transcript());
  }
}

void Stage::pass(Milliseconds time) {
  ::poll(nullptr, 0, static_cast<int>(time.count()));
}

void Stage::tell_upstream(int signal, Milliseconds time) const {
  sigval value{};
  value.sival_int = static_cast<int>(time.count());
  if (::sigqueue(upstream_->pid(), signal, value) != 0) throw system_error("sigqueue");
}

bool Stage::wait_until_stopped(const Process& process) const {
  return support::eventually([&process] {
    std::ifstream file("/proc/" + std::to_string(process.pid()) + "/stat");
    const std::string stat{std::istreambuf_iterator<char>(file), {}};
    const auto state = stat.rfind(") ");
    return state != std::string::npos && stat[state + 2] == 'T';
  });
}

std::vector<Socket> Stage::flood(std::uint16_t port, std::size_t count) const {
  static const std::size_t descriptors_max = own_descriptors_max();
  constexpr std::size_t for_others = 200;
  const std::size_t room = descriptors_max > for_others ? descriptors_max - for_others : 0;
  std::vector<Socket> sockets;
  const sockaddr_in address = loopback(port);
  for (std::size_t made = 0; made < std::min(count, room); ++made) {
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket.is_open()) break;
    // They end with a reset, so that their ports are free again at once.
    const linger at_once{1, 0};
    ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    static_cast<void>(::connect(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address),
                                sizeof address));
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

}  // namespace ifmatch::torture
