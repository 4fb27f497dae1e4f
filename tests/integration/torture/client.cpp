#include "tests/integration/torture/client.hpp"

#include <poll.h>

#include <utility>

namespace ifmatch::torture {
namespace {

using support::Clock;
using support::RawClient;
using support::Response;
using support::SupportError;
using support::TimedOut;

// While nobody listens, and between the halves of a slow request.
constexpr int pause_milliseconds = 5;

constexpr double hot = 0.3;
constexpr double crowded = 0.2;
constexpr double from_memory = 0.1;  // writes under a tag read earlier, which is often stale
constexpr double read_only = 0.1;
constexpr double blind = 0.01;  // without any condition
constexpr double reconnect = 0.05;
constexpr double large = 0.1;
constexpr std::size_t large_padding = 20'000;

std::string problem_type(const Response& answer) {
  constexpr std::string_view prefix = "\"type\":\"urn:ifmatch:problem:";
  const auto at = answer.body.find(prefix);
  if (at == std::string::npos) return {};
  const auto begin = at + prefix.size();
  return answer.body.substr(begin, answer.body.find('"', begin) - begin);
}

void pause() {
  ::poll(nullptr, 0, pause_milliseconds);
}

}  // namespace

void Client::run() {
  while (!arena_.over) {
    try {
      step();
    } catch (const TimedOut&) {
      ++counts_.unanswered;
      hang_up();
    } catch (const SupportError&) {
      ++counts_.broken_answers;
      hang_up();
      pause();
    }
  }
}

void Client::step() {
  if (chance(reconnect)) hang_up();
  const std::size_t resource = pick_resource();
  const auto remembered = remembered_.find(resource);
  Seen seen;
  if (remembered != remembered_.end() && remembered->second.exists && chance(from_memory)) {
    seen = remembered->second;
  } else if (const auto found = read(resource)) {
    seen = *found;
  } else {
    return;
  }
  if (chance(read_only) || !may_write(resource, seen)) return;
  static_cast<void>(send(compose(pick_method(resource, seen), resource, seen), Manners::any));
}

bool Client::change(std::size_t resource) {
  try {
    const auto seen = read(resource);
    if (!seen) return false;
    if (!may_write(resource, *seen)) return true;
    return send(compose(Method::put, resource, *seen), Manners::good) == Verdict::applied;
  } catch (const TimedOut&) {
    ++counts_.unanswered;
  } catch (const SupportError&) {
    ++counts_.broken_answers;
  }
  hang_up();
  return false;
}

bool Client::may_write(std::size_t resource, const Seen& seen) const {
  return seen.exists || arena_.landscape[resource].naming != Naming::by_api;
}

std::size_t Client::pick_resource() {
  const auto& hot_ones = arena_.landscape.hot();
  if (chance(hot)) {
    return hot_ones[static_cast<std::size_t>(between(0, static_cast<int>(hot_ones.size()) - 1))];
  }
  if (chance(crowded)) {
    const std::size_t collection = arena_.landscape.crowded();
    if (chance(0.5)) return collection;
    constexpr int last_member = static_cast<int>(Landscape::members_max) - 1;
    return arena_.landscape.first_member(collection) +
           static_cast<std::size_t>(between(0, last_member));
  }
  return static_cast<std::size_t>(between(0, static_cast<int>(arena_.landscape.size()) - 1));
}

// Nothing when the read failed: then nothing can be based on it.
std::optional<Client::Seen> Client::read(std::size_t resource) {
  const auto known = remembered_.find(resource);
  support::Fields fields;
  const bool conditional = known != remembered_.end() && !known->second.tag.empty() && chance(0.5);
  if (conditional) fields.emplace_back("If-None-Match", known->second.tag);
  const Instant begun = Clock::now();
  const Response answer = connection().request("GET", arena_.landscape[resource].path, fields);
  const Instant ended = Clock::now();
  if (answer.field("Connection") == "close" || answer.truncated) hang_up();
  if (answer.truncated) return std::nullopt;

  Seen seen;
  if (answer.status == 304 && conditional) {
    seen = known->second;
    ++counts_.not_modified;
  } else if (answer.status == 200) {
    const auto id = number_in(answer.body, "id");
    if (!id) throw SupportError("a document without an id: " + answer.body.substr(0, 200));
    seen = {*id, true, answer.tag()};
  } else if (answer.status != 404) {
    return std::nullopt;
  }
  ++counts_.reads;
  sightings_.push_back({resource, seen.id, begun, ended});
  remembered_[resource] = seen;
  return seen;
}

Method Client::pick_method(std::size_t resource, const Seen& seen) {
  const bool collection = arena_.landscape[resource].kind == Kind::collection;
  if (collection) return chance(0.6) ? Method::post : Method::put;
  if (!seen.exists || chance(0.7)) return Method::put;
  return chance(0.6) ? Method::patch : Method::remove;
}

Client::Write Client::compose(Method method, std::size_t resource, const Seen& seen) {
  Write write;
  write.method = method;
  write.resource = resource;
  write.id = (WriteId{number_} << 32U) + ++written_;
  write.base = seen.id;
  if (method != Method::post && !chance(blind)) {
    if (!seen.exists) {
      write.fields.emplace_back("If-None-Match", "*");
    } else if (!seen.tag.empty()) {
      write.fields.emplace_back("If-Match", seen.tag);
    }
  }
  if (method == Method::remove) {
    write.fields.emplace_back("X-Write", std::to_string(write.id));
    write.fields.emplace_back("X-Based-On", std::to_string(write.base));
    return write;
  }
  write.fields.emplace_back("Content-Type", "application/json");
  if (chance(0.3)) write.fields.emplace_back("Prefer", "return=representation");
  const auto padding = static_cast<std::size_t>(between(0, 300));
  write.content = content_of(write.id, write.base, padding + (chance(large) ? large_padding : 0));
  return write;
}

Verdict Client::send(const Write& write, Manners manners) {
  // Unknown until more is known: also when an exception ends this.
  const std::size_t attempt = attempts_.size();
  attempts_.push_back({write.id, Verdict::unknown, Clock::now(), {}});
  remembered_.erase(write.resource);
  const Verdict verdict = transmit(write, manners);
  attempts_[attempt].verdict = verdict;
  attempts_[attempt].ended = Clock::now();
  return verdict;
}

Verdict Client::transmit(const Write& write, Manners manners) {
  RawClient& peer = connection();
  const std::string octets = peer.compose(
      name_of(write.method), arena_.landscape[write.resource].path, write.fields, write.content);
  const int mood = manners == Manners::good ? 100 : between(0, 99);
  if (mood < 3 && !write.content.empty()) {
    peer.send(octets.substr(0, octets.size() - write.content.size() / 2));
    ++counts_.cut_requests;
    peer.reset();
    hang_up();
    return Verdict::refused;
  }
  if (mood < 6) {
    peer.send(octets);
    ++counts_.left_early;
    peer.reset();
    hang_up();
    return Verdict::unknown;
  }
  if (mood < 10) {
    peer.send(octets.substr(0, octets.size() / 2));
    pause();
    static_cast<void>(peer.try_send(octets.substr(octets.size() / 2)));
  } else {
    static_cast<void>(peer.try_send(octets));
  }
  return conclude(write, peer.read_response());
}

Verdict Client::conclude(const Write& write, const Response& answer) {
  const std::string type = problem_type(answer);
  ++counts_.answers[std::to_string(answer.status) + (type.empty() ? "" : " " + type)];
  if (answer.field("Connection") == "close" || answer.truncated) hang_up();
  if (!type.empty()) {
    // To the writer itself, 502 or 504: to everybody else 503.
    const bool own = type == "outcome-unknown" && answer.status != 503;
    return own ? Verdict::unknown : Verdict::refused;
  }
  if (answer.status == 202 || answer.status >= 500) return Verdict::unknown;
  if (answer.status >= 300) return Verdict::refused;
  const bool shows_itself = write.method != Method::post && !answer.tag().empty();
  if (shows_itself) remembered_[write.resource] = {write.id, true, answer.tag()};
  return Verdict::applied;
}

RawClient& Client::connection() {
  if (!connection_) {
    connection_ = std::make_unique<RawClient>(RawClient::connect(arena_.port));
  }
  return *connection_;
}

void Client::hang_up() {
  connection_.reset();
}

bool Client::chance(double likelihood) {
  return std::uniform_real_distribution<>(0, 1)(chance_) < likelihood;
}

int Client::between(int least, int most) {
  return std::uniform_int_distribution<>(least, most)(chance_);
}

}  // namespace ifmatch::torture
