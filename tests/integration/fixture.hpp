// What most integration tests begin with: a store without versions, an upstream that serves it, and
// the real program in front; and how an answer of our own is checked.
#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/document_store.hpp"
#include "tests/support/proxy_process.hpp"
#include "tests/support/raw_client.hpp"
#include "tests/support/scripted_upstream.hpp"

namespace ifmatch::support {

// The value of a top-level string member, still escaped; empty where there is none. Enough for the
// flat documents of these tests.
inline std::string json_member(std::string_view json, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\"";
  auto at = json.find(key);
  if (at == std::string_view::npos) return {};
  at = json.find_first_not_of(" \t\r\n:", at + key.size());
  if (at == std::string_view::npos || json[at] != '"') return {};
  std::string value;
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    value += json[at];
    if (json[at] == '\\' && at + 1 < json.size()) value += json[++at];
  }
  return value;
}

// A tag as it stands inside a JSON string.
inline std::string escaped(std::string_view tag) {
  std::string text;
  for (const char octet : tag) text += octet == '"' ? "\\\"" : std::string(1, octet);
  return text;
}

inline bool is_our_tag(std::string_view tag) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr std::string_view begin = "\"im1-";
  return tag.size() == begin.size() + 32 + 1 && tag.starts_with(begin) && tag.ends_with('"') &&
         tag.substr(begin.size(), 32).find_first_not_of(alphabet) == std::string_view::npos;
}

// An answer of our own: problem details with a status and a stable type.
inline void expect_problem(const Response& response, int status, std::string_view type) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.field("Content-Type"), "application/problem+json");
  EXPECT_EQ(json_member(response.body, "type"), "urn:ifmatch:problem:" + std::string(type));
  EXPECT_NE(json_member(response.body, "title"), "");
  EXPECT_NE(response.body.find(std::to_string(status)), std::string::npos) << response.body;
}

class GuardedStore {
 public:
  GuardedStore() : GuardedStore(ProxyConfig{}) {}
  explicit GuardedStore(ProxyConfig config, DocumentStore::Options store_options = {})
      : store(std::move(store_options)),
        upstream(store.behaviour()),
        proxy(ProxyProcess::start(in_front_of(std::move(config), upstream.url()))) {}

  GuardedStore(const GuardedStore&) = delete;
  // The program must have survived the test, unless that is what the test is about. What it printed
  // is shown where the test failed.
  ~GuardedStore() {
    EXPECT_TRUE(ended || proxy.process().running());
    if (::testing::Test::HasFailure() || std::uncaught_exceptions() > 0) {
      std::cerr << "ifmatch wrote to " << proxy.process().transcript() << "\n";
    }
  }

  // Through ifmatch, on a connection of its own.
  Response request(std::string_view method, std::string_view target, const Fields& fields = {},
                   std::string_view body = {}) const {
    return request_once(proxy.port(), method, target, fields, body);
  }
  Response put(std::string_view target, std::string_view tag, std::string_view body) const {
    return request("PUT", target,
                   {{"If-Match", std::string(tag)}, {"Content-Type", "application/json"}}, body);
  }
  std::string read_tag(std::string_view target) const {
    const Response response = request("GET", target);
    EXPECT_EQ(response.status, 200) << response.body;
    return response.tag();
  }
  // Writes are applied only once `hold` is released.
  void hold_writes(const std::shared_ptr<Hold>& hold) {
    upstream.behave([inner = store.behaviour(), hold](const Request& request) {
      Reply reply = inner(request);
      if (request.method != "GET" && request.method != "HEAD") reply.hold = hold;
      return reply;
    });
  }

  DocumentStore store;
  ScriptedUpstream upstream;
  ProxyProcess proxy;
  bool ended = false;  // set by tests that end the program

 private:
  static ProxyConfig in_front_of(ProxyConfig config, std::string url) {
    config.upstream_url = std::move(url);
    return config;
  }
};

}  // namespace ifmatch::support
