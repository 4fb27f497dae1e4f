// How an answer is sent on to the client as it arrives, piece by piece, framed anew.
#include <charconv>

#include "proxy/http/trailers.hpp"
#include "proxy/net/chunk.hpp"
#include "proxy/net/exchange.hpp"

namespace ifmatch::net {
namespace {

// Content of known length that is sent on as it arrives is read in pieces of this size at most.
constexpr std::size_t streamed_octets_max = 64 * 1024;

// The Content-Length of an answer without content; check_response has found it well-formed.
http::ContentFraming length_told(const http::Fields& fields) {
  const std::string_view digits = fields.first(http::FieldId::content_length);
  http::ContentFraming told;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), told.length);
  if (!digits.empty() && error == std::errc() && end == digits.data() + digits.size()) {
    told.kind = http::Framing::length;
  }
  return told;
}

void add(std::vector<asio::const_buffer>& buffers, std::string_view text) {
  if (!text.empty()) buffers.emplace_back(text.data(), text.size());
}

}  // namespace

bool is_endless(const http::ResponseHead& head) {
  const std::string_view type = head.fields.first(http::FieldId::content_type);
  constexpr std::string_view stream = "text/event-stream";
  return http::equals_ignoring_case(type.substr(0, stream.size()), stream);
}

bool Exchange::trails(const Answer& answer, http::Validators validators) const noexcept {
  return validators == http::Validators::keep && head_.minor_version >= 1 &&
         head_.method != "HEAD" && answer.shape.framing.kind == http::Framing::chunked;
}

void Exchange::keep_trailers(Answer& answer, http::Validators validators) {
  if (trails(answer, validators)) answer.reader->keep_trailers(answer.trailers);
}

Result<void> Exchange::begin_content(Answer& answer, http::Validators validators) {
  keep_trailers(answer, validators);
  const ReadError error = answer.reader->take_buffered();
  if (error == ReadError::none) return {};
  return fault_of(error, http::Origin::upstream, http::Sent::all);
}

Task<Flow> Exchange::relay(Answer& answer, http::Validators validators, std::string_view held,
                           std::string_view etag) {
  const bool bodiless = head_.method == "HEAD" || answer.shape.framing.kind == http::Framing::none;
  http::ContentFraming framing = answer.shape.framing;
  const bool of_unknown_length = framing.kind == http::Framing::chunked ||
                                 framing.kind == http::Framing::until_close;
  if (of_unknown_length) {
    const bool chunks = head_.minor_version >= 1;
    framing.kind = chunks ? http::Framing::chunked : http::Framing::until_close;
    if (!chunks && !bodiless) must_close_ = true;
  }
  if (head_.method == "HEAD" && framing.kind == http::Framing::none) {
    // It tells the length of the content that a GET would have (RFC 9110 section 8.6).
    framing = length_told(answer.head.fields);
  }
  const bool chunked = framing.kind == http::Framing::chunked && !bodiless;
  if (!reader_.done()) must_close_ = true;
  account_.status = static_cast<std::uint16_t>(answer.head.status);
  const http::Closing ending = closing();
  const std::string announced = trails(answer, validators)
                                    ? http::trailer_announcement(answer.head.fields)
                                    : std::string();
  const Lent<std::string> octets = worker_.lend_string();
  http::write_response_head(*octets, {.head = answer.head,
                                     .validators = validators,
                                     .etag = etag,
                                     .framing = framing,
                                     .closing = ending,
                                     .expose_etag = route_->expose_etag,
                                     .date = worker_.date(),
                                     .hop_lines = announced});
  const Lent<std::vector<asio::const_buffer>> buffers = worker_.lend_buffers();
  if (!bodiless) add(*buffers, interim_left_);
  add(*buffers, *octets);
  // The content of a GET of ours on behalf of a HEAD is left where it is.
  if (bodiless) {
    if (onlooker_ != nullptr) onlooker_->answered(answer.head);
    // An upload still needs the connection; nobody else does.
    if (upload_ == nullptr) answer.finish();
    co_return co_await send(*buffers, ending);
  }
  co_return co_await relay_content(answer, *buffers, chunked ? Coding::chunked : Coding::none,
                                   held, ending);
}

Task<Flow> Exchange::relay_content(Answer& answer, std::vector<asio::const_buffer>& buffers,
                                   Coding coding, std::string_view held, http::Closing ending) {
  const bool chunked = coding == Coding::chunked;
  ReadError error = ReadError::none;
  HeldContent room(worker_.contents);
  BodyHold hold(site().bodies);
  std::string trailers;
  std::optional<Stall> stall;
  for (bool first = true;; first = false) {
    if (error != ReadError::none) {
      // The head has gone out: a broken connection is the only way left to say so.
      account_.ending = Ending::cut_short;
      client_.reset();
      co_return Flow::drop;
    }
    const std::span<const std::string_view> pieces = answer.reader->pieces();
    const bool done = answer.reader->done();
    if (onlooker_ != nullptr) {
      for (std::string_view piece : pieces) onlooker_->content(piece);
      if (done) onlooker_->answered(answer.head);
    }
    ChunkFrame chunk;
    const std::size_t octets = size_of(pieces) + (first ? held.size() : 0);
    if (chunked) chunk.open(buffers, octets);
    if (first) add(buffers, held);
    for (std::string_view piece : pieces) add(buffers, piece);
    if (chunked && done) http::write_trailers(trailers, answer.trailers, answer.head.fields);
    if (chunked) chunk.close(buffers, done ? LastChunk::yes : LastChunk::no, trailers);
    Task<error_code> written =
        client_.write(buffers, listener_.timeouts.write, taken_by(octets));
    if (!written.await_ready()) {
      // While it waits for its client it holds a connection that others may be in need of.
      if (!stall) stall.emplace(worker_.stalls, &pool(), client_);
      stall->begin_wait();
    }
    const error_code failure = co_await std::move(written);
    if (stall) stall->end_wait();
    if (failure) co_return Flow::drop;
    buffers.clear();
    if (done) break;
    const std::uint64_t straight = std::min<std::uint64_t>(answer.reader->straight_max(),
                                                           streamed_octets_max);
    const Instant deadline = client_.after(response_timeout());
    // Past the budget it goes through the connection's own small buffer.
    if (straight > 0 && hold.reserve(straight)) {
      room.reserve(straight);
      error = co_await answer.reader->read_content_into(room.room().first(straight), deadline);
    } else {
      error = co_await answer.reader->read_content(deadline);
    }
  }
  co_return ending.keep_alive ? Flow::keep : Flow::close;
}

}  // namespace ifmatch::net
