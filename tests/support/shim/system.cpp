#include "tests/support/shim/system.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ifmatch::shim {
namespace {

// Far above what the kernel hands out, so that the two cannot be confused.
constexpr int descriptors_first = 1'000'000'000;

System* current_system = nullptr;

int failed(int error) {
  errno = error;
  return -1;
}

std::size_t size_of(std::span<const iovec> pieces) {
  std::size_t size = 0;
  for (const iovec& piece : pieces) size += piece.iov_len;
  return size;
}

std::string joined(std::span<const iovec> pieces, std::size_t size_max) {
  std::string octets;
  for (const iovec& piece : pieces) {
    const std::size_t count = std::min(piece.iov_len, size_max - octets.size());
    octets.append(static_cast<const char*>(piece.iov_base), count);
  }
  return octets;
}

}  // namespace

std::string_view name_of(Side side) noexcept {
  return side == Side::client ? "client" : "upstream";
}

std::string_view name_of(Operation operation) noexcept {
  constexpr std::array<std::string_view, operation_count> names{"open", "connect", "read", "write",
                                                                "peek"};
  return names[static_cast<std::size_t>(operation)];
}

std::string_view name_of(Effect effect) noexcept {
  constexpr std::array<std::string_view, 19> names{
      "none",           "reset",           "broken_pipe",     "timed_out",      "refused",
      "refused_later",  "later",           "end",             "stall",          "no_descriptors",
      "no_memory",      "interrupted",     "not_ready",       "one_octet",      "one_then_reset",
      "half_then_reset", "half_then_stall", "all_then_reset", "swallowed"};
  return names[static_cast<std::size_t>(effect)];
}

void Stream::wear(std::unique_ptr<Layer> layer) {
  layer_ = std::move(layer);
  put_on_wire(layer_->begun());
}

std::string Stream::take() {
  std::string octets = std::move(to_far_);
  to_far_.clear();
  if (octets.empty()) return octets;
  notify(EPOLLOUT);
  if (!layer_) return octets;
  std::string heard;
  put_on_wire(layer_->heard(octets, heard));
  heard_total_ += heard.size();
  return heard;
}

bool Stream::put_on_wire(std::string_view octets) {
  if (octets.empty() || far_finished_ || peer_gone()) return false;
  to_code_.append(octets);
  wire_total_ += octets.size();
  notify(EPOLLIN);
  return true;
}

void Stream::say(std::string_view octets) {
  if (!layer_) {
    put_on_wire(octets);
  } else if (!octets.empty() && put_on_wire(layer_->said(octets))) {
    const std::size_t before = marks_.empty() ? 0 : marks_.back().said;
    marks_.push_back({wire_total_, before + octets.size()});
  }
}

std::size_t Stream::said_and_given() const noexcept {
  if (!layer_) return given_total_;
  std::size_t said = 0;
  for (const Mark& mark : marks_) {
    if (mark.wire <= given_total_) said = mark.said;
  }
  return said;
}

void Stream::finish() {
  if (far_finished_ || peer_gone()) return;
  if (layer_) put_on_wire(layer_->finished());
  far_finished_ = true;
  notify(EPOLLIN);
}

void Stream::break_off() {
  if (peer_gone()) return;
  far_finished_ = true;
  break_with(ECONNRESET);
}

void Stream::notify(std::uint32_t events) {
  if (!closed_) system_.notify(descriptor_, events & level());
}

// As epoll would tell it to a new registration.
std::uint32_t Stream::level() const noexcept {
  if (state_ == State::refused) return EPOLLOUT | EPOLLERR | EPOLLHUP;
  if (state_ != State::open) return 0;
  std::uint32_t events = 0;
  const bool readable = given_ < to_code_.size() || far_finished_ || broken_ || ended_;
  if (readable && !read_stalled_) events |= EPOLLIN;
  if ((to_far_.size() < room_max_ || broken_) && !write_stalled_) events |= EPOLLOUT;
  if (broken_) events |= EPOLLERR | EPOLLHUP;
  return events;
}

void Stream::break_with(int error) {
  broken_ = true;
  error_ = error;
  far_sees_reset_ = true;
  to_code_.clear();
  given_ = 0;
  notify(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP);
}

System::System()
    : previous_(current_system),
      now_(Instant() + std::chrono::hours(1)),
      next_descriptor_(descriptors_first) {
  current_system = this;
}

System::~System() { current_system = previous_; }

System* System::current() noexcept { return current_system; }

std::shared_ptr<Stream> System::accept_client() {
  auto stream = std::make_shared<Stream>(*this, Side::client, next_descriptor_++);
  stream->state_ = Stream::State::open;
  streams_.emplace(stream->descriptor(), stream);
  return stream;
}

void System::arm(const Fault& fault) {
  fault_ = fault;
  fired_ = false;
  counts_ = {};
}

bool System::has_news() const noexcept {
  return std::ranges::any_of(pollers_, [](const Poller& poller) {
    return std::ranges::any_of(poller.registrations,
                               [](const Registration& known) { return known.pending != 0; });
  });
}

std::size_t System::descriptors_open(Side side) const noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(
      streams_, [side](const auto& entry) { return entry.second->side() == side; }));
}

bool System::owns(int descriptor) const noexcept { return descriptor >= descriptors_first; }

Stream* System::find(int descriptor) {
  const auto found = streams_.find(descriptor);
  if (found != streams_.end()) return found->second.get();
  violations_.push_back("a call on descriptor " + std::to_string(descriptor - descriptors_first) +
                        ", which is closed");
  return nullptr;
}

Effect System::next(Side side, Operation operation) {
  std::size_t& count =
      counts_[static_cast<std::size_t>(side)][static_cast<std::size_t>(operation)];
  ++count;
  const bool hit = fault_.effect != Effect::none && fault_.side == side &&
                   fault_.operation == operation && fault_.nth == count;
  if (!hit) return Effect::none;
  fired_ = true;
  return fault_.effect;
}

void System::notify(int descriptor, std::uint32_t events) {
  for (Poller& poller : pollers_) {
    for (Registration& known : poller.registrations) {
      if (known.descriptor == descriptor) {
        known.pending |= events & (known.events | EPOLLERR | EPOLLHUP);
      }
    }
  }
}

int System::open_socket() {
  switch (next(Side::upstream, Operation::open)) {
    case Effect::no_descriptors: return failed(EMFILE);
    case Effect::no_memory: return failed(ENOBUFS);
    default: break;
  }
  auto stream = std::make_shared<Stream>(*this, Side::upstream, next_descriptor_++);
  streams_.emplace(stream->descriptor(), stream);
  return stream->descriptor();
}

int System::connect(int descriptor) {
  Stream* const stream = find(descriptor);
  if (stream == nullptr) return failed(EBADF);
  using State = Stream::State;
  switch (next(stream->side_, Operation::connect)) {
    case Effect::refused: return failed(ECONNREFUSED);
    case Effect::timed_out: return failed(ETIMEDOUT);
    case Effect::stall:
      stream->state_ = State::connecting;
      return failed(EINPROGRESS);
    case Effect::refused_later:
      stream->state_ = State::refused;
      stream->error_ = ECONNREFUSED;
      stream->notify(EPOLLOUT | EPOLLERR | EPOLLHUP);
      return failed(EINPROGRESS);
    case Effect::later:
      stream->state_ = State::open;
      on_connected(streams_.at(descriptor));
      stream->notify(EPOLLOUT);
      return failed(EINPROGRESS);
    default: break;
  }
  stream->state_ = State::open;
  on_connected(streams_.at(descriptor));
  return 0;
}

ssize_t System::receive(int descriptor, std::span<const iovec> pieces, bool peeks) {
  Stream* const stream = find(descriptor);
  if (stream == nullptr) return failed(EBADF);
  const Effect effect = next(stream->side_, peeks ? Operation::peek : Operation::read);
  std::size_t count_max = std::min(size_of(pieces), peeks ? SIZE_MAX : octets_max_);
  switch (effect) {
    case Effect::reset: stream->break_with(ECONNRESET); break;
    case Effect::timed_out: stream->break_with(ETIMEDOUT); break;
    case Effect::end: stream->ended_ = true; break;
    case Effect::stall: stream->read_stalled_ = true; break;
    case Effect::no_memory: stream->notify(EPOLLIN); return failed(ENOBUFS);
    case Effect::interrupted: return failed(EINTR);
    case Effect::not_ready: stream->notify(EPOLLIN); return failed(EAGAIN);
    case Effect::one_octet: count_max = 1; break;
    default: break;
  }
  if (stream->read_stalled_) return failed(EAGAIN);
  if (stream->error_ != 0) return failed(peeks ? stream->error_ : std::exchange(stream->error_, 0));
  const std::size_t waiting = stream->to_code_.size() - stream->given_;
  if (stream->broken_ || stream->ended_ || (waiting == 0 && stream->far_finished_)) {
    if (!peeks) stream->end_was_read_ = true;
    return 0;
  }
  if (waiting == 0) return failed(EAGAIN);
  std::size_t count = 0;
  const char* const octets = stream->to_code_.data() + stream->given_;
  for (const iovec& piece : pieces) {
    const std::size_t part = std::min({piece.iov_len, count_max - count, waiting - count});
    if (part > 0) std::memcpy(piece.iov_base, octets + count, part);
    count += part;
  }
  if (peeks) return static_cast<ssize_t>(count);
  stream->given_ += count;
  stream->given_total_ += count;
  if (stream->given_ == stream->to_code_.size()) {
    stream->to_code_.clear();
    stream->given_ = 0;
  }
  // Who was given less than there is takes it for all of it: the rest arrives a moment later.
  if (count < waiting) stream->notify(EPOLLIN);
  return static_cast<ssize_t>(count);
}

ssize_t System::send(int descriptor, std::span<const iovec> pieces) {
  Stream* const stream = find(descriptor);
  if (stream == nullptr) return failed(EBADF);
  const std::size_t offered = size_of(pieces);
  if (on_write) on_write(*stream, joined(pieces, offered));
  std::size_t count_max = std::min(offered, octets_max_);
  int breaks_with = 0;
  bool arrives = true;
  bool stalls = false;
  switch (next(stream->side_, Operation::write)) {
    case Effect::reset: stream->break_with(ECONNRESET); break;
    case Effect::broken_pipe: stream->break_with(EPIPE); break;
    case Effect::timed_out: stream->break_with(ETIMEDOUT); break;
    case Effect::stall: stream->write_stalled_ = true; break;
    case Effect::no_memory: return failed(ENOBUFS);
    case Effect::interrupted: return failed(EINTR);
    case Effect::not_ready: stream->notify(EPOLLOUT); return failed(EAGAIN);
    case Effect::one_octet: count_max = 1; break;
    case Effect::one_then_reset:
      count_max = 1;
      breaks_with = ECONNRESET;
      break;
    case Effect::half_then_reset:
      count_max = (offered + 1) / 2;
      breaks_with = ECONNRESET;
      break;
    case Effect::half_then_stall:
      count_max = (offered + 1) / 2;
      stalls = true;
      break;
    case Effect::all_then_reset: breaks_with = ECONNRESET; break;
    case Effect::swallowed:
      arrives = false;
      breaks_with = ECONNRESET;
      break;
    default: break;
  }
  if (stream->write_stalled_) return failed(EAGAIN);
  if (stream->error_ != 0) return failed(std::exchange(stream->error_, 0));
  if (stream->broken_ || stream->finished_) return failed(EPIPE);
  if (stream->to_far_.size() >= stream->room_max_) return failed(EAGAIN);
  const std::size_t count = std::min(count_max, stream->room_max_ - stream->to_far_.size());
  if (arrives) stream->to_far_ += joined(pieces, count);
  stream->taken_total_ += count;
  if (stalls) stream->write_stalled_ = true;
  if (breaks_with != 0) stream->break_with(breaks_with);
  return static_cast<ssize_t>(count);
}

int System::socket_error(int descriptor) {
  Stream* const stream = find(descriptor);
  return stream == nullptr ? EBADF : std::exchange(stream->error_, 0);
}

void System::linger(int descriptor, bool resets) {
  if (Stream* const stream = find(descriptor)) stream->reset_on_close_ = resets;
}

int System::shut_down(int descriptor, int) {
  Stream* const stream = find(descriptor);
  if (stream == nullptr) return failed(EBADF);
  if (stream->broken_) return failed(ENOTCONN);
  stream->finished_ = true;
  return 0;
}

int System::close(int descriptor) {
  const auto poller = std::ranges::find(pollers_, descriptor, &Poller::descriptor);
  if (poller != pollers_.end()) {
    pollers_.erase(poller);
    return 0;
  }
  Stream* const stream = find(descriptor);
  if (stream == nullptr) return failed(EBADF);
  stream->closed_ = true;
  for (Poller& each : pollers_) {
    std::erase_if(each.registrations, [descriptor](const Registration& known) {
      return known.descriptor == descriptor;
    });
  }
  streams_.erase(descriptor);
  return 0;
}

short System::poll(int descriptor, short events) {
  Stream* const stream = find(descriptor);
  if (stream == nullptr) return POLLNVAL;
  const std::uint32_t level = stream->level();
  short told = 0;
  if ((level & EPOLLIN) != 0) told = static_cast<short>(told | POLLIN);
  if ((level & EPOLLOUT) != 0) told = static_cast<short>(told | POLLOUT);
  return static_cast<short>(told & events);
}

int System::open_poller() {
  pollers_.push_back({.descriptor = next_descriptor_++, .registrations = {}});
  return pollers_.back().descriptor;
}

int System::control(int poller, int operation, int descriptor, epoll_event* event) {
  const auto found = std::ranges::find(pollers_, poller, &Poller::descriptor);
  if (found == pollers_.end()) return failed(EBADF);
  auto known = std::ranges::find(found->registrations, descriptor, &Registration::descriptor);
  if (operation == EPOLL_CTL_DEL) {
    if (known == found->registrations.end()) return failed(ENOENT);
    found->registrations.erase(known);
    return 0;
  }
  if (known == found->registrations.end()) {
    known = found->registrations.insert(known, {.descriptor = descriptor});
  }
  known->events = event->events;
  known->data = event->data;
  // Of ours the present state is told; what is not ours is Asio's way to wake itself.
  if (!owns(descriptor)) {
    known->pending = EPOLLIN;
  } else if (Stream* const stream = find(descriptor)) {
    known->pending |= stream->level() & (known->events | EPOLLERR | EPOLLHUP);
  }
  return 0;
}

int System::wait(int poller, epoll_event* events, int count) {
  const auto found = std::ranges::find(pollers_, poller, &Poller::descriptor);
  if (found == pollers_.end()) return failed(EBADF);
  int told = 0;
  for (Registration& known : found->registrations) {
    if (told == count) break;
    if (known.pending == 0) continue;
    events[told].events = std::exchange(known.pending, 0U);
    events[told].data = known.data;
    ++told;
  }
  return told;
}

}  // namespace ifmatch::shim
