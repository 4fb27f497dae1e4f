#include "tests/support/message_reader.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace ifmatch::support {
namespace {

constexpr std::size_t piece_bytes = 64 * 1024;
constexpr std::size_t head_bytes_max = 1024 * 1024;

}  // namespace

std::pair<std::string, std::string> parse_field(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) {
    throw SupportError("a field line without a colon: " + std::string(line));
  }
  std::string_view value = line.substr(colon + 1);
  const auto first = value.find_first_not_of(" \t");
  const auto last = value.find_last_not_of(" \t");
  value = first == std::string_view::npos ? "" : value.substr(first, last - first + 1);
  return {std::string(line.substr(0, colon)), std::string(value)};
}

// False when no more will come: the peer ended the connection, or broke it off.
bool MessageReader::fill(Deadline deadline) {
  switch (socket_.receive(buffer_, piece_bytes, deadline)) {
    case Socket::Received::octets:
      return true;
    case Socket::Received::end:
    case Socket::Received::reset:
      return false;
    case Socket::Received::timeout:
      break;
  }
  throw TimedOut("a message did not arrive in time; so far: " + buffer_.substr(0, 200));
}

std::optional<Head> MessageReader::read_head(Deadline deadline) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (buffer_.size() > head_bytes_max) throw SupportError("a header section without end");
    if (fill(deadline)) continue;
    if (buffer_.empty()) return std::nullopt;
    throw SupportError("the connection ended inside a header section: " + buffer_);
  }
  Head head;
  head.octets = buffer_.substr(0, end + 4);
  buffer_.erase(0, end + 4);
  std::string_view left(head.octets.data(), end);
  for (bool first = true;; first = false) {
    const auto line_end = left.find("\r\n");
    const std::string_view line = left.substr(0, line_end);
    if (first) {
      head.start_line = line;
    } else {
      head.fields.push_back(parse_field(line));
    }
    if (line_end == std::string_view::npos) return head;
    left.remove_prefix(line_end + 2);
  }
}

std::optional<std::string> MessageReader::read_line(Deadline deadline) {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (buffer_.size() > head_bytes_max) throw SupportError("a line without end");
    if (!fill(deadline)) return std::nullopt;
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

// False when the connection ended before so many octets came.
bool MessageReader::pass_on(std::uint64_t octets, const Sink& sink, Deadline deadline) {
  while (octets > 0) {
    if (buffer_.empty() && !fill(deadline)) return false;
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(octets, buffer_.size()));
    sink(std::string_view(buffer_).substr(0, piece));
    buffer_.erase(0, piece);
    octets -= piece;
  }
  return true;
}

MessageReader::BodyEnd MessageReader::read_chunks(const Sink& sink, Fields& trailers,
                                                  Deadline deadline) {
  for (;;) {
    const auto size_line = read_line(deadline);
    if (!size_line) return BodyEnd::truncated;
    std::uint64_t size = 0;
    const char* const last = size_line->data() + size_line->size();
    const auto [stop, error] = std::from_chars(size_line->data(), last, size, 16);
    if (error != std::errc{} || (stop != last && *stop != ';' && *stop != ' ')) {
      throw SupportError("a chunk size that is none: " + *size_line);
    }
    if (size == 0) break;
    if (!pass_on(size, sink, deadline)) return BodyEnd::truncated;
    const auto empty = read_line(deadline);
    if (!empty) return BodyEnd::truncated;
    if (!empty->empty()) throw SupportError("a chunk longer than it said");
  }
  for (;;) {
    const auto line = read_line(deadline);
    if (!line) return BodyEnd::truncated;
    if (line->empty()) return BodyEnd::complete;
    trailers.push_back(parse_field(*line));
  }
}

MessageReader::BodyEnd MessageReader::read_body(Framing framing, std::uint64_t length,
                                                const Sink& sink, Fields& trailers,
                                                Deadline deadline) {
  switch (framing) {
    case Framing::none:
      return BodyEnd::complete;
    case Framing::chunked:
      return read_chunks(sink, trailers, deadline);
    case Framing::content_length:
      return pass_on(length, sink, deadline) ? BodyEnd::complete : BodyEnd::truncated;
    case Framing::until_close:
      // Every end is a good end here; pass_on throws when none comes.
      static_cast<void>(pass_on(std::numeric_limits<std::uint64_t>::max(), sink, deadline));
      return BodyEnd::complete;
  }
  return BodyEnd::complete;
}

bool MessageReader::reaches_end(Deadline deadline) {
  if (!buffer_.empty()) return false;
  const auto received = socket_.receive(buffer_, piece_bytes, deadline);
  return received == Socket::Received::end || received == Socket::Received::reset;
}

}  // namespace ifmatch::support
