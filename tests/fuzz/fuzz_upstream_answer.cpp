// Whatever an API answers to probes, reads and writes, with a client that behaves. What the client
// gets is read by an independent strict reader: exactly one message per request, nothing in it that
// was not answered or is the proxy's own, no tag but on whole representations; an upstream
// connection that said more than its answer is not used again; and a write whose answer was not
// whole is in doubt.
//
// Input: of the first octet the lowest two bits choose what the client does, bit 2 ends the
// connection behind each answer, bit 3 lets few octets arrive at a time. Behind it are the answers to
// the upstream requests, one after another, divided by 0x1E; when they are used up the API behaves.
#include <algorithm>
#include <array>

#include "tests/fuzz/property.hpp"
#include "tests/support/world/world.hpp"

namespace ifmatch::fuzz {
namespace {

using shim::Reading;
using shim::StrictMessage;
using world::Ask;

Ask get(std::string fields = {}) {
  return {.method = "GET", .target = "/confirm/1", .fields = std::move(fields), .content = {}};
}

Ask put(std::string fields) {
  return {.method = "PUT",
          .target = "/confirm/1",
          .fields = std::move(fields) + "Content-Type: text/plain\r\n",
          .content = "newer"};
}

std::vector<Ask> script_of(unsigned choice) {
  switch (choice) {
    case 0: return {get(), put("If-Match: {seen}\r\n"), get()};
    case 1: return {put("If-Match: {current}\r\n"), put("If-Match: {current}\r\n")};
    case 2: return {put("If-Match: {current}\r\nPrefer: return=representation\r\n"), get()};
    default: break;
  }
  Ask head = get();
  head.method = "HEAD";
  Ask passed = get();
  passed.target = "/free/1";
  Ask posted = put({});
  posted.method = "POST";
  posted.target = "/items";
  return {head, passed, posted};
}

// The final answer at the front of what was said, behind interim ones.
struct Said {
  Reading reading = Reading::incomplete;
  StrictMessage answer;
  std::size_t octets = 0;
};

Said read_said(std::string_view octets, std::string_view method) {
  Said said;
  do {
    said.reading = shim::read_answer(octets.substr(said.octets), method, said.answer);
    said.octets += said.answer.octets;
  } while (said.reading == Reading::complete && said.answer.status() < 200);
  return said;
}

// Fields that the proxy adds or writes anew.
bool is_ours(std::string_view name) {
  constexpr std::array<std::string_view, 14> names{
      "date",          "content-type",       "content-length",     "transfer-encoding",
      "connection",    "etag",               "cache-control",      "vary",
      "retry-after",   "content-location",   "preference-applied", "access-control-expose-headers",
      "keep-alive",    "via"};
  return std::ranges::find(names, name) != names.end();
}

class Exchange {
 public:
  Exchange(unsigned options, std::string_view answers) : world_(1) {
    world_.set_pace(std::chrono::milliseconds(500));
    world_.api.put("/confirm/1", {"text/plain", "one"});
    world_.api.put("/free/1", {"text/plain", "free"});
    if ((options & 8U) != 0) world_.system.dribble(11);
    const bool closing = (options & 4U) != 0;
    world_.api.manner = [this, answers, closing](const StrictMessage&) mutable {
      world::Manner manner;
      manner.closing = closing;
      if (!answers.empty()) {
        const std::size_t end = answers.find('\x1e');
        manner.octets = answers.substr(0, end);
        answers.remove_prefix(end == std::string_view::npos ? answers.size() : end + 1);
      }
      before_answer();
      return manner;
    };
    client_ = &world_.add_client("a", script_of(options & 3U));
  }

  void judge() {
    IFMATCH_PROPERTY(world_.run(std::chrono::seconds(60)), "everything comes to its end", seen());
    for (const auto* list :
         {&world_.violations(), &world_.watch.violations(), &world_.system.violations()}) {
      IFMATCH_PROPERTY(list->empty(), "the contracts are kept", list->front());
    }
    IFMATCH_PROPERTY(world_.watch.owed().empty(), "every obligation is met",
                     world_.watch.owed().front());
    IFMATCH_PROPERTY(client_->complaint().empty(), "the client gets one answer per request",
                     client_->complaint() + " after " + seen());
    for (std::size_t index = 0; index < client_->answers().size(); ++index) {
      const auto& answer = client_->answers()[index].answer;
      if (answer) judge_answer(index, *answer);
    }
    for (const world::Send& send : world_.sends()) judge_send(send);
  }

 private:
  // A request has just arrived on a stream: what was said on it before ended where it should.
  void before_answer() {
    const auto& arrivals = world_.api.arrivals();
    const world::Arrival& now = *arrivals.back();
    for (const auto& arrival : arrivals) {
      if (arrival.get() == &now || arrival->stream != now.stream) continue;
      const Said said = read_said(arrival->answer, arrival->request.method());
      IFMATCH_PROPERTY(said.reading == Reading::complete && !said.answer.until_close &&
                           said.octets == arrival->answer.size(),
                       "a connection is used again only behind a whole answer and nothing more",
                       seen());
    }
  }

  void judge_answer(std::size_t index, const StrictMessage& got) {
    const Ask& ask = client_->script()[index];
    const std::string mark = client_->mark(index);
    const bool problem = got.field("content-type") == "application/problem+json";
    const bool enforced = !ask.target.starts_with("/free/");
    for (const auto& field : got.fields) {
      if (problem || is_ours(field.first)) continue;
      const bool was_said = std::ranges::any_of(world_.api.arrivals(), [&](const auto& arrival) {
        if (arrival->request.field("x-ask") != mark) return false;
        const Said said = read_said(arrival->answer, arrival->request.method());
        return std::ranges::find(said.answer.fields, field) !=
               said.answer.fields.end();
      });
      IFMATCH_PROPERTY(was_said, "no field is injected", field.first + ": " + field.second + " of " + seen());
    }
    if (!enforced || got.count("etag") == 0) return;
    IFMATCH_PROPERTY(got.count("etag") == 1, "there is one tag", seen());
    if (ask.method == "PUT" || got.status() == 412 || got.status() == 304) return;
    IFMATCH_PROPERTY(got.status() == 200, "only a full 200 bears a tag", seen());
    const bool true_of_what_was_said =
        std::ranges::any_of(world_.api.arrivals(), [&](const auto& arrival) {
          if (arrival->request.field("x-ask") != mark) return false;
          const Said said = read_said(arrival->answer, "GET");
          const world::Document shown{std::string(said.answer.field("content-type")),
                                      said.answer.content};
          return said.reading == Reading::complete && said.answer.status() == 200 &&
                 (said.answer.count("content-encoding") > 0 ||
                  said.answer.count("content-type") > 1 ||
                  got.field("etag") == world::tag_of(shown));
        });
    IFMATCH_PROPERTY(true_of_what_was_said, "a tag is that of a whole representation", seen());
  }

  void judge_send(const world::Send& send) {
    IFMATCH_PROPERTY(send.outcome.has_value(), "every write has an outcome", seen());
    if (!send.stream || send.taken == 0) return;
    IFMATCH_PROPERTY(*send.outcome != shim::Outcome::unsent,
                     "what may have reached the API is not taken for unsent", seen());
    for (const auto& arrival : world_.api.arrivals()) {
      if (arrival->stream != send.stream || arrival->begins != send.taken_before) continue;
      const Said said = read_said(arrival->answer, arrival->request.method());
      const int status = said.reading == Reading::complete ? said.answer.status() : 0;
      const bool doubtful = said.reading == Reading::incomplete ||
                            (status >= 502 && status <= 504) || (status >= 520 && status <= 599) ||
                            (status == 202 && arrival->request.method() == "PUT");
      if (doubtful) {
        IFMATCH_PROPERTY(*send.outcome == shim::Outcome::in_doubt,
                         "without an answer that settles it a write is in doubt", seen());
      }
    }
  }

  [[nodiscard]] std::string seen() const {
    std::string text;
    for (const auto& arrival : world_.api.arrivals()) {
      text += "[" + arrival->request.start_line + " -> " + arrival->answer + "] ";
    }
    return text;
  }

  world::World world_;
  world::Client* client_ = nullptr;
};

}  // namespace
}  // namespace ifmatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ifmatch::fuzz::Exchange exchange(data[0], ifmatch::fuzz::text_of(data + 1, size - 1));
  exchange.judge();
  return 0;
}
