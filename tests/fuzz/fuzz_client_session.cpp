// A whole session of one client, whatever it sends, before an API that behaves. What reaches the
// API is compared with a strict and independent reading of what the client sent: never two messages
// out of one, never a write that was refused, and no guarded write whose condition does not hold at
// the moment when it lands.
//
// Input: the octets that the client sends. Of the first one bit 0 lets the client stay instead of
// ending its side, bit 1 makes the API answer in chunks, bit 2 lets few octets arrive at a time.
// Behind it 0x01 stands for the tag of /confirm/1 at that moment, 0x02 for the tag that it had at
// first, 0x03 ends a piece: what is under way goes on before the next one arrives.
#include <algorithm>
#include <optional>

#include "tests/fuzz/property.hpp"
#include "tests/support/world/world.hpp"

namespace ifmatch::fuzz {
namespace {

using shim::Reading;
using shim::StrictMessage;

constexpr std::string_view document = "/confirm/1";

// Escapes of unreserved characters decoded, the others in upper case: what a path is sent on as.
std::string canonical(std::string_view target) {
  const std::size_t scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos) {
    const std::size_t path = target.find('/', scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  const auto digit = [](char octet) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto place = digits.find(octet >= 'a' ? static_cast<char>(octet - 32) : octet);
    return place == std::string_view::npos ? -1 : static_cast<int>(place);
  };
  std::string result;
  const std::size_t query = target.find('?');
  for (std::size_t at = 0; at < target.size(); ++at) {
    if (target[at] != '%' || at > query || at + 2 >= target.size() || digit(target[at + 1]) < 0 ||
        digit(target[at + 2]) < 0) {
      result += target[at];
      continue;
    }
    const int code = digit(target[at + 1]) * 16 + digit(target[at + 2]);
    const auto octet = static_cast<char>(code);
    const bool unreserved = code < 128 && (std::isalnum(code) != 0 || octet == '-' ||
                                           octet == '.' || octet == '_' || octet == '~');
    if (unreserved) {
      result += octet;
    } else {
      result += '%';
      for (const std::size_t place : {at + 1, at + 2}) {
        result += target[place] >= 'a' ? static_cast<char>(target[place] - 32) : target[place];
      }
    }
    at += 2;
  }
  return result;
}

// The request that reached the API is the one that was sent.
bool is_same(const StrictMessage& sent, const StrictMessage& arrived) {
  return sent.method() == arrived.method() &&
         canonical(sent.target()) == canonical(arrived.target()) &&
         sent.content == arrived.content;
}

// The route /free/** and nothing else.
bool is_bypassed(std::string_view target) {
  const std::string path = canonical(target.substr(0, target.find_first_of("? ")));
  return path == "/free" || path.starts_with("/free/");
}

std::string all_of(const StrictMessage& message, std::string_view name) {
  std::string joined;
  for (const auto& [known, value] : message.fields) {
    if (known != name) continue;
    if (!joined.empty()) joined += ", ";
    joined += value;
  }
  return joined;
}

// Whether the list names the tag, strongly or in any way.
enum class Comparison : std::uint8_t { strong, weak };
bool names(std::string_view list, std::string_view tag, Comparison comparison) {
  for (std::size_t at = list.find(tag); at != std::string_view::npos; at = list.find(tag, at + 1)) {
    const bool weak = at >= 2 && list.substr(at - 2, 2) == "W/";
    if (!weak || comparison == Comparison::weak) return true;
  }
  return false;
}

// A POST in the name of a guarded method.
bool overrides_its_method(const StrictMessage& request) {
  const auto is_guarded = [](std::string_view method) {
    return method == "PUT" || method == "PATCH" || method == "DELETE";
  };
  for (const char* name : {"x-http-method-override", "x-http-method", "x-method-override"}) {
    if (is_guarded(request.field(name))) return true;
  }
  constexpr std::string_view parameter = "_method=";
  const std::string_view target = request.target();
  const std::size_t query = target.find('?');
  const std::size_t place = target.find(parameter, query == std::string_view::npos ? 0 : query);
  if (query == std::string_view::npos || place == std::string_view::npos) return false;
  // The first question mark begins the query, a further one is part of a name.
  const bool begins = place - 1 == query || target[place - 1] == '&';
  const std::string_view value = target.substr(place + parameter.size());
  return begins && is_guarded(value.substr(0, value.find('&')));
}

bool condition_holds(const StrictMessage& sent, const world::Document* current) {
  const std::string_view method = sent.method();
  const bool guarded = method == "PUT" || method == "PATCH" || method == "DELETE" ||
                       (method == "POST" && overrides_its_method(sent));
  const std::string tag = current == nullptr ? std::string("none") : world::tag_of(*current);
  const bool matches = sent.count("if-match") > 0;
  const bool creates = sent.count("if-none-match") > 0;
  const std::string if_match = all_of(sent, "if-match");
  const std::string if_none_match = all_of(sent, "if-none-match");
  if (matches) {
    const bool holds = current != nullptr &&
                       (if_match == "*" || names(if_match, tag, Comparison::strong));
    if (!holds) return false;
  }
  if (creates && current != nullptr) {
    if (if_none_match == "*" || names(if_none_match, tag, Comparison::weak)) return false;
  }
  return !guarded || matches || if_none_match == "*";
}

class Session {
 public:
  explicit Session(unsigned options) : stays_((options & 1U) != 0), world_(2) {
    world_.set_pace(std::chrono::milliseconds(500));
    world_.api.put(std::string(document), {"text/plain", "one"});
    world_.api.put("/items/1", {"text/plain", "one"});
    world_.api.put("/wait/1", {"text/plain", "one"});
    world_.api.put("/free/1", {"text/plain", "free"});
    first_tag_ = world::tag_of(*world_.api.find(document));
    if ((options & 2U) != 0) {
      world_.api.manner = [](const StrictMessage&) {
        return world::Manner{.framing = world::Framing::chunked};
      };
    }
    if ((options & 4U) != 0) world_.system.dribble(11);
    world_.api.before_applying = [this](const StrictMessage& request) { landing(request); };
    client_ = world_.add_connection();
  }

  void send(std::string_view input) {
    std::string piece;
    for (const char octet : input) {
      switch (octet) {
        case 1: {
          const world::Document* const current = world_.api.find(document);
          piece += current == nullptr ? first_tag_ : world::tag_of(*current);
          break;
        }
        case 2: piece += first_tag_; break;
        case 3: say(piece); break;
        default: piece += octet;
      }
    }
    say(piece);
    if (!stays_) client_->finish();
    world_.turn();
    received_ += client_->take();
    // Long enough for every time-out of the session, one after another.
    for (int second = 0; second < 20 && world_.sessions() > 0; ++second) {
      if (client_->peer_finished()) client_->finish();
      world_.pass(std::chrono::seconds(1));
      received_ += client_->take();
    }
  }

  void judge() {
    IFMATCH_PROPERTY(world_.sessions() == 0, "a session ends", sent_);
    IFMATCH_PROPERTY(world_.watch.owed().empty(), "every obligation is met",
                     world_.watch.owed().front());
    for (const auto* list :
         {&world_.violations(), &world_.watch.violations(), &world_.system.violations()}) {
      IFMATCH_PROPERTY(list->empty(), "the contracts are kept", list->front());
    }
    IFMATCH_PROPERTY(world_.api.malformed().empty(), "the API gets requests and nothing else",
                     world_.api.malformed().front());
    for (const std::string& rest : world_.api.leftovers()) {
      // Only what streams through can be broken off.
      IFMATCH_PROPERTY(is_bypassed(rest.substr(rest.find(' ') + 1)),
                       "a guarded write reaches the API whole or not at all", rest);
    }
    for (const auto& arrival : world_.api.arrivals()) judge_fields(arrival->request);
    judge_answers();
  }

 private:
  void say(std::string& piece) {
    sent_ += piece;
    read_strictly();
    client_->say(piece);
    piece.clear();
    world_.turn();
    received_ += client_->take();
  }

  // Everything that a strict reader takes for a request, in order. It stops for good where one is
  // malformed: nothing behind that may reach the API.
  void read_strictly() {
    while (!stopped_) {
      while (read_to_ < sent_.size() && (sent_[read_to_] == '\r' || sent_[read_to_] == '\n')) {
        ++read_to_;
      }
      StrictMessage message;
      const Reading reading =
          shim::read_request(std::string_view(sent_).substr(read_to_), message);
      if (reading == Reading::incomplete) return;
      if (reading == Reading::malformed) {
        stopped_ = true;
        return;
      }
      read_to_ += message.octets;
      requests_.push_back({std::move(message), false});
    }
  }

  void landing(const StrictMessage& arrived) {
    // Requests are served one after another: this one is the first that has no answer yet.
    received_ += client_->take();
    const std::size_t found = count_answers();
    IFMATCH_PROPERTY(found < requests_.size() && is_same(requests_[found].message, arrived),
                     "what reaches the API was sent, once and in that order",
                     arrived.start_line + " of " + sent_);
    IFMATCH_PROPERTY(!requests_[found].landed, "a write reaches the API once",
                     arrived.start_line + " of " + sent_);
    requests_[found].landed = true;
    if (is_bypassed(arrived.target())) return;
    IFMATCH_PROPERTY(
        condition_holds(requests_[found].message, world_.api.find(arrived.target())),
        "the condition of a guarded write holds when it lands", arrived.start_line + " of " + sent_);
  }

  // Final answers that were received whole.
  [[nodiscard]] std::size_t count_answers() const {
    std::string_view rest = received_;
    std::size_t answered = 0;
    while (answered < requests_.size()) {
      StrictMessage answer;
      const std::string_view method = requests_[answered].message.method();
      if (shim::read_answer(rest, method, answer) != Reading::complete) break;
      rest.remove_prefix(answer.octets);
      if (answer.status() >= 200) ++answered;
    }
    return answered;
  }

  void judge_fields(const StrictMessage& request) {
    IFMATCH_PROPERTY(request.count("host") == 1, "one Host goes on", request.start_line);
    if (is_bypassed(request.target())) return;
    for (const std::string_view name : {"if-match", "if-none-match", "if-modified-since",
                                        "if-unmodified-since", "if-range", "expect", "upgrade"}) {
      IFMATCH_PROPERTY(request.count(name) == 0, "no precondition goes on",
                       std::string(name) + " of " + sent_);
    }
  }

  void judge_answers() {
    std::string_view rest = received_;
    std::size_t answered = 0;
    while (!rest.empty()) {
      const bool known = answered < requests_.size();
      const std::string method(known ? requests_[answered].message.method() : "GET");
      StrictMessage answer;
      Reading reading = shim::read_answer(rest, method, answer);
      // Of what is no request nobody can say whether it was a HEAD.
      if (!known && reading != Reading::complete) {
        reading = shim::read_answer(rest, "HEAD", answer);
      }
      IFMATCH_PROPERTY(reading == Reading::complete, "the client gets whole answers",
                       std::string(rest));
      rest.remove_prefix(answer.octets);
      if (answer.status() < 200) continue;
      IFMATCH_PROPERTY(answered <= requests_.size(), "nobody gets two answers to one request",
                       received_);
      const bool ours = answer.field("content-type") == "application/problem+json";
      if (known && ours && answer.status() / 100 == 4) {
        IFMATCH_PROPERTY(!requests_[answered].landed, "what was refused was not forwarded",
                         requests_[answered].message.start_line + " of " + sent_);
      }
      ++answered;
    }
  }

  struct Sent {
    StrictMessage message;
    bool landed = false;
  };
  bool stays_;
  world::World world_;
  std::shared_ptr<shim::Stream> client_;
  std::string first_tag_;
  std::string sent_;
  std::size_t read_to_ = 0;
  bool stopped_ = false;
  std::string received_;
  std::vector<Sent> requests_;
};

}  // namespace
}  // namespace ifmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ifmatch::fuzz::Session session(data[0]);
  session.send(ifmatch::fuzz::text_of(data + 1, size - 1));
  session.judge();
  return 0;
}
