// An API with one number that takes its time: GET and PUT both answer after a fixed delay, and a
// PUT takes effect at the moment of its answer. It has no versions and checks nothing. One thread;
// a timer for each answer would cost more than the queue, in which the oldest is always due first.
//
//   bench_slow_store PORT DELAY_MILLISECONDS
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace {

using Clock = std::chrono::steady_clock;

struct Connection {
  int socket = -1;
  std::string received;
  bool open = true;
};

struct Request {
  bool writes = false;
  long count = 0;  // what a PUT says
};

struct Pending {
  Clock::time_point due;
  std::shared_ptr<Connection> connection;
  Request request;
};

constexpr int backlog = 1024;
constexpr int events_max = 256;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// The number after `name`, which is in lower case; zero where there is none.
long number_after(std::string_view text, std::string_view name) {
  const auto found =
      std::search(text.begin(), text.end(), name.begin(), name.end(),
                  [](unsigned char one, char other) { return std::tolower(one) == other; });
  if (found == text.end()) return 0;
  return std::atol(
      std::string(found + static_cast<std::ptrdiff_t>(name.size()), text.end()).c_str());
}

// Takes one whole request from the front of `received`. Clients here send nothing chunked.
bool take_request(std::string& received, Request& request) {
  constexpr std::string_view end_of_header = "\r\n\r\n";
  const std::size_t end = received.find(end_of_header);
  if (end == std::string::npos) return false;
  const std::size_t header = end + end_of_header.size();
  const long content = number_after(std::string_view(received).substr(0, end), "content-length:");
  const std::size_t whole = header + static_cast<std::size_t>(content);
  if (received.size() < whole) return false;
  request.writes = received.starts_with("PUT ");
  request.count =
      number_after(std::string_view(received).substr(header, whole - header), "\"count\":");
  received.erase(0, whole);
  return true;
}

class Store {
 public:
  Store(const char* port, const char* delay)
      : delay_(std::atoi(delay)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener_ < 0) fail("socket");
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
      fail("bind");
    if (listen(listener_, backlog) < 0) fail("listen");
    watch(listener_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, events_max> events;
    for (;;) {
      const timespec wait = until_next();
      const int count = epoll_pwait2(epoll_, events.data(), events_max,
                                     queue_.empty() ? nullptr : &wait, nullptr);
      if (count < 0 && errno != EINTR) fail("epoll_pwait2");
      for (int at = 0; at < count; ++at) {
        if (events[at].data.fd == listener_) {
          accept_clients();
        } else {
          receive(connections_.at(events[at].data.fd));
        }
      }
      answer_due();
    }
  }

 private:
  void watch(int socket) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) < 0) fail("epoll_ctl");
  }

  [[nodiscard]] timespec until_next() const {
    if (queue_.empty()) return {};
    const auto left = std::max(Clock::duration::zero(), queue_.front().due - Clock::now());
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    return {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  }

  void accept_clients() {
    for (;;) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (client < 0) return;
      const int on = 1;
      setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_[client] = std::make_shared<Connection>(Connection{client, {}, true});
      watch(client);
    }
  }

  // By value: the map may let go of the connection meanwhile.
  void receive(std::shared_ptr<Connection> connection) {
    std::array<char, 16'384> buffer;
    const ssize_t got = read(connection->socket, buffer.data(), buffer.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      connection->open = false;
      connections_.erase(connection->socket);
      close(connection->socket);
      return;
    }
    connection->received.append(buffer.data(), static_cast<std::size_t>(got));
    Request request;
    while (take_request(connection->received, request)) {
      queue_.push_back({Clock::now() + delay_, connection, request});
    }
  }

  void answer_due() {
    for (; !queue_.empty() && queue_.front().due <= Clock::now(); queue_.pop_front()) {
      const Pending& pending = queue_.front();
      if (pending.request.writes) count_ = pending.request.count;
      if (!pending.connection->open) continue;
      const std::string body = "{\"count\":" + std::to_string(count_) + "}";
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body;
      // So short that a socket which takes none of it is one that is closing.
      if (write(pending.connection->socket, answer.data(), answer.size()) < 0) continue;
    }
  }

  std::chrono::milliseconds delay_;
  int epoll_;
  int listener_ = -1;
  std::map<int, std::shared_ptr<Connection>> connections_;
  std::deque<Pending> queue_;
  long count_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: bench_slow_store PORT DELAY_MILLISECONDS\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  Store(arguments[1], arguments[2]).run();
}
