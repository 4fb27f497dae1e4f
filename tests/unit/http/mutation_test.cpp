// Octets that nobody thought of: every parser is fed with mutations of good input. Nothing may
// crash, and what passes must keep the promises that the rest of the program relies on.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "proxy/http/conditions.hpp"
#include "proxy/http/entity_tag.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/http/framing.hpp"
#include "proxy/http/resource.hpp"
#include "proxy/http/route.hpp"
#include "proxy/http/target.hpp"
#include "proxy/http/variant.hpp"
#include "tests/unit/http/messages.hpp"

namespace ifmatch::http {
namespace {

constexpr unsigned seed = 20240611;
constexpr int rounds = 30'000;

class Mutator {
 public:
  std::string mutated(std::string text) {
    const unsigned changes = 1 + random() % 4;
    for (unsigned i = 0; i < changes; ++i) change(text);
    return text;
  }
  unsigned random() { return static_cast<unsigned>(engine_()); }

 private:
  void change(std::string& text) {
    static constexpr std::array<std::string_view, 22> pieces = {
        "%",  "%2", "%2e", "%2F", "%25", "/",  "..", "\"", "W/", "*",    ",",
        ";",  "?",  "#",   "\\",  " ",   "\t", "\n", "_",  "{x}", "%C0%AF", "-gzip"};
    const std::size_t at = text.empty() ? 0 : random() % (text.size() + 1);
    switch (random() % 4) {
      case 0: text.insert(at, pieces[random() % pieces.size()]); break;
      case 1: text.insert(at, 1, static_cast<char>(random() % 256)); break;
      case 2:
        if (at < text.size()) text.erase(at, 1 + random() % 3);
        break;
      default:
        if (at < text.size()) text[at] = static_cast<char>(random() % 256);
    }
  }
  std::mt19937 engine_{seed};
};

constexpr std::array<std::string_view, 8> paths = {
    "/v1/orders/42", "/a%20b/%C3%A4;v=1/", "/%2541/%252e", "/x.y/..z/+", "/a%3Fb?c=d&_method=PUT",
    "http://h/a?b",  "*",                  "/100%25"};

TEST(Mutations, OfPathsNeverBreakAPromise) {
  Mutator mutator;
  std::string error;
  const Pattern pattern = *Pattern::compile("/v1/orders/{id}", error);
  const Pattern folded_pattern = pattern.folded("");
  for (int round = 0; round < rounds; ++round) {
    const std::string text = mutator.mutated(std::string(paths[mutator.random() % paths.size()]));
    const auto target = parse_target("OPTIONS", text, "h");
    if (!target || target->form == TargetForm::asterisk) continue;
    const std::string_view path = target->path();
    ASSERT_EQ(*canonical_path(path), path) << seed << ' ' << text;
    const auto fold = folded_path("", path);
    if (!fold) continue;
    ASSERT_TRUE(fold->starts_with('/'));
    ASSERT_EQ(fold->find("//"), std::string::npos) << seed << ' ' << text;
    ASSERT_EQ(fold->find('\0'), std::string::npos);
    for (const std::string_view segment : {"/./", "/../"}) {
      ASSERT_EQ((*fold + "/").find(segment), std::string::npos) << seed << ' ' << text;
    }
    Captures captures;
    if (pattern.matches(path, captures)) {
      ASSERT_TRUE(folded_pattern.matches(*fold, captures)) << seed << ' ' << text;
    }
    for (const char octet : target->octets) {
      ASSERT_TRUE(octet != ' ' && octet != '\r' && octet != '\n' && octet != '\0');
    }
    static_cast<void>(override_method("POST", target->query(), Fields()));
    static_cast<void>(without_method_override(*target));
    const auto compiled = ResourceTemplate::compile("o:{query.c}", pattern, error);
    const Fields none;
    static_cast<void>(compiled->resolve({pattern, captures, target->query(), none, "h", ""}));
  }
}

TEST(Mutations, OfEntityTagsAreReadTheSameAgain) {
  Mutator mutator;
  const std::string tag = format_tag(testing::version_of(1));
  const std::array<std::string, 4> lists = {tag, "W/" + tag + ", \"a\"", "*",
                                            tag.substr(0, 37) + "-gzip\" ,\"\""};
  for (int round = 0; round < rounds; ++round) {
    const std::string text = mutator.mutated(lists[mutator.random() % lists.size()]);
    Fields fields;
    fields.add("If-Match", text);
    const auto list = parse_entity_tags(fields, FieldId::if_match);
    const auto parsed = parse_conditions(fields, {.accept_rewritten = true});
    ASSERT_EQ(list.has_value(), parsed.has_value()) << seed << ' ' << text;
    if (!list || list->any) continue;
    for (const EntityTag& each : list->tags) {
      const std::string written = to_string(each);
      const auto again = parse_entity_tag(written);
      ASSERT_TRUE(again) << seed << ' ' << text;
      ASSERT_EQ(again->opaque, each.opaque);
      if (const auto own = parse_own(each)) {
        ASSERT_EQ(to_string({false, each.opaque}), format_tag(*own));
      }
      static_cast<void>(recognise_rewritten(each));
    }
  }
}

TEST(Mutations, OfRequestsAreRefusedOrWrittenWithOneFraming) {
  Mutator mutator;
  const std::array<std::pair<std::string_view, std::string_view>, 12> lines = {{
      {"Host", "h"},
      {"Content-Length", "3"},
      {"Transfer-Encoding", "chunked"},
      {"Connection", "keep-alive, X-Hop"},
      {"X-Hop", "1"},
      {"If-Match", "\"a\""},
      {"Expect", "100-continue"},
      {"Upgrade", "websocket"},
      {"Cookie", "a=b"},
      {"X-HTTP-Method-Override", "PUT"},
      {"Vary", "Accept, X-A"},
      {"Keep-Alive", "timeout=5, max=3"},
  }};
  const Keyring keyring;
  for (int round = 0; round < rounds; ++round) {
    RequestHead head;
    head.method = mutator.random() % 8 == 0 ? mutator.mutated("PUT") : "PUT";
    head.target = mutator.random() % 8 == 0 ? mutator.mutated("/a/b?c") : "/a/b?c";
    head.minor_version = mutator.random() % 4 == 0 ? 0 : 1;
    if (mutator.random() % 8 != 0) head.fields.add("Host", "h");
    for (unsigned i = mutator.random() % 4; i > 0; --i) {
      const auto& [name, value] = lines[mutator.random() % lines.size()];
      head.fields.add(mutator.random() % 2 == 0 ? mutator.mutated(std::string(name)) : name,
                      mutator.random() % 2 == 0 ? mutator.mutated(std::string(value)) : value);
    }
    static_cast<void>(keyring.viewer_digest(head.fields, {}));
    static_cast<void>(keyring.variant_digest({}, {}, head.fields, head.fields));
    const auto shape = check_request(head);
    if (!shape) {
      ASSERT_EQ(shape.error().afterwards, Afterwards::close);
      continue;
    }
    std::string out;
    write_request_head(out, {.head = head,
                             .method = head.method,
                             .base_path = "",
                             .target = shape->target.octets,
                             .host = shape->target.host,
                             .client_address = "::1",
                             .framing = shape->framing,
                             .carry = Carry::guarded});
    // The octets hold one head, one framing and nothing of this connection.
    ASSERT_EQ(out.find("\r\n\r\n"), out.size() - 4) << seed << '\n' << out;
    ASSERT_EQ(testing::occurrences(out, "\n"), testing::occurrences(out, "\r\n")) << out;
    ASSERT_EQ(out.find('\0'), std::string::npos);
    std::size_t framings = 0;
    std::string lower(out);
    for (char& octet : lower) octet = octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
    framings += testing::occurrences(lower, "\r\ncontent-length:");
    framings += testing::occurrences(lower, "\r\ntransfer-encoding:");
    ASSERT_LE(framings, 1U) << seed << '\n' << out;
    ASSERT_TRUE(framings == 1 || head.method != "PUT") << seed << '\n' << out;
    for (const std::string_view gone : {"\r\nconnection:", "\r\nupgrade:", "\r\nif-match:",
                                        "\r\nexpect:", "\r\nkeep-alive:"}) {
      ASSERT_EQ(lower.find(gone), std::string::npos) << seed << '\n' << out;
    }
  }
}

TEST(Mutations, OfResponsesAreFaultsOrWrittenWithOneFraming) {
  Mutator mutator;
  const std::array<std::pair<std::string_view, std::string_view>, 8> lines = {{
      {"Content-Length", "3"},
      {"Transfer-Encoding", "chunked"},
      {"Connection", "close, X-Hop"},
      {"Keep-Alive", "timeout=5, max=3"},
      {"ETag", "\"a\""},
      {"Access-Control-Allow-Origin", "*"},
      {"Access-Control-Expose-Headers", "X-A, *"},
      {"Date", "now"},
  }};
  for (int round = 0; round < rounds; ++round) {
    ResponseHead head;
    head.status = static_cast<int>(mutator.random() % 6 == 0 ? mutator.random() % 1100 : 200);
    head.reason = mutator.mutated("OK");
    head.minor_version = mutator.random() % 4 == 0 ? 0 : 1;
    for (unsigned i = mutator.random() % 4; i > 0; --i) {
      const auto& [name, value] = lines[mutator.random() % lines.size()];
      head.fields.add(mutator.random() % 2 == 0 ? mutator.mutated(std::string(name)) : name,
                      mutator.random() % 2 == 0 ? mutator.mutated(std::string(value)) : value);
    }
    const auto shape = check_response(head, mutator.random() % 4 == 0 ? "HEAD" : "GET");
    if (!shape) continue;
    for (const bool not_modified : {false, true}) {
      const ForwardedResponse response{.head = head,
                                       .etag = "\"im1-x\"",
                                       .framing = {Framing::length, 3},
                                       .closing = {},
                                       .date = "now"};
      std::string out;
      if (not_modified) {
        write_not_modified(out, response);
      } else {
        write_response_head(out, response);
      }
      ASSERT_EQ(out.find("\r\n\r\n"), out.size() - 4) << seed << '\n' << out;
      ASSERT_EQ(testing::occurrences(out, "\n"), testing::occurrences(out, "\r\n")) << out;
      ASSERT_EQ(testing::occurrences(out, "\r\nETag:"), 1U) << seed << '\n' << out;
    }
  }
}

TEST(Mutations, OfTextAlwaysRenderAsJsonStrings) {
  Mutator mutator;
  for (int round = 0; round < rounds; ++round) {
    std::string out;
    append_json_string(out, mutator.mutated("a\"b\\c\xC3\xA4\xF0\x9F\x98\x80\n"));
    ASSERT_GE(out.size(), 2U);
    for (const char octet : out) ASSERT_GE(static_cast<unsigned char>(octet), 0x20);
  }
}

TEST(Mutations, OfPatternsAndTemplatesCompileOrExplain) {
  Mutator mutator;
  for (int round = 0; round < rounds; ++round) {
    std::string error;
    const auto pattern = Pattern::compile(mutator.mutated("/v1/{id}/x/**"), error);
    if (!pattern) {
      ASSERT_FALSE(error.empty());
      continue;
    }
    Captures captures;
    static_cast<void>(pattern->folded("/b").matches("/b/v1", captures));
    const auto compiled =
        ResourceTemplate::compile(mutator.mutated("/o/{id}/{header.x}"), *pattern, error);
    ASSERT_TRUE(compiled || !error.empty());
  }
}

}  // namespace
}  // namespace ifmatch::http
