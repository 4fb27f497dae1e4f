// The least that a proxy can do, as a mark for all others: passes octets between each client and a
// connection of its own to the API, and reads none of them. One thread, level-triggered epoll.
//
//   bench_relay PORT UPSTREAM_PORT
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Pair;

// One end of a pair. `pending` is what its socket did not take yet; while there is some, nothing is
// read from the other end.
struct End {
  int socket = -1;
  std::string pending;
  End* other = nullptr;
  Pair* pair = nullptr;
};

struct Pair {
  End client;
  End api;
  bool over = false;
};

constexpr int backlog = 1024;
constexpr int events_max = 256;
constexpr std::size_t buffer_bytes = 65'536;

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(const char* port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  return address;
}

// The socket interface takes every family's address through this one type.
const sockaddr* any(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

int open_socket() {
  const int opened = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (opened < 0) fail("socket");
  return opened;
}

void send_at_once(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

class Relay {
 public:
  Relay(const char* port, const char* upstream_port)
      : upstream_(loopback(upstream_port)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) fail("epoll_create1");
    listener_ = open_socket();
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = loopback(port);
    if (bind(listener_, any(address), sizeof address) < 0) fail("bind");
    if (listen(listener_, backlog) < 0) fail("listen");
    control(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, events_max> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), events_max, -1);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      for (int at = 0; at < count; ++at) {
        if (events[at].data.ptr == nullptr) {
          accept_clients();
        } else {
          handle(*static_cast<End*>(events[at].data.ptr), events[at].events);
        }
      }
      // Not before all events of this turn are looked at: some may name a pair that is over.
      for (Pair* pair : over_) delete pair;
      over_.clear();
    }
  }

 private:
  void control(int operation, int socket, std::uint32_t interest, End* end) {
    epoll_event event{};
    event.events = interest;
    event.data.ptr = end;
    if (epoll_ctl(epoll_, operation, socket, &event) < 0) fail("epoll_ctl");
  }

  void accept_clients() {
    for (;;) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (client < 0) return;
      const int api = open_socket();
      if (connect(api, any(upstream_), sizeof upstream_) < 0 && errno != EINPROGRESS) {
        close(client);
        close(api);
        continue;
      }
      auto* pair = new Pair;
      pair->client = {client, {}, &pair->api, pair};
      pair->api = {api, {}, &pair->client, pair};
      for (End* end : {&pair->client, &pair->api}) {
        send_at_once(end->socket);
        control(EPOLL_CTL_ADD, end->socket, EPOLLIN, end);
      }
    }
  }

  void handle(End& end, std::uint32_t events) {
    if (end.pair->over) return;
    bool open = (events & EPOLLERR) == 0;
    if (open && (events & EPOLLOUT) != 0) open = flush(end);
    if (open && (events & (EPOLLIN | EPOLLHUP)) != 0) open = pass_on(end);
    if (!open) finish(*end.pair);
  }

  // One read and one write. False when the pair is over: a client that ends its side only is not
  // among those that this is for.
  bool pass_on(End& from) {
    End& to = *from.other;
    if (!to.pending.empty()) return false;
    const ssize_t got = read(from.socket, buffer_.data(), buffer_.size());
    if (got <= 0) return got < 0 && errno == EAGAIN;
    ssize_t put = write(to.socket, buffer_.data(), static_cast<std::size_t>(got));
    if (put < 0 && errno != EAGAIN) return false;
    if (put < 0) put = 0;
    if (put == got) return true;
    to.pending.assign(buffer_.data() + put, static_cast<std::size_t>(got - put));
    watch(from);
    watch(to);
    return true;
  }

  bool flush(End& end) {
    const ssize_t put = write(end.socket, end.pending.data(), end.pending.size());
    if (put < 0) return errno == EAGAIN;
    end.pending.erase(0, static_cast<std::size_t>(put));
    if (!end.pending.empty()) return true;
    watch(end);
    watch(*end.other);
    return true;
  }

  void watch(End& end) {
    const std::uint32_t reading = end.other->pending.empty() ? EPOLLIN : 0U;
    const std::uint32_t writing = end.pending.empty() ? 0U : EPOLLOUT;
    control(EPOLL_CTL_MOD, end.socket, reading | writing, &end);
  }

  void finish(Pair& pair) {
    pair.over = true;
    close(pair.client.socket);
    close(pair.api.socket);
    over_.push_back(&pair);
  }

  sockaddr_in upstream_;
  int epoll_;
  int listener_ = -1;
  std::array<char, buffer_bytes> buffer_{};
  std::vector<Pair*> over_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) {
    std::fprintf(stderr, "usage: bench_relay PORT UPSTREAM_PORT\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::make_unique<Relay>(arguments[1], arguments[2])->run();
}
