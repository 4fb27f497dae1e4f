#include "tests/support/raw_client.hpp"

#include <algorithm>
#include <charconv>

namespace ifmatch::support {
namespace {

bool usually_has_body(std::string_view method) {
  return method == "PUT" || method == "POST" || method == "PATCH";
}

std::uint64_t parse_length(const std::string& text) {
  std::uint64_t length = 0;
  const char* const last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), last, length);
  if (error != std::errc{} || stop != last) throw SupportError("Content-Length: " + text);
  return length;
}

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

std::string Response::field(std::string_view name) const {
  return find_field(fields, name).value_or("");
}

bool Response::has(std::string_view name) const {
  return find_field(fields, name).has_value();
}

RawClient RawClient::connect(std::uint16_t port) {
  return on(Socket::connect(port), port);
}

RawClient RawClient::connect_narrow(std::uint16_t port) {
  return on(Socket::connect_narrow(port), port);
}

RawClient RawClient::on(Socket socket, std::uint16_t port) {
  auto connection = std::make_unique<Connection>();
  connection->socket = std::move(socket);
  connection->port = port;
  return RawClient(std::move(connection));
}

void RawClient::send(std::string_view octets) {
  if (!try_send(octets)) throw SupportError("the peer closed while a request was being sent");
}

bool RawClient::try_send(std::string_view octets) {
  return connection_->socket.send_all(octets);
}

std::size_t RawClient::send_some(std::string_view octets) {
  return connection_->socket.send_some(octets);
}

Response RawClient::read_one_head(Deadline deadline) {
  const auto head = connection_->reader.read_head(deadline);
  if (!head) throw SupportError("the connection ended without an answer");
  const std::string& line = head->start_line;
  Response response;
  if (line.size() < 12 || line.compare(0, 5, "HTTP/") != 0 || line[8] != ' ') {
    throw SupportError("a status line that is none: " + line);
  }
  response.version = line.substr(0, 8);
  std::from_chars(line.data() + 9, line.data() + 12, response.status);
  response.fields = head->fields;
  return response;
}

void RawClient::read_body(Response& response, const MessageReader::Sink& sink, Deadline deadline) {
  if (has_no_body(response.status)) return;
  Framing framing = Framing::until_close;
  std::uint64_t length = 0;
  if (same_name(response.field("Transfer-Encoding"), "chunked")) {
    framing = Framing::chunked;
  } else if (response.has("Content-Length")) {
    framing = Framing::content_length;
    length = parse_length(response.field("Content-Length"));
  }
  const auto count_and_hand_on = [&](std::string_view piece) {
    response.body_bytes += piece.size();
    sink(piece);
  };
  response.truncated =
      connection_->reader.read_body(framing, length, count_and_hand_on, response.trailers,
                                    deadline) == MessageReader::BodyEnd::truncated;
}

Response RawClient::read_response(Body body, Milliseconds wait) {
  const Deadline deadline(wait);
  std::vector<int> interim;
  Response response = read_one_head(deadline);
  while (response.status < 200 && response.status != 101) {
    interim.push_back(response.status);
    response = read_one_head(deadline);
  }
  response.interim = std::move(interim);
  if (body == Body::as_framed) {
    std::string kept;
    read_body(
        response, [&kept](std::string_view piece) { kept += piece; }, deadline);
    response.body = std::move(kept);
  }
  return response;
}

Response RawClient::read_response_into(const MessageReader::Sink& sink, Milliseconds wait) {
  const Deadline deadline(wait);
  Response response = read_one_head(deadline);
  read_body(response, sink, deadline);
  return response;
}

int RawClient::read_interim() {
  const Response response = read_one_head(Deadline{});
  if (response.status >= 200) {
    throw SupportError("a final answer came at once: " + std::to_string(response.status));
  }
  return response.status;
}

bool RawClient::hears_within(Milliseconds wait) const {
  pollfd waiting{connection_->socket.descriptor(), POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(wait.count())) > 0;
}

Head RawClient::read_head() {
  std::optional<Head> head = connection_->reader.read_head(Deadline{});
  if (!head) throw SupportError("the connection ended without an answer");
  return std::move(*head);
}

std::string RawClient::read_octets(std::size_t count) {
  std::string octets;
  Fields none;
  const auto end = connection_->reader.read_body(
      Framing::content_length, count, [&octets](std::string_view piece) { octets += piece; },
      none, Deadline{});
  if (end != MessageReader::BodyEnd::complete) throw SupportError("the connection ended early");
  return octets;
}

std::string RawClient::compose(std::string_view method, std::string_view target,
                               const Fields& fields, std::string_view body) const {
  std::string octets = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n";
  if (!find_field(fields, "Host")) {
    octets += "Host: 127.0.0.1:" + std::to_string(connection_->port) + "\r\n";
  }
  for (const auto& [name, value] : fields) octets += name + ": " + value + "\r\n";
  const bool framed =
      find_field(fields, "Content-Length") || find_field(fields, "Transfer-Encoding");
  if (!framed && (!body.empty() || usually_has_body(method))) {
    octets += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  octets += "\r\n";
  octets += body;
  return octets;
}

Response RawClient::request(std::string_view method, std::string_view target, const Fields& fields,
                            std::string_view body) {
  // A refusal may come, and the connection close, before a large body has been sent.
  static_cast<void>(try_send(compose(method, target, fields, body)));
  return read_response(method == "HEAD" ? Body::none : Body::as_framed);
}

bool RawClient::expect_closed(Milliseconds wait) {
  return connection_->reader.reaches_end(Deadline(wait));
}

bool RawClient::stays_silent(Milliseconds wait) {
  std::string octets;
  return connection_->reader.rest().empty() &&
         connection_->socket.receive(octets, 1, Deadline(wait)) == Socket::Received::timeout;
}

Response request_once(std::uint16_t port, std::string_view method, std::string_view target,
                      const Fields& fields, std::string_view body) {
  return RawClient::connect(port).request(method, target, fields, body);
}

}  // namespace ifmatch::support
