// What the tests of tests/RULES.md, section 3 share: an API that misbehaves on purpose, requests
// that are sent and not yet answered, and counts of what reached the API.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/integration/fixture.hpp"

namespace ifmatch::support {

// Looks like one of ours and was never handed out.
inline constexpr std::string_view unknown_tag = "\"im1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"";
// How long somebody who must wait is watched. A wait that ends too early fails; one that is merely
// slow does not.
inline constexpr Milliseconds watched{150};

inline ProxyConfig with(std::string defaults) {
  ProxyConfig config;
  config.defaults = std::move(defaults);
  return config;
}

// Everything on one thread, so that all requests share one pool of upstream connections.
inline ProxyConfig on_one_thread(std::string defaults = {}) {
  ProxyConfig config = with(std::move(defaults));
  config.more = "threads: 1\n";
  return config;
}

inline bool is_read(const Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// A request under way, on a connection of its own.
inline RawClient begin(const GuardedStore& api, std::string_view method, std::string_view target,
                       const Fields& fields = {}, std::string_view body = {}) {
  RawClient client = RawClient::connect(api.proxy.port());
  client.send(client.compose(method, target, fields, body));
  return client;
}

inline RawClient begin_put(const GuardedStore& api, std::string_view target, std::string_view tag,
                           std::string_view body) {
  return begin(api, "PUT", target, {{"If-Match", std::string(tag)}}, body);
}

// A PUT that says nothing of its media type: there is one thing to probe for, so one probe.
inline Response put_plain(const GuardedStore& api, std::string_view target, std::string_view tag,
                          std::string_view body) {
  return api.request("PUT", target, {{"If-Match", std::string(tag)}}, body);
}

// Every write gets this answer and changes nothing.
inline void answer_writes_with(GuardedStore& api, Reply reply) {
  api.upstream.behave([inner = api.store.behaviour(), reply](const Request& request) {
    return is_read(request) ? inner(request) : reply;
  });
}

// The first write gets this answer and changes nothing; all others are applied.
inline void answer_first_write_with(GuardedStore& api, Reply reply) {
  auto answered = std::make_shared<std::atomic<bool>>(false);
  api.upstream.behave([inner = api.store.behaviour(), reply, answered](const Request& request) {
    return is_read(request) || answered->exchange(true) ? inner(request) : reply;
  });
}

// Every read, probes included, gets this answer.
inline void answer_reads_with(GuardedStore& api, Reply reply) {
  api.upstream.behave([inner = api.store.behaviour(), reply](const Request& request) {
    return is_read(request) ? reply : inner(request);
  });
}

inline Reply status_only(int status) {
  Reply reply;
  reply.status = status;
  return reply;
}

// Reads that carry X-Slow find what is there when they arrive, and tell it after `hold`.
inline void hold_slow_reads(GuardedStore& api, const std::shared_ptr<Hold>& hold) {
  api.upstream.behave([inner = api.store.behaviour(), hold](const Request& request) {
    Reply reply = inner(request);
    if (!is_read(request) || !request.has("X-Slow")) return reply;
    reply = reply.later();
    reply.hold = hold;
    return reply;
  });
}

}  // namespace ifmatch::support
