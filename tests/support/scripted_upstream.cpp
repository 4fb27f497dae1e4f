#include "tests/support/scripted_upstream.hpp"

#include <algorithm>
#include <charconv>

namespace ifmatch::support {
namespace {

constexpr Milliseconds body_patience{120'000};  // a gigabyte may take its time
constexpr std::size_t generated_piece_bytes = 64 * 1024;

bool is_without_body(const Request& request, int status) {
  return request.method == "HEAD" || status < 200 || status == 204 || status == 304;
}

std::string status_line(int status) {
  return "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
}

std::string chunk(std::string_view octets) {
  char size[20];
  const auto end = std::to_chars(size, size + sizeof size, octets.size(), 16).ptr;
  return std::string(size, end) + "\r\n" + std::string(octets) + "\r\n";
}

std::string compose_head(const Request& request, const Reply& reply) {
  std::string head = status_line(reply.status);
  for (const auto& [name, value] : reply.fields) head += name + ": " + value + "\r\n";
  const bool framed = find_field(reply.fields, "Content-Length").has_value() ||
                      find_field(reply.fields, "Transfer-Encoding").has_value();
  const std::uint64_t length =
      reply.generated_bytes > 0 ? reply.generated_bytes : reply.body.size();
  if (!framed && reply.framing == Framing::chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!framed && reply.framing == Framing::content_length &&
             (request.method == "HEAD" || !is_without_body(request, reply.status))) {
    head += "Content-Length: " + std::to_string(length) + "\r\n";
  }
  if (reply.close_after || reply.framing == Framing::until_close) head += "Connection: close\r\n";
  return head + "\r\n";
}

}  // namespace

void Hold::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

bool Hold::wait(Deadline deadline) {
  std::unique_lock lock(mutex_);
  held_ = true;
  changed_.notify_all();
  return changed_.wait_until(lock, deadline.at(), [this] { return released_; });
}

bool Hold::wait_until_held(Deadline deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline.at(), [this] { return held_; });
}

ScriptedUpstream::ScriptedUpstream(Behaviour behaviour, Options options)
    : options_(std::move(options)),
      listener_(options_.socket.empty() ? Socket::listen(options_.port, options_.address)
                                        : Socket::listen_at(options_.socket)),
      port_(listener_.local_port()),
      behaviour_(std::move(behaviour)),
      acceptor_([this] { accept_connections(); }) {}

ScriptedUpstream::~ScriptedUpstream() {
  stop();
}

void ScriptedUpstream::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    changed_.notify_all();
  }
  Socket visitor;
  if (options_.socket.empty()) {
    listener_.interrupt();
  } else {
    // Only a visitor wakes whoever waits at a unix socket.
    visitor = Socket::connect_unix(options_.socket);
  }
  acceptor_.join();
  {
    // A connection's own thread closes its socket only under the lock and after `done`.
    const std::lock_guard lock(mutex_);
    for (Connection& connection : connections_) {
      if (!connection.done) connection.socket.interrupt();
    }
  }
  for (Connection& connection : connections_) connection.thread.join();
  connections_.clear();
  listener_.close();
}

void ScriptedUpstream::accept_connections() {
  while (auto socket = listener_.accept()) {
    join_finished();
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    Connection& connection = connections_.emplace_back();
    connection.socket = std::move(*socket);
    connection.number = ++accepted_;
    ++open_;
    changed_.notify_all();
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void ScriptedUpstream::join_finished() {
  std::list<Connection> finished;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = connections_.begin(); it != connections_.end();) {
      const auto next = std::next(it);
      if (it->done) finished.splice(finished.end(), connections_, it);
      it = next;
    }
  }
  for (Connection& connection : finished) connection.thread.join();
}

void ScriptedUpstream::serve(Connection& connection) {
  MessageReader reader(connection.socket);
  try {
    for (;;) {
      std::optional<Reply> early;
      auto request = read_request(connection, reader, early);
      if (!request) break;
      record(*request);
      const bool answered_early = early.has_value();
      Reply reply = answered_early ? std::move(*early) : behaviour()(*request);
      const bool reads_on = reply.reads_on;
      if (answered_early && !reads_on) reply.close_after = true;
      if (answer(connection, *request, std::move(reply)) == Next::close) break;
      if (answered_early && reads_on && !read_body(reader, *request)) break;
    }
  } catch (const SupportError&) {
    // The peer broke off or sent no HTTP; there is nobody left to tell.
  }
  const std::lock_guard lock(mutex_);
  connection.done = true;
  connection.socket.close();
  --open_;
  changed_.notify_all();
}

std::optional<Request> ScriptedUpstream::read_request(Connection& connection, MessageReader& reader,
                                                      std::optional<Reply>& early) {
  const auto head = reader.read_head(Deadline(options_.idle_timeout));
  if (!head) return std::nullopt;
  const std::string& line = head->start_line;
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string::npos || first == last) throw SupportError("no request line: " + line);

  Request request;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  request.version = line.substr(last + 1);
  request.fields = head->fields;
  request.head_bytes = head->octets.size();
  request.connection = connection.number;
  request.received = Clock::now();
  if (options_.early) early = options_.early(request);
  if (early || read_body(reader, request)) return request;
  return std::nullopt;
}

bool ScriptedUpstream::read_body(MessageReader& reader, Request& request) {
  Framing framing = Framing::none;
  std::uint64_t length = 0;
  if (request.has("Transfer-Encoding")) {
    framing = Framing::chunked;
  } else if (request.has("Content-Length")) {
    framing = Framing::content_length;
    length = std::stoull(request.field("Content-Length"));
  }
  const auto keep = [&](std::string_view piece) {
    request.body_bytes += piece.size();
    const std::size_t room = options_.kept_body_bytes - request.body.size();
    request.body += piece.substr(0, room);
  };
  const auto end =
      reader.read_body(framing, length, keep, request.trailers, Deadline(body_patience));
  return end == MessageReader::BodyEnd::complete;
}

ScriptedUpstream::Next ScriptedUpstream::answer(Connection& connection, const Request& request,
                                                Reply reply) {
  for (const int status : reply.interim) {
    if (!connection.socket.send_all(status_line(status) + "\r\n")) return Next::close;
  }
  if (reply.delay.count() > 0 && !pause(reply.delay)) return Next::close;
  if (reply.hold && !wait_for_release(*reply.hold)) return Next::close;
  if (reply.later) return answer(connection, request, reply.later());

  if (reply.mishap == Mishap::close_unanswered) return Next::close;
  if (reply.mishap == Mishap::reset_unanswered) {
    const std::lock_guard lock(mutex_);
    connection.socket.reset();
    return Next::close;
  }
  const bool with_body = !is_without_body(request, reply.status);
  std::string octets = reply.verbatim;
  if (octets.empty()) {
    octets = compose_head(request, reply);
    if (with_body && reply.generated_bytes == 0) {
      if (reply.framing == Framing::chunked) {
        if (!reply.body.empty()) octets += chunk(reply.body);
        octets += "0\r\n\r\n";
      } else {
        octets += reply.body;
      }
    }
  }
  if (reply.mishap == Mishap::truncate) {
    octets.resize(std::min(octets.size(), reply.truncate_after));
    static_cast<void>(send_paced(connection, octets, reply));
    return Next::close;
  }
  if (reply.ends_with_last_octet) {
    static_cast<void>(connection.socket.send_and_end(octets));
    return Next::close;
  }
  if (!send_paced(connection, octets, reply)) return Next::close;
  if (with_body && reply.generated_bytes > 0 && !send_generated(connection, reply)) {
    return Next::close;
  }
  if (!send_afterwards(connection, reply)) return Next::close;
  const bool ends = reply.close_after || reply.framing == Framing::until_close;
  return ends ? Next::close : Next::keep_alive;
}

bool ScriptedUpstream::send_paced(Connection& connection, std::string_view octets,
                                  const Reply& reply) {
  if (reply.piece_bytes == 0) return connection.socket.send_all(octets);
  while (!octets.empty()) {
    const auto piece = octets.substr(0, reply.piece_bytes);
    if (!connection.socket.send_all(piece)) return false;
    octets.remove_prefix(piece.size());
    if (!octets.empty() && !pause(reply.pause)) return false;
  }
  return true;
}

bool ScriptedUpstream::send_generated(Connection& connection, const Reply& reply) {
  const bool chunked = reply.framing == Framing::chunked;
  const std::string piece(generated_piece_bytes, 'x');
  const std::string framed = chunk(piece);
  for (std::uint64_t left = reply.generated_bytes; left > 0;) {
    const auto octets = std::min<std::uint64_t>(left, piece.size());
    const std::string_view part = std::string_view(piece).substr(0, octets);
    const bool whole = octets == piece.size();
    const bool sent = !chunked ? connection.socket.send_all(part, Deadline(body_patience))
                      : whole  ? connection.socket.send_all(framed, Deadline(body_patience))
                               : connection.socket.send_all(chunk(part), Deadline(body_patience));
    if (!sent) return false;
    left -= octets;
  }
  return !chunked || connection.socket.send_all("0\r\n\r\n");
}

bool ScriptedUpstream::send_afterwards(Connection& connection, const Reply& reply) {
  while (!reply.endless.empty()) {
    if (!connection.socket.send_all(reply.endless)) return false;
    if (!pause(reply.pause)) return false;
  }
  if (reply.afterwards && !wait_for_release(*reply.afterwards)) return false;
  const bool sent = connection.socket.send_all(reply.postscript);
  if (reply.finished) reply.finished->release();
  return sent;
}

bool ScriptedUpstream::wait_for_release(Hold& hold) {
  constexpr Milliseconds look_every{50};
  while (!hold.wait(Deadline(look_every))) {
    if (stopping()) return false;
  }
  return true;
}

bool ScriptedUpstream::pause(Milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_until(lock, Clock::now() + duration, [this] { return stopping_; });
}

bool ScriptedUpstream::stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void ScriptedUpstream::behave(Behaviour behaviour) {
  const std::lock_guard lock(mutex_);
  behaviour_ = std::move(behaviour);
}

ScriptedUpstream::Behaviour ScriptedUpstream::behaviour() const {
  const std::lock_guard lock(mutex_);
  return behaviour_;
}

void ScriptedUpstream::record(const Request& request) {
  const std::lock_guard lock(mutex_);
  log_.push_back(request);
  changed_.notify_all();
}

std::vector<Request> ScriptedUpstream::requests() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

std::vector<Request> ScriptedUpstream::requests(std::string_view method) const {
  std::vector<Request> matching = requests();
  std::erase_if(matching, [method](const Request& request) { return request.method != method; });
  return matching;
}

std::size_t ScriptedUpstream::count(std::string_view method) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count(log_, method, &Request::method));
}

std::size_t ScriptedUpstream::writes() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(log_, [](const Request& request) {
    return request.method != "GET" && request.method != "HEAD";
  }));
}

bool ScriptedUpstream::wait_for(std::string_view method, std::size_t count,
                                Deadline deadline) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline.at(), [&] {
    return static_cast<std::size_t>(std::ranges::count(log_, method, &Request::method)) >= count;
  });
}

bool ScriptedUpstream::wait_for_open_connections(int count, Deadline deadline) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline.at(), [&] { return open_ == count; });
}

void ScriptedUpstream::forget() {
  const std::lock_guard lock(mutex_);
  log_.clear();
}

}  // namespace ifmatch::support
