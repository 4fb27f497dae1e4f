#include "tests/support/silent_place.hpp"

#include <sys/socket.h>

namespace ifmatch::support {
namespace {

constexpr Milliseconds answer_time{200};  // within which the kernel would have answered
constexpr int connections_max = 16;

}  // namespace

SilentPlace::SilentPlace() : listener_(Socket::listen()) {
  // A second call shortens the queue.
  if (::listen(listener_.descriptor(), 0) != 0) throw system_error("listen");
  for (int i = 0; i < connections_max; ++i) {
    try {
      waiting_.push_back(Socket::connect(listener_.local_port(), Deadline{answer_time}));
    } catch (const SupportError&) {
      return;
    }
  }
  throw SupportError("the accept queue does not fill");
}

}  // namespace ifmatch::support
