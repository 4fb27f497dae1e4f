#include "tests/support/world/api.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ifmatch::world {
namespace {

// Short enough to lie within the content of every document.
constexpr std::size_t last_part = 2;

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

std::string hexadecimal(std::size_t number) {
  std::array<char, 17> text{};
  const int size = std::snprintf(text.data(), text.size(), "%zx", number);
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string framed(const Document& shown, int status, const Manner& manner, bool bodiless) {
  std::string octets = "HTTP/1.1 " + std::to_string(status) + " Status\r\n";
  if (manner.closing || manner.framing == Framing::until_close) octets += "Connection: close\r\n";
  if (status == 204) return octets + "\r\n";
  if (!shown.type.empty()) octets += "Content-Type: " + shown.type + "\r\n";
  const std::size_t size = shown.content.size();
  switch (manner.framing) {
    case Framing::length: octets += "Content-Length: " + std::to_string(size) + "\r\n\r\n"; break;
    case Framing::chunked: octets += "Transfer-Encoding: chunked\r\n\r\n"; break;
    case Framing::until_close: octets += "\r\n"; break;
  }
  if (bodiless) return octets;
  if (manner.framing != Framing::chunked) return octets + shown.content;
  // Two chunks, so that there is something between them.
  const std::size_t half = size / 2;
  for (const std::string& part : {shown.content.substr(0, half), shown.content.substr(half)}) {
    if (!part.empty()) octets += hexadecimal(part.size()) + "\r\n" + part + "\r\n";
  }
  return octets + "0\r\n\r\n";
}

}  // namespace

// Those that the registry of methods calls safe (RFC 9110 section 16.1.1).
bool is_unsafe(std::string_view method) {
  constexpr std::array<std::string_view, 7> safe = {"GET",    "HEAD",   "OPTIONS", "PROPFIND",
                                                    "REPORT", "SEARCH", "QUERY"};
  return std::ranges::find(safe, method) == safe.end();
}

const Document* Api::find(std::string_view target) const {
  const auto found = documents_.find(path_of(target));
  return found == documents_.end() ? nullptr : &found->second;
}

void Api::accept(std::shared_ptr<shim::Stream> stream) {
  lines_.push_back(std::make_unique<Line>());
  lines_.back()->stream = std::move(stream);
}

bool Api::act(shim::Instant now) {
  bool acted = false;
  for (std::size_t index = 0; index < lines_.size(); ++index) {
    Line& line = *lines_[index];
    const std::string arrived = line.stream->take();
    if (!arrived.empty()) {
      acted = true;
      line.input += arrived;
    }
    while (!line.broken && !line.input.empty()) {
      shim::StrictMessage request;
      const shim::Reading reading = shim::read_request(line.input, request);
      if (reading == shim::Reading::incomplete) break;
      if (reading == shim::Reading::malformed) {
        malformed_.push_back(line.input);
        line.broken = true;
        line.stream->break_off();
        break;
      }
      acted = true;
      const std::size_t octets = request.octets;
      serve(index, std::move(request), now);
      line.input.erase(0, octets);
      line.consumed += octets;
    }
    // Whoever is told of an end ends, too.
    if (line.stream->peer_finished()) line.stream->finish();
  }
  for (auto due = due_.begin(); due != due_.end();) {
    if (due->at > now) {
      ++due;
      continue;
    }
    acted = true;
    Line& line = *lines_[due->line];
    Arrival& arrival = *due->arrival;
    const std::size_t start = due->octets.rfind("HTTP/1.1 ");
    if (start != std::string::npos) {
      arrival.head_ends = line.said.size() + due->octets.find("\r\n\r\n", start) + 4;
    }
    line.said += due->octets;
    arrival.answer += due->octets;
    if (due->last) arrival.answer_ends = line.said.size();
    line.stream->say(due->octets);
    if (due->last && due->closes) line.stream->finish();
    due = due_.erase(due);
  }
  return acted;
}

void Api::serve(std::size_t index, shim::StrictMessage request, shim::Instant now) {
  Line& line = *lines_[index];
  arrivals_.push_back(std::make_unique<Arrival>());
  Arrival& arrival = *arrivals_.back();
  arrival.stream = line.stream;
  arrival.begins = line.consumed;
  arrival.request = std::move(request);
  const Manner how = manner ? manner(arrival.request) : Manner{};
  Document shown;
  arrival.status = how.status != 0 ? how.status : apply(arrival.request, shown, arrival);
  arrival.until_close = how.framing == Framing::until_close;
  std::string octets = how.interim ? "HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n" : "";
  octets += how.octets.empty()
                ? framed(shown, arrival.status, how, arrival.request.method() == "HEAD")
                : how.octets;
  const bool closes = how.closing || arrival.until_close;
  shim::Instant at = now + how.after;
  if (how.in_parts && octets.size() > last_part && octets.substr(octets.size() - 4) != "\r\n\r\n") {
    const std::size_t first = octets.size() - last_part;
    due_.push_back({at, index, &arrival, octets.substr(0, first), closes, false});
    octets.erase(0, first);
    at += std::chrono::milliseconds(100);
  }
  due_.push_back({at, index, &arrival, std::move(octets), closes, true});
}

int Api::apply(const shim::StrictMessage& request, Document& shown, Arrival& arrival) {
  const std::string path(path_of(request.target()));
  const std::string_view method = request.method();
  const auto found = documents_.find(path);
  shown.type = "text/plain";
  if (!is_unsafe(method)) {
    shown.content = "nothing there";
    if (found == documents_.end()) return 404;
    shown = found->second;
    return 200;
  }
  if (before_applying) before_applying(request);
  arrival.applied = true;
  if (method == "DELETE") {
    if (found != documents_.end()) documents_.erase(found);
    return 204;
  }
  shown.content = "done";
  Document written{std::string(request.field("content-type")), request.content};
  if (method == "POST") {
    documents_[path + "/" + std::to_string(++created_)] = std::move(written);
    return 201;
  }
  const bool existed = found != documents_.end();
  if (method == "PATCH" && existed) written.content = found->second.content + written.content;
  documents_[path] = std::move(written);
  return existed ? 200 : 201;
}

const std::string& Api::said_on(const Arrival& arrival) const {
  return (*std::ranges::find(lines_, arrival.stream, &Line::stream))->said;
}

std::vector<std::string> Api::leftovers() const {
  std::vector<std::string> parts;
  for (const std::unique_ptr<Line>& line : lines_) {
    if (!line->input.empty()) parts.push_back(line->input);
  }
  return parts;
}

}  // namespace ifmatch::world
