#include "tests/integration/torture/faulty_upstream.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "tests/integration/torture/control.hpp"

namespace ifmatch::torture {
namespace {

using support::Clock;
using support::Deadline;
using support::Fields;
using support::Framing;
using support::MessageReader;
using support::Milliseconds;
using support::Socket;
using support::SupportError;
using support::system_error;

constexpr int backlog = 512;
constexpr Milliseconds idle_max{60'000};
constexpr Milliseconds look_every{10};
// Few enough that a hot document is not in quarantine all the time.
constexpr double write_mishap_chance = 0.02;
constexpr double read_mishap_chance = 0.01;

// In the order of the enumeration.
constexpr std::array<std::string_view, 11> mishap_names{
    "",
    "write: reset in the middle of the request",
    "write: dropped unapplied",
    "write: dropped after applying",
    "write: reset, applied later",
    "write: applied late",
    "write: answered late",
    "write: 503 though applied",
    "write: 503 or 202, applied later",
    "write: 500 though applied",
    "write: reset in the middle of the answer",
};
constexpr std::array<Mishap, 3> read_mishaps{Mishap::reset_in_answer, Mishap::dropped_unapplied,
                                             Mishap::answered_late};
constexpr std::array<std::string_view, 3> read_mishap_names{
    "read: reset in the middle of the answer", "read: dropped", "read: answered late"};

constexpr std::string_view straggler = "write: lands when nobody waits for it";

// The driver keeps the number reserved while nobody listens, also against outgoing connections.
Socket listen_on(std::uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) throw system_error("socket");
  const int on = 1;
  ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = support::loopback(port);
  if (::bind(socket.descriptor(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw system_error("bind");
  if (::listen(socket.descriptor(), backlog) != 0) throw system_error("listen");
  return socket;
}

void rest_for(Milliseconds time) {
  ::poll(nullptr, 0, static_cast<int>(time.count()));
}

}  // namespace

std::vector<std::string> expected_mishaps() {
  std::vector<std::string> names(mishap_names.begin() + 1, mishap_names.end());
  names.insert(names.end(), read_mishap_names.begin(), read_mishap_names.end());
  names.emplace_back(straggler);
  return names;
}

struct FaultyUpstream::Request {
  std::string method;
  std::string path;
  Fields fields;
  std::string content;
  std::uint64_t length = 0;

  [[nodiscard]] std::uint64_t number(std::string_view field) const {
    return number_in("\"n\":" + support::find_field(fields, field).value_or("0") + "}", "n")
        .value_or(no_write);
  }
};

struct FaultyUpstream::Reply {
  int status = 200;
  std::string content;
  std::string location;

  [[nodiscard]] std::string octets() const {
    std::string text = "HTTP/1.1 " + std::to_string(status) + " Said\r\n";
    if (!location.empty()) text += "Location: " + location + "\r\n";
    if (status == 204) return text + "\r\n";
    if (!content.empty()) text += "Content-Type: application/json\r\n";
    if (status == 202 || status == 503) text += "Connection: close\r\n";
    return text + "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" + content;
  }
};

class FaultyUpstream::Connection {
 public:
  Connection(Socket connected, Instant alive) : socket(std::move(connected)), alive_(alive) {}

  // Whether the peer is there. Its leaving shows also while octets of it wait to be read.
  bool look() {
    if (!socket.is_open()) return false;
    const Instant now = Clock::now();
    pollfd state{socket.descriptor(), POLLRDHUP, 0};
    ::poll(&state, 1, 0);
    if ((state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) return false;
    alive_ = now;
    return true;
  }
  [[nodiscard]] Instant alive() const { return alive_; }
  // False when the peer is gone.
  [[nodiscard]] bool answer(const Reply& reply) { return socket.send_all(reply.octets()); }
  [[nodiscard]] bool answer_half(const Reply& reply) {
    const std::string octets = reply.octets();
    static_cast<void>(socket.send_all(octets.substr(0, octets.size() - reply.content.size() / 2)));
    // Time for what was sent to be read: a reset discards what still waits at the peer.
    rest_for(look_every);
    socket.reset();
    return false;
  }

  Socket socket;
  MessageReader reader{socket};

 private:
  Instant alive_;  // when the peer was last seen there
};

FaultyUpstream::FaultyUpstream(const Options& options)
    : options_(options),
      listener_(listen_on(options.port)),
      chance_(options.seed),
      journal_(options.journal, landscape_),
      state_(landscape_),
      made_by_(landscape_.size()) {
  const JournalText before = read_journal(options.journal, landscape_);
  for (const AppliedWrite& write : before.applied) {
    static_cast<void>(state_.apply(write.method, write.resource, write.id));
    made_by_[write.resource] = write;
  }
  for (const auto& [name, times] : before.mishaps) {
    (name.starts_with("write") ? write_mishaps_ : read_mishaps_) += static_cast<unsigned>(times);
  }
}

void FaultyUpstream::serve() {
  // A connection that waits in the queue when it was seen empty last has arrived after that.
  Instant queue_empty = Clock::now();
  for (;;) {
    const bool stall = Clock::now() < stalled_until_.load();
    if (stall) {
      rest_for(look_every);
      continue;
    }
    const Instant now = Clock::now();
    const int peer =
        ::accept4(listener_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer >= 0) {
      std::thread([this, peer, queue_empty] {
        serve_connection(Socket(peer), queue_empty);
      }).detach();
      continue;
    }
    queue_empty = now;
    pollfd waiting{listener_.descriptor(), POLLIN, 0};
    ::poll(&waiting, 1, static_cast<int>(look_every.count()));
  }
}

void FaultyUpstream::obey_signals() {
  sigset_t signals;
  ::sigfillset(&signals);
  for (;;) {
    siginfo_t what{};
    const int number = ::sigwaitinfo(&signals, &what);
    const Milliseconds time(what.si_value.sival_int);
    if (number == SIGTERM) ::_exit(0);
    if (number == calm_signal) calm_ = true;
    if (number == linger_signal()) lingers_until_ = Clock::now() + time;
    if (number == freeze_signal) {
      const std::lock_guard nobody_applies(mutex_);
      ::kill(::getpid(), SIGSTOP);
    }
    if (number == stall_signal()) {
      stalled_until_ = Clock::now() + time;
      ::listen(listener_.descriptor(), 1);
      rest_for(time);
      ::listen(listener_.descriptor(), backlog);
    }
  }
}

void FaultyUpstream::serve_connection(Socket socket, Instant alive) {
  try {
    Connection connection(std::move(socket), alive);
    while (serve_request(connection)) {
    }
  } catch (const SupportError&) {
    // A message that was broken off, or a silent peer.
  }
}

bool FaultyUpstream::serve_request(Connection& connection) {
  connection.look();
  const auto head = connection.reader.read_head(Deadline(idle_max));
  if (!head) return false;
  connection.look();
  Request request;
  const std::string& line = head->start_line;
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  request.method = line.substr(0, first);
  request.path = line.substr(first + 1, second - first - 1);
  request.fields = head->fields;
  request.length = request.number("Content-Length");
  if (request.method == "GET") return serve_read(connection, request);

  const Mishap mishap = next_write_mishap();
  const bool broken = mishap == Mishap::reset_in_request;
  Fields trailers;
  const auto end = connection.reader.read_body(
      Framing::content_length, broken ? request.length / 2 : request.length,
      [&request](std::string_view piece) { request.content += piece; }, trailers,
      Deadline(idle_max));
  if (broken) connection.socket.reset();
  if (broken || end == MessageReader::BodyEnd::truncated) return false;
  return serve_write(connection, request, mishap);
}

bool FaultyUpstream::serve_read(Connection& connection, const Request& request) {
  const Mishap mishap = next_read_mishap();
  if (!wait(connection, between(0, 3))) return false;
  if (mishap == Mishap::dropped_unapplied) return false;
  const Reply reply = show(request);
  if (mishap == Mishap::reset_in_answer) return connection.answer_half(reply);
  if (mishap == Mishap::answered_late && !wait(connection, between(600, 900))) return false;
  return connection.answer(reply);
}

bool FaultyUpstream::serve_write(Connection& connection, Request& request, Mishap mishap) {
  if (mishap == Mishap::dropped_unapplied) return false;
  std::optional<Instant> left_alone;
  if (mishap == Mishap::dropped_then_late) {
    left_alone = Clock::now();
    connection.socket.reset();
    static_cast<void>(wait(connection, between(200, 700)));
  } else if (mishap == Mishap::doubtful_then_late) {
    Reply doubtful;
    // Only a guarded write may be answered 202 and still be in doubt.
    doubtful.status = request.method == "POST" || between(0, 1).count() == 0 ? 503 : 202;
    left_alone = Clock::now();
    static_cast<void>(connection.answer(doubtful));
    static_cast<void>(wait(connection, between(200, 700)));
  } else if (mishap == Mishap::applied_late) {
    static_cast<void>(wait(connection, between(550, 1250)));
  } else {
    const bool lingers = Clock::now() < lingers_until_.load();
    static_cast<void>(wait(connection, lingers ? between(450, 700) : between(0, 4)));
  }
  const std::optional<Reply> reply = apply(connection, request, left_alone);
  if (!reply || left_alone || mishap == Mishap::dropped_applied) return false;
  if (mishap == Mishap::reset_in_answer) return connection.answer_half(*reply);
  if (mishap == Mishap::answered_late && !wait(connection, between(600, 900))) return false;
  Reply said = *reply;
  if (said.status < 300 && mishap == Mishap::doubtful_applied) said.status = 503;
  if (said.status < 300 && mishap == Mishap::error_applied) said.status = 500;
  return connection.answer(said) && said.status != 503;
}

// Looks at the peer all the while. False when it has left.
bool FaultyUpstream::wait(Connection& connection, Milliseconds time) {
  const Instant due = Clock::now() + time;
  for (;;) {
    const bool there = connection.look();
    const auto left = std::chrono::ceil<Milliseconds>(due - Clock::now());
    if (left <= Milliseconds{0}) return there;
    rest_for(std::min(left, look_every));
  }
}

Milliseconds FaultyUpstream::between(int least, int most) {
  const std::lock_guard lock(chance_mutex_);
  return Milliseconds(std::uniform_int_distribution<>(least, most)(chance_));
}

Mishap FaultyUpstream::next_write_mishap() {
  if (calm_) return Mishap::none;
  Mishap mishap = Mishap::none;
  {
    const std::lock_guard lock(chance_mutex_);
    if (std::uniform_real_distribution<>(0, 1)(chance_) >= write_mishap_chance) return mishap;
    mishap = static_cast<Mishap>(1 + write_mishaps_++ % (mishap_names.size() - 1));
  }
  note(mishap_names[static_cast<std::size_t>(mishap)]);
  return mishap;
}

Mishap FaultyUpstream::next_read_mishap() {
  if (calm_) return Mishap::none;
  std::size_t turn = 0;
  {
    const std::lock_guard lock(chance_mutex_);
    if (std::uniform_real_distribution<>(0, 1)(chance_) >= read_mishap_chance) return Mishap::none;
    turn = read_mishaps_++ % read_mishaps.size();
  }
  note(read_mishap_names[turn]);
  return read_mishaps[turn];
}

void FaultyUpstream::note(std::string_view mishap) {
  const std::lock_guard lock(mutex_);
  journal_.add_mishap(mishap);
}

FaultyUpstream::Reply FaultyUpstream::show(const Request& request) {
  const auto resource = landscape_.find(request.path);
  const std::lock_guard lock(mutex_);
  if (!resource || !state_.exists(*resource)) return {.status = 404, .content = {}, .location = {}};
  Reply reply;
  if (landscape_[*resource].kind == Kind::collection) {
    reply.content = "{\"id\":" + std::to_string(state_.current(*resource)) + ",\"members\":[";
    const std::size_t first = landscape_.first_member(*resource);
    for (std::size_t member = first; member < first + Landscape::members_max; ++member) {
      if (state_.exists(member)) reply.content += "\"" + landscape_[member].path + "\",";
    }
    reply.content += "null]}";
  } else {
    const AppliedWrite& made_by = made_by_[*resource];
    reply.content = content_of(made_by.id, made_by.base, made_by.padding);
  }
  return reply;
}

std::optional<FaultyUpstream::Reply> FaultyUpstream::apply(Connection& connection,
                                                           const Request& request,
                                                           std::optional<Instant> left_alone) {
  const std::lock_guard lock(mutex_);
  const bool waited_for = !left_alone && connection.look();
  if (!waited_for && Clock::now() - left_alone.value_or(connection.alive()) > options_.latest) {
    journal_.add_mishap("write: too late, left out");
    return std::nullopt;
  }
  if (!waited_for) journal_.add_mishap(straggler);
  return change(request);
}

FaultyUpstream::Reply FaultyUpstream::change(const Request& request) {
  Reply reply;
  const auto method = method_named(request.method);
  const auto target = landscape_.find(request.path);
  if (!method || !target) return {.status = 405, .content = {}, .location = {}};
  AppliedWrite write;
  write.method = *method;
  write.resource = *target;
  write.id = request.number("X-Write");
  write.base = request.number("X-Based-On");
  if (*method != Method::remove) {
    write.id = number_in(request.content, "id").value_or(no_write);
    write.base = number_in(request.content, "base").value_or(no_write);
    const std::size_t least = content_of(write.id, write.base, 0).size();
    if (request.content.size() >= least) write.padding = request.content.size() - least;
    if (request.content != content_of(write.id, write.base, write.padding)) {
      journal_.add_mishap("garbled content");
      return {.status = 400, .content = {}, .location = {}};
    }
  }
  if (*method == Method::post) {
    const auto place = state_.free_member(*target);
    if (landscape_[*target].kind != Kind::collection || !place) {
      return {.status = 409, .content = {}, .location = {}};
    }
    write.resource = *place;
    reply.location = landscape_[*place].path;
  }
  const bool existed = state_.exists(write.resource);
  if (!existed && (*method == Method::remove || *method == Method::patch)) {
    return {.status = 404, .content = {}, .location = {}};
  }
  write.overwritten = state_.current(write.resource);
  write.at = Clock::now();
  journal_.add(write);
  static_cast<void>(state_.apply(*method, write.resource, write.id));
  made_by_[write.resource] = write;
  reply.status = *method == Method::remove ? 204 : existed ? 200 : 201;
  if (*method != Method::remove) reply.content = request.content;
  return reply;
}

}  // namespace ifmatch::torture
