#include "proxy/admin/admin_server.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <charconv>
#include <csignal>
#include <list>
#include <stdexcept>
#include <thread>

#include "proxy/http/framing.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/http/problem.hpp"
#include "proxy/net/asio.hpp"
#include "proxy/net/connection.hpp"
#include "proxy/net/message_reader.hpp"

namespace ifmatch::admin {
namespace {

namespace asio = net::asio;
using net::error_code;
using net::Instant;
using net::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;
using RequestReader = net::MessageReader<http::RequestHead>;

// Scrapers, probes and people: few, and never long on the line.
constexpr std::size_t connections_max = 64;
// From here on each newcomer takes the place of somebody who says nothing.
constexpr std::size_t connections_many = 48;
constexpr int backlog = 64;
constexpr milliseconds header_time{5'000};
constexpr seconds idle_time{30};
constexpr milliseconds write_time{10'000};
constexpr seconds linger_time{1};
// A reload reads files, and may wait for one before it.
constexpr seconds reload_time{60};
constexpr milliseconds accept_pause{100};
constexpr net::MessageLimits limits{
    .header_bytes = 16 * 1024, .header_fields = 64, .target_bytes = 1024};
// No request here needs content; some clients send some with every POST.
constexpr std::uint64_t content_octets_max = 16 * 1024;

net::tcp::endpoint endpoint_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const char* const end = address.data() + address.size();
  const auto parsed = std::from_chars(address.data() + colon + 1, end, port);
  error_code failure;
  const asio::ip::address numeric = asio::ip::make_address(host, failure);
  if (failure || parsed.ec != std::errc() || parsed.ptr != end) {
    throw std::runtime_error("the admin address '" + address + "' is not HOST:PORT");
  }
  return {numeric, port};
}

std::string to_text(const net::tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + host + "]:" + port : host + ":" + port;
}

Reply reply_to_broken(net::ReadError error) {
  switch (error) {
    case net::ReadError::timeout:
      return problem(408, "timeout", "The request did not arrive in time", "");
    case net::ReadError::target_too_long:
      return problem(414, "target-too-long", "The target is too long", "");
    case net::ReadError::fields_too_large:
      return problem(431, "fields-too-large", "The header section is too large", "");
    case net::ReadError::version:
      return problem(505, "version", "Only HTTP/1.0 and HTTP/1.1 are spoken here", "");
    default: return problem(400, "bad-request", "This is no request", "");
  }
}

enum class Connected : std::uint8_t { keep, close };

std::string octets_of(const Reply& reply, const http::RequestHead& head, Connected connected) {
  std::string octets = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  octets += http::reason_phrase(reply.status);
  octets += "\r\nDate: " + http::http_date(std::chrono::system_clock::now());
  octets += "\r\nContent-Type: ";
  octets += reply.media_type;
  octets += "\r\nContent-Length: " + std::to_string(reply.content.size());
  octets += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : reply.fields) {
    octets.append(name).append(": ").append(value).append("\r\n");
  }
  if (connected == Connected::close) {
    octets += "Connection: close\r\n";
  } else if (head.minor_version == 0) {
    octets += "Connection: keep-alive\r\n";
  }
  octets += "\r\n";
  if (head.method != "HEAD") octets += reply.content;
  return octets;
}

}  // namespace

class AdminServer::Body {
 public:
  Body(const std::string& address, const Api& api, net::Control& control)
      : api_(api), control_(control), acceptor_(io_.get_executor()) {
    net::tcp::endpoint endpoint = endpoint_of(address);
    try {
      acceptor_.open(endpoint.protocol());
      acceptor_.set_option(net::tcp::acceptor::reuse_address(true));
      if (endpoint.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(true));
      acceptor_.bind(endpoint);
      acceptor_.listen(backlog);
      address_ = to_text(acceptor_.local_endpoint());
    } catch (const boost::system::system_error& error) {
      throw std::runtime_error("cannot listen on the admin address " + address + ": " +
                               error.code().message());
    }
  }

  ~Body() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  const std::string& address() const { return address_; }

  void start() {
    net::spawn(io_, sweep_for_ever());
    net::spawn(io_, accept_for_ever());
    // Signals are for the threads that wait for them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

 private:
  // Who is to say something; nobody: it was shown out.
  enum class Turn : std::uint8_t { theirs, ours, nobodys };

  // One connection, as long as it is served.
  struct Guest {
    Guest(std::list<Guest*>& guests, net::Socket socket, net::Sweeper& sweeper)
        : all(guests), client(std::move(socket), sweeper), at(all.insert(all.end(), this)) {}
    ~Guest() { all.erase(at); }
    Guest(const Guest&) = delete;
    Guest& operator=(const Guest&) = delete;

    std::list<Guest*>& all;
    net::Connection client;
    std::list<Guest*>::iterator at;
    Turn turn = Turn::theirs;
  };

  // While a guest waits for its answer, and takes it.
  struct Answering {
    explicit Answering(Guest& guest) : of(guest) {
      if (of.turn == Turn::theirs) of.turn = Turn::ours;
    }
    ~Answering() {
      if (of.turn == Turn::ours) of.turn = Turn::theirs;
    }
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;

    Guest& of;
  };

  void run() {
    for (;;) {
      try {
        io_.run();
        return;
      } catch (const std::exception& error) {
        // Nobody's traffic depends on this thread.
        spdlog::error("admin: {}", error.what());
      }
    }
  }

  Task<void> sweep_for_ever() {
    net::Timer timer(io_.get_executor());
    for (;;) {
      timer.expires_after(net::sweep_interval);
      auto [stopped] = co_await timer.async_wait(net::as_tuple);
      if (stopped) co_return;
      sweeper_.sweep(net::Clock::now());
    }
  }

  Task<void> accept_for_ever() {
    net::Timer pause(io_.get_executor());
    for (;;) {
      if (connections_ < connections_max) {
        net::Socket socket(io_.get_executor());
        auto [failure] = co_await acceptor_.async_accept(socket, net::as_tuple);
        if (failure == asio::error::operation_aborted) co_return;
        if (!failure) {
          ++connections_;
          net::spawn(io_, serve(std::move(socket)), [this](const std::exception_ptr& thrown) {
            --connections_;
            log(thrown);
          });
          make_room();
          continue;
        }
      }
      pause.expires_after(accept_pause);
      co_await pause.async_wait(net::as_tuple);
    }
  }

  // Whoever asks whether we live must not wait behind those who ask nothing: of them the one goes
  // that is here for longest.
  void make_room() {
    if (guests_.size() < connections_many) return;
    const auto silent = std::ranges::find_if(
        guests_, [](const Guest* guest) { return guest->turn == Turn::theirs; });
    if (silent == guests_.end()) return;
    (*silent)->turn = Turn::nobodys;
    (*silent)->client.reset();
  }

  static void log(const std::exception_ptr& thrown) {
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      spdlog::error("admin: a request ended by an exception: {}", error.what());
    }
  }

  Task<void> serve(net::Socket socket) {
    Guest guest(guests_, std::move(socket), sweeper_);
    net::Connection& client = guest.client;
    Connected connected = Connected::keep;
    while (connected == Connected::keep) connected = co_await serve_one(guest);
    // What the client still sends is discarded for a moment, or a reset would take its answer away.
    client.finish_writing();
    const Instant deadline = client.after(linger_time);
    error_code failure;
    while (!failure) {
      client.input.consume(client.input.readable().size());
      failure = co_await client.read(limits.header_bytes, deadline);
    }
  }

  Task<Connected> serve_one(Guest& guest) {
    net::Connection& client = guest.client;
    http::RequestHead head;
    RequestReader reader(client, limits);
    const net::ReadError error =
        co_await reader.read_head(head, client.after(idle_time), header_time);
    const bool nobody = error == net::ReadError::closed || error == net::ReadError::truncated ||
                        (error == net::ReadError::timeout && !reader.begun());
    if (nobody) co_return Connected::close;
    if (error != net::ReadError::none) {
      co_return co_await send(client, reply_to_broken(error), head, Connected::close);
    }
    const http::Checked<http::RequestShape> shape = http::check_request(head);
    if (shape.has_error()) {
      co_return co_await send(client, reply_to_broken(net::ReadError::malformed), head,
                              Connected::close);
    }
    Connected connected = shape->keep_alive ? Connected::keep : Connected::close;
    const Asked asked{.head = head,
                      .host = shape->target.host,
                      .path = shape->target.path(),
                      .query = shape->target.query()};
    Answer answer = api_.answer(asked);
    const bool whole = co_await drop_content(client, reader);
    if (!whole) connected = Connected::close;
    const Answering answering(guest);
    if (answer.order == Order::reload) {
      const net::ReloadOutcome outcome = co_await reload();
      answer.reply = Api::reloaded(outcome, asked);
    }
    co_return co_await send(client, answer.reply, head, connected);
  }

  // Whether all of it came, and was not too much.
  Task<bool> drop_content(net::Connection& client, RequestReader& reader) {
    std::uint64_t size = 0;
    const Instant deadline = client.after(header_time);
    while (!reader.done()) {
      const net::ReadError error = co_await reader.read_content(deadline);
      if (error != net::ReadError::none) co_return false;
      for (const std::string_view piece : reader.pieces()) size += piece.size();
      if (size > content_octets_max) co_return false;
    }
    co_return true;
  }

  Task<Connected> send(net::Connection& client, const Reply& reply, const http::RequestHead& head,
                       Connected connected) {
    const std::string octets = octets_of(reply, head, connected);
    asio::const_buffer buffer(octets.data(), octets.size());
    const error_code failure =
        co_await client.write({&buffer, 1}, write_time, client.after(write_time));
    co_return failure ? Connected::close : connected;
  }

  // Where one reload is waited for; it may be told after nobody waits any more.
  struct Waiting {
    explicit Waiting(asio::io_context& io) : bell(io.get_executor()) {}
    net::Timer bell;
    std::optional<net::ReloadOutcome> outcome;
  };

  Task<net::ReloadOutcome> reload() {
    const auto waiting = std::make_shared<Waiting>(io_);
    waiting->bell.expires_after(reload_time);
    control_.reload([waiting, &io = io_](const net::ReloadOutcome& outcome) {
      asio::post(io, [waiting, outcome] {
        waiting->outcome = outcome;
        waiting->bell.cancel();
      });
    });
    co_await waiting->bell.async_wait(net::as_tuple);
    if (waiting->outcome) co_return *waiting->outcome;
    co_return net::ReloadOutcome{net::Applied::no, "The reload is not done yet."};
  }

  const Api& api_;
  net::Control& control_;
  // Both outlive what the context still holds at its end.
  net::Sweeper sweeper_;
  std::list<Guest*> guests_;  // in the order in which they came
  asio::io_context io_{1};
  net::Acceptor acceptor_;
  std::string address_;
  std::size_t connections_ = 0;
  std::thread thread_;
};

AdminServer::AdminServer(const std::string& address, const Api& api, net::Control& control)
    : body_(std::make_unique<Body>(address, api, control)) {}
AdminServer::~AdminServer() = default;
const std::string& AdminServer::address() const { return body_->address(); }
void AdminServer::start() { body_->start(); }

}  // namespace ifmatch::admin
