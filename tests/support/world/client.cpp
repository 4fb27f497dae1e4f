#include "tests/support/world/client.hpp"

#include <utility>

namespace ifmatch::world {
namespace {

// Two chunks and the last one; the sizes of what scripts say are below sixteen.
std::string in_chunks(const std::string& content) {
  std::string octets;
  const std::size_t half = content.size() / 2;
  for (const std::string& part : {content.substr(0, half), content.substr(half)}) {
    constexpr std::string_view digits = "0123456789abcdef";
    if (!part.empty()) octets += std::string(1, digits.at(part.size())) + "\r\n" + part + "\r\n";
  }
  return octets + "0\r\n\r\n";
}

}  // namespace

bool Client::act(shim::Instant now) {
  if (over_) return !stream_->take().empty();
  bool acted = read_answers();
  acted = ask_next(now) || acted;
  const bool ended = stream_->peer_finished() || stream_->peer_gone();
  if (!over_ && (ended || answered_all())) {
    over_ = true;
    acted = true;
    if (!input_.empty() && complaint_.empty()) {
      shim::StrictMessage rest;
      const std::string_view method =
          answered_ < script_.size() ? std::string_view(script_[answered_].method) : "GET";
      const bool nobody_asked = answered_ >= asked_;
      if (nobody_asked || shim::read_answer(input_, method, rest) == shim::Reading::malformed) {
        complaint_ = "behind the answers there is: " + input_;
      }
    }
    stream_->finish();
  }
  return acted;
}

bool Client::ask_next(shim::Instant now) {
  bool acted = false;
  while (asked_ < script_.size() && !content_owed_) {
    const Ask& ask = script_[asked_];
    if (ask.when == When::after_answer && answered_ < asked_) break;
    if (now < begun_ + ask.at) break;
    std::string fields = ask.fields;
    const std::size_t place = fields.find("{seen}");
    if (place != std::string::npos) {
      fields.replace(place, 6, seen_tag_.empty() ? "\"none-was-seen\"" : seen_tag_);
    }
    std::string octets = ask.method + " " + ask.target + " HTTP/1.1\r\nHost: api.example\r\nX-Ask: " +
                         mark(asked_) + "\r\n" + fields;
    if (ask.chunked) {
      octets += "Transfer-Encoding: chunked\r\n";
    } else if (!ask.content.empty()) {
      octets += "Content-Length: " + std::to_string(ask.content.size()) + "\r\n";
    }
    if (ask.waits_for_continue) octets += "Expect: 100-continue\r\n";
    octets += "\r\n";
    ++asked_;
    acted = true;
    content_owed_ = ask.waits_for_continue;
    if (!content_owed_) octets += ask.chunked ? in_chunks(ask.content) : ask.content;
    stream_->say(octets);
  }
  return acted;
}

bool Client::read_answers() {
  const std::string arrived = stream_->take();
  input_ += arrived;
  bool acted = !arrived.empty();
  while (!input_.empty() && complaint_.empty() && answered_ < asked_) {
    const Ask& ask = script_[answered_];
    Answered& answered = answers_[answered_];
    shim::StrictMessage message;
    const shim::Reading reading = shim::read_answer(input_, ask.method, message);
    if (reading == shim::Reading::malformed) complaint_ = "a malformed answer: " + input_;
    if (reading != shim::Reading::complete) break;
    if (message.until_close && !stream_->peer_finished()) break;
    acted = true;
    input_.erase(0, message.octets);
    if (message.status() < 200) {
      ++answered.interim;
      if (message.status() == 100 && std::exchange(content_owed_, false)) {
        stream_->say(ask.chunked ? in_chunks(ask.content) : ask.content);
      }
      continue;
    }
    // The final answer instead of a 100: the content is never sent.
    if (answered_ + 1 == asked_) content_owed_ = false;
    const std::string_view tag = message.field("etag");
    if (!tag.empty()) seen_tag_ = tag;
    answered.answer = std::move(message);
    ++answered_;
  }
  return acted;
}

}  // namespace ifmatch::world
