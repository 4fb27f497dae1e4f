// A client at the far end of a connection to the proxy: it asks what its script says, reads
// strictly what comes back, and remembers which answer belongs to which request.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/shim/strict_messages.hpp"
#include "tests/support/shim/system.hpp"

namespace ifmatch::world {

enum class When : std::uint8_t {
  after_answer,  // when the request before it has been answered
  at_once,       // behind the request before it, without waiting
};

struct Ask {
  std::string method;
  std::string target;
  std::string fields;    // whole lines. "{current}" and "{seen}" stand for tags: see World
  std::string content;   // framed by a Content-Length where it is not empty
  When when = When::after_answer;
  bool chunked = false;
  bool waits_for_continue = false;  // sends the content only after a 100
  std::chrono::milliseconds at{0};  // not before so long after the beginning
};

struct Answered {
  int interim = 0;
  std::optional<shim::StrictMessage> answer;  // complete
};

class Client {
 public:
  // `name` marks each request: "X-Ask: a0", "X-Ask: a1".
  Client(std::string name, std::vector<Ask> script, std::shared_ptr<shim::Stream> stream,
         shim::Instant begun)
      : name_(std::move(name)),
        script_(std::move(script)),
        stream_(std::move(stream)),
        begun_(begun),
        answers_(script_.size()) {}

  // Does what can be done now. Whether there was anything.
  bool act(shim::Instant now);

  // Everything is answered, or the connection has ended.
  [[nodiscard]] bool over() const noexcept { return over_; }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<Ask>& script() const noexcept { return script_; }
  [[nodiscard]] const std::vector<Answered>& answers() const noexcept { return answers_; }
  [[nodiscard]] std::size_t asked() const noexcept { return asked_; }
  [[nodiscard]] bool answered_all() const noexcept { return answered_ == script_.size(); }
  [[nodiscard]] const shim::Stream& stream() const noexcept { return *stream_; }
  // Why what came back is no sequence of answers; empty when it is one, the last maybe broken off.
  [[nodiscard]] const std::string& complaint() const noexcept { return complaint_; }
  [[nodiscard]] std::string mark(std::size_t index) const { return name_ + std::to_string(index); }

 private:
  bool ask_next(shim::Instant now);
  bool read_answers();

  std::string name_;
  std::vector<Ask> script_;
  std::shared_ptr<shim::Stream> stream_;
  shim::Instant begun_;
  std::vector<Answered> answers_;
  std::string input_;
  std::size_t asked_ = 0;
  std::size_t answered_ = 0;
  bool content_owed_ = false;
  bool over_ = false;
  std::string seen_tag_;
  std::string complaint_;
};

}  // namespace ifmatch::world
