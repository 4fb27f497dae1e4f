// Interim answers (RFC 9110 section 15.2) on their way to the client. They are written as far as
// the client takes them at once and never waited for: a write is settled at the pace of the API,
// not of its client. What is left goes out before whatever is said next.
#include <utility>

#include "proxy/net/upload.hpp"

namespace ifmatch::net {
namespace {

// A client that takes none of them loses further ones.
constexpr std::size_t left_max = 64 * 1024;

}  // namespace

void Exchange::pass_interim(const Answer& answer) {
  const bool continues = answer.head.status == 100;
  if (continues && upload_ != nullptr && upload_->awaits_permission()) {
    upload_->permit();
    return;
  }
  // HTTP/1.0 knows no interim answers, and nobody need be told twice to go on.
  if (head_.minor_version < 1 || (continues && continued_)) return;
  if (continues) continued_ = true;
  const Lent<std::string> octets = worker_.lend_string();
  http::write_response_head(*octets, {.head = answer.head,
                                     .validators = *answer.interim,
                                     .etag = {},
                                     .framing = {},
                                     .closing = {},
                                     .expose_etag = http::ExposeEtag::never,
                                     .date = {}});
  send_interim(*octets);
}

void Exchange::tell_to_continue() {
  continue_owed_ = false;
  continued_ = true;
  interim_left_ += http::continue_answer;
}

void Exchange::send_interim(std::string_view octets) {
  if (interim_left_.size() + octets.size() > left_max) return;
  if (!interim_left_.empty() || interim_flows_) {
    interim_left_ += octets;
    return;
  }
  asio::const_buffer buffer(octets.data(), octets.size());
  // The attempt is made at once; what would have to wait is dropped here and kept there.
  const Task<error_code> written =
      client_.write({&buffer, 1}, listener_.timeouts.write, never);
  if (!written.await_ready()) interim_left_ = octets.substr(client_.committed());
}

Task<error_code> Exchange::flush_interim() {
  while (!interim_left_.empty()) {
    const std::string octets = std::exchange(interim_left_, {});
    asio::const_buffer buffer(octets.data(), octets.size());
    interim_flows_ = true;
    const error_code failure =
        co_await client_.write({&buffer, 1}, listener_.timeouts.write, never);
    interim_flows_ = false;
    if (failure) {
      interim_left_.insert(0, octets, client_.committed());
      co_return failure;
    }
  }
  co_return error_code();
}

Task<Flow> Exchange::send_behind_interim(std::span<asio::const_buffer> buffers,
                                         http::Closing ending) {
  const error_code failure = co_await flush_interim();
  if (failure) co_return Flow::drop;
  co_return co_await send(buffers, ending);
}

}  // namespace ifmatch::net
